"""The first steps of an installation: what is done is told by what is there, nothing is ticked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import g

from lrs.access.clients import BOOTSTRAP
from lrs.console.shell import may
from lrs.foundation.context import current_services
from lrs.words.reader import mark
from rules.catalogue.store import cache_of
from rules.language.model import Certification
from rules.stored import VENDOR


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is to be done, where, and whether it is."""

    title: str
    path: str
    done: bool


def first_steps() -> list[Step]:
    """Return the steps while one is to be done, for users of the vendor who can do them; else none."""
    if g.principal.org != VENDOR or not may("orgs") or not may("rules"):
        return []
    steps = list(_steps())
    return [] if all(one.done for one in steps) else steps


def _steps() -> Iterator[Step]:
    services = current_services()
    db = services.db

    def there(collection: str, wanted: dict[str, Any]) -> bool:
        return db[collection].find_one(wanted, {"_id": 1}) is not None

    own_key = {"revoked_at": None, "label": {"$ne": BOOTSTRAP}}  # that one is the installation's
    yield Step(mark("Make a client for your content"), "/console/clients", there("clients", own_key))
    stores = {"org": {"$in": [org["_id"] for org in db.orgs.find({}, {"_id": 1})]}}
    yield Step(mark("Receive the first statement"), "/console/statements", there("statements", stores))
    rules = any(True for _ in cache_of(db).get().of_kind(Certification))
    yield Step(mark("Publish a certification"), "/console/rules/recipes", rules)
    yield Step(mark("Have a partner"), "/console/partners", there("orgs", {"_id": {"$ne": VENDOR}}))
    yield Step(mark("See the first person"), "/console/people", there("people", {"org": VENDOR}))
    other = {"org": VENDOR, "_id": {"$ne": g.principal.id}, "disabled_at": None}
    yield Step(mark("Add a second administrator"), "/console/users", there("users", other))
