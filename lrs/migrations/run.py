"""Running migrations: one process at a time, page by page; what is interrupted goes on where it stood.

schema {_id: <number of the step>, title, position, looked_at, changed, total, started_at, finished_at,
        leased_until}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.migrations import schema_version
from lrs.migrations.steps import MIGRATIONS, SCHEMA, Migration
from rules.engine.queues import lease

Document = dict[str, Any]
LEASE = dt.timedelta(minutes=2)
Now = Callable[[], dt.datetime]


def start(db: Database[Document], now: dt.datetime) -> None:
    """Let this build use the database; an empty one has nothing to migrate. Raises StartFailure."""
    if schema_version.read(db) is None and db.orgs.find_one({}, {"_id": 1}) is None:
        for step in MIGRATIONS:
            row = {"title": step.title, "started_at": now, "finished_at": now, "looked_at": 0, "changed": 0}
            db.schema.update_one({"_id": step.number}, {"$setOnInsert": row}, upsert=True)
    schema_version.claim(db, SCHEMA, now)


def pending(db: Database[Document]) -> list[Migration]:
    """Return the steps that this database has still to go through, in order."""
    numbers = {"_id": {"$in": [step.number for step in MIGRATIONS]}}
    done = {row["_id"] for row in db.schema.find(numbers) if row["finished_at"] is not None}
    return [step for step in MIGRATIONS if step.number not in done]


def run_pending(
    db: Database[Document],
    now: Now,
    *,
    stopped: Callable[[], bool] = lambda: False,
    told: Callable[[Document], None] = lambda _row: None,
) -> bool:
    """Go through the pending steps; `told` hears of each page. Returns whether all are done now."""
    return all(_run(db, step, now, stopped, told) for step in pending(db))


def _run(
    db: Database[Document],
    step: Migration,
    now: Now,
    stopped: Callable[[], bool],
    told: Callable[[Document], None],
) -> bool:
    row = _take(db, step, now())
    if row is None:
        return False
    for position, looked_at, changed in step.pages(db, row.get("position") or {}):
        done = {"looked_at": looked_at, "changed": changed}
        if not lease.renew(db.schema, row, now(), LEASE, sets={"position": position}, increments=done):
            return False  # another process took it up
        row |= {"position": position, **{name: row[name] + more for name, more in done.items()}}
        told(row)
        if stopped():
            lease.give_back(db.schema, row)
            return False
    told({**row, "finished_at": now()})
    return lease.give_back(db.schema, row, {"finished_at": now()})


def _take(db: Database[Document], step: Migration, now: dt.datetime) -> Document | None:
    """Take a step for this process; None while another one works on it."""
    if db.schema.find_one({"_id": step.number}, {"_id": 1}) is None:
        first = {"title": step.title, "started_at": now, "finished_at": None, "looked_at": 0, "changed": 0}
        with suppress(DuplicateKeyError):  # another process began it
            db.schema.insert_one({"_id": step.number, **first, "total": step.count(db)})
    return lease.take(db.schema, {"_id": step.number, "finished_at": None}, now, LEASE)
