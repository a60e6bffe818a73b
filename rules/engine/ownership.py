"""Who owns which identifier changes seldom: a mark tells every process that it did, and about whom.

counters {_id: "owners", mark, changes: [{mark, people: [person] or None}]}

The newest change is the last of `changes`, whose number is bounded; `people` is None where there were many.
Whoever read people at a mark knows what to read again, or finds its mark forgotten and reads all. Marks are
random: one of a restored copy is never taken for one that was given since.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import uuid4

from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.stored import Document

ONE: Final = "owners"
KEPT: Final = 100  # changes
MANY: Final = 500  # people of one change


def note_owners(db: Database[Document], people: Collection[str], session: ClientSession | None) -> None:
    """Note that these people came, went, or own other identifiers now, in the transaction that does it.

    Without a session right after it, where transactions of many processes would get into each other's way.
    """
    mark = uuid4().hex
    row = {"mark": mark, "people": sorted(people) if len(people) <= MANY else None}
    change = {"$set": {"mark": mark}, "$push": {"changes": {"$each": [row], "$slice": -KEPT}}}
    db.counters.update_one({"_id": ONE}, change, upsert=True, session=session)


def owners_mark(db: Database[Document]) -> str | None:
    """Return the newest mark; None where nobody ever left one."""
    found = db.counters.find_one({"_id": ONE}, {"mark": 1})
    return None if found is None else str(found["mark"])


def changed_owners(db: Database[Document], since: str) -> tuple[str | None, set[str] | None]:
    """Return the newest mark, and about whom changes were since a mark; None where that is not known."""
    found = db.counters.find_one({"_id": ONE})
    if found is None:
        return None, None
    rows = found["changes"]
    at = next((i for i, row in enumerate(rows) if row["mark"] == since), None)
    if at is None or any(row["people"] is None for row in rows[at + 1 :]):
        return str(found["mark"]), None
    return str(found["mark"]), {person for row in rows[at + 1 :] for person in row["people"]}
