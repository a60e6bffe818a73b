"""Requests of several threads go to MongoDB together, each with its own outcome.

The first caller that finds no write under way becomes the writer: it sends what every waiting caller brought,
tells each caller what became of it, and hands over to the next one that waits. A lone caller writes at once.
Callers that were there a moment ago and are on their way back are waited for, as long as one comes after the
other: a write of eight statements costs MongoDB and this process not much more than one of four. Nobody
returns before the server has acknowledged majority and journal for what it brought; what one caller brings is
stored whole or not at all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError, WriteConcernError, WriteError

from statements.errors import StoreBusy, TooMuchAtOnce
from statements.storage.transaction import DUPLICATE_KEY, in_transaction

Document = dict[str, Any]

MAX_DOCUMENTS = 500  # of one write, unless one caller brings more
PAUSE = 0.0005  # seconds without a new caller after which no more are waited for


class _Ticket:
    """What one caller waits for: `turn` is released when it is done or when the caller has to write."""

    __slots__ = ("documents", "done", "error", "turn")

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.turn = threading.Lock()
        self.turn.acquire()
        self.done = False
        self.error: Exception | None = None


class GroupCommit:
    """The queue of one collection in one process."""

    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection
        self._lock = threading.Lock()
        self._all_here = threading.Condition(self._lock)
        self._expected = 1  # callers: those of the last write, and those who waited when it was done
        self._waiting: deque[_Ticket] = deque()
        self._writing = False  # somebody is, or was told to

    def insert(self, documents: Sequence[Document]) -> None:
        """Insert documents, all or none, durably.

        Raises what an insert of them alone would (DuplicateKeyError for one, BulkWriteError for several).
        """
        ticket = _Ticket(documents)
        with self._lock:
            self._waiting.append(ticket)
            must_wait, self._writing = self._writing, True
            if len(self._waiting) == self._expected or self._room() <= 0:
                self._all_here.notify()
        if must_wait:
            ticket.turn.acquire()  # woken when written by another caller, or to be the next writer
        if not ticket.done:
            self._write()
        if ticket.error is not None:
            raise ticket.error

    def _write(self) -> None:
        """Send what waits, the caller's own documents among it, and hand over."""
        with self._lock:
            self._gather()
            batch = self._take()
        try:
            self._send(batch)
        finally:
            with self._lock:
                self._expected = len(batch) + len(self._waiting)
                successor = self._waiting[0] if self._waiting else None
                self._writing = successor is not None
            for ticket in batch:
                if not ticket.done:
                    ticket.done = True
                    ticket.error = ticket.error or RuntimeError("the write was interrupted")
                ticket.turn.release()
            if successor is not None:
                successor.turn.release()

    def _gather(self) -> None:
        """Wait until as many callers are here as last time, the write is full, or no more come."""
        while (here := len(self._waiting)) < self._expected and self._room() > 0:
            self._all_here.wait(PAUSE)
            if len(self._waiting) == here:
                return

    def _room(self) -> int:
        """Return how many documents the next write can hold beside those that wait."""
        return MAX_DOCUMENTS - sum(len(ticket.documents) for ticket in self._waiting)

    def _take(self) -> list[_Ticket]:
        """Take the first in line, and those behind it as far as one write holds them."""
        batch = [self._waiting.popleft()]
        room = MAX_DOCUMENTS - len(batch[0].documents)
        while self._waiting and (room := room - len(self._waiting[0].documents)) >= 0:
            batch.append(self._waiting.popleft())
        return batch

    def _send(self, batch: list[_Ticket]) -> None:
        """Write the documents of these callers and note what became of each."""
        try:
            if all(len(ticket.documents) == 1 for ticket in batch):
                self._send_singles(batch)
            else:
                self._send_whole(batch)
        except (BulkWriteError, TooMuchAtOnce) as error:
            if len(batch) == 1:
                batch[0].error = error
            else:  # somebody's id is known already, or they are too many: no concern of each other
                for ticket in batch:
                    self._send([ticket])
        except (PyMongoError, StoreBusy) as error:
            for ticket in batch:
                ticket.error = error
        for ticket in batch:
            ticket.done = True

    def _send_whole(self, batch: list[_Ticket]) -> None:
        """Write what all of them brought in one transaction, so that each is stored whole or not at all."""
        documents = [document for ticket in batch for document in ticket.documents]
        in_transaction(
            self._collection.database.client,
            lambda session: self._collection.insert_many(documents, session=session),
        )

    def _send_singles(self, batch: list[_Ticket]) -> None:
        """Write one document of each caller, which needs no transaction."""
        if len(batch) == 1:
            self._collection.insert_one(batch[0].documents[0])
            return
        try:
            self._collection.insert_many([ticket.documents[0] for ticket in batch], ordered=False)
        except BulkWriteError as error:
            _share_out(error, batch)


def _share_out(error: BulkWriteError, batch: list[_Ticket]) -> None:
    """Give each caller its own error; one that concerns the acknowledgement concerns all."""
    details: Any = error.details
    for entry in details.get("writeErrors", ()):
        kind = DuplicateKeyError if entry["code"] == DUPLICATE_KEY else WriteError
        batch[entry["index"]].error = kind(entry["errmsg"], entry["code"], entry)
    for entry in details.get("writeConcernErrors", ()):
        for ticket in batch:
            ticket.error = ticket.error or WriteConcernError(entry["errmsg"], entry.get("code"), entry)
