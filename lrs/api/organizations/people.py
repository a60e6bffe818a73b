"""People: identifiers, affiliations, rosters, invitations, merges, splits, erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any, Final

from flask import request
from marshmallow import Schema, fields, validate

from lrs.access.limits import Limits
from lrs.api.contract import BYTES, Blueprint, Flag, Instant, PageArgs, page, page_schema
from lrs.api.resource import Resource, chosen
from lrs.api.rights import directory, editor, vendor_only, visible_org, visible_orgs
from lrs.api.streams import EXPORTS, streamed
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.foundation.mail import check_address
from lrs.people import affiliations, records, roster
from lrs.people import merge as people_merge
from lrs.people.privacy import erasure, subject_access
from lrs.people.roster_plan import ELSEWHERE
from statements.parsing.actor import mbox_ifi

blp = Blueprint("people", __name__, url_prefix="/people", description="Human beings and where they belong.")

Document = dict[str, Any]
TEXT: Final = validate.Length(1, 200)
IFI: Final = validate.Length(3, 2000)


class IdentifierSchema(Schema):
    """An identifier and when it was the person's."""

    ifi = fields.String()
    start = Instant(attribute="from", data_key="from", allow_none=True)
    until = Instant(allow_none=True)


class AffiliationSchema(Schema):
    """Membership of an organization; it counts from `confirmed_at`, and only where it is primary."""

    id = fields.String(attribute="_id")
    person = fields.String(allow_none=True)  # an organization is not told before they confirm
    org = fields.String()
    start = Instant(attribute="from", data_key="from", allow_none=True)
    until = Instant(allow_none=True)
    primary = Flag()
    role = fields.String(allow_none=True)
    confirmed_at = Instant(allow_none=True)
    known_as = fields.String(allow_none=True)


class PersonSchema(Schema):
    """A person as the asker may see them."""

    id = fields.String(attribute="_id")
    name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    confirmed = Flag()
    ifis = fields.List(fields.Nested(IdentifierSchema))
    affiliations = fields.List(fields.Nested(AffiliationSchema))
    display = fields.Dict()
    created_at = Instant()


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
        values=Flag(),
        metadata={"description": "What the holder lets the public registry show."},
    )


class Identifier(Schema):
    """An identifier to add or to end."""

    ifi = fields.String(required=True, validate=IFI)
    at = Instant(load_default=None, default_timezone=dt.UTC, metadata={"description": "From or until when."})


class NewAffiliation(Schema):
    """A new affiliation; a primary one ends the earlier primary one."""

    org = fields.String(required=True)
    start = Instant(data_key="from", load_default=None, default_timezone=dt.UTC)
    primary = Flag(load_default=True)
    role = fields.String(load_default=None, validate=TEXT)


class Ending(Schema):
    """When an affiliation ends; default: now. null takes back an end that is still ahead."""

    until = Instant(allow_none=True, default_timezone=dt.UTC)


class Merge(Schema):
    """Who is merged into the person of the address; first with `dry_run`."""

    gone = fields.String(required=True)
    dry_run = Flag(load_default=True)
    basis = fields.String(load_default=None, metadata={"description": "The `basis` of the preview."})


class Split(Schema):
    """Which identifiers leave for a new person; first with `dry_run`."""

    ifis = fields.List(fields.String(validate=IFI), required=True, validate=validate.Length(1, 100))
    since = Instant(load_default=None, default_timezone=dt.UTC)
    name = fields.String(load_default=None, validate=TEXT)
    dry_run = Flag(load_default=True)
    basis = fields.String(load_default=None)


class Erasure(Schema):
    """How a person is erased; first with `dry_run`."""

    mode = fields.String(load_default="pseudonymise", validate=validate.OneOf(erasure.MODES))
    reason = fields.String(required=True, validate=validate.Length(1, 1000))
    dry_run = Flag(load_default=True)


