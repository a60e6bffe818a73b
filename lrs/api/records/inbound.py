"""The inbound log: what was refused of what clients sent to /xapi, and why."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import Schema, fields

from lrs.api.contract import Blueprint, PageArgs, page, page_schema
from lrs.api.rights import org_filter, visible_org
from lrs.foundation.audit import first_id
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing

blp = Blueprint("inbound", __name__, url_prefix="/inbound", description="What was refused at /xapi, and why.")


class RefusalSchema(Schema):
    """A request that was refused, or a statement of a batch that was stored in part."""

    id = fields.String(attribute="_id")
    at = fields.AwareDateTime()
    org = fields.String()
    client = fields.String()
    label = fields.String(allow_none=True)
    method = fields.String()
    resource = fields.String()
    version = fields.String(allow_none=True)
    status = fields.Integer()
    error = fields.String()
    path = fields.String(allow_none=True, metadata={"description": "Where in the body, or which parameter."})
    message = fields.String()
    size = fields.Integer(metadata={"description": "Bytes of the body."})


class RefusalWithTextSchema(RefusalSchema):
    """A refusal with the offending statement."""

    text = fields.String(allow_none=True, metadata={"description": "The statement, at most 16 KiB of it."})


class InboundFilter(PageArgs):
    """Which refusals; the newest come first."""

    org = fields.String()
    client = fields.String(metadata={"description": "Key of a client, id of a launch or a bearer token."})
    error = fields.String(metadata={"description": "Like `InvalidStatement` or `Unauthenticated`."})
    since = fields.AwareDateTime(default_timezone=dt.UTC)
    until = fields.AwareDateTime(default_timezone=dt.UTC)


RefusalPage = page_schema(RefusalSchema)


def selection(args: dict[str, Any]) -> dict[str, Any]:
    """Return the filter of a listing inside what the principal sees."""
    clauses: list[dict[str, Any]] = [org_filter()]
    if "org" in args:
        clauses.append({"org": visible_org(args["org"])})
    clauses += [{name: args[name]} for name in ("client", "error") if name in args]
    for name, operator in (("since", "$gte"), ("until", "$lt")):
        if name in args:
            clauses.append({"_id": {operator: first_id(args[name])}})
    return {"$and": clauses}


@blp.get("", scope="orgs")
@blp.arguments(InboundFilter, location="query")
@blp.response(200, RefusalPage)
def list_refusals(args: dict[str, Any]) -> Any:
    """List what was refused of the clients of the organizations that the principal sees."""
    return page(current_services().db.inbound, selection(args), args, lambda one: one, newest_first=True)


@blp.get("/<refusal>", scope="orgs")
@blp.response(200, RefusalWithTextSchema)
def get_one(refusal: str) -> Any:
    """Answer one refusal with the offending text."""
    found = current_services().db.inbound.find_one({"$and": [{"_id": refusal}, org_filter()]})
    if found is None:
        raise UnknownThing("refusal", refusal)
    return found
