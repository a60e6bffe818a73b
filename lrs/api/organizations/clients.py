"""Clients: the API keys of organizations, their scopes, secrets and ends."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from marshmallow import Schema, fields, validate

from lrs.access import clients
from lrs.access.auth import Principal, current_principal, forget
from lrs.access.organizations import VENDOR
from lrs.access.scopes import SCOPES, XAPI_SCOPES
from lrs.api.contract import Blueprint, Flag, Instant, PageArgs
from lrs.api.resource import Resource, chosen, visible
from lrs.api.rights import editor, visible_org
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, InvalidField

blp = Blueprint("clients", __name__, url_prefix="/clients", description="API keys and what they may do.")

Document = dict[str, Any]
READING: Final = frozenset(XAPI_SCOPES) - {"statements/write", "define"}
LABEL: Final = validate.Regexp(
    r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
    error="must be 1 to 64 letters, digits, '.', '_' or '-', without spaces: rules name it as a source",
)


class ClientSchema(Schema):
    """A client as it is answered; never its secret."""

    key = fields.String(attribute="_id")
    org = fields.String()
    label = fields.String(allow_none=True)
    controlled_by = fields.String()
    scopes = fields.List(fields.String())
    handling = fields.List(fields.String())
    vendor_wide = Flag()
    expires_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)
    last_used_at = Instant(allow_none=True)
    created_at = Instant()
    updated_at = Instant()


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
    handling = fields.List(
        fields.String(validate=validate.OneOf(clients.HANDLING)),
        metadata={"description": "`repair`, `partial`, `strict`: how its statements are taken."},
    )
    vendor_wide = Flag(metadata={"description": "May read the stores of all organizations."})
    expires_at = Instant(allow_none=True)


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


CLIENTS = Resource(
    blp, "client", ClientSchema, collection="clients", path="/<key>", scope="orgs",
    find=visible("client", clients.get_client),
)  # fmt: skip


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


def check_edit(body: Document, before: Document) -> None:
    """Refuse a change beyond what the principal controls and holds; raises Forbidden."""
    check_control(current_principal(), before)
    check_grant(current_principal(), before["org"], body)


def check_control(principal: Principal, before: Document) -> None:
    """Refuse an organization a change of what the vendor controls; raises Forbidden."""
    if principal.org != VENDOR and (before["controlled_by"] == "vendor" or before["vendor_wide"]):
        raise Forbidden("only the vendor can change a client that the vendor controls")


def check_dates(body: dict[str, Any], now: dt.datetime) -> None:
    """Refuse a client that would be expired from the start; raises InvalidField."""
    if body.get("expires_at") is not None and body["expires_at"] <= now:
        raise InvalidField("expires_at", "lies in the past")


@CLIENTS.lists(ClientFilter)
def list_clients(args: Document) -> Document:
    """List the clients of the organizations that the principal sees."""
    return chosen(args, "org", "label")


@CLIENTS.makes(NewClient, NewSecretSchema)
def add_client(body: Document) -> Document:
    """Make a client; its secret is in this answer and nowhere else."""
    org = visible_org(body.pop("org"))
    check_grant(current_principal(), org, body)
    check_dates(body, current_services().now())
    made, secret = clients.add_client(editor(), org, body)
    return {**made, "secret": secret}


@CLIENTS.reads()
def get_one(client: Document) -> Document:
    """Answer one client."""
    return client


@CLIENTS.changes(ClientChanges, check=check_edit)
def edit_client(body: Document, before: Document, version: int) -> Document:
    """Change label, scopes, control, vendor-wide reading or expiry of a client."""
    after = clients.edit_client(editor(), before["_id"], body, version)
    forget()
    return after


@CLIENTS.acts("/rotate", Rotation, NewSecretSchema)
def rotate(body: Document, before: Document) -> Document:
    """Give a client a new secret; the older ones stay valid for the overlap."""
    check_edit({**before, "label": None}, before)
    overlap = dt.timedelta(hours=body["overlap_hours"])
    after, secret = clients.rotate_client(editor(), before["_id"], overlap)
    forget()
    return {**after, "secret": secret}


@CLIENTS.ends()
def revoke(client: Document) -> Document:
    """Revoke a client for good; it stays in the listing."""
    check_control(current_principal(), client)
    after = clients.revoke_client(editor(), client["_id"])
    forget()
    return after
