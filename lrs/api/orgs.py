"""Organizations: the vendor, distributors and partners as a tree."""

from __future__ import annotations

import re
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from lrs import orgs
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.api.rights import editor, see_org, vendor_only, within
from lrs.auth import current_principal, requires
from lrs.context import laurel
from lrs.launching import check_origin
from lrs.refusals import Forbidden
from lrs.tenancy import KINDS, POLICIES, STATUSES, VENDOR, get_org

blp = Blueprint("organizations", __name__, url_prefix="/orgs", description="The vendor's tree of partners.")

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
    verified_at = fields.AwareDateTime(allow_none=True)


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
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


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


OrgPage = page_schema(OrgSchema)


def show(document: dict[str, Any]) -> dict[str, Any]:
    """Give the document to the schema as it is."""
    return document


@blp.route("", methods=["GET"])
@requires("orgs")
@blp.arguments(OrgFilter, location="query")
@blp.response(200, OrgPage)
def list_orgs(args: dict[str, Any]) -> Any:
    """List the organizations of the principal's realm."""
    wanted = {name: args[name] for name in ("parent", "kind", "status", "region") if name in args}
    return page(laurel().db.orgs, {"$and": [wanted, within("_id")]}, args, show)


@blp.route("", methods=["POST"])
@requires("orgs")
@blp.arguments(NewOrg)
@blp.response(201, OrgSchema)
def add_org(body: dict[str, Any]) -> Any:
    """Add an organization below its parent (default: the vendor); the vendor's right."""
    vendor_only()
    org = body.pop("id")
    return tagged(orgs.add_org(editor(), org, {"parent": VENDOR, **body}), status=201)


@blp.route("/<org>", methods=["GET"])
@requires("orgs")
@blp.response(200, OrgSchema)
def get_one(org: str) -> Any:
    """Answer one organization."""
    return tagged(get_org(laurel().db, see_org(org)))


@blp.route("/<org>", methods=["PATCH"])
@requires("orgs")
@blp.arguments(OrgEdit)
@blp.response(200, OrgSchema)
def edit_org(body: dict[str, Any], org: str) -> Any:
    """Change an organization; its own administrators may change its name and policy."""
    before = get_org(laurel().db, see_org(org))
    beyond = sorted(set(body) - set(orgs.OWN))
    if current_principal().org != VENDOR and beyond:
        raise Forbidden(f"only the vendor can change {', '.join(beyond)}")
    return tagged(orgs.edit_org(editor(), org, body, check_match("organization", before)))
