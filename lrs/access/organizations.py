"""Organizations: the tree of the vendor and its partners, read and changed (audited, from a version).

orgs {_id, name, kind, parent, ancestors [nearest last], status, region, domains [{domain, verified_at}],
      attributes, policy, launch_origins, agreements [{from, until}], created_at, updated_at, version}
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField, Outdated, UnknownThing
from rules.engine.queues import tier_queue

Document = dict[str, Any]

VENDOR: Final = "vendor"
KINDS: Final = ("vendor", "distributor", "partner")
STATUSES: Final = ("active", "suspended", "closed")
POLICIES: Final = ("roster", "domain", "invitation", "open")
ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
EDITABLE: Final = ("name", "kind", "parent", "status", "region", "policy", "attributes", "launch_origins")
OWN: Final = ("name", "policy")  # what an organization's own administrator may change

INDEXES: dict[str, list[IndexModel]] = {
    "orgs": [
        IndexModel([("ancestors", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("domains.domain", ASCENDING)]),
    ]
}


def create_org(  # one keyword per property of an organization
    db: Database[Document],
    org: str,
    *,
    name: str,
    now: dt.datetime,
    kind: str = "partner",
    parent: str | None = VENDOR,
    region: str | None = None,
    policy: str = "open",
    attributes: Mapping[str, Any] | None = None,
    launch_origins: Iterable[str] = (),
    session: ClientSession | None = None,
) -> Document:
    """Insert an organization and return its document; raises InvalidField, UnknownThing or Collision."""
    if not ID.fullmatch(org):
        raise InvalidField("id", "must be 1 to 64 of a-z, 0-9 and '-', not at an end")
    document: Document = {
        "_id": org,
        "name": name,
        "kind": kind,
        "parent": parent,
        "ancestors": [] if parent is None else ancestors_below(db, parent, session),
        "status": "active",
        "region": region,
        "domains": [],
        "attributes": dict(attributes or {}),
        "policy": policy,
        "launch_origins": list(launch_origins),
        "created_at": now,
        "updated_at": now,
        "version": 1,
    }
    try:
        db.orgs.insert_one(document, session=session)
    except DuplicateKeyError as error:
        raise Collision(f"organization {org!r} exists") from error
    return document


def ancestors_below(db: Database[Document], parent: str, session: ClientSession | None = None) -> list[str]:
    """Return the ancestors that a child of `parent` has, the root first; raises UnknownThing."""
    return [*get_org(db, parent, session)["ancestors"], parent]


def get_org(db: Database[Document], org: str, session: ClientSession | None = None) -> Document:
    """Return the organization; raises UnknownThing."""
    found = db.orgs.find_one({"_id": org}, session=session)
    if found is None:
        raise UnknownThing("organization", org)
    return found


def subtree(db: Database[Document], org: str) -> list[str]:
    """Return the organization and all below it, sorted."""
    below = db.orgs.find({"ancestors": org}, {"_id": 1})
    return sorted({org, *(found["_id"] for found in below)})


def add_org(editor: Editor, org: str, properties: Mapping[str, Any]) -> Document:
    """Insert an organization below its parent; raises InvalidField, UnknownThing or Collision."""

    def act(session: ClientSession) -> Document:
        document = create_org(editor.db, org, now=editor.now, session=session, **properties)
        tier_queue.enqueue(editor.db, [org], editor.now, session)
        editor.note("org.add", "org", org, org=org, after=document)
        return document

    return editor.change(act)


def edit_org(editor: Editor, org: str, changes: Mapping[str, Any], version: int) -> Document:
    """Change an organization that still has this version; raises UnknownThing, InvalidField or Outdated."""

    def act(session: ClientSession) -> Document:
        before = get_org(editor.db, org, session)
        kept = {name: changes[name] for name in EDITABLE if name in changes}
        if kept.get("parent", before["parent"]) != before["parent"]:
            kept["ancestors"] = _move(editor.db, before, kept["parent"], session)
        if org == VENDOR and (
            kept.get("status", "active") != "active" or kept.get("kind", "vendor") != "vendor"
        ):
            raise InvalidField("status", "the vendor organization stays active and the vendor")
        if kept.get("status", before["status"]) != before["status"]:
            kept["agreements"] = _agreements(before, kept["status"], editor.now)
        after: Document | None = editor.db.orgs.find_one_and_update(
            {"_id": org, "version": version},
            {"$set": {**kept, "updated_at": editor.now}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        if after is None:
            raise Outdated("organization")
        tier_queue.enqueue(editor.db, {org, *before["ancestors"], *after["ancestors"]}, editor.now, session)
        editor.note("org.edit", "org", org, org=org, before=before, after=after)
        return after

    return editor.change(act)


def _agreements(before: Document, status: str, now: dt.datetime) -> list[Document]:
    """Return when the partner agreement ran: it runs while the organization is active (tiers, cert#2.8)."""
    known: list[Document] = before.get("agreements") or [{"from": None, "until": None}]
    if before["status"] == "active":
        return [*known[:-1], {**known[-1], "until": now}]
    return [*known, {"from": now, "until": None}] if status == "active" else known


def _move(db: Database[Document], org: Document, parent: str | None, session: ClientSession) -> list[str]:
    """Hang an organization below another parent, with all below it; return its new ancestors."""
    if org["_id"] == VENDOR or parent is None:
        raise InvalidField("parent", "the vendor is the root of the tree, and everybody else is below it")
    above = ancestors_below(db, parent, session)
    if org["_id"] in above:
        raise InvalidField("parent", "lies below the organization itself")
    for below in db.orgs.find({"ancestors": org["_id"]}, session=session):
        rest = below["ancestors"][len(org["ancestors"]) :]
        db.orgs.update_one({"_id": below["_id"]}, {"$set": {"ancestors": [*above, *rest]}}, session=session)
    return above
