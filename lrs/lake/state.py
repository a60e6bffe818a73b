"""What MongoDB knows of the lake: who writes it, and up to when it holds everything.

lake {_id "statements", leased_until, beat, version, position, through, error}

`through` is an instant: everything that was durable before it stands in `version` of the table. It may be
lost; the table's own positions say where to go on.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pymongo.database import Database

from rules.engine.queues import lease

Document = dict[str, Any]
ONE: Final = "statements"
LEASE: Final = dt.timedelta(minutes=2)


def read(db: Database[Document]) -> Document | None:
    """Return what is known of the lake."""
    return db.lake.find_one({"_id": ONE})


def take(db: Database[Document], now: dt.datetime) -> Document | None:
    """Take the right to write the lake; None while another process has it."""
    db.lake.update_one({"_id": ONE}, {"$setOnInsert": {"leased_until": lease.FREE}}, upsert=True)
    return lease.take(db.lake, {"_id": ONE}, now, LEASE)


def renew(db: Database[Document], taken: Document, now: dt.datetime) -> bool:
    """Keep the right for longer; false where it was lost."""
    return lease.renew(db.lake, taken, now, LEASE)


def give_back(db: Database[Document], taken: Document, **told: Any) -> None:
    """Free the lake, and tell what is new of it."""
    lease.give_back(db.lake, taken, told)


def beat(db: Database[Document], token: str) -> None:
    """Leave a mark in the stream of changes, behind which everything older lies."""
    db.lake.update_one({"_id": ONE}, {"$set": {"beat": token}}, upsert=True)


def empty(db: Database[Document]) -> None:
    """Forget how far the lake was: until it was built and followed once, MongoDB answers."""
    db.lake.update_one({"_id": ONE}, {"$unset": {"through": "", "version": "", "position": ""}})


def owe(db: Database[Document]) -> None:
    """Note that files hold what is gone; it stays noted until they were removed, also over a crash."""
    db.lake.update_one({"_id": ONE}, {"$set": {"owes": True}})


def paid(db: Database[Document], version: int) -> None:
    """Note that they were removed, which left the table as it was at this version."""
    db.lake.update_one({"_id": ONE}, {"$set": {"owes": False, "version": version}})
