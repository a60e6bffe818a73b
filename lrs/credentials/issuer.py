"""The issuer of this deployment: keys, name, store, events and choices tied together; the worker's part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from pymongo.database import Database

from lrs.credentials.consent import DisplayStore, Links
from lrs.credentials.keys import issuer, key_store, link_secrets
from lrs.foundation.settings import Settings
from rules.catalogue.store import cache_of
from rules.credentials import due_awards
from rules.credentials.issuing import CredentialIssuer
from rules.credentials.status_publishing import republish_due
from rules.credentials.store import CredentialStore

Document = dict[str, Any]


def make_issuer(settings: Settings, db: Database[Document]) -> CredentialIssuer:
    """Return the issuer over a database; keys are opened when they are first needed."""
    displays = DisplayStore(db)

    def displayed(awards: Collection[tuple[str, str]]) -> Collection[str]:
        return {award for award, choice in displays.of(awards).items() if choice.shown}

    def detailed(awards: Collection[tuple[str, str]]) -> Collection[str]:
        return {award for award, choice in displays.of(awards).items() if choice.evidence}

    return CredentialIssuer(
        CredentialStore(db),
        key_store(settings, db),
        issuer(settings),
        due_awards.announcer(db),
        displayed,
        detailed,
    )


DESKS: dict[tuple[Settings, int, str], CredentialIssuer] = {}
MOST_DESKS = 16


def issuer_of(settings: Settings, db: Database[Document]) -> CredentialIssuer:
    """Return the issuer that this process keeps for a client's database; its opened keys stay open."""
    name = (settings, id(db.client), db.name)  # clients of one server are equal, also when one is closed
    if name not in DESKS:
        if len(DESKS) >= MOST_DESKS:
            DESKS.clear()
        DESKS[name] = make_issuer(settings, db)
    return DESKS[name]


def links_of(settings: Settings) -> Links:
    """Return what signs and reads holders' links."""
    return Links(link_secrets(settings))


def holder_link(settings: Settings, award: str, now: dt.datetime, below: str = "") -> str:
    """Return the signed address by which a holder sees a credential and decides who sees what.

    `below` names a page under it: `needed` tells what is missing.
    """
    token = links_of(settings).make(award, "holder", now)
    return f"{settings.public_url}/credentials/{award}{'/' if below else ''}{below}?token={token}"


def issue_due(settings: Settings, db: Database[Document], now: dt.datetime) -> bool:
    """Make the credentials of awards that are due; say whether there were any (a step of the worker)."""
    if db["awards"].find_one({"credential_due": {"$lte": now}}, {"_id": 1}) is None:
        return False
    rules = cache_of(db).get(fresh=True)
    return due_awards.issue_due(db, issuer_of(settings, db), rules, now) > 0


def republish(settings: Settings, db: Database[Document], now: dt.datetime) -> list[str]:
    """Sign the status lists that changed or are 12 hours old (a job of the worker)."""
    if db["status_lists"].find_one({}, {"_id": 1}) is None:
        return []
    return republish_due(issuer_of(settings, db), now)
