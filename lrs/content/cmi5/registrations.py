"""Registrations of cmi5 courses: what was launched, said, met and told; one document each, with a revision.

cmi5_registrations {_id: registration, org, item, version (of the package), actor, revision,
  done_at (when the course was satisfied),
  units [{id (publisher), said {verb: statement id}, move_on}],
  sessions [{id, launch, unit, mode, mastery, launched_at, last_at, said {verb: statement id},
            preferences (read), over}],
  told [{id: statement id, is_stored, statement (bytes)}]}

What we say ourselves (satisfied, abandoned, waived) is written here first, with its id and its time, and
stored after: who finds one that is not stored, stores it. So a crash loses none, and none is there twice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from lrs.content.cmi5.rules import Log
from lrs.foundation.errors import UnknownThing
from statements.errors import StoreBusy

Document = dict[str, Any]

TRIES: Final = 50

INDEXES: dict[str, list[IndexModel]] = {
    "cmi5_registrations": [
        IndexModel([("sessions.id", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("item", ASCENDING)]),
        IndexModel([("sessions.over", ASCENDING), ("sessions.last_at", ASCENDING)]),
    ]
}


@dataclass(frozen=True, slots=True)
class Registrations:
    """The registrations of a database."""

    db: Database[Document]

    def get(self, registration: UUID) -> Document:
        """Return a registration; raises UnknownThing."""
        found = self.db.cmi5_registrations.find_one({"_id": str(registration)})
        if found is None:
            raise UnknownThing("registration", str(registration))
        return found

    def of_session(self, session: str) -> Document | None:
        """Return the registration that a session belongs to; None for one of no kept course."""
        return self.db.cmi5_registrations.find_one({"sessions.id": session})

    def silent(self, since: dt.datetime, limit: int = 100) -> list[Document]:
        """Return registrations with an open session that said nothing since then."""
        row = {"over": None, "last_at": {"$lte": since}}
        return list(self.db.cmi5_registrations.find({"sessions": {"$elemMatch": row}}).limit(limit))

    def begin(self, registration: UUID, fields: Document) -> Document:
        """Return a registration, made where there is none yet."""
        fresh = {**fields, "revision": 0, "units": [], "sessions": [], "told": []}
        key = {"_id": str(registration)}
        self.db.cmi5_registrations.update_one(key, {"$setOnInsert": fresh}, upsert=True)
        return self.get(registration)

    def change(self, registration: str, act: Callable[[Document], None]) -> Document:
        """Let `act` change a registration in place and keep it; run again where another was quicker.

        An exception of `act` changes nothing. Raises StoreBusy when the others do not end.
        """
        for _ in range(TRIES):
            found = self.get(UUID(registration))
            revision = found["revision"]
            act(found)
            found["revision"] = revision + 1
            key = {"_id": registration, "revision": revision}
            if self.db.cmi5_registrations.replace_one(key, found).modified_count:
                return found
        raise StoreBusy("too many requests change the same registration")


def session_of(registration: Document, session: str) -> Document:
    """Return the row of a session; raises UnknownThing."""
    for row in registration["sessions"]:
        if row["id"] == session:
            return dict_of(row)
    raise UnknownThing("session", session)


def dict_of(row: Any) -> Document:
    """Return a row of a document as what it is."""
    found: Document = row
    return found


def unit_of(registration: Document, unit: str) -> Document:
    """Return the row of a unit, which is added where it is not there yet."""
    for row in registration["units"]:
        if row["id"] == unit:
            return dict_of(row)
    row = {"id": unit, "said": {}, "move_on": None}
    registration["units"].append(row)
    return row


def log_of(registration: Document, session: Document) -> Log:
    """Return what a session and its unit said so far."""
    return Log(session["said"], unit_of(registration, session["unit"])["said"], bool(session["over"]))
