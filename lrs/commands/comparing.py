"""A plan in several processes: each compares chunks of people under both rules."""

from __future__ import annotations

import datetime as dt
import gc
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

from pymongo.database import Database

from lrs.foundation.database import Document, connect
from lrs.foundation.settings import Settings
from rules.publication.before_and_after import Sides, compiled_again
from rules.publication.comparing import Chunks, Compare, ComparedChunk, compared_chunk, compared_here

WORTH: Final = 8  # chunks from which on more processes are worth their start

_here: list[Callable[[Sequence[str]], ComparedChunk]] = []
"""What compares a chunk in this process; one, in a process of the pool."""


def compared_by(settings: Settings, processes: int) -> Compare:
    """Return what compares people in so many processes; a few in this one."""

    def compare(
        db: Database[Document], sides: Sides, chunks: Chunks, now: dt.datetime
    ) -> Iterator[ComparedChunk]:
        if processes == 1 or len(chunks) < WORTH:
            yield from compared_here(db, sides, chunks, now)
            return
        again = (sides.rows, sides.added, sides.concerned, sides.withdrawn)
        spawned = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, spawned, _begin, (settings, now, again)) as pool:
            yield from pool.map(_compare, chunks)

    return compare


def _begin(settings: Settings, now: dt.datetime, again: Any) -> None:
    """Compile the rules, once in each process."""
    sides, db = compiled_again(*again), connect(settings)
    gc.collect()
    gc.freeze()  # rules and modules stay
    gc.disable()  # a chunk makes many objects and no cycles
    _here.append(lambda persons: compared_chunk(db, sides, persons, now))


def _compare(persons: Sequence[str]) -> ComparedChunk:
    chunk = _here[0](persons)
    gc.collect()
    return chunk
