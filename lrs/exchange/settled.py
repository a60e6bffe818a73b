"""Up to where the history is settled: no write that is still under way can add to it.

Transactions end in another order than they begin in, so a reader that only remembers the newest statement it
has seen can miss an older one. Every machine that writes tells each second since when it has unfinished
writes (`lrs.xapi.consistent_through`); who reads only looks at that.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from pymongo.database import Database

from lrs.xapi.consistent_through import LEASE, microseconds

PATIENCE = 5.0  # seconds; a machine that falls silent is forgotten after LEASE
AGAIN = 0.1


def settled(
    db: Database[dict[str, Any]], now: dt.datetime, *, sleep: Callable[[float], None] = time.sleep
) -> dt.datetime:
    """Return the instant before which nothing more will appear: `now`, waited for if need be.

    After PATIENCE an earlier one, up to which all machines that write agree.
    """
    waited = 0.0
    while True:
        through = _through(db)
        if through is None or through >= microseconds(now):
            return now
        if waited >= PATIENCE:
            return now - dt.timedelta(microseconds=microseconds(now) - through)
        sleep(AGAIN)
        waited += AGAIN


def _through(db: Database[dict[str, Any]]) -> int | None:
    """Return the least promise of the machines that write, in microseconds; None where there is none."""
    alive = {"$gt": ["$at", {"$subtract": ["$$NOW", LEASE * 1000]}]}
    return min((host["through"] for host in db.hosts.find({"$expr": alive}, {"through": 1})), default=None)
