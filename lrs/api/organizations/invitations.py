"""Invitations of people and verification of mail domains, by one-time codes."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from lrs.access.guard import PUBLIC
from lrs.access.organizations import get_org
from lrs.access.users import count_address
from lrs.api.contract import Blueprint, Flag, tagged
from lrs.api.organizations.orgs import OrgSchema
from lrs.api.organizations.people import TEXT, AffiliationSchema
from lrs.api.rights import editor, vendor_only, visible_org, visible_orgs
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.mail import check_domain, mailer
from lrs.people import invitations

blp = Blueprint("invitations", __name__, description="One-time codes by e-mail.")


class Invitation(Schema):
    """Whom to invite to which organization."""

    org = fields.String(required=True)
    email = fields.String(required=True, validate=TEXT)
    name = fields.String(validate=TEXT)
    role = fields.String(validate=TEXT)


class Code(Schema):
    """A code as it came by mail."""

    code = fields.String(required=True, validate=validate.Length(1, 100))


class NewDomain(Schema):
    """A mail domain to verify; the code goes to one of its official mailboxes."""

    domain = fields.String(required=True, validate=validate.Length(1, 253))
    mailbox = fields.String(load_default="postmaster", validate=validate.OneOf(invitations.MAILBOXES))
    trusted = Flag(
        load_default=False,
        metadata={"description": "Count it as verified without a code; the vendor's right."},
    )


@blp.post("/people/invitations", scope="people")
@blp.arguments(Invitation)
@blp.response(202, AffiliationSchema)
def invite(body: dict[str, Any]) -> Any:
    """Invite somebody by mail; they count for the organization when they have confirmed."""
    settings = current_services().settings
    row = invitations.invite(editor(), settings, mailer(settings), visible_org(body["org"]), body)
    return row if visible_orgs() is None else {**row, "person": None}


@blp.post("/people/invitations/accept", scope=PUBLIC)
@blp.arguments(Code)
@blp.response(200, AffiliationSchema)
def accept(body: dict[str, Any]) -> Any:
    """Confirm an affiliation by the code of the invitation; whoever has the code may."""
    services = current_services()
    count_address(services.db, f"code {request.remote_addr}", services.now())
    who = {"kind": "code", "id": "invitation", "name": None}
    return invitations.accept(Editor(services.db, who, services.now(), request.remote_addr), body["code"])


@blp.post("/orgs/<org>/domains", scope="orgs")
@blp.arguments(NewDomain)
@blp.response(202, OrgSchema)
def ask_domain(body: dict[str, Any], org: str) -> Any:
    """Add a mail domain and send its code, or (the vendor) count it as verified at once."""
    settings, domain = current_services().settings, check_domain(body["domain"])
    visible_org(org)
    if body["trusted"]:
        vendor_only()
        who = editor()
        who.change(lambda session: invitations.set_domain(who, org, domain, session))
    else:
        invitations.ask_domain(
            editor(), settings, mailer(settings), org, domain=domain, mailbox=body["mailbox"]
        )
    return tagged(get_org(current_services().db, org), status=202)


@blp.post("/orgs/<org>/domains/verify", scope="orgs")
@blp.arguments(Code)
@blp.response(200, OrgSchema)
def prove_domain(body: dict[str, Any], org: str) -> Any:
    """Prove a mail domain by the code that went to one of its mailboxes."""
    services = current_services()
    visible_org(org)
    count_address(services.db, f"code {request.remote_addr}", services.now())
    return tagged(invitations.prove_domain(editor(), org, body["code"]))


@blp.delete("/orgs/<org>/domains/<domain>", scope="orgs")
@blp.response(200, OrgSchema)
def drop_domain(org: str, domain: str) -> Any:
    """Take a mail domain off an organization."""
    return tagged(invitations.drop_domain(editor(), visible_org(org), domain))