class RosterArgs(Schema):
    """For which organization a roster is."""

    org = fields.String(required=True)
    dry_run = Flag(load_default=False)
    elsewhere = fields.String(
        load_default="ask",
        validate=validate.OneOf(ELSEWHERE),
        metadata={"description": "Of whom counts for another, where the row does not say `primary`."},
    )


class RosterReport(Schema):
    """What an import did: counts, and every row that was not as it was, with what it `does` in words."""

    dry_run = Flag()
    counts = fields.Dict()
    rows = fields.List(fields.Dict())


class Outcome(Schema):
    """Whether it was done, and what it does."""

    done = Flag()
    preview = fields.Dict()


AffiliationPage = page_schema(AffiliationSchema)

PEOPLE = Resource(
    blp, "person", PersonSchema, collection="people", path="/<person>", scope="people",
    find=lambda person: directory().get(person),
    bounds=dict,  # the filter of the directory has them
    present=lambda person: directory().present(person),
)  # fmt: skip


@PEOPLE.lists(PersonFilter)
def list_people(args: Document) -> Document:
    """List the people whom the principal sees."""
    if "org" in args:
        visible_org(args["org"])
    return directory().filter(**chosen(args, "org", "email", "ifi"))


@PEOPLE.makes(NewPerson, vendor=True)
def add_person(body: Document) -> Document:
    """Add a person; the vendor's right (organizations invite, or import rosters)."""
    ifis = [*([mbox_ifi(check_address(body["email"]))] if "email" in body else []), *body["ifis"]]
    return records.add_person(editor(), ifis, name=body.get("name"))


@blp.get("/pending", scope="people")
@blp.arguments(PageArgs, location="query")
@blp.response(200, AffiliationPage)
def list_pending(args: dict[str, Any]) -> Any:
    """List the affiliations that wait for the person's confirmation."""
    hidden = {} if visible_orgs() is None else {"person": None}
    return page(
        current_services().db.affiliations, directory().waiting(), args, lambda row: {**row, **hidden}
    )


@blp.post("/roster", scope="people")
@blp.arguments(RosterArgs, location="query")
@blp.response(200, RosterReport)
def import_roster(args: dict[str, Any]) -> Any:
    """Import a roster: the body is CSV (`text/csv`, UTF-8) with the columns of the documentation."""
    org = visible_org(args["org"])
    try:
        text = current_services().bodies.read(request).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidField("csv", "is not UTF-8") from error
    by_vendor = visible_orgs() is None
    current_services().part(Limits).check_people(org)
    return roster.import_roster(
        editor(), org, text, by_vendor=by_vendor, dry_run=args["dry_run"], elsewhere=args["elsewhere"]
    )


@PEOPLE.reads()
def get_one(person: Document) -> Document:
    """Answer one person."""
    return person


@PEOPLE.changes(PersonEdit, vendor=True)
def edit_person(body: Document, before: Document, version: int) -> Document:
    """Change a person's name, contact address or public display; the vendor's right."""
    return records.edit_person(editor(), before["_id"], body, version)


@PEOPLE.acts("/identifiers", Identifier, vendor=True)
def add_identifier(body: Document, person: Document) -> Document:
    """Give a person an identifier that nobody has; the vendor's right."""
    return records.add_identifier(editor(), person["_id"], body["ifi"], body["at"])


@PEOPLE.acts("/identifiers/end", Identifier, vendor=True)
def end_identifier(body: Document, person: Document) -> Document:
    """Let an identifier be the person's only until an instant; the vendor's right."""
    until = body["at"] or current_services().now()
    return records.end_identifier(editor(), person["_id"], body["ifi"], until)


@blp.post("/<person>/affiliations", scope="people")
@blp.arguments(NewAffiliation)
@blp.response(201, AffiliationSchema)
def add_affiliation(body: dict[str, Any], person: str) -> Any:
    """Begin an affiliation that counts at once; a move where it is primary; the vendor's right."""
    vendor_only()
    before, org = directory().get(person), visible_org(body["org"])
    current_services().part(Limits).check_people(org)
    return affiliations.affiliate(
        editor(),
        before["_id"],
        org,
        start=body["start"],
        primary=body["primary"],
        role=body["role"],
    )


