"""What is measured: the id and the time of every request, counters, and /metrics for Prometheus."""

from __future__ import annotations

import hmac
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from flask import Blueprint, Flask, Response, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from lrs.foundation.context import Services, current_request, current_services, request_state
from lrs.foundation.watching import logs

log = logging.getLogger("lrs.requests")
blueprint = Blueprint("metrics", __name__)

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"
# from a millisecond to the longest that gunicorn lets a request take
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
REQUESTS = Counter("laurel_requests", "Requests answered", ["endpoint", "method", "status"])
SECONDS = Histogram("laurel_request_seconds", "Time to answer", ["endpoint"], buckets=BUCKETS)
STORED = Counter("laurel_statements_stored", "Statements accepted and durable")


class RequestIds:
    """Cheap ids: random per process, counted per request."""

    def __init__(self) -> None:
        self.pid = 0
        self.prefix = ""
        self.count = 0

    def new(self) -> str:
        """Return the next id; a forked child draws its own prefix."""
        if self.pid != os.getpid():
            self.pid, self.prefix, self.count = os.getpid(), os.urandom(5).hex(), 0
        self.count += 1
        return f"{self.prefix}-{self.count:x}"


IDS = RequestIds()


def begin() -> None:
    """Give the request its id (the caller's `X-Request-Id` when it is a plain one) and its start."""
    given = current_request().environ.get("HTTP_X_REQUEST_ID")
    one = request_state()
    one.request_id = given if given and GIVEN_ID.fullmatch(given) else IDS.new()
    logs.request_id.set(one.request_id)
    one.began = time.perf_counter()


@lru_cache(maxsize=1000)
def measures(endpoint: str, method: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
    """Return what counts an answer and what observes its seconds; finding them costs more than counting."""
    known = method if method in METHODS else "other"
    return REQUESTS.labels(endpoint, known, status).inc, SECONDS.labels(endpoint).observe


def finish(response: Response) -> Response:
    """Count the answer and name its request id."""
    one = request_state()
    if "began" not in one:
        return response
    seconds = time.perf_counter() - one.began
    what, status = current_request(), response.status_code
    count, observe = measures(what.endpoint or "-", what.method, status)
    count()
    observe(seconds)
    response.headers["X-Request-Id"] = one.request_id
    if log.isEnabledFor(logging.INFO):
        log_access(response, seconds)
    return response


def log_access(response: Response, seconds: float) -> None:
    """Log who asked which route, and what came of it; no value of the address or the query."""
    what, principal = current_request(), request_state().get("principal")
    facts: dict[str, Any] = {
        "client": "-" if principal is None else principal.id,
        "method": what.method,
        "route": "-" if what.url_rule is None else what.url_rule.rule,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "bytes": response.content_length,  # None: streamed
    }
    told = "%(client)s %(method)s %(route)s %(status)d %(ms)s ms %(bytes)s bytes"
    log.info(told, facts, extra=facts)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Answer Prometheus's text format over all processes, to this machine or to the metrics token.

    A count must not tell one organization about another (design invariant 6), so strangers get 404.
    """
    services = current_services()
    if not may_see_metrics(services):
        return Response("not found\n", 404, content_type="text/plain; charset=utf-8")
    registry = CollectorRegistry()
    if MULTIPROC in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client has no types here
    else:
        registry.register(_Everything())
    registry.register(Waiting(services))
    return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


def may_see_metrics(services: Services) -> bool:
    """Tell whether the caller holds `LRS_METRICS_TOKEN`, or, when none is set, sits on this machine."""
    token = services.settings.metrics_token
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    forwarded = {"HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP"} & request.environ.keys()
    return request.remote_addr in {"127.0.0.1", "::1"} and not forwarded


class _Everything(Collector):
    """The metrics of this one process (development server, tests)."""

    def collect(self) -> Iterator[Any]:
        """Yield what the default registry holds."""
        yield from REGISTRY.collect()


class Waiting(Collector):
    """What waits in MongoDB, counted when asked: statements to evaluate and events to deliver."""

    LIMIT = 100_000

    def __init__(self, services: Services) -> None:
        self.services = services

    def collect(self) -> Iterator[Any]:
        """Yield the gauges; counts stop at LIMIT so that a scrape stays cheap."""
        db = self.services.db
        pending = {"pending": True}
        yield GaugeMetricFamily(
            "laurel_pending_statements",
            "Statements that the certification engine has still to look at",
            value=db.statements.count_documents(pending, limit=self.LIMIT),
        )
        oldest = db.statements.find_one(pending, {"stored": 1}, sort=[("_id", 1)])
        age = 0.0 if oldest is None else (self.services.now() - oldest["stored"]).total_seconds()
        yield GaugeMetricFamily(
            "laurel_pending_age_seconds", "Age of the oldest statement not yet looked at", value=age
        )
        disk = db.command("dbStats")
        if "fsTotalSize" in disk:
            free = disk["fsTotalSize"] - disk["fsUsedSize"]
            yield GaugeMetricFamily("laurel_disk_free_bytes", "Free room on MongoDB's disk", value=free)
        yield GaugeMetricFamily(
            "laurel_outbox_waiting",
            "Events and notices not yet delivered",
            value=self._undelivered(),
        )

    def _undelivered(self) -> int:
        """Count events without a number, deliveries to endpoints and mails that wait."""
        db = self.services.db
        endpoints = [row["_id"] for row in db.endpoints.find({}, {"_id": 1})]
        waiting: list[tuple[str, dict[str, Any]]] = [
            ("outbox", {"unnumbered": True}),
            ("deliveries", {"endpoint": {"$in": endpoints}, "state": "waiting"}),
            ("mails", {"state": "waiting"}),
        ]
        return sum(db[name].count_documents(which, limit=self.LIMIT) for name, which in waiting)


def register(app: Flask) -> None:
    """Install the measures of every request and their route."""
    app.register_blueprint(blueprint)
    app.before_request(begin)
    app.after_request(finish)
