"""Which endpoint gets a thread: one that hangs, or forty of them, delay no good one.

Threads mostly wait for receivers, so there are many. Endpoints that did not take the last event, or never
took one, share a part of them, and each organization has a share of that: some are always free for others.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pymongo import ASCENDING
from pymongo.database import Database

from lrs.foundation.settings import Settings
from lrs.messaging.delivery import LEASE, PAUSE_AFTER, fan_out, serve
from lrs.messaging.webhooks import MOST_OF_ORG
from rules.engine.queues import lease

Document = dict[str, Any]

THREADS: Final = 64
DOUBTFUL: Final = 48  # threads for endpoints that did not answer last time, or never did
SHARE: Final = MOST_OF_ORG  # threads of those for one organization
FIRST_PAUSE: Final = dt.timedelta(seconds=5)
LONGEST_PAUSE: Final = dt.timedelta(minutes=5)


def take(
    db: Database[Document], now: dt.datetime, full: Collection[str] = (), *, doubtful: bool = True
) -> Document | None:
    """Take an endpoint that may have something to do and that nobody serves; who answers goes first.

    Without `doubtful`, or of the organizations that are `full`, only one that answered last time.
    """
    due = {"enabled": True, "next_at": {"$lte": now}}
    order = [("next_at", ASCENDING)]
    found = lease.take(db.endpoints, {**due, "answers": True}, now, LEASE, order)
    if found is None and doubtful:
        others = {**due, "answers": {"$ne": True}, "org": {"$nin": list(full)}}
        found = lease.take(db.endpoints, others, now, LEASE, order)
    return found


def release(db: Database[Document], endpoint: Document, now: dt.datetime) -> None:
    """Give an endpoint back, to be looked at again soon, or after a pause that grows while it fails."""
    over = endpoint["failures"] - PAUSE_AFTER
    pause = min(FIRST_PAUSE * 2 ** min(over, 10), LONGEST_PAUSE) if over >= 0 else dt.timedelta(seconds=1)
    answers = bool(endpoint.get("answers")) and not endpoint["failures"]
    after = {"failures": endpoint["failures"], "answers": answers, "next_at": now + pause}
    lease.give_back(db.endpoints, endpoint, after)


class WebhookDispatcher:
    """Serves endpoints in threads; `tick` never waits."""

    def __init__(
        self,
        settings: Settings,
        db: Database[Document],
        now: Callable[[], dt.datetime],
        threads: int = THREADS,
    ) -> None:
        self.settings, self.db, self.now = settings, db, now
        self.stopping = threading.Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhooks")
        self._free = threading.Semaphore(threads)
        self._lock = threading.Lock()
        self._doubtful: Counter[str] = Counter()  # threads under way, by organization

    def tick(self) -> int:
        """Start serving every endpoint that is due and free, as far as threads are; returns how many."""
        started = 0
        while not self.stopping.is_set() and self._free.acquire(blocking=False):
            endpoint = self._take()
            if endpoint is None:
                self._free.release()
                break
            self._pool.submit(self._serve, endpoint)
            started += 1
        return started

    def _take(self) -> Document | None:
        with self._lock:
            full = [org for org, count in self._doubtful.items() if count >= SHARE]
            room = self._doubtful.total() < DOUBTFUL
        found = take(self.db, self.now(), full, doubtful=room)
        if found is not None and not found.get("answers"):
            with self._lock:
                self._doubtful[found["org"]] += 1
        return found

    def _serve(self, endpoint: Document) -> None:
        is_doubtful = not endpoint.get("answers")
        try:
            fan_out(self.db, endpoint, self.now())
            serve(self.settings, self.db, endpoint, self.now, self.stopping.is_set)
        finally:
            release(self.db, endpoint, self.now())
            if is_doubtful:
                with self._lock:
                    self._doubtful[endpoint["org"]] -= 1
            self._free.release()

    def close(self) -> None:
        """Let the deliveries under way finish and start no more."""
        self.stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
