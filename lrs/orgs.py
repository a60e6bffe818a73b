"""Changes of organizations: audited, with the version they start from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs import tenancy
from lrs.audit import Editor
from lrs.refusals import InvalidField, Outdated
from lrs.tenancy import VENDOR, get_org
from rules import tier_work

Document = dict[str, Any]

EDITABLE: Final = ("name", "kind", "parent", "status", "region", "policy", "attributes", "launch_origins")
OWN: Final = ("name", "policy")  # what an organization's own administrator may change


def add_org(editor: Editor, org: str, properties: Mapping[str, Any]) -> Document:
    """Insert an organization below its parent; raises InvalidField, UnknownThing or Collision."""

    def act(session: ClientSession) -> Document:
        document = tenancy.create_org(editor.db, org, now=editor.now, session=session, **properties)
        tier_work.mark(editor.db, [org], editor.now, session)
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
        tier_work.mark(editor.db, {org, *before["ancestors"], *after["ancestors"]}, editor.now, session)
        editor.note("org.edit", "org", org, org=org, before=before, after=after)
        return after

    return editor.change(act)


def _agreements(before: Document, status: str, now: dt.datetime) -> list[Document]:
    """Return when the partner agreement ran: it runs while the organization is active (tiers, 2.8)."""
    known: list[Document] = before.get("agreements") or [{"from": None, "until": None}]
    if before["status"] == "active":
        return [*known[:-1], {**known[-1], "until": now}]
    return [*known, {"from": now, "until": None}] if status == "active" else known


def _move(db: Database[Document], org: Document, parent: str | None, session: ClientSession) -> list[str]:
    """Hang an organization below another parent, with all below it; return its new ancestors."""
    if org["_id"] == VENDOR or parent is None:
        raise InvalidField("parent", "the vendor is the root of the tree, and everybody else is below it")
    above = tenancy.ancestors_below(db, parent, session)
    if org["_id"] in above:
        raise InvalidField("parent", "lies below the organization itself")
    for below in db.orgs.find({"ancestors": org["_id"]}, session=session):
        rest = below["ancestors"][len(org["ancestors"]) :]
        db.orgs.update_one({"_id": below["_id"]}, {"$set": {"ancestors": [*above, *rest]}}, session=session)
    return above
