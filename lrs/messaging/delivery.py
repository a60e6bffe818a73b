"""Delivery of events: signed, in order per person, tried again for days (cert#8-2, cert#8-4).

One worker at a time serves an endpoint (a lease on its document, `lrs.messaging.dispatching`), so order needs
no more care.
"""

from __future__ import annotations

import datetime as dt
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson
import urllib3
from pymongo import ASCENDING, InsertOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern
from standardwebhooks import Webhook

from lrs.access.organizations import VENDOR
from lrs.foundation.fetching import FetchRefused, checked_address, connect, target, within
from lrs.foundation.settings import Settings
from lrs.messaging.event_data import for_endpoint
from lrs.messaging.webhooks import is_over, unseal
from rules.engine.queues import lease, outbox
from statements.storage.transaction import DUPLICATE_KEY

Document = dict[str, Any]

RETRIES: Final = tuple(
    dt.timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
JITTER: Final = 0.1
TIMEOUT: Final = 15.0
LEASE: Final = dt.timedelta(seconds=60)
PAUSE_AFTER: Final = 3  # consecutive failures after which an endpoint is left alone for a while
PAGE: Final = 200
REPLY_BYTES: Final = 500
TEST: Final = "webhook.test"  # the type of an event that only tests an endpoint


def fan_out(db: Database[Document], endpoint: Document, now: dt.datetime) -> int:
    """Write a delivery for each new event an endpoint wants; a repeat writes none twice."""
    mine = None if endpoint["org"] == VENDOR else _subtree(db, endpoint["org"])
    count = 0
    while rows := outbox.read_after(db, endpoint["cursor"], PAGE):
        wanted = [row for row in rows if _wants(endpoint, row, mine)]
        _insert(db, [_delivery(endpoint, row, now) for row in wanted])
        endpoint["cursor"] = rows[-1]["seq"]
        db.endpoints.update_one({"_id": endpoint["_id"]}, {"$max": {"cursor": endpoint["cursor"]}})
        count += len(wanted)
    return count


def _subtree(db: Database[Document], org: str) -> set[str]:
    return {org} | {row["_id"] for row in db.orgs.find({"ancestors": org}, {"_id": 1})}


def _wants(endpoint: Document, row: Document, mine: set[str] | None) -> bool:
    """Tell whether an endpoint gets an event: its types, and for a partner its own people and tiers only."""
    if endpoint["types"] is not None and row["type"] not in endpoint["types"]:
        return False
    return mine is None or row["data"].get("organization") in mine


def _delivery(endpoint: Document, row: Document, now: dt.datetime) -> Document:
    return {
        "_id": f"{endpoint['_id']}/{row['_id']}",
        "org": endpoint["org"],
        "endpoint": endpoint["_id"],
        "event": row["_id"],
        "seq": row["seq"],
        "person": row["data"].get("person"),
        "state": "waiting",
        "due_at": now,
        "tries": 0,
    }


def _insert(db: Database[Document], rows: list[Document]) -> None:
    try:
        if rows:
            db.deliveries.bulk_write([InsertOne(row) for row in rows], ordered=False)
    except BulkWriteError as error:
        if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
            raise


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered: status None when it gave no answer."""

    status: int | None
    reason: str

    @property
    def is_success(self) -> bool:
        """Tell whether the receiver took the event: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def post(settings: Settings, endpoint: Document, event: Document, now: dt.datetime) -> Reply:
    """Send one event, signed by every secret in force; bounded in time and in what is read of the answer."""
    body = orjson.dumps(outbox.body(event), option=orjson.OPT_UTC_Z)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Laurel",
        "webhook-id": event["_id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures(settings, endpoint, event["_id"], body, now),
        **cloud_event(settings, event),
        "Host": urlsplit(endpoint["url"]).netloc.rpartition("@")[2],
    }
    parts = urlsplit(endpoint["url"])
    started = time.monotonic()
    try:
        address = checked_address(endpoint["url"], parts, allow_private=settings.allow_private_addresses)
        with connect(parts, address) as pool, within(pool, TIMEOUT):
            answer = pool.request(
                "POST", target(parts), body=body, headers=headers, redirect=False, retries=False,
                timeout=urllib3.Timeout(total=TIMEOUT), preload_content=False,
            )  # fmt: skip
            text = answer.read(REPLY_BYTES, decode_content=False)
        if time.monotonic() - started > TIMEOUT:
            return Reply(None, f"no answer within {TIMEOUT:g} s")
        return Reply(answer.status, text.decode("utf-8", "replace"))
    except FetchRefused as refused:
        return Reply(None, refused.reason)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return Reply(None, type(error).__name__)


def test(settings: Settings, db: Database[Document], endpoint: Document, now: dt.datetime) -> Reply:
    """Send an event that says nothing but that it is a test, signed like all; the endpoint keeps the answer.

    It is no part of the feed, is tried once, and neither holds up nor disables anything.
    """
    event = {
        "_id": f"evt_test_{secrets.token_hex(12)}",
        "type": TEST,
        "timestamp": now,
        "data": {"organization": endpoint["org"], "endpoint": endpoint["_id"]},
    }
    reply = post(settings, endpoint, event, now)
    tested = {"at": now, "event": event["_id"], "status": reply.status, "reason": reply.reason[:REPLY_BYTES]}
    db.endpoints.update_one({"_id": endpoint["_id"]}, {"$set": {"tested": tested}})
    return reply


def cloud_event(settings: Settings, event: Document) -> dict[str, str]:
    """Return the headers that make a delivery a CloudEvent 1.0 in binary mode (its HTTP binding 3.1)."""
    return {f"ce-{name}": text for name, text in attributes(settings, event).items()}


def attributes(settings: Settings, event: Document) -> dict[str, str]:
    """Return the context attributes of an event as CloudEvents 1.0 names them (CloudEvents 2.1 and 3.1).

    All are ASCII, percent-encoded where they were not: several readers take no other letters.
    """
    subject = event["data"].get("person") or event["data"].get("organization")
    told = {
        "specversion": "1.0",
        "id": event["_id"],
        "source": settings.public_url,
        "type": event["type"],
        "time": event["timestamp"].astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        **({"subject": str(subject)} if subject else {}),
    }
    return {name: quote(text, safe="@:/._-") for name, text in told.items()}


def signatures(settings: Settings, endpoint: Document, event: str, body: bytes, now: dt.datetime) -> str:
    """Return the value of `webhook-signature`: one signature per secret in force (Standard Webhooks)."""
    live = [unseal(settings, s["sealed"]) for s in endpoint["secrets"] if not is_over(s, now)]
    return " ".join(Webhook(secret).sign(event, now, body.decode()) for secret in live)


def serve(
    settings: Settings,
    db: Database[Document],
    endpoint: Document,
    now: Callable[[], dt.datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Deliver what is due for a leased endpoint, in order per person; returns how many arrived.

    A person whose event failed waits for its retry, the others go on; an endpoint that gives no answer, or
    fails again and again, is left alone for a while, which costs no event a try.
    """
    arrived = 0
    blocked: set[str | None] = set()
    while not stopped() and (delivery := _next(db, endpoint, blocked)) is not None:
        person, at = delivery["person"], now()
        if delivery["due_at"] > at:
            blocked.add(person)
            continue
        event = db.outbox.find_one({"_id": delivery["event"]})
        event = event and for_endpoint(db, event, endpoint, at)
        reply = Reply(200, "the event was erased") if event is None else post(settings, endpoint, event, at)
        settle(db, endpoint, delivery, reply, now())
        if reply.status == 410 or not _still_ours(db, endpoint, now()):
            break
        if reply.is_success:
            arrived += 1
            endpoint.update(failures=0, answers=True)
            continue
        blocked.add(person)
        endpoint["failures"] = max(endpoint["failures"] + 1, PAUSE_AFTER if reply.status is None else 0)
        if endpoint["failures"] >= PAUSE_AFTER:
            break
    return arrived


def _next(db: Database[Document], endpoint: Document, blocked: set[str | None]) -> Document | None:
    wanted: Document = {"endpoint": endpoint["_id"], "state": "waiting"}
    if blocked:
        wanted["person"] = {"$nin": list(blocked)}
    return db.deliveries.find_one(wanted, sort=[("seq", ASCENDING)])


def settle(
    db: Database[Document], endpoint: Document, delivery: Document, reply: Reply, now: dt.datetime
) -> None:
    """Record what came of a try: delivered, to be tried again later, or dead."""
    tries = delivery["tries"] + 1
    last = {"at": now, "status": reply.status, "reason": reply.reason[:REPLY_BYTES]}
    if reply.is_success:
        change: Document = {"state": "delivered", "delivered_at": now}
    elif tries > len(RETRIES):
        change = {"state": "dead"}
    else:
        wait = RETRIES[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)
        change = {"due_at": now + wait}
    # Not waiting for the disk: should MongoDB fail and forget this, the event goes out again under its id.
    quickly = db.deliveries.with_options(write_concern=WriteConcern(w=1))
    quickly.update_one({"_id": delivery["_id"]}, {"$set": {**change, "tries": tries, "last": last}})
    if reply.status == 410:
        gone = {"enabled": False, "disabled_reason": "the receiver answered 410 Gone", "updated_at": now}
        db.endpoints.update_one({"_id": endpoint["_id"]}, {"$set": gone, "$inc": {"version": 1}})


def _still_ours(db: Database[Document], endpoint: Document, now: dt.datetime) -> bool:
    """Renew the lease; false when the endpoint was disabled or another worker took it over."""
    if endpoint["leased_until"] - now > LEASE / 2:
        return True
    return lease.renew(db.endpoints, endpoint, now, LEASE, where={"enabled": True})
