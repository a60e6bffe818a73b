"""Single statements of several threads go to MongoDB together, each with its own outcome.

The first caller that finds no write under way becomes the writer: it sends every waiting document in one
unordered insert, tells each caller what became of its own, and hands over to the next one that waits. A
lone caller writes at once, so there is no added delay; sixteen callers share one journal flush. Nobody
returns before the server has acknowledged majority and journal for the insert that held the document.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError, WriteConcernError, WriteError

Document = dict[str, Any]

MAX_DOCUMENTS = 200


class _Ticket:
    """One waiting document: `turn` is released when it is done or when its caller has to write."""

    __slots__ = ("document", "done", "error", "turn")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.turn = threading.Lock()
        self.turn.acquire()
        self.done = False
        self.error: Exception | None = None


class GroupCommit:
    """The queue of one collection in one process."""

    def __init__(self, collection: Collection[Document], writers: int = 1) -> None:
        self._collection = collection
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket] = deque()
        self._free = writers

    def insert(self, document: Document) -> None:
        """Insert one document, durably; raises what a single insert would (DuplicateKeyError and others)."""
        ticket = _Ticket(document)
        with self._lock:
            self._waiting.append(ticket)
            writing = self._free > 0
            if writing:
                self._free -= 1
        if not writing:
            ticket.turn.acquire()  # woken when written by another caller, or to be the next writer
        if not ticket.done:
            self._write()
        if ticket.error is not None:
            raise ticket.error

    def _write(self) -> None:
        """Send what waits, the caller's own document among it, and hand over."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_DOCUMENTS))]
        try:
            self._send(batch)
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                if successor is None:
                    self._free += 1
            for ticket in batch:
                if not ticket.done:
                    ticket.done = True
                    ticket.error = ticket.error or RuntimeError("the write was interrupted")
                ticket.turn.release()
            if successor is not None:
                successor.turn.release()

    def _send(self, batch: list[_Ticket]) -> None:
        try:
            if len(batch) == 1:
                self._collection.insert_one(batch[0].document)
            else:
                self._collection.insert_many([ticket.document for ticket in batch], ordered=False)
        except BulkWriteError as error:
            _share_out(error, batch)
        except PyMongoError as error:
            for ticket in batch:
                ticket.error = error
        for ticket in batch:
            ticket.done = True


def _share_out(error: BulkWriteError, batch: list[_Ticket]) -> None:
    """Give each caller its own error; one that concerns the acknowledgement concerns all."""
    details: Any = error.details
    for entry in details.get("writeErrors", ()):
        kind = DuplicateKeyError if entry["code"] == 11000 else WriteError
        batch[entry["index"]].error = kind(entry["errmsg"], entry["code"], entry)
    for entry in details.get("writeConcernErrors", ()):
        for ticket in batch:
            ticket.error = ticket.error or WriteConcernError(entry["errmsg"], entry.get("code"), entry)
