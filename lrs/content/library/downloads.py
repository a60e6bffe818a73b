"""Addresses at the content origin from which an original zip can be fetched for a few minutes.

The application's own origin serves no byte of what was uploaded, not even for saving.

content_downloads {_id (hash of the token), org, version, name, expires_at}
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any, Final

from pymongo.database import Database

Document = dict[str, Any]

OPEN_FOR: Final = dt.timedelta(minutes=10)


def open_download(db: Database[Document], version: Document, now: dt.datetime) -> tuple[str, dt.datetime]:
    """Return a fresh token for the original of a version, and until when it opens it."""
    token, until = secrets.token_urlsafe(32), now + OPEN_FOR
    about = {"org": version["org"], "version": version["_id"], "name": version["name"], "expires_at": until}
    db.content_downloads.insert_one({"_id": _hash(token), **about})
    return token, until


def find_download(db: Database[Document], token: str, now: dt.datetime) -> Document | None:
    """Return what a token opens, None where it is none or over."""
    return db.content_downloads.find_one({"_id": _hash(token), "expires_at": {"$gt": now}})


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
