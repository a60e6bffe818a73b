"""Transactions that are tried again when MongoDB says that trying again may help."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from statements.errors import StoreBusy, TooMuchAtOnce

DURABLE = WriteConcern(w="majority", j=True)
SNAPSHOT = ReadConcern("snapshot")
# What is told must not be taken back: a primary that others have left behind still shows its own last writes.
SETTLED = ReadConcern("majority")
# A primary that was left behind still answers with what was true before; this asks the others first.
LINEARIZABLE = ReadConcern("linearizable")
DUPLICATE_KEY = 11000  # the code of a refusal by a unique index
MAX_ATTEMPTS = 60
MAX_SECONDS = 45.0
LONGEST_PAUSE = 1.0  # seconds; with it all attempts last as long as MAX_SECONDS
LIFETIME = (
    20  # seconds after which our own MongoDB ends what a killed process left open, within half as much more
)

Result = TypeVar("Result")


def in_transaction(client: MongoClient[Any], work: Callable[[ClientSession], Result]) -> Result:
    """Run `work` in one durable transaction and return its result.

    `work` may run several times, each time on a fresh snapshot; an exception of its own aborts the
    transaction. Raises StoreBusy when conflicts with other writers do not end, TooMuchAtOnce.
    """
    deadline = time.monotonic() + MAX_SECONDS
    with client.start_session() as session:
        for attempt in range(MAX_ATTEMPTS):
            session.start_transaction(read_concern=SNAPSHOT, write_concern=DURABLE)
            try:
                result = work(session)
                _commit(session)
            except PyMongoError as error:
                if session.in_transaction:
                    _abort(session)
                if _is_too_large(error):
                    raise TooMuchAtOnce from error
                if not error.has_error_label("TransientTransactionError"):
                    raise
                if time.monotonic() > deadline:
                    if isinstance(error, ConnectionFailure):
                        raise
                    raise StoreBusy("what the request changes takes longer than a transaction may") from error
            except BaseException:
                _abort(session)
                raise
            else:
                return result
            time.sleep(pause_after(attempt) * (0.5 + random.random()))
    raise StoreBusy("too many writers touch the same statements")


def pause_after(attempt: int) -> float:
    """Return how long is waited after an attempt, in seconds, give or take a half.

    Conflicts of those who are alive end within milliseconds; the document that a killed process had in a
    transaction is free again after LIFETIME.
    """
    return float(min(LONGEST_PAUSE, 0.002 * 1.5 ** min(attempt, 20)))


def _is_too_large(error: PyMongoError) -> bool:
    """Tell whether the transaction does not fit into the cache of MongoDB (TransactionTooLargeForCache)."""
    details: Any = error.details if isinstance(error, OperationFailure) else None
    codes = [entry.get("code") for entry in (details or {}).get("writeErrors", ())]
    return isinstance(error, OperationFailure) and 388 in {error.code, *codes}


def _commit(session: ClientSession) -> None:
    """Commit; an unknown result is asked for again, which MongoDB makes safe."""
    for _ in range(10):
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
            last = error
            time.sleep(0.05)
        else:
            return
    raise last


def _abort(session: ClientSession) -> None:
    """Abort; a transaction that the server has ended already is no error."""
    try:
        session.abort_transaction()
    except (OperationFailure, ConnectionFailure):
        return
