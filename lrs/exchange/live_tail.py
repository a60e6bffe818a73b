"""Statements as they are stored: a change stream with a filter, for people who integrate content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pymongo.database import Database

from lrs.analysis.readable_stores import Scope
from statements.query.predicate import Predicate, matches

Document = dict[str, Any]
WAIT_MS = 1000


def tail(
    db: Database[Document], scope: Scope, where: Predicate, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Document]:
    """Yield each statement document of the scope that matches, as it becomes durable, until `stopped()`."""
    for document in ticks(db, scope, where, stopped):
        if document is not None:
            yield document


def ticks(
    db: Database[Document], scope: Scope, where: Predicate, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Document | None]:
    """Yield matching statement documents, and None about once a second while nothing comes.

    The predicate is the one of queries, evaluated in memory on what the change stream delivers.
    """
    orgs = {"fullDocument.org": {"$in": list(scope.orgs)}, "fullDocument.raw": {"$exists": True}}
    pipeline = [{"$match": {"operationType": "insert", **orgs}}]
    with db.statements.watch(pipeline, max_await_time_ms=WAIT_MS) as changes:
        while not stopped() and changes.alive:
            change = changes.try_next()
            if change is None:
                yield None
            elif matches(where, change["fullDocument"]):
                yield change["fullDocument"]
