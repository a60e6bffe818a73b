"""Attempts in the database, and where each of their fields is from.

attempts       {_id, org, person, actor, registration, item, version, number, policy, run (newest number),
                begun_at, last_at, told_at, told (statements so far), over_at,
                parts [{id, iri, standing, seconds, is_over, exit}], course {standing, told}}
attempt_scos   {_id: attempt/part, org, attempt, part, record (JSON of receiving.Sco), quiet_since}
attempt_outbox {_id: statement id, org, attempt, number, body (the statement's bytes), refused}
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from uuid import UUID

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.content.attempts.events import Told
from lrs.content.attempts.merging import Standing
from lrs.content.attempts.policy import Policy
from lrs.content.attempts.receiving import Sco
from lrs.content.attempts.records import load
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]

CLOSED_FOR: Final = dt.timedelta(minutes=2)  # after which a page that went away is taken not to come back
SILENCE: Final = dt.timedelta(hours=12)  # after which a run that said nothing is taken to be over

INDEXES: dict[str, list[IndexModel]] = {
    "attempts": [
        IndexModel([("org", ASCENDING), ("registration", ASCENDING), ("number", ASCENDING)], unique=True),
        IndexModel([("registration", ASCENDING), ("number", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("item", ASCENDING), ("begun_at", ASCENDING)]),
        IndexModel([("person", ASCENDING), ("_id", ASCENDING)]),
    ],
    "attempt_scos": [
        IndexModel([("attempt", ASCENDING), ("part", ASCENDING)]),
        IndexModel([("quiet_since", ASCENDING)], partialFilterExpression={"quiet_since": {"$type": "date"}}),
    ],
    "attempt_outbox": [
        IndexModel([("refused", ASCENDING), ("attempt", ASCENDING), ("number", ASCENDING)]),
        IndexModel([("attempt", ASCENDING)]),
    ],
}


@dataclass(frozen=True, slots=True)
class Learner:
    """Whose attempt it is, and where it counts."""

    org: str
    person: str | None
    actor: Mapping[str, Any]
    registration: UUID
    item: str


def begin(
    db: Database[Document],
    learner: Learner,
    version: str,
    policy: Policy,
    now: dt.datetime,
    *,
    number: int = 1,
) -> Document:
    """Return the attempt of that number, made now where there is none: of two at once both get the same."""
    made: Document = {
        "_id": str(uuid.uuid4()),
        "org": learner.org,
        "person": learner.person,
        "actor": dict(learner.actor),
        "registration": str(learner.registration),
        "item": learner.item,
        "version": version,
        "number": number,
        "policy": asdict(policy),
        "run": 0,
        "begun_at": now,
        "last_at": now,
        "told_at": now,
        "told": 0,
        "parts": [],
        "course": {"standing": asdict(Standing()), "told": asdict(Told())},
        "over_at": None,
    }
    key = {"org": learner.org, "registration": made["registration"], "number": number}
    db.attempts.update_one(key, {"$setOnInsert": made}, upsert=True)
    found: Document = db.attempts.find_one(key) or made
    return found


def latest(db: Database[Document], registration: UUID) -> Document | None:
    """Return the newest attempt of a registration."""
    return db.attempts.find_one({"registration": str(registration)}, sort=[("number", -1)])


def is_newest(db: Database[Document], attempt: Document, session: ClientSession) -> bool:
    """Tell whether no later attempt of the registration has begun."""
    later = {
        "org": attempt["org"],
        "registration": attempt["registration"],
        "number": {"$gt": attempt["number"]},
    }
    return db.attempts.find_one(later, {"_id": 1}, session=session) is None


def quiet(db: Database[Document], now: dt.datetime, limit: int = 100) -> list[Document]:
    """Return the parts whose runs fell silent, the longest silent first."""
    wanted = {"quiet_since": {"$lte": now - SILENCE, "$type": "date"}}  # as the partial index has it
    return list(db.attempt_scos.find(wanted, {"record": 0}).sort("quiet_since", 1).limit(limit))


def get_attempt(db: Database[Document], attempt: str, session: ClientSession | None = None) -> Document:
    """Return an attempt; raises UnknownThing."""
    found = db.attempts.find_one({"_id": attempt}, session=session)
    if found is None:
        raise UnknownThing("attempt", attempt)
    return found


def record_of(db: Database[Document], attempt: str, part: str, session: ClientSession | None = None) -> Sco:
    """Return the record of a part, an empty one where it was never opened."""
    found = db.attempt_scos.find_one({"_id": f"{attempt}/{part}"}, {"record": 1}, session=session)
    return load(found["record"]) if found else Sco()
