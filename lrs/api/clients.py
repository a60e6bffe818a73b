"""Clients: the API keys of organizations, their scopes, secrets and ends."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from marshmallow import Schema, fields, validate

from lrs import clients
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.api.orgs import show
from lrs.api.rights import editor, see_org, within
from lrs.auth import Principal, current_principal, forget, requires
from lrs.context import laurel
from lrs.refusals import Forbidden, InvalidField
from lrs.tenancy import SCOPES, VENDOR, XAPI_SCOPES

blp = Blueprint("clients", __name__, url_prefix="/clients", description="API keys and what they may do.")

READING: Final = frozenset(XAPI_SCOPES) - {"statements/write", "define"}
LABEL: Final = validate.Regexp(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class ClientSchema(Schema):
    """A client as it is answered; never its secret."""

    key = fields.String(attribute="_id")
    org = fields.String()
    label = fields.String(allow_none=True)
    controlled_by = fields.String()
    scopes = fields.List(fields.String())
    vendor_wide = fields.Boolean()
    expires_at = fields.AwareDateTime(allow_none=True)
    revoked_at = fields.AwareDateTime(allow_none=True)
    last_used_at = fields.AwareDateTime(allow_none=True)
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


class NewSecretSchema(ClientSchema):
    """A client with its new secret, which is shown this once."""

    secret = fields.String()


class ClientChanges(Schema):
    """What can be changed of a client."""

    label = fields.String(
        allow_none=True, validate=LABEL, metadata={"description": "Named by rules (`from`)."}
    )
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), validate=validate.Length(min=1))
    controlled_by = fields.String(validate=validate.OneOf(("vendor", "partner")))
    vendor_wide = fields.Boolean(metadata={"description": "May read the stores of all organizations."})
    expires_at = fields.AwareDateTime(allow_none=True)


class NewClient(ClientChanges):
    """A new client."""

    org = fields.String(required=True, metadata={"description": "The store it writes to and reads from."})
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)), required=True, validate=validate.Length(min=1)
    )


class ClientFilter(PageArgs):
    """Which clients."""

    org = fields.String()
    label = fields.String()


class Rotation(Schema):
    """How long the older secrets stay valid."""

    overlap_hours = fields.Float(load_default=24.0, validate=validate.Range(0, 24 * 90))


ClientPage = page_schema(ClientSchema)


def check_grant(principal: Principal, org: str, body: dict[str, Any]) -> None:
    """Refuse to hand on more than the principal holds; raises Forbidden."""
    beyond = sorted(scope for scope in body.get("scopes", ()) if not principal.may(scope))
    if beyond:
        raise Forbidden(f"a client cannot get a scope that you do not hold: {', '.join(beyond)}")
    if body.get("controlled_by") == "vendor" and principal.org != VENDOR:
        raise Forbidden("only the vendor can make a client that the vendor controls")
    if body.get("label") is not None and principal.org != VENDOR:
        raise Forbidden("only the vendor can label a client: rules name labels as sources of evidence")
    if body.get("vendor_wide") and not principal.vendor_wide:
        raise Forbidden("vendor-wide reading can be given only by whoever holds it")
    if org != principal.org and READING & set(body.get("scopes", ())) and not principal.vendor_wide:
        raise Forbidden("a client that reads another organization's store needs vendor-wide reading to make")


def check_change(principal: Principal, before: dict[str, Any]) -> None:
    """Refuse an organization a change of what the vendor controls; raises Forbidden."""
    if principal.org != VENDOR and (before["controlled_by"] == "vendor" or before["vendor_wide"]):
        raise Forbidden("only the vendor can change a client that the vendor controls")


def check_dates(body: dict[str, Any], now: dt.datetime) -> None:
    """Refuse a client that would be expired from the start; raises InvalidField."""
    if body.get("expires_at") is not None and body["expires_at"] <= now:
        raise InvalidField("expires_at", "lies in the past")


def seen(key: str) -> dict[str, Any]:
    """Return a client of the principal's realm; raises UnknownThing."""
    found = clients.get_client(laurel().db, key)
    see_org(found["org"], "client", key)
    return found


@blp.route("", methods=["GET"])
@requires("orgs")
@blp.arguments(ClientFilter, location="query")
@blp.response(200, ClientPage)
def list_clients(args: dict[str, Any]) -> Any:
    """List the clients of the principal's realm."""
    wanted = {name: args[name] for name in ("org", "label") if name in args}
    return page(laurel().db.clients, {"$and": [wanted, within()]}, args, show)


@blp.route("", methods=["POST"])
@requires("orgs")
@blp.arguments(NewClient)
@blp.response(201, NewSecretSchema)
def add_client(body: dict[str, Any]) -> Any:
    """Make a client; its secret is in this answer and nowhere else."""
    org = see_org(body.pop("org"))
    check_grant(current_principal(), org, body)
    check_dates(body, laurel().now())
    document, secret = clients.add_client(editor(), org, body)
    return tagged({**document, "secret": secret}, document, 201)


@blp.route("/<key>", methods=["GET"])
@requires("orgs")
@blp.response(200, ClientSchema)
def get_one(key: str) -> Any:
    """Answer one client."""
    return tagged(seen(key))


@blp.route("/<key>", methods=["PATCH"])
@requires("orgs")
@blp.arguments(ClientChanges)
@blp.response(200, ClientSchema)
def edit_client(body: dict[str, Any], key: str) -> Any:
    """Change label, scopes, control, vendor-wide reading or expiry of a client."""
    before = seen(key)
    check_change(current_principal(), before)
    check_grant(current_principal(), before["org"], body)
    after = clients.edit_client(editor(), key, body, check_match("client", before))
    forget()
    return tagged(after)


@blp.route("/<key>/rotate", methods=["POST"])
@requires("orgs")
@blp.arguments(Rotation)
@blp.response(200, NewSecretSchema)
def rotate(body: dict[str, Any], key: str) -> Any:
    """Give a client a new secret; the older ones stay valid for the overlap."""
    before = seen(key)
    check_change(current_principal(), before)
    check_grant(current_principal(), before["org"], {**before, "label": None})
    document, secret = clients.rotate_client(editor(), key, dt.timedelta(hours=body["overlap_hours"]))
    forget()
    return tagged({**document, "secret": secret}, document)


@blp.route("/<key>", methods=["DELETE"])
@requires("orgs")
@blp.response(200, ClientSchema)
def revoke(key: str) -> Any:
    """Revoke a client for good; it stays in the listing."""
    seen(key)
    after = clients.revoke_client(editor(), key)
    forget()
    return tagged(after)
