"""Figures over everybody that cost more than a page may take: remembered in a process, made anew beside it.

Figures are good for twenty times what their making takes, a minute at most. Where that is quick, a page waits
for it; where it is not, a page gets what is remembered, and a thread makes it anew. What is slow and has a
name is kept in the database as well, by the worker too: so a process that begins need not make it first.

figures {_id: name, org: "vendor", at, took, body (compressed JSON)}, gone when they are too old to be shown
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import orjson
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lrs.foundation.context import Services
from rules.stored import VENDOR

Document = dict[str, Any]
T = TypeVar("T")
log = logging.getLogger("lrs.figures")

SHARE: Final = 20  # times what the making takes, figures are good for
FRESH: Final = dt.timedelta(seconds=60)  # they are good for, at most
OLDEST: Final = dt.timedelta(minutes=10)  # that are shown while they are made anew
QUICK: Final = 0.1  # seconds of making that a page waits for
KEPT_ANEW: Final = dt.timedelta(minutes=4)  # after which the worker makes them again
LARGEST: Final = 15_000_000  # bytes: what MongoDB takes in a document

INDEXES: dict[str, list[IndexModel]] = {
    "figures": [IndexModel([("at", ASCENDING)], expireAfterSeconds=int(OLDEST.total_seconds()))],
}


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """Under which name figures are kept, and what makes figures of their JSON again."""

    name: str
    read: Callable[[Any], T]


class Figures(Generic[T]):
    """What `make` makes of the database at an instant, remembered with when it was made."""

    def __init__(
        self,
        services: Services,
        make: Callable[[Database[Document], dt.datetime], T],
        kept: Kept[T] | None = None,
    ) -> None:
        self._services = services
        self._make = make
        self._kept = kept
        self._lock = threading.Lock()
        self._known: tuple[T, dt.datetime] | None = None
        self._took = 0.0  # seconds
        self._is_making = False
        self._kept_at: dt.datetime | None = None  # by this process, for all

    def get(self) -> tuple[T, dt.datetime]:
        """Return the figures and when they were made."""
        known, now = self._known, self._services.now()
        if known is None or not dt.timedelta(0) <= now - known[1] < OLDEST:
            with self._lock:
                remembered = self._known if self._known is not known else None
                known = remembered or self._brought(now, OLDEST) or self._made(now)
        if now - known[1] <= min(FRESH, dt.timedelta(seconds=SHARE * self._took)):
            return known
        if self._took < QUICK:
            return self._made(now)
        with self._lock:
            begins, self._is_making = not self._is_making, True
        if begins:
            threading.Thread(target=self._make_beside, args=(now,), name="figures", daemon=True).start()
        return known

    def keep(self) -> None:
        """Make the figures and keep them for all processes, unless somebody did so lately."""
        now = self._services.now()
        if self._kept is None or (self._kept_at and dt.timedelta(0) <= now - self._kept_at < KEPT_ANEW):
            return
        row = self._services.db.figures.find_one({"_id": self._kept.name}, {"at": 1})
        if row is None or not dt.timedelta(0) <= now - row["at"] < KEPT_ANEW:
            self._made(now)
            self._known = None  # nobody looks at them here
        self._kept_at = now

    def _made(self, now: dt.datetime) -> tuple[T, dt.datetime]:
        began = time.perf_counter()
        found = self._make(self._services.db, now), now
        self._took, self._known = time.perf_counter() - began, found
        if self._kept is not None and self._took >= QUICK:
            self._write(self._kept.name, *found)
        return found

    def _write(self, name: str, found: T, at: dt.datetime) -> None:
        body = zlib.compress(orjson.dumps(found, default=list), 1)
        if len(body) > LARGEST:
            return
        row = {"org": VENDOR, "at": at, "took": self._took, "body": body}
        try:
            self._services.db.figures.replace_one({"_id": name}, row, upsert=True)
        except PyMongoError as error:
            log.warning("figures of pages could not be kept: %s", error)

    def _brought(self, now: dt.datetime, oldest: dt.timedelta) -> tuple[T, dt.datetime] | None:
        """Return what is kept, None where nothing is that is young enough."""
        if self._kept is None:
            return None
        row = self._services.db.figures.find_one({"_id": self._kept.name, "org": VENDOR})
        if row is None or not dt.timedelta(0) <= now - row["at"] < oldest:
            return None
        try:
            found = self._kept.read(orjson.loads(zlib.decompress(row["body"]))), row["at"]
        except (TypeError, ValueError, KeyError):  # a process of another version kept them
            return None
        self._took, self._known = row["took"], found
        return found

    def _make_beside(self, now: dt.datetime) -> None:
        try:
            if self._brought(now, FRESH) is None:
                self._made(now)
        except PyMongoError as error:
            log.warning("figures of pages could not be made anew: %s", error)
        finally:
            self._is_making = False
