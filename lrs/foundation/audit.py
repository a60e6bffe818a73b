"""Who did what, when, from where, before and after: entries are only ever added.

audit {_id (rises with time), at, org (the one concerned), who {kind, id, name}, address, action, kind, thing,
       before, after, note}
An entry is written in the transaction of the change that it tells of: neither is ever there alone.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

Document = dict[str, Any]
T = TypeVar("T")

HIDDEN: Final = frozenset(
    {
        "secrets",
        "hash",
        "password",
        "code",
        "token",
        "version",
        "updated_at",
        "second_factor",
        "factor_wanted",
        "passkeys",
        "sealed",
    }
)
ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"

INDEXES: dict[str, list[IndexModel]] = {
    "audit": [
        IndexModel([("org", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("thing", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("who.id", ASCENDING), ("_id", DESCENDING)]),
        IndexModel([("action", ASCENDING), ("_id", DESCENDING)]),
    ]
}


def new_id(now: dt.datetime, serial: int = 0) -> str:
    """Return a fresh ULID in lower case: 26 characters that sort by time, then by `serial` (up to 65,535)."""
    return _text((_milliseconds(now) << 80) | (serial << 64) | secrets.randbits(64))


def first_id(at: dt.datetime, later: int = 0) -> str:
    """Return what no id of that millisecond, or so many milliseconds `later`, is less than."""
    return _text((_milliseconds(at) + later) << 80)


def _milliseconds(at: dt.datetime) -> int:
    return max(0, int(at.timestamp() * 1000))


def _text(number: int) -> str:
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


@dataclass(slots=True)
class Editor:
    """Somebody who changes things: the database, who it is, from where and when."""

    db: Database[Document]
    who: Document  # {kind, id, name}
    now: dt.datetime
    address: str | None = None
    session: ClientSession | None = field(default=None, init=False)
    notes: int = field(default=0, init=False)

    def change(self, act: Callable[[ClientSession], T]) -> T:
        """Run `act` in a transaction, or inside the one that is open; it is run again after a conflict."""
        if self.session is not None:
            return act(self.session)
        with self.db.client.start_session() as session:
            self.session = session
            try:
                return session.with_transaction(act)
            finally:
                self.session = None

    def note(
        self,
        action: str,
        kind: str,
        thing: str,
        *,
        org: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> None:
        """Add an entry to the open transaction; of `before` and `after` only what differs is kept."""
        self.notes += 1
        was, became = difference(before or {}, after or {})
        entry = {
            "_id": new_id(self.now, min(self.notes, 0xFFFF)),
            "at": self.now,
            "org": org,
            "who": self.who,
            "address": self.address,
            "action": action,
            "kind": kind,
            "thing": thing,
            "before": was,
            "after": became,
            "note": note,
        }
        self.db.audit.insert_one(entry, session=self.session)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Document, Document]:
    """Return the members of both that differ; what is secret or says nothing is left out."""
    names = [name for name in {**before, **after} if name not in HIDDEN]
    changed = [name for name in names if before.get(name) != after.get(name)]
    return (
        {name: before[name] for name in changed if name in before},
        {name: after[name] for name in changed if name in after},
    )
