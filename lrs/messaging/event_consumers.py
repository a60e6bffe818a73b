"""Readers of the event feed inside this application: each keeps its place, one worker at a time reads.

consumers {_id, org: "vendor", cursor, leased_until}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.access.organizations import VENDOR
from rules.engine.queues import lease, outbox

Document = dict[str, Any]
LEASE: Final = dt.timedelta(seconds=60)
PAGE: Final = 200


def consume(
    db: Database[Document],
    name: str,
    handle: Callable[[list[Document]], None],
    now: Callable[[], dt.datetime],
) -> int:
    """Hand the new events to `handle`, oldest first and up to PAGE at once; returns how many.

    The place moves on after `handle` returned, so events may come again after a crash: what `handle` does
    must be harmless to repeat.
    """
    place = _take(db, name, now())
    if place is None:
        return 0
    count = 0
    try:
        while rows := outbox.read_after(db, place["cursor"], PAGE):
            handle(rows)
            place["cursor"] = rows[-1]["seq"]
            count += len(rows)
            if not lease.renew(db.consumers, place, now(), LEASE, sets={"cursor": place["cursor"]}):
                break  # another worker reads on
    finally:
        lease.give_back(db.consumers, place)
    return count


def _take(db: Database[Document], name: str, now: dt.datetime) -> Document | None:
    place = db.consumers.find_one({"_id": name})
    if place is None:
        _begin(db, name, now)
    elif not outbox.read_after(db, place["cursor"], 1):
        return None  # to lease it would cost an idle server a write
    return lease.take(db.consumers, {"_id": name}, now, LEASE)


def _begin(db: Database[Document], name: str, now: dt.datetime) -> None:
    try:
        db.consumers.insert_one({"_id": name, "org": VENDOR, "cursor": 0, "leased_until": now})
    except DuplicateKeyError:
        return  # another worker began it
