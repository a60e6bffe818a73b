"""Readers of the event feed inside this application: each keeps its place, one worker at a time reads.

consumers {_id, org: "vendor", cursor, leased_until}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.tenancy import VENDOR
from rules import outbox

Document = dict[str, Any]
LEASE: Final = dt.timedelta(seconds=60)
PAGE: Final = 200


def consume(
    db: Database[Document], name: str, handle: Callable[[Document], None], now: Callable[[], dt.datetime]
) -> int:
    """Hand each new event to `handle`, oldest first; returns how many.

    The place moves on after `handle` returned, so an event may come again after a crash: what `handle` does
    must be harmless to repeat.
    """
    place = _lease(db, name, now())
    if place is None:
        return 0
    count = 0
    try:
        while rows := outbox.read_after(db, place["cursor"], PAGE):
            for row in rows:
                handle(row)
            place["cursor"] = rows[-1]["seq"]
            db.consumers.update_one(
                {"_id": name}, {"$set": {"cursor": place["cursor"], "leased_until": now() + LEASE}}
            )
            count += len(rows)
    finally:
        db.consumers.update_one({"_id": name}, {"$set": {"leased_until": now()}})
    return count


def _lease(db: Database[Document], name: str, now: dt.datetime) -> Document | None:
    if db.consumers.find_one({"_id": name}, {"_id": 1}) is None:
        _begin(db, name, now)
    return db.consumers.find_one_and_update(
        {"_id": name, "leased_until": {"$lte": now}},
        {"$set": {"leased_until": now + LEASE}},
        return_document=ReturnDocument.AFTER,
    )


def _begin(db: Database[Document], name: str, now: dt.datetime) -> None:
    try:
        db.consumers.insert_one({"_id": name, "org": VENDOR, "cursor": 0, "leased_until": now})
    except DuplicateKeyError:
        return  # another worker began it
