"""Groups: named sets of people with dated membership (assessors, approvers); the vendor's."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from marshmallow import Schema, fields, validate

from lrs.access.organizations import VENDOR
from lrs.api.contract import Blueprint, Instant, tagged
from lrs.api.resource import Resource
from lrs.api.rights import editor, vendor_only
from lrs.foundation.context import current_services
from lrs.people import groups

blp = Blueprint("groups", __name__, url_prefix="/groups", description="Sets of people that rules name.")

Document = dict[str, Any]
DATE: Final[dict[str, Any]] = {"load_default": None, "allow_none": True, "default_timezone": dt.UTC}


class Member(Schema):
    """A person's membership; open ends are null."""

    person = fields.String(required=True)
    start = Instant(attribute="from", data_key="from", **DATE)
    until = Instant(**DATE)


class GroupSchema(Schema):
    """A group."""

    id = fields.String(attribute="_id", dump_only=True)
    members = fields.List(fields.Nested(Member), required=True, validate=validate.Length(max=10_000))


def find(group: str) -> Document:
    """Return a group; raises UnknownThing."""
    return groups.get_group(current_services().db, group)


GROUPS = Resource(
    blp, "group", GroupSchema, collection="groups", path="/<group>", scope="people", vendor=True,
    find=find, bounds=lambda: {"org": VENDOR},
)  # fmt: skip


@GROUPS.lists()
def list_groups(_: Document) -> Document:
    """List the groups."""
    return {}


@GROUPS.reads()
def get_group(group: Document) -> Document:
    """Answer one group."""
    return group


@blp.put("/<group>", scope="people")
@blp.arguments(GroupSchema)
@blp.response(200, GroupSchema)
def put_group(body: Document, group: str) -> Any:
    """Make a group or replace its members; whoever it concerns is decided anew."""
    vendor_only()
    return tagged(groups.put_group(editor(), group, body["members"]))
