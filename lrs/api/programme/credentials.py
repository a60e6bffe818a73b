"""Credentials over HTTP for those who administer: state, holders' links, verification, partners' looks."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields, validate

from lrs.access.guard import AUTHENTICATED
from lrs.api.contract import Blueprint, Flag, PageArgs, next_link, read_cursor
from lrs.api.programme import answers
from lrs.api.programme.rules import visible
from lrs.api.rights import directory, editor, vendor_only, visible_org
from lrs.credentials.consent import LIFETIME, RIGHTS, Display, DisplayStore
from lrs.credentials.issuer import issuer_of, links_of
from lrs.credentials.public.branding import Brand, get_brand, set_brand
from lrs.credentials.public.view import CredentialView, is_id, listed, part_now, view_of
from lrs.credentials.verifying.copy import verify_credential
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.foundation.fetching import Fetcher
from rules.credentials.store import Record

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
        required=True,
        validate=validate.Length(1, MAX_TOKEN),
        metadata={"description": "A compact JWS, JSON, or an https address."},
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
    has_logo = Flag(dump_only=True)


@blp.get("/credentials", scope=("people", "rules"))
@blp.arguments(CredentialFilter, location="query")
@blp.response(200, answers.CredentialPage)
def list_credentials(args: dict[str, Any]) -> Response:
    """List the newest credential of each award with its state now, of whom the principal sees."""
    services = current_services()
    person = visible(args["person"]) if "person" in args else None
    inside = directory().members()
    if inside is not None and person is not None:
        inside, person = [one for one in inside if one == person], None
    found = issuer_of(services.settings, services.db).store.current(
        certification=args.get("certification"), person=person, people=inside,
        after=read_cursor(args["after"]) if args["after"] else None,
    )  # fmt: skip
    rows: list[Record] = []
    for record in listed(services, found):
        rows.append(record)
        if len(rows) > args["limit"]:
            break
    shown = rows[: args["limit"]]
    onward = next_link(shown[-1].award) if len(rows) > len(shown) else None
    return jsonify({"items": [show_record(record) for record in shown], "next": onward})


@blp.get("/credentials/<award>", scope=("people", "rules"))
@blp.response(200, answers.ShownCredential)
def get_credential(award: str) -> Response:
    """Show a credential: its state now, what it says, every time it was issued."""
    record = find_record(award)
    services = current_services()
    issues = [
        {
            "seq": one.seq, "reason": one.reason, "valid_from": one.valid_from.isoformat(), "key": one.key,
            "status_list": one.list, "status_index": one.index,
        }
        for one in issuer_of(services.settings, services.db).store.records(award)
    ]  # fmt: skip
    return jsonify(show_record(record) | {"issues": issues, "jwt": record.jwt, "claims": view(record).claims})


@blp.post("/credentials/<award>/links", scope="people")
@blp.arguments(LinkRequest)
@blp.response(201, answers.CredentialLink)
def make_link(body: dict[str, Any], award: str) -> tuple[Response, int]:
    """Make a signed link to send to the holder, or one that shows the credential for thirty days."""
    vendor_only()
    record = find_record(award)
    services, right = current_services(), body["right"]
    until = services.now() + LIFETIME[right]
    token = links_of(services.settings).make(award, right, services.now())
    who = editor()
    who.change(lambda _: who.note(f"credential.link.{right}", "person", record.person, org="vendor"))
    return jsonify(
        {
            "url": f"{services.settings.public_url}/credentials/{award}?token={token}",
            "right": right,
            "until": until.isoformat(),
        }
    ), 201


@blp.post("/credentials/verify", scope=AUTHENTICATED, writes=False)
@blp.arguments(VerifyRequest)
@blp.response(200, answers.Verification)
def verify(body: dict[str, Any]) -> Response:
    """Check a copy of a credential, ours or another issuer's; says each thing that was checked."""
    services = current_services()
    fetcher = Fetcher(allow_private=services.settings.allow_private_addresses)
    inquiry = Inquiry(fetcher.get, services.now())
    report = verify_credential(body["credential"].encode(), inquiry, email=body.get("email"))
    checks = [{"check": one.name, "outcome": one.outcome, "detail": one.detail} for one in report.checks]
    return jsonify(
        {
            "valid": report.is_valid,
            "verdict": report.verdict,
            "checks": checks,
            "credential": dict(report.claims),
        }
    )


@blp.get("/orgs/<org>/brand", scope="orgs")
@blp.response(200, BrandSchema)
def read_brand(org: str) -> Brand:
    """Show how an organization looks on public pages."""
    found = get_brand(current_services().db, visible_org(org))
    if found is None:
        raise UnknownThing("brand", org)
    return found


@blp.put("/orgs/<org>/brand", scope="orgs")
@blp.arguments(BrandSchema)
@blp.response(200, BrandSchema)
def write_brand(body: dict[str, Any], org: str) -> Brand:
    """Set colour and logo of an organization; a colour that no text can be read on is refused."""
    services = current_services()
    who = editor()
    logo = read_picture(body["logo"]) if "logo" in body else None
    brand = set_brand(services.db, visible_org(org), colour=body["colour"], logo=logo, now=services.now())
    who.change(lambda _: who.note("org.brand", "org", org, org=org, after={"colour": brand.colour}))
    return brand


def read_picture(text: str) -> bytes:
    """Return the bytes of a base64 text; raise InvalidField."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField("logo", "must be base64") from error


def find_record(award: str) -> Record:
    """Return the newest credential of an award of somebody whom the principal sees; raises UnknownThing."""
    services = current_services()
    record = issuer_of(services.settings, services.db).store.newest(award) if is_id(award) else None
    inside = directory().known()
    if record is None or (inside is not None and record.person not in inside):
        raise UnknownThing("credential", award)
    return record


def view(record: Record) -> CredentialView:
    """Return all that there is to see of a credential."""
    return view_of(current_services(), record, EVERYTHING)


def show_record(record: Record) -> dict[str, Any]:
    """Return a credential as one row of a listing."""
    shown, display = view(record), DisplayStore(current_services().db).get(record.award, record.person)
    return {
        "id": record.award,
        "url": shown.url,
        "certification": record.certification,
        "version": record.version,
        "title": shown.title,
        "person": record.person,
        "state": shown.state,
        "merged_into": part.award if (part := part_now(current_services(), record.award)) else None,
        "since": shown.since.isoformat(),
        "awarded": shown.awarded.isoformat(),
        "valid_until": shown.valid_until.isoformat() if shown.valid_until else None,
        "displayed": display.shown,
        "in_registry": display.registry,
    }
