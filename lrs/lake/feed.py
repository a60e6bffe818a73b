"""The store's stream of changes: which documents came, changed or went since a position.

A position is the cluster time of MongoDB as one whole number. Reading from a position tells what happened at
it once more, so whoever follows must bear repetition: here each document is looked at as it stands now. Of
statements it tells of those below an order key alone: the others are still to be read in order (`filling`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from typing import Any, Final

from bson import Binary, Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from lrs.lake.errors import FeedLost

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
    db: Database[Document], position: int, beat: str, below: Binary, others: Collection[str]
) -> Iterator[tuple[int, Change | None]]:
    """Yield (position, change) since a position, until the beat: (position, None).

    Of statements only those below an order key. Raises FeedLost where MongoDB has forgotten what happened.
    """
    patience = time.monotonic() + PATIENCE
    try:
        with db.watch(
            _stages(below, others),
            start_at_operation_time=timestamp_of(position),
            max_await_time_ms=MAX_WAIT_MS,
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


def _stages(below: Binary, others: Collection[str]) -> list[Document]:
    """Return the pipeline of the stream.

    The first step is all that MongoDB computes for each statement that comes, so it is two comparisons: a
    condition on the collection is a regular expression there, and one on fields three for each. The last
    asks for what the step between makes, so that MongoDB does not draw it into the first.
    """
    of_statements = {
        "ns.coll": "statements",
        "$or": [
            {"operationType": {"$in": ["insert", "replace", "delete"]}},
            {"changed": {"$in": list(CHANGING)}},
        ],
    }
    of_others = {
        "ns.coll": {"$in": list(others)}, "operationType": {"$in": ["insert", "update", "replace", "delete"]},
    }  # fmt: skip
    of_beat = {"ns.coll": "lake", "beat": {"$exists": True}}
    updated = {"$ifNull": ["$updateDescription.updatedFields", {}]}
    return [
        {"$match": {"$or": [{"documentKey._id": {"$lt": below}}, {"documentKey._id": {"$type": "string"}}]}},
        {"$project": {
            "documentKey": 1, "clusterTime": 1, "operationType": 1, "ns": 1,
            "beat": {"$ifNull": ["$updateDescription.updatedFields.beat", "$fullDocument.beat"]},
            "changed": {"$map": {"input": {"$objectToArray": updated}, "in": "$$this.k"}},
        }},
        {"$match": {"$or": [of_statements, of_others, of_beat]}},
        {"$unset": "changed"},
    ]  # fmt: skip
