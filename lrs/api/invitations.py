"""Invitations of people and verification of mail domains, by one-time codes."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from lrs import invitations
from lrs.api.contract import Blueprint, tagged
from lrs.api.orgs import OrgSchema
from lrs.api.people import TEXT, AffiliationSchema
from lrs.api.rights import editor, realm, see_org, vendor_only
from lrs.audit import Editor
from lrs.auth import requires
from lrs.context import laurel
from lrs.mail import check_domain, mailer
from lrs.tenancy import get_org
from lrs.users import count_try

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
    trusted = fields.Boolean(
        load_default=False,
        metadata={"description": "Count it as verified without a code; the vendor's right."},
    )


@blp.route("/people/invitations", methods=["POST"])
@requires("people")
@blp.arguments(Invitation)
@blp.response(202, AffiliationSchema)
def invite(body: dict[str, Any]) -> Any:
    """Invite somebody by mail; they count for the organization when they have confirmed."""
    settings = laurel().settings
    row = invitations.invite(editor(), settings, mailer(settings), see_org(body["org"]), body)
    return row if realm() is None else {**row, "person": None}


@blp.route("/people/invitations/accept", methods=["POST"])
@blp.arguments(Code)
@blp.response(200, AffiliationSchema)
def accept(body: dict[str, Any]) -> Any:
    """Confirm an affiliation by the code of the invitation; whoever has the code may."""
    here = laurel()
    count_try(here.db, f"code {request.remote_addr}", here.now())
    who = {"kind": "code", "id": "invitation", "name": None}
    return invitations.accept(Editor(here.db, who, here.now(), request.remote_addr), body["code"])


@blp.route("/orgs/<org>/domains", methods=["POST"])
@requires("orgs")
@blp.arguments(NewDomain)
@blp.response(202, OrgSchema)
def ask_domain(body: dict[str, Any], org: str) -> Any:
    """Add a mail domain and send its code, or (the vendor) count it as verified at once."""
    settings, domain = laurel().settings, check_domain(body["domain"])
    see_org(org)
    if body["trusted"]:
        vendor_only()
        who = editor()
        who.change(lambda session: invitations.set_domain(who, org, domain, session))
    else:
        invitations.ask_domain(
            editor(), settings, mailer(settings), org, domain=domain, mailbox=body["mailbox"]
        )
    return tagged(get_org(laurel().db, org), status=202)


@blp.route("/orgs/<org>/domains/verify", methods=["POST"])
@requires("orgs")
@blp.arguments(Code)
@blp.response(200, OrgSchema)
def prove_domain(body: dict[str, Any], org: str) -> Any:
    """Prove a mail domain by the code that went to one of its mailboxes."""
    here = laurel()
    see_org(org)
    count_try(here.db, f"code {request.remote_addr}", here.now())
    return tagged(invitations.prove_domain(editor(), org, body["code"]))


@blp.route("/orgs/<org>/domains/<domain>", methods=["DELETE"])
@requires("orgs")
@blp.response(200, OrgSchema)
def drop_domain(org: str, domain: str) -> Any:
    """Take a mail domain off an organization."""
    return tagged(invitations.drop_domain(editor(), see_org(org), domain))
