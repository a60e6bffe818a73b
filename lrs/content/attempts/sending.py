"""Statements of attempts leave the outbox for the store: in order, each exactly once.

Ids and bytes are fixed since the commit, and what is read is always the beginning of an attempt's queue. So
no lease is needed: whoever sends the same rows again, after a crash or at the same time, stores nothing new.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

from pymongo.database import Database

from lrs.content.telling import tell, writer_of
from statements.errors import StatementConflict, StatementError, StoreBusy

log = logging.getLogger("laurel.content")

Document = dict[str, Any]

PAGE: Final = 200


def send(db: Database[Document], public_url: str, now: Callable[[], dt.datetime]) -> int:
    """Store what waits in the outbox; returns how many rows left it. A job of the worker."""
    count = 0
    while rows := _waiting(db):
        for (org, _), queue in groupby(rows, key=lambda row: (row["org"], row["attempt"])):
            count += _send(db, org, list(queue), public_url, now())
    return count


def _waiting(db: Database[Document]) -> list[Document]:
    return list(db.attempt_outbox.find({"refused": None}).sort([("attempt", 1), ("number", 1)]).limit(PAGE))


def _send(
    db: Database[Document], org: str, rows: Sequence[Document], public_url: str, now: dt.datetime
) -> int:
    """Store the rows of one attempt; a row that the store refuses stands aside, the others go on."""
    try:
        body = b"[" + b",".join(row["body"] for row in rows) + b"]"
        tell(db, org, body, writer_of(org, public_url), now)
    except StoreBusy:
        raise
    except StatementError as error:
        if len(rows) > 1:
            return sum(_send(db, org, [row], public_url, now) for row in rows)
        _set_aside(db, rows[0], error)
        return 1
    db.attempt_outbox.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
    return len(rows)


def _set_aside(db: Database[Document], row: Document, error: StatementError) -> None:
    """Keep a refused row for people to look at."""
    reason = "conflict" if isinstance(error, StatementConflict) else str(error)
    log.error("a statement of an attempt was refused: %s %s: %s", row["attempt"], row["_id"], reason)
    db.attempt_outbox.update_one({"_id": row["_id"]}, {"$set": {"refused": reason[:500]}})
