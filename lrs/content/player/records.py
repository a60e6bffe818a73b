"""What support looks at: the attempts of a learner, what was refused, and the raw data of each SCO."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pymongo.database import Database

from lrs.content.attempts.records import load
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]


def attempts_of(db: Database[Document], item: str, registration: UUID) -> list[Document]:
    """Return the attempts of a registration, each with the statements that the store refused."""
    found = list(db.attempts.find({"registration": str(registration), "item": item}).sort("number", 1))
    for attempt in found:
        rows = db.attempt_outbox.find({"attempt": attempt["_id"], "refused": {"$ne": None}})
        attempt["refused"] = [{"id": row["_id"], "reason": row["refused"]} for row in rows]
    return found


def raw_of(db: Database[Document], item: str, registration: UUID, attempt: str) -> Document:
    """Return the data of each SCO of an attempt, as it came; raises UnknownThing."""
    key = {"_id": attempt, "registration": str(registration), "item": item}
    if db.attempts.find_one(key, {"_id": 1}) is None:
        raise UnknownThing("attempt", attempt)
    rows = db.attempt_scos.find({"attempt": attempt}).sort("part", 1)
    return {row["part"]: load(row["record"]).cmi for row in rows}
