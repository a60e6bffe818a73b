"""A question to the lake ends at its time, or when somebody stops it, in whichever process it runs.

lake {_id "question:<query id>", at, stop}: of questions that take longer than LOOK_S, while they run
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from pymongo.database import Database
from pymongo.errors import PyMongoError

from statements.errors import QueryTimeout

log = logging.getLogger("lrs.lake")

Document = dict[str, Any]
LOOK_S: Final = 0.5
AGAIN_S: Final = 0.05
QUESTION: Final = "question:"
STALE: Final = dt.timedelta(hours=1)  # of what a process that was killed left


class Stopped(Exception):
    """Somebody stopped the question."""


class Stopping:
    """Whether somebody stopped one question, from its beginning to its end."""

    def __init__(self, db: Database[Document], query_id: str, now: dt.datetime) -> None:
        self._lake, self._id, self._now = db.lake, f"{QUESTION}{query_id}", now
        self._is_known = False

    def is_asked(self) -> bool:
        """Tell whether it is to stop; from the first look on it can be."""
        if not self._is_known:
            self._is_known = True
            stale = {"_id": {"$gt": QUESTION, "$lt": f"{QUESTION}~"}, "at": {"$lt": self._now - STALE}}
            self._lake.delete_many(stale)
            self._lake.replace_one({"_id": self._id}, {"at": self._now, "stop": False}, upsert=True)
            return False
        return self._lake.find_one({"_id": self._id, "stop": True}) is not None

    def end(self) -> None:
        """Forget the question."""
        if self._is_known:
            self._lake.delete_one({"_id": self._id})


def stop(db: Database[Document], query_id: str) -> bool:
    """Let a question end; tell whether one was running for longer than a moment."""
    found = db.lake.update_one({"_id": f"{QUESTION}{query_id}"}, {"$set": {"stop": True}})
    return found.matched_count > 0


@contextmanager
def bounded(
    interrupt: Callable[[], None], max_seconds: float, stopping: Stopping
) -> Iterator[Callable[[], Exception]]:
    """Interrupt what is done inside at its time, or when it is stopped; gives what tells which it was."""
    over, why = threading.Event(), list[Exception]()
    ends = time.monotonic() + max_seconds

    def watch() -> None:
        while not why and not over.wait(max(0.0, min(LOOK_S, ends - time.monotonic()))):
            if time.monotonic() >= ends:
                why.append(QueryTimeout(max_seconds))
            elif _asked(stopping):
                why.append(Stopped())
        while why and not over.wait(AGAIN_S):  # an interrupt ends one statement, and there are several
            interrupt()

    watcher = threading.Thread(target=watch, name="watch of a question", daemon=True)
    watcher.start()
    try:
        yield lambda: why[0] if why else QueryTimeout(max_seconds)
    finally:
        over.set()
        watcher.join()


def _asked(stopping: Stopping) -> bool:
    try:
        return stopping.is_asked()
    except PyMongoError as error:
        log.warning("it cannot be seen whether a question is to stop: %s", error)
        return False
