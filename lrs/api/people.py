"""People: identifiers, affiliations, rosters, invitations, merges, splits, erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from flask import request
from marshmallow import Schema, fields, validate

from lrs import erasure, people, people_merge, people_roster
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.api.rights import editor, realm, see_org, vendor_only, within
from lrs.application import body_of
from lrs.auth import requires
from lrs.context import laurel
from lrs.mail import check_address
from lrs.refusals import InvalidField, UnknownThing
from statements.actor import mbox_ifi

blp = Blueprint("people", __name__, url_prefix="/people", description="Human beings and where they belong.")

Document = dict[str, Any]
TEXT: Final = validate.Length(1, 200)
IFI: Final = validate.Length(3, 2000)


class IdentifierSchema(Schema):
    """An identifier and when it was the person's."""

    ifi = fields.String()
    start = fields.AwareDateTime(attribute="from", data_key="from", allow_none=True)
    until = fields.AwareDateTime(allow_none=True)


class AffiliationSchema(Schema):
    """Membership of an organization; it counts from `confirmed_at`, and only where it is primary."""

    id = fields.String(attribute="_id")
    person = fields.String()
    org = fields.String()
    start = fields.AwareDateTime(attribute="from", data_key="from", allow_none=True)
    until = fields.AwareDateTime(allow_none=True)
    primary = fields.Boolean()
    role = fields.String(allow_none=True)
    confirmed_at = fields.AwareDateTime(allow_none=True)
    known_as = fields.String(allow_none=True)


class PersonSchema(Schema):
    """A person as the asker may see them."""

    id = fields.String(attribute="_id")
    name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    confirmed = fields.Boolean()
    ifis = fields.List(fields.Nested(IdentifierSchema))
    affiliations = fields.List(fields.Nested(AffiliationSchema))
    display = fields.Dict()
    created_at = fields.AwareDateTime()


class PersonFilter(PageArgs):
    """Which people."""

    org = fields.String(metadata={"description": "Who belongs to this organization now."})
    email = fields.String(validate=TEXT)
    ifi = fields.String(validate=IFI)


class NewPerson(Schema):
    """A new person, by mail address or by other identifiers."""

    email = fields.String(validate=TEXT)
    ifis = fields.List(fields.String(validate=IFI), load_default=list)
    name = fields.String(validate=TEXT)


class PersonEdit(Schema):
    """A change of a person."""

    name = fields.String(allow_none=True, validate=TEXT)
    email = fields.Email(allow_none=True)
    display = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"\A[a-z_]{1,40}\Z")),
        values=fields.Boolean(),
        metadata={"description": "What the holder lets the public registry show."},
    )


class Identifier(Schema):
    """An identifier to add or to end."""

    ifi = fields.String(required=True, validate=IFI)
    at = fields.AwareDateTime(
        load_default=None, default_timezone=dt.UTC, metadata={"description": "From or until when."}
    )


class NewAffiliation(Schema):
    """A new affiliation; a primary one ends the earlier primary one."""

    org = fields.String(required=True)
    start = fields.AwareDateTime(data_key="from", load_default=None, default_timezone=dt.UTC)
    primary = fields.Boolean(load_default=True)
    role = fields.String(load_default=None, validate=TEXT)


class Ending(Schema):
    """When something ends; default: now."""

    until = fields.AwareDateTime(load_default=None, default_timezone=dt.UTC)


class Merge(Schema):
    """Who is merged into the person of the address; first with `dry_run`."""

    gone = fields.String(required=True)
    dry_run = fields.Boolean(load_default=True)
    basis = fields.String(load_default=None, metadata={"description": "The `basis` of the preview."})


class Split(Schema):
    """Which identifiers leave for a new person; first with `dry_run`."""

    ifis = fields.List(fields.String(validate=IFI), required=True, validate=validate.Length(1, 100))
    since = fields.AwareDateTime(load_default=None, default_timezone=dt.UTC)
    name = fields.String(load_default=None, validate=TEXT)
    dry_run = fields.Boolean(load_default=True)
    basis = fields.String(load_default=None)


