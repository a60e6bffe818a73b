"""Awards as xAPI statements in the vendor's store, so that learning records show what learning led to.

Each award event becomes one statement: the holder, what happened, the certification, and the evidence. Its id
follows from the event, so a repeat stores nothing. They are never marked as evidence: an award of ours must
not count towards another by accident (a `holds` requirement says so on purpose).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
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

    def handle(events: list[Document]) -> None:
        _store(settings, store, statements_of(settings, db, rules, events), now)

    return consume(db, CONSUMER, handle, lambda: now)


def statements_of(
    settings: Settings, db: Database[Document], rules: RuleSet, events: Sequence[Document]
) -> list[Document]:
    """Return the statements of those events that are about an award of somebody known."""
    told = [
        (one, verb) for one in events if one["data"].get("award") and (verb := _verb(settings, one["type"]))
    ]
    if not told:
        return []
    actors = _actors(db, {one["data"].get("person") for one, _ in told})
    evidence = _evidence(db, {one["data"]["award"] for one, _ in told})
    return [
        _statement(settings, rules, event, verb=verb, actor=actor, evidence=evidence.get(award, []))
        for event, verb in told
        if (actor := actors.get(event["data"].get("person"))) and (award := event["data"]["award"])
    ]


def _statement(
    settings: Settings,
    rules: RuleSet,
    event: Document,
    *,
    verb: Document,
    actor: Document,
    evidence: list[str],
) -> Document:
    data = event["data"]
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
                f"{ours}/evidence": evidence,
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


def _actors(db: Database[Document], persons: Collection[str]) -> dict[str, Document]:
    """Return the Agent of each of these persons who owns an identifier now."""
    rows = db.people.find({"_id": {"$in": list(persons)}}, {"ifis": 1, "name": 1})
    return {row["_id"]: actor for row in rows if (actor := _actor(row)) is not None}


def _actor(person: Document) -> Document | None:
    owned = [one["ifi"] for one in person.get("ifis", []) if one.get("until") is None]
    chosen = min(owned, key=lambda ifi: (not ifi.startswith("mbox::"), ifi), default=None)
    if chosen is None:
        return None
    named = {"name": person["name"]} if person.get("name") else {}
    return {"objectType": "Agent", **named, **_identifier(chosen)}


def _identifier(ifi: str) -> Document:
    kind, _, value = ifi.partition("::")
    if kind != "account":
        return {kind: value}
    name, _, home = value.rpartition("@")
    return {"account": {"homePage": home, "name": name}}


def _evidence(db: Database[Document], awards: Collection[str]) -> dict[str, list[str]]:
    """Return the evidence of the newest period of each of these awards."""
    rows = db.awards.find({"_id": {"$in": list(awards)}}, {"periods.evidence": 1})
    return {row["_id"]: list(row["periods"][-1]["evidence"]) for row in rows if row.get("periods")}


def _text(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _store(settings: Settings, store: StatementStore, told: Sequence[Document], now: dt.datetime) -> None:
    """Store statements together; each by itself where one of them was told before in other words."""
    if not told:
        return
    account = {"homePage": settings.public_url, "name": "laurel"}
    writer = Writer(OWN_CLIENT, OWN_CLIENT, "vendor", {"objectType": "Agent", "account": account})
    try:
        store_statements(store, parse_statements(orjson.dumps(told)), writer=writer, version="1.0.3", now=now)
    except StatementConflict:  # the same event, told before under the name the holder had then
        if len(told) > 1:
            for one in told:
                _store(settings, store, [one], now)
