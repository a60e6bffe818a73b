"""The store's stream of changes: which documents came, changed or went since a position.

A position is the cluster time of MongoDB as one whole number. Reading from a position tells what happened at
it once more, so whoever follows must bear repetition: here each document is looked at as it stands now.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any, Final

from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from lrs.lake.errors import FeedLost
from lrs.lake.state import ONE

Document = dict[str, Any]
Change = tuple[str, Any]  # collection and `_id`
LOST: Final = frozenset(
    {136, 280, 286}
)  # CappedPositionLost, ChangeStreamFatalError, ChangeStreamHistoryLost
# The engine's marks, search keys and chains change often and stand in no column.
CHANGING: Final = (
    "voided", "raw", "actor", "object", "authority", "instructor", "origin", "extensions", "timestamp",
)  # fmt: skip
MAX_WAIT_MS: Final = 500
PATIENCE: Final = 60.0  # seconds without a change, though at least our own beat is to come


def number_of(at: Timestamp) -> int:
    """Return a cluster time as one number that rises with it."""
    return (at.time << 32) | at.inc


def timestamp_of(position: int) -> Timestamp:
    """Return the cluster time of a number."""
    return Timestamp(position >> 32, position & 0xFFFFFFFF)


def present(db: Database[Document]) -> int:
    """Return the position of now: what is written later comes after it."""
    with db.client.start_session() as session:
        db.command("ping", session=session)
        at = session.operation_time
    if at is None:
        raise FeedLost("MongoDB tells no cluster time", "the lake needs a replica set, also of one member")
    return number_of(at)


def changes(
    db: Database[Document], position: int, beat: str, others: Collection[str]
) -> Iterator[tuple[int, Change | None]]:
    """Yield (position, change) since a position, until the beat: (position, None).

    Raises FeedLost where MongoDB has forgotten what happened since.
    """
    patience = time.monotonic() + PATIENCE
    try:
        with db.watch(
            _stages(others), start_at_operation_time=timestamp_of(position), max_await_time_ms=MAX_WAIT_MS
        ) as stream:
            while stream.alive:
                event = stream.try_next()
                if event is None:
                    if time.monotonic() > patience:
                        break
                    continue
                patience = time.monotonic() + PATIENCE
                at = number_of(event["clusterTime"])
                collection = event["ns"]["coll"]
                if collection != "lake":
                    one = event["documentKey"]["_id"]
                    yield at, (collection, bytes(one) if collection == "statements" else one)
                elif event.get("beat") == beat:
                    yield at, None
                    return
    except OperationFailure as error:
        if error.code in LOST:
            raise FeedLost("MongoDB has forgotten what changed", "run `lrs lake build --anew`") from error
        raise
    raise FeedLost("the stream of changes ended or fell silent", "it is tried again; else look at MongoDB")


def _stages(others: Collection[str]) -> list[Document]:
    changed = [{f"updateDescription.updatedFields.{name}": {"$exists": True}} for name in CHANGING]
    of_statements = {
        "ns.coll": "statements",
        "$or": [{"operationType": {"$in": ["insert", "replace", "delete"]}}, *changed],
    }
    of_others = {
        "ns.coll": {"$in": list(others)}, "operationType": {"$in": ["insert", "update", "replace", "delete"]},
    }  # fmt: skip
    of_beat = {"ns.coll": "lake", "documentKey._id": ONE, "operationType": {"$in": ["insert", "update"]}}
    return [
        {"$match": {"$or": [of_statements, of_others, of_beat, {"operationType": "invalidate"}]}},
        {"$project": {
            "documentKey": 1, "clusterTime": 1, "operationType": 1, "ns": 1,
            "beat": {"$ifNull": ["$updateDescription.updatedFields.beat", "$fullDocument.beat"]},
        }},
    ]  # fmt: skip