class Erasure(Schema):
    """How a person is erased; first with `dry_run`."""

    mode = fields.String(load_default="pseudonymise", validate=validate.OneOf(erasure.MODES))
    reason = fields.String(required=True, validate=validate.Length(1, 1000))
    dry_run = fields.Boolean(load_default=True)


class RosterArgs(Schema):
    """For which organization a roster is."""

    org = fields.String(required=True)
    dry_run = fields.Boolean(load_default=False)


class RosterReport(Schema):
    """What an import did: counts, and every row that was not as it was."""

    dry_run = fields.Boolean()
    counts = fields.Dict()
    rows = fields.List(fields.Dict())


class Outcome(Schema):
    """Whether it was done, and what it does."""

    done = fields.Boolean()
    preview = fields.Dict()


PersonPage = page_schema(PersonSchema)
AffiliationPage = page_schema(AffiliationSchema)


def members() -> list[str] | None:
    """Return the people who belong or belonged, confirmed, to the realm; None means all."""
    orgs = realm()
    if orgs is None:
        return None
    found = laurel().db.affiliations.find(
        {"org": {"$in": orgs}, "confirmed_at": {"$ne": None}}, {"person": 1}
    )
    return sorted({row["person"] for row in found})


def present() -> list[str] | None:
    """Return the people who belong to the realm now, whose present state it may see (5-5); None means all."""
    orgs = realm()
    if orgs is None:
        return None
    ends = {"$or": [{"until": None}, {"until": {"$gt": laurel().now()}}]}
    wanted = {"org": {"$in": orgs}, "confirmed_at": {"$ne": None}, **ends}
    return sorted({row["person"] for row in laurel().db.affiliations.find(wanted, {"person": 1})})


def left_at(person: str) -> dt.datetime | None:
    """Return when somebody whom the principal may see left its realm; None while they belong, or for all."""
    inside = present()
    if inside is None or person in inside:
        return None
    rows = laurel().db.affiliations.find({"person": person, "confirmed_at": {"$ne": None}, **within()})
    last: dt.datetime = max(row["until"] for row in rows)
    return last


def seen(person: str) -> Document:
    """Return a person whom the principal may see; raises UnknownThing."""
    found = people.get_person(laurel().db, person)
    wanted = {"person": found["_id"], "confirmed_at": {"$ne": None}, **within()}
    if realm() is not None and laurel().db.affiliations.find_one(wanted, {"_id": 1}) is None:
        raise UnknownThing("person", person)
    return found


def show(person: Document) -> Document:
    """Return a person as the principal may see them.

    An organization sees its own affiliations and the identifier it knows the person by, nothing of others.
    """
    rows = list(laurel().db.affiliations.find({"person": person["_id"], **within()}).sort("from", 1))
    shown = {**person, "affiliations": rows, "display": person.get("display") or {}}
    if realm() is None:
        return shown
    known = dict.fromkeys(str(row["known_as"]) for row in rows if row.get("known_as"))
    mailbox = next((ifi for ifi in known if ifi.startswith(people.MBOX)), None)
    return {
        **shown,
        "ifis": [{"ifi": ifi, "from": None, "until": None} for ifi in known],
        "email": mailbox and mailbox.removeprefix(people.MBOX),
        "confirmed": any(row["confirmed_at"] and row["until"] is None for row in rows),
    }


