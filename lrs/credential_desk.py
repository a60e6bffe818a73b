"""The desk of this deployment: keys, issuer, store, events and choices tied together; the worker's part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from pymongo.database import Database

from lrs.displays import DisplayStore, Links
from lrs.keys import issuer, key_store, link_secret
from lrs.settings import Settings
from rules import credential_work
from rules.credential_store import CredentialStore
from rules.credentials import CredentialDesk
from rules.status_publishing import republish_due
from rules.store import cache_of

Document = dict[str, Any]


def make_desk(settings: Settings, db: Database[Document]) -> CredentialDesk:
    """Return the desk over a database; keys are opened when they are first needed."""
    displays = DisplayStore(db)

    def displayed(awards: Collection[tuple[str, str]]) -> Collection[str]:
        return {award for award, choice in displays.of(awards).items() if choice.shown}

    return CredentialDesk(
        CredentialStore(db),
        key_store(settings, db),
        issuer(settings),
        credential_work.announcer(db),
        displayed,
    )


DESKS: dict[tuple[Settings, int, str], CredentialDesk] = {}
MOST_DESKS = 16


def desk_of(settings: Settings, db: Database[Document]) -> CredentialDesk:
    """Return the desk that this process keeps for a client's database; its opened keys stay open."""
    name = (settings, id(db.client), db.name)  # clients of one server are equal, also when one is closed
    if name not in DESKS:
        if len(DESKS) >= MOST_DESKS:
            DESKS.clear()
        DESKS[name] = make_desk(settings, db)
    return DESKS[name]


def links_of(settings: Settings) -> Links:
    """Return what signs and reads holders' links."""
    return Links(link_secret(settings))


def holder_link(settings: Settings, award: str, now: dt.datetime) -> str:
    """Return the signed address by which a holder sees a credential and decides who sees what."""
    token = links_of(settings).make(award, "holder", now)
    return f"{settings.public_url}/credentials/{award}?token={token}"


def issue_due(settings: Settings, db: Database[Document], now: dt.datetime) -> bool:
    """Make the credentials of awards that are due; say whether there were any (a step of the worker)."""
    if db["awards"].find_one({"credential_due": {"$lte": now}}, {"_id": 1}) is None:
        return False
    rules = cache_of(db).get(fresh=True)
    return credential_work.issue_due(db, desk_of(settings, db), rules, now) > 0


def republish(settings: Settings, db: Database[Document], now: dt.datetime) -> list[str]:
    """Sign the status lists that changed or are 12 hours old (a job of the worker)."""
    if db["status_lists"].find_one({}, {"_id": 1}) is None:
        return []
    return republish_due(desk_of(settings, db), now)
