"""Webhook endpoints: who gets which events, where, and under which secrets (cert#8-2).

endpoints  {_id "ep_…", org, url, types, contact, consent, secrets [{sealed, until}], enabled,
            disabled_reason, cursor, failures, answers, next_at, leased_until, created_at, updated_at,
            version, tested? {at, event, status, reason}}
deliveries {_id "<endpoint>/<event>", org, endpoint, event, seq, person, state waiting|delivered|dead,
            due_at, tries, last {at, status, reason}, delivered_at}

Secrets are kept sealed with the passphrase of the signing keys: signing needs them in plain, so they cannot
be hashed. `lrs.messaging.delivery` delivers; `answers` tells that the receiver took the last event.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.foundation import sealing
from lrs.foundation.errors import Collision, InvalidField, UnknownThing
from lrs.foundation.fetching import FetchRefused, checked_address
from lrs.foundation.settings import Settings

Document = dict[str, Any]
PURPOSE: Final = "webhook secrets"

MOST_OF_ORG: Final = 16
OVERLAP: Final = dt.timedelta(hours=24)

INDEXES: dict[str, list[IndexModel]] = {
    "endpoints": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("enabled", ASCENDING), ("answers", ASCENDING), ("next_at", ASCENDING)]),
    ],
    "deliveries": [
        IndexModel([("endpoint", ASCENDING), ("state", ASCENDING), ("seq", ASCENDING)]),
        IndexModel([("org", ASCENDING), ("endpoint", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("state", ASCENDING), ("due_at", ASCENDING)]),
        IndexModel([("delivered_at", ASCENDING)], expireAfterSeconds=30 * 24 * 3600),
    ],
}


def create(
    settings: Settings,
    db: Database[Document],
    *,
    org: str,
    url: str,
    types: list[str] | None,
    now: dt.datetime,
    contact: list[str] | None = None,
    consent: str = "needed",
) -> tuple[Document, str]:
    """Make an endpoint that gets the events from now on; returns it and its secret, which is shown once.

    Raises InvalidField for the address, Collision where the organization has MOST_OF_ORG.
    """
    check_url(settings, url)
    if db.endpoints.count_documents({"org": org}, limit=MOST_OF_ORG) == MOST_OF_ORG:
        raise Collision(f"an organization has at most {MOST_OF_ORG} webhooks; delete one first")
    secret = new_secret()
    newest = db.outbox.find_one({"org": VENDOR, "seq": {"$exists": True}}, {"seq": 1}, sort=[("seq", -1)])
    endpoint: Document = {
        "_id": "ep_" + secrets.token_hex(12),
        "org": org,
        "url": url,
        "types": types,
        "contact": contact or [],
        "consent": consent,
        "secrets": [{"sealed": seal(settings, secret), "until": None}],
        "enabled": True,
        "disabled_reason": None,
        "cursor": newest["seq"] if newest else 0,
        "failures": 0,
        "answers": False,
        "next_at": now,
        "leased_until": now,
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    db.endpoints.insert_one(endpoint)
    return endpoint, secret


def check_url(settings: Settings, url: str) -> None:
    """Refuse an address that is not https, or private unless that is allowed; raises InvalidField."""
    try:
        checked_address(url, urlsplit(url), allow_private=settings.allow_private_addresses)
    except (FetchRefused, ValueError) as error:
        raise InvalidField("url", str(error)) from error


def get(db: Database[Document], org: str, endpoint: str) -> Document:
    """Return an endpoint of an organization; UnknownThing if there is none."""
    found = db.endpoints.find_one({"_id": endpoint, "org": org})
    if found is None:
        raise UnknownThing("webhook", endpoint)
    return found


def rotate(settings: Settings, db: Database[Document], endpoint: Document, now: dt.datetime) -> str:
    """Give an endpoint a new secret; the old ones sign beside it for a day."""
    secret = new_secret()
    old = [{**s, "until": s["until"] or now + OVERLAP} for s in endpoint["secrets"] if not is_over(s, now)]
    fresh = [{"sealed": seal(settings, secret), "until": None}, *old]
    change = {"$set": {"secrets": fresh, "updated_at": now}, "$inc": {"version": 1}}
    db.endpoints.update_one({"_id": endpoint["_id"]}, change)
    return secret


def new_secret() -> str:
    """Return a secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def seal(settings: Settings, secret: str) -> bytes:
    """Encrypt a secret with the passphrase of the keys."""
    return sealing.seal(settings, PURPOSE, secret)


def unseal(settings: Settings, sealed: bytes) -> str:
    """Return a sealed secret in plain."""
    return sealing.unseal(settings, PURPOSE, sealed)


def reseal(settings: Settings, db: Database[Document], session: ClientSession) -> int:
    """Seal the secrets of all endpoints with the passphrase of now; return how many endpoints."""
    found = list(db.endpoints.find({}, {"secrets": 1}, session=session))
    for one in found:
        fresh = [{**s, "sealed": sealing.reseal(settings, PURPOSE, s["sealed"])} for s in one["secrets"]]
        db.endpoints.update_one({"_id": one["_id"]}, {"$set": {"secrets": fresh}}, session=session)
    return len(found)


def is_over(secret: Mapping[str, Any], now: dt.datetime) -> bool:
    """Tell whether a secret signs no more."""
    return secret["until"] is not None and secret["until"] <= now


def resend(
    db: Database[Document], org: str, endpoint: str, now: dt.datetime, event: str | None = None
) -> int:
    """Let one event, or all dead ones, of an endpoint be delivered again; returns how many."""
    wanted: Document = {"org": org, "endpoint": endpoint, "state": "dead"}
    if event is not None:
        wanted = {"org": org, "_id": f"{endpoint}/{event}"}
    change = {"$set": {"state": "waiting", "due_at": now, "tries": 0}, "$unset": {"delivered_at": ""}}
    found = db.deliveries.update_many(wanted, change)
    if event is not None and not found.matched_count:
        raise UnknownThing("delivery", event)
    db.endpoints.update_one({"_id": endpoint}, {"$set": {"next_at": now, "failures": 0}})
    return found.matched_count