def selection(args: Mapping[str, Any]) -> Document:
    """Return the filter of a listing: what was asked, of what the principal may see."""
    clauses: list[Document] = [{"org": "vendor", "merged_into": None}]
    known = {}
    if "ifi" in args:
        known = {"ifis.ifi": args["ifi"]}
    elif "email" in args:
        known = {"$or": [{"email": args["email"]}, {"ifis.ifi": mbox_ifi(args["email"])}]}
    ids = members()
    if "org" in args:
        wanted = {"org": see_org(args["org"]), "until": None, "confirmed_at": {"$ne": None}}
        here = {row["person"] for row in laurel().db.affiliations.find(wanted, {"person": 1})}
        ids = sorted(here) if ids is None else sorted(here & set(ids))
    if ids is not None:
        clauses.append({"_id": {"$in": ids}})
    if known and realm() is not None:
        known = {"_id": {"$in": known_by(args)}}
    return {"$and": [*clauses, known]}


def known_by(args: Mapping[str, Any]) -> list[str]:
    """Return whom the realm knows by an identifier: an organization cannot look up what it does not know."""
    ifi = args.get("ifi") or mbox_ifi(args["email"])
    rows = laurel().db.affiliations.find({"known_as": ifi, **within()}, {"person": 1})
    return sorted({row["person"] for row in rows})


@blp.route("", methods=["GET"])
@requires("people")
@blp.arguments(PersonFilter, location="query")
@blp.response(200, PersonPage)
def list_people(args: dict[str, Any]) -> Any:
    """List the people of the principal's realm."""
    return page(laurel().db.people, selection(args), args, show)


@blp.route("", methods=["POST"])
@requires("people")
@blp.arguments(NewPerson)
@blp.response(201, PersonSchema)
def add_person(body: dict[str, Any]) -> Any:
    """Add a person; the vendor's right (organizations invite, or import rosters)."""
    vendor_only()
    ifis = [*([mbox_ifi(check_address(body["email"]))] if "email" in body else []), *body["ifis"]]
    made = people.add_person(editor(), ifis, name=body.get("name"))
    return tagged(show(made), made, 201)


@blp.route("/pending", methods=["GET"])
@requires("people")
@blp.arguments(PageArgs, location="query")
@blp.response(200, AffiliationPage)
def list_pending(args: dict[str, Any]) -> Any:
    """List the affiliations of the realm that wait for the person's confirmation."""
    wanted = {"confirmed_at": None, "until": None, **within()}
    hidden = {} if realm() is None else {"person": None}
    return page(laurel().db.affiliations, wanted, args, lambda row: {**row, **hidden})


@blp.route("/roster", methods=["POST"])
@requires("people")
@blp.arguments(RosterArgs, location="query")
@blp.response(200, RosterReport)
def import_roster(args: dict[str, Any]) -> Any:
    """Import a roster: the body is CSV (`text/csv`, UTF-8) with the columns of the documentation."""
    org = see_org(args["org"])
    try:
        text = body_of(request).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidField("csv", "is not UTF-8") from error
    by_vendor = realm() is None
    return people_roster.import_roster(editor(), org, text, by_vendor=by_vendor, dry_run=args["dry_run"])


@blp.route("/<person>", methods=["GET"])
@requires("people")
@blp.response(200, PersonSchema)
def get_one(person: str) -> Any:
    """Answer one person."""
    found = seen(person)
    return tagged(show(found), found)


@blp.route("/<person>", methods=["PATCH"])
@requires("people")
@blp.arguments(PersonEdit)
@blp.response(200, PersonSchema)
def edit_person(body: dict[str, Any], person: str) -> Any:
    """Change a person's name, contact address or public display; the vendor's right."""
    vendor_only()
    before = seen(person)
    after = people.edit_person(editor(), before["_id"], body, check_match("person", before))
    return tagged(show(after), after)


@blp.route("/<person>/identifiers", methods=["POST"])
@requires("people")
@blp.arguments(Identifier)
@blp.response(200, PersonSchema)
def add_identifier(body: dict[str, Any], person: str) -> Any:
    """Give a person an identifier that nobody has; the vendor's right."""
    vendor_only()
    after = people.add_identifier(editor(), seen(person)["_id"], body["ifi"], body["at"])
    return tagged(show(after), after)


