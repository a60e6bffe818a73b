"""/me/sessions: sessions that I may book, my seats, and all of it for my calendar."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request

from lrs.access.guard import AUTHENTICATED, PUBLIC, Blueprint
from lrs.console.forms import once
from lrs.console.shell import redirected
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from lrs.instruction import bookings, calendars, sessions
from lrs.instruction.evidence_files import find_file, is_about, signed_off
from lrs.portal.instructor.signing import download
from lrs.portal.mine import Mine, me, myself, page
from lrs.words.reader import mark

Document = dict[str, Any]
SAVED: Final = {
    "booked": mark("You have a seat. A mail says it too."),
    "waiting": mark("It is full: you are on the waiting list, and move up by yourself."),
    "given_up": mark("Your seat is free for somebody else."),
}

blueprint = Mine("me_sessions", __name__)
feeds = Blueprint("calendars", __name__)


@blueprint.get("/me/sessions", scope=AUTHENTICATED)
def listing() -> Response:
    """Show the sessions to come: the own ones first, then what can be booked."""
    services, person = current_services(), me()["_id"]
    mine = bookings.of_person(services.db, person)
    now = services.now()
    booked = sessions.of_ids(services.db, sorted(mine), now)
    others = [one for one in sessions.open_to(services.db, person, now) if one["_id"] not in mine]
    return page(
        "sessions.html",
        booked=booked, others=others, mine=mine, counts=bookings.counts(services.db, [*booked, *others]),
        feed=None, has_feed=calendars.has_feed(services.db, person),
    )  # fmt: skip


def seen(session: str) -> Document:
    """Return a session that the person may book, or has a place in; raises UnknownThing."""
    services, person = current_services(), me()["_id"]
    found = sessions.get_session(services.db, session, None)
    if session in bookings.of_person(services.db, person):
        return found
    if found["audience"] not in sessions.audiences_of(services.db, person, services.now()):
        raise UnknownThing("session", session)
    return found


@blueprint.get("/me/sessions/<session>", scope=AUTHENTICATED)
def session(session: str) -> Response:
    """Show one session, with the way to book it or to give the seat back."""
    services, of = current_services(), seen(session)
    return page(
        "session.html",
        of=of, mine=bookings.of_person(services.db, me()["_id"]).get(session),
        taken=bookings.taken(services.db, of), has_begun=of["begins_at"] <= services.now(),
        saved=SAVED.get(request.args.get("saved", "")),
    )  # fmt: skip


@blueprint.post("/me/sessions/<session>/book", scope=AUTHENTICATED)
def book(session: str) -> Response:
    """Take a seat, or a place in the line."""
    row = bookings.book(myself(), seen(session), me()["_id"])
    return redirected(f"/me/sessions/{session}?saved={row['state']}")


@blueprint.post("/me/sessions/<session>/give-up", scope=AUTHENTICATED)
def give_up(session: str) -> Response:
    """Give the seat back; who waits longest gets it."""
    bookings.give_up(myself(), seen(session), me()["_id"])
    return redirected(f"/me/sessions/{session}?saved=given_up")


@blueprint.get("/me/sessions/<session>.ics", scope=AUTHENTICATED)
def calendar(session: str) -> Response:
    """Answer one session as a file for calendars."""
    services, of = current_services(), seen(session)
    states = {name: row["state"] for name, row in bookings.of_person(services.db, me()["_id"]).items()}
    return as_calendar(calendars.written([of], services.settings.public_url, states))


@blueprint.post("/me/calendar", scope=AUTHENTICATED)
def new_feed() -> Response:
    """Make a new address for the own calendar, shown this once; an older one ends."""
    once("/me/sessions")
    services, person = current_services(), me()["_id"]
    token = calendars.new_feed(myself(), person)
    address = f"{services.settings.public_url}/calendar.ics?token={token}"
    return page("feed.html", feed=address)


@feeds.get("/calendar.ics", scope=PUBLIC)
def feed() -> Response:
    """Answer the calendar of whom the address is for; whoever has the address sees it."""
    services = current_services()
    token = request.args.get("token", "")[:100]
    answer = as_calendar(calendars.feed(services.db, token, services.settings.public_url, services.now()))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def as_calendar(body: bytes) -> Response:
    """Answer a calendar."""
    return Response(body, content_type="text/calendar; charset=utf-8")


@blueprint.get("/me/evidence/<org>/<statement>/<sha2>", scope=AUTHENTICATED)
def evidence(org: str, statement: str, sha2: str) -> Response:
    """Answer a file that an instructor kept beside something signed off for the own person."""
    db = current_services().db
    found = signed_off(db, org, statement)
    if not is_about(db, found, me()["_id"]):
        raise UnknownThing("statement", statement[:64])
    return download(find_file(db, org, found, sha2))
