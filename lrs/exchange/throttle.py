"""Long work that shares a machine gives way to others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Throttle:
    """Gives way to others: rests after each piece of work for as long as others were in its way.

    Who shares processors, or the lock of one Python process, is kept waiting now and then: work takes longer
    than its processor time. On an idle machine there is no rest; on a busy one the export leaves MOST of
    the time to others.
    """

    MOST = 3.0  # rests for each piece of work
    DISTURBED = 1.2  # waiting less than this is chance

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    @contextmanager
    def work(self) -> Iterator[None]:
        """Time a piece of work that waits for nothing but processors, and rest after it where due."""
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        self.rest(time.perf_counter() - wall, time.thread_time() - cpu)

    def rest(self, wall: float, cpu: float) -> None:
        """Rest after work that took `wall` seconds, `cpu` of them on a processor."""
        if wall > self.DISTURBED * cpu:
            self._sleep(min(self.MOST * wall, 1.0))
