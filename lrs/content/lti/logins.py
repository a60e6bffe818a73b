"""Logins under way: what was sent to a platform and has to come back, once.

lti_logins {_id: hash of the state, platform, nonce (hash), again (the query that begins it anew), expires_at}
"""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Any, Final

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from lrs.content.launching import hash_fetch

Document = dict[str, Any]

LIFE: Final = dt.timedelta(minutes=10)
LONGEST_STATE: Final = 100

INDEXES: dict[str, list[IndexModel]] = {
    "lti_logins": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)]
}


class LaunchRefused(Exception):
    """A message of a platform is not taken."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def keep(
    db: Database[Document], now: dt.datetime, *, platform: str, state: str, nonce: str, again: str
) -> None:
    """Remember a login; `again` is the query that begins it anew."""
    db.lti_logins.insert_one(
        {
            "_id": hash_fetch(state),
            "platform": platform,
            "nonce": hash_fetch(nonce),
            "again": again,
            "expires_at": now + LIFE,
        }
    )


def find(db: Database[Document], state: str, now: dt.datetime) -> Document | None:
    """Return the login of a state that was not answered yet, None where there is none."""
    if not 0 < len(state) <= LONGEST_STATE:
        return None
    return db.lti_logins.find_one({"_id": hash_fetch(state), "expires_at": {"$gt": now}})


def take(db: Database[Document], login: Document) -> bool:
    """Let a login be answered this once; false where another answer was quicker."""
    return db.lti_logins.delete_one({"_id": login["_id"]}).deleted_count == 1


def is_of(login: Document, nonce: object) -> bool:
    """Tell whether a nonce is the login's."""
    return isinstance(nonce, str) and hmac.compare_digest(hash_fetch(nonce), login["nonce"])