@blp.route("/<person>/identifiers/end", methods=["POST"])
@requires("people")
@blp.arguments(Identifier)
@blp.response(200, PersonSchema)
def end_identifier(body: dict[str, Any], person: str) -> Any:
    """Let an identifier be the person's only until an instant; the vendor's right."""
    vendor_only()
    until = body["at"] or laurel().now()
    after = people.end_identifier(editor(), seen(person)["_id"], body["ifi"], until)
    return tagged(show(after), after)


@blp.route("/<person>/affiliations", methods=["POST"])
@requires("people")
@blp.arguments(NewAffiliation)
@blp.response(201, AffiliationSchema)
def add_affiliation(body: dict[str, Any], person: str) -> Any:
    """Begin an affiliation that counts at once; a move where it is primary; the vendor's right."""
    vendor_only()
    before = seen(person)
    return people.affiliate(
        editor(),
        before["_id"],
        see_org(body["org"]),
        start=body["start"],
        primary=body["primary"],
        role=body["role"],
    )


@blp.route("/<person>/affiliations/<affiliation>/end", methods=["POST"])
@requires("people")
@blp.arguments(Ending)
@blp.response(200, AffiliationSchema)
def end_affiliation(body: dict[str, Any], person: str, affiliation: str) -> Any:
    """End an affiliation; an organization may end its own, also one that was never confirmed."""
    seen_affiliation(person, affiliation)
    return people.end_affiliation(editor(), affiliation, body["until"] or laurel().now())


@blp.route("/<person>/affiliations/<affiliation>/confirm", methods=["POST"])
@requires("people")
@blp.response(200, AffiliationSchema)
def confirm_affiliation(person: str, affiliation: str) -> Any:
    """Confirm an affiliation in the person's stead; the vendor's right."""
    vendor_only()
    seen_affiliation(person, affiliation)
    return people.confirm_affiliation(editor(), affiliation)


def seen_affiliation(person: str, affiliation: str) -> Document:
    """Return an affiliation of the realm and of the person (`-` where the person is not known)."""
    row = people.get_affiliation(laurel().db, affiliation)
    see_org(row["org"], "affiliation", affiliation)
    if person not in {row["person"], "-"}:
        raise UnknownThing("affiliation", affiliation)
    return row


@blp.route("/<person>/merge", methods=["POST"])
@requires("people")
@blp.arguments(Merge)
@blp.response(200, Outcome)
def merge(body: dict[str, Any], person: str) -> Any:
    """Merge another record into this one, or tell what that would do; the vendor's right."""
    vendor_only()
    preview = people_merge.preview_merge(laurel().db, person, body["gone"])
    if not body["dry_run"]:
        people_merge.merge(editor(), person, body["gone"], body["basis"])
    return {"done": not body["dry_run"], "preview": preview}


@blp.route("/<person>/split", methods=["POST"])
@requires("people")
@blp.arguments(Split)
@blp.response(200, Outcome)
def split(body: dict[str, Any], person: str) -> Any:
    """Give some identifiers to a new person, or tell what that would do; the vendor's right."""
    vendor_only()
    preview = people_merge.preview_split(laurel().db, person, body["ifis"], body["since"])
    if not body["dry_run"]:
        made = people_merge.split(
            editor(), person, body["ifis"], since=body["since"], name=body["name"], expected=body["basis"]
        )
        preview["person_made"] = made["_id"]
    return {"done": not body["dry_run"], "preview": preview}


@blp.route("/<person>/erase", methods=["POST"])
@requires("people")
@blp.arguments(Erasure)
@blp.response(200, Outcome)
def erase(body: dict[str, Any], person: str) -> Any:
    """Erase a person across all stores, or count what that would touch; the vendor's right."""
    vendor_only()
    found = seen(person)
    if body["dry_run"]:
        return {"done": False, "preview": erasure.count(laurel().db, found["_id"])}
    done = erasure.erase(editor(), found["_id"], mode=body["mode"], reason=body["reason"])
    return {"done": True, "preview": done}
