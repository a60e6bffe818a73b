"""Organizations: the vendor, distributors and partners as a tree."""

from __future__ import annotations

import re
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from lrs.access import organizations
from lrs.access.auth import current_principal
from lrs.access.organizations import KINDS, POLICIES, STATUSES, VENDOR, get_org
from lrs.api.contract import Blueprint, Instant, PageArgs
from lrs.api.resource import Resource, chosen, visible
from lrs.api.rights import editor, org_filter
from lrs.content.launching import check_origin
from lrs.foundation.errors import Forbidden

blp = Blueprint("organizations", __name__, url_prefix="/orgs", description="The vendor's tree of partners.")

Document = dict[str, Any]
NAME: Final = validate.Length(1, 200)
ATTRIBUTE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_attributes(value: dict[str, Any]) -> None:
    """Accept plain names with scalar values: nothing a database could read as an operator or a path."""
    for name, one in value.items():
        if not ATTRIBUTE.fullmatch(name):
            raise ValidationError(f"{name!r} must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
        if not (one is None or isinstance(one, str | int | float | bool)) or len(str(one)) > 1000:
            raise ValidationError(
                f"{name!r} must be a text of at most 1000 characters, a number, true, false or null"
            )


def check_origins(value: list[str]) -> None:
    """Accept web origins only."""
    for one in value:
        if not check_origin(one):
            raise ValidationError(f"{one!r} must be like https://content.example.com")


class DomainSchema(Schema):
    """A mail domain; it decides nothing before it is verified."""

    domain = fields.String()
    verified_at = Instant(allow_none=True)


class OrgSchema(Schema):
    """An organization as it is answered."""

    id = fields.String(attribute="_id")
    name = fields.String()
    kind = fields.String()
    parent = fields.String(allow_none=True)
    status = fields.String()
    region = fields.String(allow_none=True)
    policy = fields.String()
    domains = fields.List(fields.Nested(DomainSchema))
    attributes = fields.Dict()
    launch_origins = fields.List(fields.String())
    created_at = Instant()
    updated_at = Instant()


class OrgChanges(Schema):
    """What can be changed of an organization."""

    name = fields.String(validate=NAME)
    kind = fields.String(validate=validate.OneOf(KINDS[1:]))
    parent = fields.String()
    region = fields.String(allow_none=True, validate=validate.Length(max=100))
    policy = fields.String(
        validate=validate.OneOf(POLICIES),
        metadata={"description": "Who is admitted when first seen in the store."},
    )
    attributes = fields.Dict(keys=fields.String(), validate=check_attributes)
    launch_origins = fields.List(
        fields.String(),
        validate=[validate.Length(max=50), check_origins],
        metadata={"description": "Web origins that launches may open; none means any."},
    )


class OrgEdit(OrgChanges):
    """A change of an organization."""

    status = fields.String(validate=validate.OneOf(STATUSES))


class NewOrg(OrgChanges):
    """A new organization."""

    id = fields.String(required=True, metadata={"description": "1 to 64 of a-z, 0-9 and -."})
    name = fields.String(required=True, validate=NAME)


class OrgFilter(PageArgs):
    """Which organizations."""

    parent = fields.String()
    kind = fields.String(validate=validate.OneOf(KINDS))
    status = fields.String(validate=validate.OneOf(STATUSES))
    region = fields.String()


ORGANIZATIONS = Resource(
    blp, "organization", OrgSchema, collection="orgs", path="/<org>", scope="orgs",
    find=visible("organization", get_org, "_id"), bounds=lambda: org_filter("_id"),
)  # fmt: skip


@ORGANIZATIONS.lists(OrgFilter)
def list_orgs(args: Document) -> Document:
    """List the organizations that the principal sees."""
    return chosen(args, "parent", "kind", "status", "region")


@ORGANIZATIONS.makes(NewOrg, vendor=True)
def add_org(body: Document) -> Document:
    """Add an organization below its parent (default: the vendor); the vendor's right."""
    return organizations.add_org(editor(), body.pop("id"), {"parent": VENDOR, **body})


@ORGANIZATIONS.reads()
def get_one(org: Document) -> Document:
    """Answer one organization."""
    return org


def check_edit(body: Document, _before: Document) -> None:
    """Refuse an organization a change of more than is its own; raises Forbidden."""
    beyond = sorted(set(body) - set(organizations.OWN))
    if current_principal().org != VENDOR and beyond:
        raise Forbidden(f"only the vendor can change {', '.join(beyond)}")


@ORGANIZATIONS.changes(OrgEdit, check=check_edit)
def edit_org(body: Document, before: Document, version: int) -> Document:
    """Change an organization; its own administrators may change its name and policy."""
    return organizations.edit_org(editor(), before["_id"], body, version)
