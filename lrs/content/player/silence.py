"""Runs that ended without a word: told as suspended, with what stands and how long they lasted."""

from __future__ import annotations

import datetime as dt
import logging

from pymongo.database import Database

from lrs.content.attempts.changing import Changes
from lrs.content.attempts.store import Document, get_attempt, quiet
from lrs.content.player.shelf import Shelf
from lrs.foundation.errors import Collision, UnknownThing

log = logging.getLogger("laurel.content")


def sweep(db: Database[Document], now: dt.datetime) -> int:
    """End what fell silent; returns how many runs that were. Any number of workers may do it at once."""
    shelf, count = Shelf(db), 0
    for row in quiet(db, now):
        try:
            attempt = get_attempt(db, row["attempt"])
            outline = shelf.version(attempt["version"]).outline
            if outline is None:
                raise UnknownThing("outline", attempt["version"])  # noqa: TRY301 -- as if it were not there
            Changes(db, outline).end_quiet(row["attempt"], row["part"], now)
            count += 1
        except (UnknownThing, Collision) as error:
            log.warning("a silent run cannot be ended: %s %s: %s", row["attempt"], row["part"], error)
            db.attempt_scos.update_one({"_id": row["_id"]}, {"$set": {"quiet_since": None}})
    return count
