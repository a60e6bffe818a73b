"""Tries that failed, counted so that all processes agree: after too many, whoever tries has to wait.

tries {_id what is tried from where, count, expires_at}
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from lrs.foundation.errors import TooManyTries

Document = dict[str, Any]

LOCKED_FOR: Final = dt.timedelta(minutes=15)

INDEXES: dict[str, list[IndexModel]] = {
    "tries": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
}


def check_tries(db: Database[Document], most: dict[str, int], now: dt.datetime) -> None:
    """Raise TooManyTries where one of these names was tried too often within LOCKED_FOR."""
    for found in db.tries.find({"_id": {"$in": list(most)}, "expires_at": {"$gt": now}}):
        if found["count"] >= most[found["_id"]]:
            raise TooManyTries(int((found["expires_at"] - now).total_seconds()) + 1)


def count_try(db: Database[Document], name: str, now: dt.datetime) -> None:
    """Count a try under a name; what was counted before LOCKED_FOR no longer counts."""
    db.tries.delete_one({"_id": name, "expires_at": {"$lte": now}})
    change = {"$inc": {"count": 1}, "$setOnInsert": {"expires_at": now + LOCKED_FOR}}
    db.tries.update_one({"_id": name}, change, upsert=True)


def take_back(db: Database[Document], name: str) -> None:
    """Uncount one try."""
    db.tries.update_one({"_id": name}, {"$inc": {"count": -1}})
