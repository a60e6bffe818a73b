"""The audit: who did what, when, from where; it can be searched, never changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import Schema, fields

from lrs.api.contract import Blueprint, Instant, PageArgs, page, page_schema
from lrs.api.rights import org_filter, visible_org, visible_orgs
from lrs.foundation.audit import first_id
from lrs.foundation.context import current_services

blp = Blueprint("audit", __name__, url_prefix="/audit", description="Who did what, when and from where.")


class EntrySchema(Schema):
    """An entry of the audit."""

    id = fields.String(attribute="_id")
    at = Instant()
    org = fields.String()
    who = fields.Dict()
    address = fields.String(allow_none=True)
    action = fields.String()
    kind = fields.String()
    thing = fields.String()
    before = fields.Raw()
    after = fields.Raw()
    note = fields.String(allow_none=True)


class AuditFilter(PageArgs):
    """Which entries; the newest come first."""

    org = fields.String()
    who = fields.String(metadata={"description": "Client key, user id or name of a process."})
    action = fields.String(metadata={"description": "Like `client.revoke`, or `client.` for all of a kind."})
    thing = fields.String(metadata={"description": "Id of what was changed."})
    since = Instant(default_timezone=dt.UTC)
    until = Instant(default_timezone=dt.UTC)


EntryPage = page_schema(EntrySchema)


def selection(args: dict[str, Any]) -> dict[str, Any]:
    """Return the filter of a search inside what the principal sees."""
    clauses: list[dict[str, Any]] = [org_filter()]
    if "org" in args:
        clauses.append({"org": visible_org(args["org"])})
    clauses += [
        {field: args[name]} for name, field in (("who", "who.id"), ("thing", "thing")) if name in args
    ]
    if "action" in args:
        clauses.append({"action": {"$in": actions(args["action"])}})
    if "since" in args:  # ids rise with time, and indexes end in them
        clauses.append({"at": {"$gte": args["since"]}, "_id": {"$gte": first_id(args["since"])}})
    if "until" in args:
        clauses.append({"at": {"$lt": args["until"]}, "_id": {"$lt": first_id(args["until"], later=1)}})
    return {"$and": clauses}


def actions(wanted: str) -> list[str]:
    """Return the actions that `wanted` names: itself, or all that begin with it where it ends in a dot.

    There are some dozens, and each is a walk of an index in order, which a range of them would not be.
    """
    if not wanted.endswith("."):
        return [wanted]
    return sorted(
        current_services().db.audit.distinct("action", {"action": {"$gte": wanted, "$lt": wanted + "\uffff"}})
    )


def present(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry; of what others did, an organization sees only that it was done."""
    orgs = visible_orgs()
    if orgs is None or entry["who"].get("org") in orgs:
        return entry
    return {**entry, "who": {"kind": entry["who"]["kind"]}, "address": None}


@blp.get("", scope="orgs")
@blp.arguments(AuditFilter, location="query")
@blp.response(200, EntryPage)
def list_entries(args: dict[str, Any]) -> Any:
    """Search the audit of the organizations that the principal sees."""
    return page(current_services().db.audit, selection(args), args, present, newest_first=True)
