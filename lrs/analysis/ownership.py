"""Who owns which identifier, read once for each process and again where it changed.

A store has a hundred thousand identifiers and few changes a day. Each question reads the mark of
`rules.engine.ownership`, one document, and then the people whom changes since the last were about, so merges,
splits and erasures count at once. All is read where the mark is forgotten, where nobody ever left one, and
every ten minutes: a process that died between making a person on first sight and saying so made no mark.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo.database import Database

from rules.engine.ownership import changed_owners, owners_mark
from rules.stored import VENDOR

Document = dict[str, Any]
LONGEST_S: Final = 600.0
READ: Final = 5_000  # people of one round trip


@dataclass(frozen=True, eq=False, slots=True)
class Ownership:
    """A person by each identifier, and the identifiers of each person; never changed once it is made."""

    person_of: Mapping[str, str]
    identifiers: Mapping[str, tuple[str, ...]]


class OwnershipCache:
    """The owners of one database as this process knows them; safe for threads."""

    def __init__(self, db: Database[Document], clock: Callable[[], float] = time.monotonic) -> None:
        self.db, self._clock = db, clock
        self._lock = threading.Lock()
        self._known: Ownership | None = None
        self._mark: str | None = None
        self._until = 0.0

    def get(self) -> Ownership:
        """Return who owns what now."""
        with self._lock:
            mark = owners_mark(self.db)
            if self._known is None or mark is None or self._clock() >= self._until:
                return self._read_all(mark)
            if mark == self._mark:
                return self._known
            newest, people = changed_owners(self.db, self._mark or "")
            if people is None:
                return self._read_all(newest)
            self._known, self._mark = self._with(self._known, people), newest
            return self._known

    def _read_all(self, mark: str | None) -> Ownership:
        """Read everybody; what changes after the mark was read is read once more by the next question."""
        rows = list(self._rows({}))
        self._known, self._mark = Ownership(_longest(rows), _identifiers(rows)), mark
        self._until = self._clock() + LONGEST_S
        return self._known

    def _with(self, known: Ownership, people: set[str]) -> Ownership:
        """Return owners in which these people, and whom they share identifiers with, are as they are now."""
        now = _identifiers(self._rows({"_id": {"$in": sorted(people)}}))
        touched = {ifi for each in (known.identifiers, now) for one in people for ifi in each.get(one, ())}
        sharing = self._rows({"ifis.ifi": {"$in": sorted(touched)}})
        owned = {ifi: person for ifi, person in _longest(sharing).items() if ifi in touched}
        kept = {person: ifis for person, ifis in known.identifiers.items() if person not in people}
        left = {ifi: person for ifi, person in known.person_of.items() if ifi not in touched}
        return Ownership({**left, **owned}, {**kept, **now})

    def _rows(self, wanted: Document) -> Iterable[Document]:
        everybody = {"org": VENDOR, "merged_into": None, **wanted}
        return self.db.people.find(everybody, {"ifis.ifi": 1, "ifis.until": 1}, batch_size=READ)


def _identifiers(rows: Iterable[Document]) -> dict[str, tuple[str, ...]]:
    return {row["_id"]: tuple(owned["ifi"] for owned in row.get("ifis", ())) for row in rows}


def _longest(rows: Iterable[Document]) -> dict[str, str]:
    """Return who owns each identifier for longest, and of two alike the one of the later id."""
    claims: defaultdict[str, list[tuple[bool, Any, str]]] = defaultdict(list)
    for row in rows:
        for owned in row.get("ifis", ()):
            until = owned.get("until")
            claims[owned["ifi"]].append((until is None, until, row["_id"]))
    return {ifi: max(each)[2] for ifi, each in claims.items()}


_CACHES: dict[tuple[int, str], OwnershipCache] = {}


def ownership_of(db: Database[Document]) -> Ownership:
    """Return who owns what in a database, from this process's cache."""
    place = (id(db.client), db.name)
    cache = _CACHES.get(place) or _CACHES.setdefault(place, OwnershipCache(db))
    return cache.get()
