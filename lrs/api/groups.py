"""Groups: named sets of people with dated membership (assessors, approvers); the vendor's."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from marshmallow import Schema, fields, validate

from lrs import groups
from lrs.api.contract import Blueprint, PageArgs, page, page_schema, tagged
from lrs.api.rights import editor, vendor_only
from lrs.auth import requires
from lrs.context import laurel

blp = Blueprint("groups", __name__, url_prefix="/groups", description="Sets of people that rules name.")

DATE: Final[dict[str, Any]] = {"load_default": None, "allow_none": True, "default_timezone": dt.UTC}


class Member(Schema):
    """A person's membership; open ends are null."""

    person = fields.String(required=True)
    start = fields.AwareDateTime(attribute="from", data_key="from", **DATE)
    until = fields.AwareDateTime(**DATE)


class GroupSchema(Schema):
    """A group."""

    id = fields.String(attribute="_id", dump_only=True)
    members = fields.List(fields.Nested(Member), required=True, validate=validate.Length(max=10_000))


GroupPage = page_schema(GroupSchema)


@blp.route("", methods=["GET"])
@requires("people")
@blp.arguments(PageArgs, location="query")
@blp.response(200, GroupPage)
def list_groups(args: dict[str, Any]) -> Any:
    """List the groups."""
    vendor_only()
    return page(laurel().db.groups, {"org": "vendor"}, args, lambda group: group)


@blp.route("/<group>", methods=["GET"])
@requires("people")
@blp.response(200, GroupSchema)
def get_group(group: str) -> Any:
    """Answer one group."""
    vendor_only()
    return tagged(groups.get_group(laurel().db, group))


@blp.route("/<group>", methods=["PUT"])
@requires("people")
@blp.arguments(GroupSchema)
@blp.response(200, GroupSchema)
def put_group(body: dict[str, Any], group: str) -> Any:
    """Make a group or replace its members; whoever it concerns is decided anew."""
    vendor_only()
    return tagged(groups.put_group(editor(), group, body["members"]))
