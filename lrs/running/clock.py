"""Whether this machine's clock can be right: `stored`, leases and expiry depend on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final

from pymongo import DESCENDING
from pymongo.database import Database

from lrs.foundation.database import Document
from statements.storage.store import stored_of

SLACK: Final = dt.timedelta(seconds=1)
AHEAD: Final = dt.timedelta(minutes=1)  # by which `stored` may lie ahead: batches take consecutive instants


def clock_faults(db: Database[Document], now: Callable[[], dt.datetime]) -> Iterator[str]:
    """Yield in words what speaks against the clock: MongoDB's own, and statements from the future.

    A clock that is ahead on the machine that MongoDB shares is seen by nothing here.
    """
    before = now()
    server = db.client.admin.command("hello")["localTime"]
    after = now()
    server = server if server.tzinfo else server.replace(tzinfo=dt.UTC)
    gap = max(before - server, server - after, dt.timedelta(0))
    if gap > SLACK:
        yield f"{gap.total_seconds():.1f} s apart from MongoDB's"
    newest = db.statements.find_one({"_id": {"$type": "binData"}}, {"_id": 1}, sort=[("_id", DESCENDING)])
    stored = None if newest is None else stored_of(newest["_id"])
    if stored is not None and stored > after + AHEAD:
        behind = (stored - after).total_seconds()
        yield f"{behind:.0f} s behind the newest statement, stored {stored:%Y-%m-%d %H:%M:%S} UTC"
