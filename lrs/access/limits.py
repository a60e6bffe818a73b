"""Limits of clients, launches, organizations and addresses, kept so that all machines agree.

A request is counted here, in memory, and compared with what all processes had together a second ago: counts
go to MongoDB and totals come back once a second, beside the requests. So a limit may be passed by what the
other processes let in within one second, and a request pays for a few additions only. What has no limit is
not counted. The windows are of ten seconds for `requests`, of a day (UTC) for `bytes` and `statements`.

usage         {_id "<who>-<what>/<id>/<window>", count, expires_at}
export_places {_id "<org>/<number>", until}: a lease on one of the places for exports of an organization
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, Request, Response
from prometheus_client import Counter
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from lrs.access.auth import Principal
from lrs.foundation.context import Services, request_state
from lrs.foundation.errors import Collision, LimitReached
from lrs.foundation.settings import Settings, read_limits

Document = dict[str, Any]

SYNCED_EVERY: Final = 1.0  # seconds
WINDOWS: Final = {"requests": 10, "bytes": 86_400, "statements": 86_400}  # seconds
UNITS: Final = {"requests": "", "bytes": ';qu="content-bytes"', "statements": ';qu="statements"'}
MOST_KEPT: Final = 20_000  # buckets of a process before those of past windows are forgotten
EXPORT_LEASE: Final = dt.timedelta(hours=1)  # an export that takes longer no longer counts
REFUSED: Final = Counter("laurel_limited", "Requests refused by a limit", ["limit"])

INDEXES: dict[str, list[IndexModel]] = {
    "usage": [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
    "export_places": [IndexModel([("until", ASCENDING)], expireAfterSeconds=0)],
}


@dataclass(frozen=True, slots=True)
class Rate:
    """What one of a kind may use in a window of so many seconds."""

    what: str
    label: str
    quota: int
    seconds: int
    policy: str

    @classmethod
    def of(cls, who: str, what: str, limit: int) -> Rate:
        """Return a limit as it is counted: requests are limited by the second, and counted over ten."""
        label, seconds = f"{who}-{what}", WINDOWS[what]
        quota = limit * seconds if what == "requests" else limit
        return cls(what, label, quota, seconds, f'"{label}";q={quota};w={seconds}{UNITS[what]}')


@dataclass(slots=True)
class Bucket:
    """What somebody used in a window: `total` of all processes as last heard, `mine` not told yet."""

    id: str
    ends: int  # seconds since 1970
    total: int = 0
    mine: int = 0


Noted = tuple[float, Rate, int, int]  # the part that is left, of which limit, how much, for how many seconds


class Limits:
    """The limits of one installation, and what this process counted."""

    def __init__(self, services: Services) -> None:
        given = read_limits(services.settings.limits)
        self._rates: dict[str, list[Rate]] = {}
        for (who, what), limit in given.items():
            if what in WINDOWS:
                self._rates.setdefault(who, []).append(Rate.of(who, what, limit))
        self._exports, self._people = given.get(("org", "exports")), given.get(("org", "people"))
        self._usage = services.db.get_collection("usage", write_concern=WriteConcern(w=1))
        self._db, self._now = services.db, services.now
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str], Bucket] = {}  # by label and whose
        self._timer: threading.Timer | None = None

    def admit_address(self, address: str | None) -> None:
        """Count a request of an address, before anybody asks who it is; raises LimitReached."""
        if rates := self._rates.get("address"):
            self._charge([(rates, address or "")], {"requests": 1})

    def admit(self, principal: Principal, request: Request) -> None:
        """Count a request and the bytes of its body; raises LimitReached."""
        if self._rates and (payers := self._payers(principal)):
            self._charge(payers, {"requests": 1, "bytes": request.content_length or 0})

    def admit_directory(self, token: str, org: str, request: Request) -> None:
        """Count a request of an organization's directory, which asks by a token; raises LimitReached."""
        given = ((self._rates.get("client"), token), (self._rates.get("org"), org))
        if payers := [(rates, whose) for rates, whose in given if rates is not None]:
            self._charge(payers, {"requests": 1, "bytes": request.content_length or 0})

    def admit_statements(self, principal: Principal, count: int) -> None:
        """Count statements before they are stored; raises LimitReached."""
        if self._rates and (payers := self._payers(principal)):
            self._charge(payers, {"statements": count})

    def _payers(self, principal: Principal) -> list[tuple[list[Rate], str]]:
        """Return whose limits a principal uses up: its own and its organization's.

        Learners are the vendor's by their account alone: who may do nothing there uses nothing of it up.
        """
        own = self._rates.get("launch" if principal.kind == "launch" else "client")
        org = self._rates.get("org") if principal.scopes else None
        if own is None and org is None:
            return []
        return [
            (rates, whose)
            for rates, whose in ((own, principal.id), (org, principal.org))
            if rates is not None
        ]

    def _charge(self, payers: list[tuple[list[Rate], str]], used: dict[str, int]) -> None:
        """Count what is used against every limit; raises LimitReached where it does not fit.

        What was refused counts for the limits before the one that refused it only.
        """
        now = self._now().timestamp()
        one = request_state()
        tightest: Noted | None = one.get("limit")
        for rates, whose in payers:
            for rate in rates:
                amount = used.get(rate.what)
                if amount is None:
                    continue
                bucket = self._buckets.get((rate.label, whose))
                if bucket is None or now >= bucket.ends:
                    bucket = self._begin(rate, whose, now)
                with self._lock:
                    left = rate.quota - bucket.total - bucket.mine - amount
                    if left >= 0:
                        bucket.mine += amount
                part = left / rate.quota
                if tightest is None or part < tightest[0]:
                    tightest = one.limit = (part, rate, max(left, 0), int(bucket.ends - now) + 1)
                if left < 0:
                    REFUSED.labels(rate.label).inc()
                    raise LimitReached(rate.label, tightest[3])
        if self._timer is None:
            self._wake()

    def _begin(self, rate: Rate, whose: str, now: float) -> Bucket:
        """Return the bucket of a new window; what others used of a day is asked for once."""
        window = int(now // rate.seconds)
        bucket = Bucket(f"{rate.label}/{whose}/{window}", (window + 1) * rate.seconds)
        if rate.seconds > WINDOWS["requests"]:
            with contextlib.suppress(PyMongoError):
                found = self._usage.find_one({"_id": bucket.id})
                bucket.total = found["count"] if found else 0
        with self._lock:
            known = self._buckets.get((rate.label, whose))
            if known is None or known.id != bucket.id:
                self._buckets[rate.label, whose] = known = bucket
        return known

    def _wake(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(SYNCED_EVERY, self.synchronize)
                self._timer.daemon = True
                self._timer.start()

    def synchronize(self) -> None:
        """Tell MongoDB what was counted here, and learn what all counted."""
        with self._lock:
            self._timer = None
            news = [(bucket, bucket.mine) for bucket in self._buckets.values() if bucket.mine]
            for bucket, mine in news:
                bucket.total, bucket.mine = bucket.total + mine, 0
            if len(self._buckets) > MOST_KEPT:
                now = self._now().timestamp()
                self._buckets = {name: one for name, one in self._buckets.items() if one.ends > now}
        if not news:
            return
        known = {bucket.id: bucket for bucket, _ in news}
        with contextlib.suppress(PyMongoError):  # what others do is heard next time
            self._usage.bulk_write([_write(bucket, mine) for bucket, mine in news], ordered=False)
            for row in self._usage.find({"_id": {"$in": list(known)}}):
                known[row["_id"]].total = row["count"]

    def check_people(self, org: str) -> None:
        """Raise Collision where as many people belong to an organization as may."""
        limit, now = self._people, {"org": org, "until": None}
        if limit is not None and self._db.affiliations.count_documents(now, limit=limit) >= limit:
            raise Collision(f"{limit} people belong to the organization, and no more may")

    @contextlib.contextmanager
    def export(self, org: str) -> Iterator[None]:
        """Hold one of the places for exports of an organization; raises LimitReached where all are taken."""
        place = None if self._exports is None else self._place(org, self._exports)
        try:
            yield
        finally:
            if place is not None:
                self._db.export_places.delete_one(place)

    def _place(self, org: str, limit: int) -> Document:
        for number in range(limit):
            place, now = f"{org}/{number}", self._now()
            until = (now + EXPORT_LEASE).replace(microsecond=0)
            with contextlib.suppress(DuplicateKeyError):
                free = {"_id": place, "until": {"$lte": now}}
                self._db.export_places.update_one(free, {"$set": {"until": until}}, upsert=True)
                return {"_id": place, "until": until}
        REFUSED.labels("org-exports").inc()
        raise LimitReached("org-exports", 60)


def _write(bucket: Bucket, count: int) -> UpdateOne:
    ends = dt.datetime.fromtimestamp(bucket.ends, dt.UTC) + dt.timedelta(minutes=1)
    change = {"$inc": {"count": count}, "$setOnInsert": {"expires_at": ends}}
    return UpdateOne({"_id": bucket.id}, change, upsert=True)


def register(app: Flask, settings: Settings) -> None:
    """Let answers tell of the limits, where there are any."""
    if settings.limits:
        app.after_request(tell)


def tell(response: Response) -> Response:
    """Add what an answer tells of the limit that is nearest (draft-ietf-httpapi-ratelimit-headers)."""
    noted: Noted | None = request_state().get("limit")
    if noted is not None:
        _, rate, left, wait = noted
        response.headers["RateLimit-Policy"] = rate.policy
        response.headers["RateLimit"] = f'"{rate.label}";r={left};t={wait}'
    return response
