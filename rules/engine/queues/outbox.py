"""Events: written in the transaction of their decision, exactly one per effect, read by a cursor.

outbox {_id: "evt_"+hex, org: "vendor", effect, type, timestamp, data, created_at, seq?}

`effect` is the effect key of cert#8; `_id` follows from it, so a repeat is harmless. `seq` is
given after commit by `number`, so that a reader's cursor never jumps over an event that commits later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.engine.event_types import EVENT_TYPES
from rules.stored import VENDOR, Document
from statements.storage.transaction import SETTLED

INDEXES: dict[str, list[IndexModel]] = {
    "outbox": [
        IndexModel(
            [("org", ASCENDING), ("seq", ASCENDING)],
            unique=True,
            partialFilterExpression={"seq": {"$exists": True}},
        ),
        IndexModel(
            [("org", ASCENDING), ("type", ASCENDING), ("seq", ASCENDING)],
            partialFilterExpression={"seq": {"$exists": True}},
        ),
        IndexModel(
            [("unnumbered", ASCENDING), ("timestamp", ASCENDING)],
            partialFilterExpression={"unnumbered": True},
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of cert#8; `effect` are the parts of its key, `data` its body's data (cert#8-3)."""

    type: str
    effect: tuple[str, ...]
    effective_at: dt.datetime
    data: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Return the effect key, unique for this effect for ever."""
        return ":".join((self.type, *self.effect))

    @property
    def id(self) -> str:
        """Return the event id, the `webhook-id` of each delivery; it follows from the effect."""
        return "evt_" + sha256(self.key.encode()).hexdigest()[:32]


def append(
    db: Database[Document], events: Iterable[Event], decided_at: dt.datetime, session: ClientSession | None
) -> int:
    """Write the events whose effect is new; returns how many were. Inside a transaction, with its session."""
    rows = [_row(event, decided_at) for event in events]
    if not rows:
        return 0
    known = {
        found["_id"]
        for found in db.outbox.find(
            {"_id": {"$in": [row["_id"] for row in rows]}}, {"_id": 1}, session=session
        )
    }
    fresh = list({row["_id"]: row for row in rows if row["_id"] not in known}.values())
    if fresh:
        db.outbox.insert_many(fresh, ordered=False, session=session)
    return len(fresh)


def _row(event: Event, decided_at: dt.datetime) -> Document:
    if event.type not in EVENT_TYPES:
        raise ValueError(f"unknown event type {event.type!r}")
    data = {
        "effective_at": event.effective_at,
        "decided_at": decided_at,
        **{name: value for name, value in event.data.items() if value is not None},
    }
    return {
        "_id": event.id,
        "org": VENDOR,
        "effect": event.key,
        "type": event.type,
        "timestamp": event.effective_at,
        "data": data,
        "created_at": decided_at,
        "unnumbered": True,
    }


def number(db: Database[Document], limit: int = 1000) -> int:
    """Give committed events their place in the feed, in order of `timestamp`; returns how many got one.

    Several workers may call this at once: the counter's document serialises them.
    """
    if db.outbox.find_one({"unnumbered": True}, {"_id": 1}) is None:
        return 0

    def numbered(session: ClientSession) -> int:
        waiting = list(
            db.outbox.find({"unnumbered": True}, {"_id": 1}, session=session)
            .sort("timestamp", ASCENDING)
            .limit(limit)
        )
        if not waiting:
            return 0
        counter = db.counters.find_one_and_update(
            {"_id": "outbox"},
            {"$inc": {"value": len(waiting)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        assert counter is not None  # noqa: S101 -- an upsert that returns the document after it
        first = counter["value"] - len(waiting) + 1
        changes = [
            UpdateOne({"_id": row["_id"]}, {"$set": {"seq": first + i}, "$unset": {"unnumbered": ""}})
            for i, row in enumerate(waiting)
        ]
        db.outbox.bulk_write(changes, ordered=False, session=session)
        return len(waiting)

    with db.client.start_session() as session:
        done: int = session.with_transaction(numbered)
        return done


def read_after(
    db: Database[Document],
    cursor: int = 0,
    limit: int = 100,
    types: Iterable[str] | None = None,
    match: Mapping[str, Any] | None = None,
) -> list[Document]:
    """Return numbered events with `seq` above the cursor, oldest first; `match` narrows by fields of `data`.

    The `seq` of the last one is the next cursor. Nothing that commits later gets a lower number, and no
    election takes back what was read.
    """
    wanted: Document = {"org": VENDOR, "seq": {"$gt": cursor}}
    if types is not None:
        wanted["type"] = {"$in": list(types)}
    wanted |= {f"data.{name}": value for name, value in (match or {}).items()}
    settled = db.outbox.with_options(read_concern=SETTLED)
    return list(settled.find(wanted).sort("seq", ASCENDING).limit(limit))


def newest(
    db: Database[Document], limit: int, event_type: str | None = None, before: int | None = None
) -> list[Document]:
    """Return numbered events of a type, or all, the newest first; `before` is a `seq` to go on from."""
    wanted: Document = {"org": VENDOR, "seq": {"$exists": True} if before is None else {"$lt": before}}
    if event_type is not None:
        wanted["type"] = event_type
    return list(db.outbox.find(wanted).sort("seq", DESCENDING).limit(limit))


def body(row: Mapping[str, Any]) -> Document:
    """Return the body of an event as it is delivered (cert#8-3)."""
    return {"type": row["type"], "timestamp": row["timestamp"], "data": row["data"]}
