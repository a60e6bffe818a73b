"""Figures over everybody that cost more than a page may take: remembered in a process, made anew beside it.

Figures are good for twenty times what their making takes, a minute at most. Where that is quick, a page waits
for it; where it is not, a page gets what is remembered, and a thread makes it anew.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from pymongo.database import Database
from pymongo.errors import PyMongoError

from lrs.foundation.context import Services

Document = dict[str, Any]
T = TypeVar("T")
log = logging.getLogger("lrs.figures")

SHARE: Final = 20  # times what the making takes, figures are good for
FRESH: Final = dt.timedelta(seconds=60)  # they are good for, at most
OLDEST: Final = dt.timedelta(minutes=10)  # that are shown while they are made anew
QUICK: Final = 0.1  # seconds of making that a page waits for


class Figures(Generic[T]):
    """What `make` makes of the database at an instant, remembered with when it was made."""

    def __init__(self, services: Services, make: Callable[[Database[Document], dt.datetime], T]) -> None:
        self._services = services
        self._make = make
        self._lock = threading.Lock()
        self._known: tuple[T, dt.datetime] | None = None
        self._took = 0.0  # seconds
        self._is_making = False

    def get(self) -> tuple[T, dt.datetime]:
        """Return the figures and when they were made."""
        known, now = self._known, self._services.now()
        if known is None or not dt.timedelta(0) <= now - known[1] < OLDEST:
            with self._lock:
                return self._known if self._known is not known and self._known else self._made(now)
        if now - known[1] <= min(FRESH, dt.timedelta(seconds=SHARE * self._took)):
            return known
        if self._took < QUICK:
            return self._made(now)
        with self._lock:
            begins, self._is_making = not self._is_making, True
        if begins:
            threading.Thread(target=self._make_beside, args=(now,), name="figures", daemon=True).start()
        return known

    def _made(self, now: dt.datetime) -> tuple[T, dt.datetime]:
        began = time.perf_counter()
        found = self._make(self._services.db, now), now
        self._took, self._known = time.perf_counter() - began, found
        return found

    def _make_beside(self, now: dt.datetime) -> None:
        try:
            self._made(now)
        except PyMongoError as error:
            log.warning("figures of pages could not be made anew: %s", error)
        finally:
            self._is_making = False
