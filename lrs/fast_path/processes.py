"""What a process asks of Python, of the C library and of the kernel so that each request costs less."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
from collections.abc import Collection, Sequence
from typing import Any

M_ARENA_MAX = -8  # <malloc.h>


def use_few_arenas() -> None:
    """Let glibc keep freed memory in two arenas instead of eight for each core.

    With sixteen threads those cost a fifth more memory, and slow growth for long. Two are enough where one
    thread computes at a time.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)


def keep_what_is_loaded() -> None:
    """Keep the collector of cycles away from what a process has loaded, which others share after a fork.

    To look at an object is to write to it, and whoever writes to a page has it alone from then on.
    """
    gc.collect()
    gc.freeze()


def collect_rarely(*thresholds: int) -> None:
    """Keep the collector of cycles away from what lives as long as the process, and seldom at the rest.

    Called when everything is loaded. A batch of 250 statements makes some 10,000 objects, a decision many,
    and hardly one is in a cycle: with Python's own thresholds a quarter of a web worker's time went into
    looking at them, and a third of a decision's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)


def own_processor(processors: Collection[int], workers: int, taken: Sequence[int | None]) -> int | None:
    """Return the processor that one more of so many workers keeps to, the least taken one.

    The threads of a worker take turns in one interpreter: on two processors they only carry its caches to and
    fro. None where there are more processors than workers: then the others of the machine are not in the way.
    """
    if not 1 < len(processors) <= workers:
        return None
    return min(sorted(processors), key=taken.count)


def choose_processor(server: Any, worker: Any) -> None:
    """Choose the processor of a new web worker (gunicorn's `pre_fork`)."""
    worker.processor = None
    if hasattr(os, "sched_getaffinity"):
        taken = [other.processor for other in server.WORKERS.values()]
        worker.processor = own_processor(os.sched_getaffinity(0), server.cfg.workers, taken)


def keep_to_processor(_server: Any, worker: Any) -> None:
    """Keep a web worker on its processor (gunicorn's `post_fork`)."""
    if worker.processor is not None:
        os.sched_setaffinity(0, {worker.processor})


def collect_rarely_in_web_worker(_worker: Any) -> None:
    """Let a web worker that has loaded the application collect rarely (gunicorn's `post_worker_init`)."""
    collect_rarely(50_000, 20, 50)
