"""Training sessions over HTTP: planned, changed and cancelled; who is booked, who waits, who was there."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from marshmallow import Schema, fields, validate

from lrs.access.auth import current_principal
from lrs.api.contract import Blueprint, Flag, Instant, PageArgs
from lrs.api.instruction.signer import orgs_of, people_of, signer
from lrs.api.resource import Resource
from lrs.api.rights import directory, editor, visible_org, visible_orgs
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.instruction import bookings, sessions, signing
from lrs.people import records

blp = Blueprint(
    "sessions", __name__, url_prefix="/training-sessions", description="Sessions, their seats and attendance."
)

Document = dict[str, Any]
LOCAL: Final[dict[str, Any]] = {
    "metadata": {"description": "A local time in the session's zone: 2026-12-31T09:00."}
}


class Instructor(Schema):
    """Who teaches a session."""

    person = fields.String()
    name = fields.String(allow_none=True)


class SessionSchema(Schema):
    """A session; `version` rises with each change, also of a booking."""

    id = fields.String(attribute="_id")
    org = fields.String()
    audience = fields.String()
    title = fields.String()
    activity = fields.String()
    begins_at = Instant()
    ends_at = Instant()
    timezone = fields.String()
    place = fields.String(allow_none=True)
    link = fields.String(allow_none=True)
    seats = fields.Integer()
    instructor = fields.Nested(Instructor)
    cancelled_at = Instant(allow_none=True)
    reason = fields.String(allow_none=True)
    created_at = Instant()
    updated_at = Instant()
    version = fields.Integer()


class SessionChanges(Schema):
    """What can be changed of a session; a place or a link is needed."""

    title = fields.String()
    begins = fields.String(**LOCAL)
    ends = fields.String(**LOCAL)
    timezone = fields.String()
    place = fields.String()
    link = fields.String()
    seats = fields.Integer(validate=validate.Range(1, sessions.MOST_SEATS))
    activity = fields.String()


class NewSession(SessionChanges):
    """A new session, of the own organization unless another one is named."""

    org = fields.String()
    audience = fields.String(
        metadata={"description": "Whose people may book it, with all below; the vendor: everybody."}
    )
    instructor = fields.String(
        metadata={"description": "The person who teaches; left out, who is logged in."}
    )
    title = fields.String(required=True)
    begins = fields.String(required=True, **LOCAL)
    ends = fields.String(required=True, **LOCAL)
    timezone = fields.String(required=True)
    seats = fields.Integer(required=True, validate=validate.Range(1, sessions.MOST_SEATS))


class SessionFilter(PageArgs):
    """Which sessions."""

    upcoming = Flag(load_default=False, metadata={"description": "Only those that are not over."})


class Reason(Schema):
    """Why a session is cancelled: everybody on its list is told."""

    reason = fields.String(required=True, validate=validate.Length(1, 500))


class BookingSchema(Schema):
    """A seat, or a place in the line."""

    person = fields.String()
    name = fields.String(allow_none=True)
    state = fields.String(validate=validate.OneOf(bookings.STANDING))
    at = Instant()
    attended = fields.String(allow_none=True, metadata={"description": "The statement that says so."})


class BookingList(Schema):
    """Who is booked, then who waits, each in the order of the line."""

    items = fields.List(fields.Nested(BookingSchema))


class NewBooking(Schema):
    """Who gets a seat."""

    person = fields.String(required=True)


class Present(Schema):
    """Who was there."""

    people = fields.List(fields.String(), required=True, validate=validate.Length(1, signing.MOST))
    instructor = fields.String(metadata={"description": "Who saw it; left out, who is logged in."})
    at = Instant(metadata={"description": "When it was seen; left out, now."})


class Stored(Schema):
    """The statements that were written."""

    statements = fields.List(fields.String())


def find(session: str) -> Document:
    """Return a session of an organization that is seen; raises UnknownThing."""
    return sessions.get_session(current_services().db, session, visible_orgs())


SESSIONS = Resource(
    blp, "session", SessionSchema, collection="training_sessions", path="/<session>", scope="assess",
    find=find,
)  # fmt: skip


@SESSIONS.lists(SessionFilter)
def list_sessions(args: Document) -> Document:
    """List the sessions of the organizations that the principal sees."""
    return {"ends_at": {"$gt": current_services().now()}} if args["upcoming"] else {}


@SESSIONS.makes(NewSession)
def make_session(body: Document) -> Document:
    """Plan a session."""
    services = current_services()
    org = visible_org(body.pop("org", current_principal().org))
    audience = visible_org(body.pop("audience", org))
    if services.db.orgs.find_one({"_id": audience}, {"_id": 1}) is None:
        raise UnknownThing("organization", audience)
    teacher = taught_by(body.pop("instructor", None))
    wish = sessions.read_session(texts(body))
    return sessions.make_session(editor(), (org, audience), wish, teacher, services.settings.public_url)


def taught_by(person: str | None) -> Document:
    """Return who teaches: who is logged in, else somebody who is seen."""
    if person is None:
        found = records.get_person(current_services().db, signer(None).person)
    else:
        [found] = people_of([person])
    return {"person": found["_id"], "name": found.get("name")}


def texts(body: Document) -> dict[str, str]:
    """Return a session as a form would send it."""
    return {name: str(value) for name, value in body.items()}


@SESSIONS.reads()
def get_one(session: Document) -> Document:
    """Answer one session."""
    return session


@SESSIONS.changes(SessionChanges)
def change_session(body: Document, before: Document, _: int) -> Document:
    """Change a session; who is booked is told what changed, and who waits moves up to new seats."""
    wish = sessions.read_session({**sessions.as_wish(before), **texts(body)})
    return sessions.edit_session(editor(), before, wish)


@SESSIONS.acts("/cancel", Reason)
def cancel_session(body: Document, session: Document) -> Document:
    """Cancel a session, once; everybody on its list is told."""
    return sessions.cancel_session(editor(), session, body["reason"])


@blp.get("/<session>/bookings", scope="assess")
@blp.response(200, BookingList)
def list_bookings(session: str) -> Document:
    """List who is booked and who waits."""
    rows = bookings.roster(current_services().db, find(session))
    return {"items": with_names(rows)}


def with_names(rows: list[Document]) -> list[Document]:
    """Return bookings with what their people are called, as far as they are seen."""
    wanted = {"_id": {"$in": [row["person"] for row in rows]}}
    people = list(current_services().db.people.find(wanted))
    names = {one["_id"]: one.get("name") for one in directory().present_each(people)}
    return [{**row, "name": names.get(row["person"])} for row in rows]


@blp.post("/<session>/bookings", scope="assess")
@blp.arguments(NewBooking)
@blp.response(201, BookingSchema)
def book(body: Document, session: str) -> Document:
    """Give somebody a seat, or a place in the line; who has one keeps it. They are told by mail."""
    of = find(session)
    [person] = people_of([body["person"]])
    return with_names([bookings.book(editor(), of, person["_id"])])[0]


@blp.delete("/<session>/bookings/<person>", scope="assess")
@blp.response(204)
def give_up(session: str, person: str) -> None:
    """Take somebody off the list; who waited longest moves up."""
    bookings.give_up(editor(), find(session), person)


@blp.post("/<session>/attendance", scope="assess")
@blp.arguments(Present)
@blp.response(201, Stored)
def attend(body: Document, session: str) -> Document:
    """Write that people who are booked attended: statements, all of them or none."""
    services, of = current_services(), find(session)
    who, chosen = signer(body.get("instructor")), body["people"]
    booked = {row["person"] for row in bookings.roster(services.db, of) if row["state"] == "booked"}
    if any(one not in booked for one in chosen):
        raise InvalidField("people", "somebody is not booked")
    people_of(chosen, orgs_of(who))
    present = [signing.Finding(uuid4(), one, {}) for one in chosen]
    ids = signing.attend(services.db, who, of, present, at=body.get("at"), now=services.now())
    for one, name in zip(chosen, ids, strict=True):
        bookings.note_attendance(services.db, of, one, name)
    return {"statements": ids}
