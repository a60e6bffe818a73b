"""Work that is done every so often by one worker of all: consumers {_id, org, done_at, leased_until}."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from rules.engine.queues import lease

Document = dict[str, Any]
LEASE: Final = dt.timedelta(minutes=10)


def take_turn(
    db: Database[Document], name: str, every: dt.timedelta, now: dt.datetime, work: Callable[[], None]
) -> bool:
    """Do some work unless it was done `every` ago or later, or another does it; tell whether it was done."""
    found = db.consumers.find_one({"_id": name}, {"done_at": 1})
    if found is not None and found["done_at"] > now - every:
        return False
    first = {"org": VENDOR, "done_at": lease.FREE, "leased_until": lease.FREE}
    db.consumers.update_one({"_id": name}, {"$setOnInsert": first}, upsert=True)
    taken = lease.take(db.consumers, {"_id": name, "done_at": {"$lte": now - every}}, now, LEASE)
    if taken is None:
        return False
    work()
    lease.give_back(db.consumers, taken, {"done_at": now})
    return True