@blp.post("/<person>/affiliations/<affiliation>/end", scope="people")
@blp.arguments(Ending)
@blp.response(200, AffiliationSchema)
def end_affiliation(body: dict[str, Any], person: str, affiliation: str) -> Any:
    """End an affiliation, or move an end that is ahead; an organization its own, also unconfirmed ones."""
    get_visible_affiliation(person, affiliation)
    until = body.get("until", current_services().now())
    return affiliations.end_affiliation(editor(), affiliation, until)


@blp.post("/<person>/affiliations/<affiliation>/confirm", scope="people")
@blp.response(200, AffiliationSchema)
def confirm_affiliation(person: str, affiliation: str) -> Any:
    """Confirm an affiliation in the person's stead; the vendor's right."""
    vendor_only()
    get_visible_affiliation(person, affiliation)
    return affiliations.confirm_affiliation(editor(), affiliation)


def get_visible_affiliation(person: str, affiliation: str) -> Document:
    """Return a visible affiliation of the person (`-` where the person is not known)."""
    row = affiliations.get_affiliation(current_services().db, affiliation)
    visible_org(row["org"], "affiliation", affiliation)
    if person not in {row["person"], "-"}:
        raise UnknownThing("affiliation", affiliation)
    return row


@blp.post("/<person>/merge", scope="people")
@blp.arguments(Merge)
@blp.response(200, Outcome)
def merge(body: dict[str, Any], person: str) -> Any:
    """Merge another record into this one, or tell what that would do; the vendor's right."""
    vendor_only()
    preview = people_merge.preview_merge(current_services().db, person, body["gone"])
    if not body["dry_run"]:
        people_merge.merge(editor(), person, body["gone"], body["basis"])
    return {"done": not body["dry_run"], "preview": preview}


@blp.post("/<person>/split", scope="people")
@blp.arguments(Split)
@blp.response(200, Outcome)
def split(body: dict[str, Any], person: str) -> Any:
    """Give some identifiers to a new person, or tell what that would do; the vendor's right."""
    vendor_only()
    preview = people_merge.preview_split(current_services().db, person, body["ifis"], body["since"])
    if not body["dry_run"]:
        made = people_merge.split(
            editor(), person, body["ifis"], since=body["since"], name=body["name"], expected=body["basis"]
        )
        preview["person_made"] = made["_id"]
    return {"done": not body["dry_run"], "preview": preview}


@blp.get("/<person>/export", scope="people")
@blp.response(200, BYTES, content_type="application/zip")
def export_person(person: str) -> Any:
    """Answer everything held on a person as one ZIP archive (subject access); the vendor's right."""
    vendor_only()
    who, found = editor(), directory().get(person)
    into = TemporaryFile()  # noqa: SIM115 -- closed when the answer is
    try:
        subject_access.export(who, found["_id"], into)
        into.seek(0)
        name = {"Content-Disposition": f'attachment; filename="{found["_id"]}.zip"'}
        answer = streamed(EXPORTS, _blocks(into), "application/zip", name)
    except BaseException:
        into.close()
        raise
    answer.call_on_close(into.close)  # also when its reader goes away before the end
    return answer


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(65_536), b"")


@blp.post("/<person>/erase", scope="people")
@blp.arguments(Erasure)
@blp.response(200, Outcome)
def erase(body: dict[str, Any], person: str) -> Any:
    """Erase a person across all stores, or count what that would touch; the vendor's right."""
    vendor_only()
    found = directory().get(person)
    if body["dry_run"]:
        return {"done": False, "preview": erasure.count(current_services().db, found["_id"])}
    done = erasure.erase(editor(), found["_id"], mode=body["mode"], reason=body["reason"])
    return {"done": True, "preview": done}
