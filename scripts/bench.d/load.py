"""Fill a database with statements through the domain's own ingest, without HTTP."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from collections import defaultdict
from collections.abc import Sequence
from multiprocessing.process import BaseProcess

from generate import KNOWN, known_org, known_text, org_of, statement_text
from stand import Stand

from lrs.foundation.database import connect
from lrs.foundation.settings import Settings
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

BATCH = 1000


def fill(uri: str, database: str, first: int, last: int, known: bool) -> None:
    """Store the statements number first to last - 1, each in the store of its organization.

    With `known` the first ones are those that the bench asks for.
    """
    db = connect(Settings(mongodb_uri=uri, database=database))
    authority = {"objectType": "Agent", "account": {"homePage": "http://127.0.0.1:8080", "name": "bench"}}
    writer = Writer("bench", "lms", "vendor", authority)
    for start in range(first, last, BATCH * 40):
        groups: dict[str, list[bytes]] = defaultdict(list)
        for n in range(start, min(last, start + BATCH * 40)):
            if known and n < KNOWN:
                groups[known_org(n)].append(known_text(n))
            else:
                groups[org_of(n)].append(statement_text(n))
        for org, texts in groups.items():
            store = StatementStore(db, org)
            for i in range(0, len(texts), BATCH):
                body = b"[" + b",".join(texts[i : i + BATCH]) + b"]"
                store_statements(
                    store, parse_statements(body), writer=writer, version="1.0.3", now=dt.datetime.now(dt.UTC)
                )


def load(
    place: Stand, database: str, first: int, last: int, processes: int = 2, *, known: bool = False
) -> None:
    """Fill with several processes; statements interleave in time as they do in life."""
    context = multiprocessing.get_context("spawn")
    share = (last - first) // processes
    parts = [
        (first + i * share, last if i == processes - 1 else first + (i + 1) * share) for i in range(processes)
    ]
    jobs = [context.Process(target=fill, args=(place.mongod.uri, database, *part, known)) for part in parts]
    run_all(jobs)


def run_all(jobs: Sequence[BaseProcess]) -> None:
    """Run loading processes side by side; RuntimeError when one fails."""
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    if any(job.exitcode for job in jobs):
        raise RuntimeError("a loading process failed")
