"""Awards as xAPI statements in the vendor's store, so that learning records show what learning led to.

Each award event becomes one statement: the holder, what happened, the certification, and the evidence. Its id
follows from the event, so a repeat stores nothing. They are never marked as evidence: an award of ours must
not count towards another by accident (a `holds` requirement says so on purpose).
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from pymongo.database import Database

from lrs.access.clients import OWN_CLIENT
from lrs.access.organizations import VENDOR
from lrs.foundation.settings import Settings
from lrs.messaging.event_consumers import consume
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from statements.errors import StatementConflict
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

Document = dict[str, Any]
NAMESPACE: Final = UUID("0b0d4f0e-8d0b-5c39-9f0e-6f6f2a1f7c11")
CONSUMER: Final = "award statements"
CERTIFIED: Final = "https://w3id.org/xapi/tla/verbs/certified"
CREDENTIAL: Final = "https://w3id.org/xapi/tla/activity-types/credential"
OUR_VERBS: Final = ("renewed", "suspended", "reinstated", "revoked", "withdrawn", "expired", "extended")


def write_back(settings: Settings, db: Database[Document], now: dt.datetime) -> int:
    """Write the statements of new award events; returns how many events were read (a job of the worker)."""
    rules = cache_of(db).get()
    store = StatementStore(db, VENDOR)

    def handle(event: Document) -> None:
        statement = statement_of(settings, db, rules, event)
        if statement is not None:
            _store(settings, store, statement, now)

    return consume(db, CONSUMER, handle, lambda: now)


def statement_of(
    settings: Settings, db: Database[Document], rules: RuleSet, event: Document
) -> Document | None:
    """Return the statement of an event; None for one that is not about an award of somebody known."""
    verb = _verb(settings, event["type"])
    data = event["data"]
    actor = _actor(db, data.get("person"))
    if verb is None or actor is None or not data.get("award"):
        return None
    name, ours = data["certification"], f"{settings.public_url}/extensions"
    newest = rules.newest("Certification", name)
    return {
        "id": str(uuid5(NAMESPACE, event["_id"])),
        "actor": actor,
        "verb": verb,
        "object": {
            "objectType": "Activity",
            "id": f"{settings.public_url}/certifications/{name}",
            "definition": {"type": CREDENTIAL, "name": {"en": newest.document.title if newest else name}},
        },
        "context": {
            "extensions": {
                f"{ours}/award": f"{settings.public_url}/credentials/{data['award']}",
                f"{ours}/evidence": _evidence(db, data),
            }
        },
        "timestamp": _text(event["timestamp"]),
    }


def _verb(settings: Settings, kind: str) -> Document | None:
    family, _, what = kind.partition(".")
    if family != "award":
        return None
    if what == "issued":
        return {"id": CERTIFIED, "display": {"en": "was certified in"}}
    if what in OUR_VERBS:
        return {"id": f"{settings.public_url}/verbs/{what}", "display": {"en": what}}
    return None


def _actor(db: Database[Document], person: str | None) -> Document | None:
    found = db.people.find_one({"_id": person}, {"ifis": 1, "name": 1})
    if not found:
        return None
    owned = [one["ifi"] for one in found.get("ifis", []) if one.get("until") is None]
    chosen = min(owned, key=lambda ifi: (not ifi.startswith("mbox::"), ifi), default=None)
    if chosen is None:
        return None
    named = {"name": found["name"]} if found.get("name") else {}
    return {"objectType": "Agent", **named, **_identifier(chosen)}


def _identifier(ifi: str) -> Document:
    kind, _, value = ifi.partition("::")
    if kind != "account":
        return {kind: value}
    name, _, home = value.rpartition("@")
    return {"account": {"homePage": home, "name": name}}


def _evidence(db: Database[Document], data: Document) -> list[str]:
    award = db.awards.find_one({"_id": data["award"]}, {"periods.evidence": 1})
    periods = award.get("periods", []) if award else []
    return list(periods[-1]["evidence"]) if periods else []


def _text(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _store(settings: Settings, store: StatementStore, statement: Document, now: dt.datetime) -> None:
    account = {"homePage": settings.public_url, "name": "laurel"}
    writer = Writer(OWN_CLIENT, OWN_CLIENT, "vendor", {"objectType": "Agent", "account": account})
    try:
        store_statements(
            store, parse_statements(orjson.dumps(statement)), writer=writer, version="1.0.3", now=now
        )
    except StatementConflict:
        return  # the same event, told before under the name the holder had then
