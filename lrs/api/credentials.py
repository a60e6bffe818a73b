"""Credentials over HTTP for those who administer: state, holders' links, verification, partners' looks."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint, PageArgs, next_link, read_cursor
from lrs.api.people import members, present
from lrs.api.rights import editor, see_org, vendor_only
from lrs.api.rules import visible
from lrs.auth import requires
from lrs.branding import Brand, get_brand, set_brand
from lrs.context import laurel
from lrs.credential_desk import desk_of, links_of
from lrs.credential_view import CredentialView, is_id, view_of
from lrs.displays import LIFETIME, RIGHTS, Display, DisplayStore
from lrs.fetching import Fetcher
from lrs.refusals import InvalidField, UnknownThing
from lrs.verify import Inquiry, verify_credential
from rules.credential_store import Record

blp = Blueprint("credentials-api", __name__, description="Signed credentials of awards, and partners' looks.")
MAX_TOKEN = 1_000_000
EVERYTHING = Display(shown=True, name="full", evidence=True)


class CredentialFilter(PageArgs):
    """Which credentials."""

    certification = fields.String()
    person = fields.String()


class LinkRequest(Schema):
    """What a link allows."""

    right = fields.String(
        load_default="holder",
        validate=validate.OneOf(RIGHTS),
        metadata={"description": "`holder` sees and decides what others see; `view` sees for 30 days."},
    )


class VerifyRequest(Schema):
    """A copy of a credential."""

    credential = fields.String(
        required=True, validate=validate.Length(1, MAX_TOKEN), metadata={"description": "A compact JWS."}
    )
    email = fields.String(metadata={"description": "Check also that it was made for this address."})


class BrandSchema(Schema):
    """How a partner looks on public pages."""

    colour = fields.String(required=True, metadata={"description": "Ground colour like #14584c."})
    logo = fields.String(
        load_only=True,
        validate=validate.Length(max=700_000),
        metadata={"description": "A PNG, JPEG or WebP picture in base64; the present one stays without it."},
    )
    ink = fields.String(dump_only=True)
    has_logo = fields.Boolean(dump_only=True)


@blp.route("/credentials", methods=["GET"])
@requires("people", "rules")
@blp.arguments(CredentialFilter, location="query")
def list_credentials(args: dict[str, Any]) -> Response:
    """List the newest credential of each award with its state now, people of the principal's realm."""
    here = laurel()
    person = visible(args["person"]) if "person" in args else None
    inside = present()
    if inside is not None and person is not None:
        inside, person = [one for one in inside if one == person], None
    found = desk_of(here.settings, here.db).store.current(
        certification=args.get("certification"), person=person, people=inside,
        after=read_cursor(args["after"]) if args["after"] else None,
    )  # fmt: skip
    rows: list[Record] = []
    for record in found:
        rows.append(record)
        if len(rows) > args["limit"]:
            break
    shown = rows[: args["limit"]]
    onward = next_link(shown[-1].award) if len(rows) > len(shown) else None
    return jsonify({"items": [show_record(record) for record in shown], "next": onward})


@blp.route("/credentials/<award>", methods=["GET"])
@requires("people", "rules")
def get_credential(award: str) -> Response:
    """Show a credential: its state now, what it says, every time it was issued."""
    record = find_record(award)
    here = laurel()
    issues = [
        {
            "seq": one.seq, "reason": one.reason, "valid_from": one.valid_from.isoformat(), "key": one.key,
            "status_list": one.list, "status_index": one.index,
        }
        for one in desk_of(here.settings, here.db).store.records(award)
    ]  # fmt: skip
    return jsonify(show_record(record) | {"issues": issues, "jwt": record.jwt, "claims": view(record).claims})


@blp.route("/credentials/<award>/links", methods=["POST"])
@requires("people")
@blp.arguments(LinkRequest)
def make_link(body: dict[str, Any], award: str) -> tuple[Response, int]:
    """Make a signed link to send to the holder, or one that shows the credential for thirty days."""
    vendor_only()
    record = find_record(award)
    here, right = laurel(), body["right"]
    until = here.now() + LIFETIME[right]
    token = links_of(here.settings).make(award, right, here.now())
    who = editor()
    who.change(lambda _: who.note(f"credential.link.{right}", "person", record.person, org="vendor"))
    return jsonify(
        {
            "url": f"{here.settings.public_url}/credentials/{award}?token={token}",
            "right": right,
            "until": until.isoformat(),
        }
    ), 201


@blp.route("/credentials/verify", methods=["POST"])
@requires()
@blp.arguments(VerifyRequest)
def verify(body: dict[str, Any]) -> Response:
    """Check a copy of a credential, ours or another issuer's; says each thing that was checked."""
    here = laurel()
    fetcher = Fetcher(allow_private=here.settings.allow_private_addresses)
    inquiry = Inquiry(fetcher.get, here.now())
    report = verify_credential(body["credential"].encode(), inquiry, email=body.get("email"))
    checks = [{"check": one.name, "outcome": one.outcome, "detail": one.detail} for one in report.checks]
    return jsonify({"valid": report.is_valid, "checks": checks, "credential": dict(report.claims)})


@blp.route("/orgs/<org>/brand", methods=["GET"])
@requires("orgs")
@blp.response(200, BrandSchema)
def read_brand(org: str) -> Brand:
    """Show how an organization looks on public pages."""
    found = get_brand(laurel().db, see_org(org))
    if found is None:
        raise UnknownThing("brand", org)
    return found


@blp.route("/orgs/<org>/brand", methods=["PUT"])
@requires("orgs")
@blp.arguments(BrandSchema)
@blp.response(200, BrandSchema)
def write_brand(body: dict[str, Any], org: str) -> Brand:
    """Set colour and logo of an organization; a colour that no text can be read on is refused."""
    here = laurel()
    who = editor()
    logo = read_picture(body["logo"]) if "logo" in body else None
    brand = set_brand(here.db, see_org(org), colour=body["colour"], logo=logo, now=here.now())
    who.change(lambda _: who.note("org.brand", "org", org, org=org, after={"colour": brand.colour}))
    return brand


def read_picture(text: str) -> bytes:
    """Return the bytes of a base64 text; raise InvalidField."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField("logo", "must be base64") from error


def find_record(award: str) -> Record:
    """Return the newest credential of an award of somebody in the principal's realm; raises UnknownThing."""
    here = laurel()
    record = desk_of(here.settings, here.db).store.newest(award) if is_id(award) else None
    inside = members()
    if record is None or (inside is not None and record.person not in inside):
        raise UnknownThing("credential", award)
    return record


def view(record: Record) -> CredentialView:
    """Return all that there is to see of a credential."""
    return view_of(laurel(), record, EVERYTHING)


def show_record(record: Record) -> dict[str, Any]:
    """Return a credential as one row of a listing."""
    shown, display = view(record), DisplayStore(laurel().db).get(record.award, record.person)
    return {
        "id": record.award,
        "url": shown.url,
        "certification": record.certification,
        "version": record.version,
        "title": shown.title,
        "person": record.person,
        "state": shown.state,
        "since": shown.since.isoformat(),
        "awarded": shown.awarded.isoformat(),
        "valid_until": shown.valid_until.isoformat() if shown.valid_until else None,
        "displayed": display.shown,
        "in_registry": display.registry,
    }
