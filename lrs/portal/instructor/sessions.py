"""/instructor: my sessions and what I signed; a session with its roster, attendance, and changes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final

from flask import Response, current_app, g, request

from lrs.api.instruction.signer import people_of
from lrs.api.rights import directory, editor, visible_orgs
from lrs.console.forms import sent
from lrs.console.shell import redirected
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.instruction import bookings, sessions, signing
from lrs.instruction.calendars import written as as_calendar
from lrs.portal.mine import me
from lrs.portal.teaching import (
    Teaching,
    audience,
    chosen_people,
    fresh_ids,
    orgs,
    page,
    seen_at,
    signer,
    statement_id,
    written,
)
from lrs.words.reader import mark

Document = dict[str, Any]
FIELDS: Final = ("title", "begins", "ends", "timezone", "place", "link", "seats", "activity")
JUST_OVER: Final = dt.timedelta(days=30)  # attendance is often noted later
SAVED: Final = {
    "session": mark("Saved. Who is booked was told what changed."),
    "cancelled": mark("Cancelled. Everybody who was booked or waited is told by mail."),
    "person": mark("They are on the list, and told by mail."),
    "off": mark("They are off the list; who waited longest moved up."),
    "attendance": mark("Noted: your certification rules count it within seconds."),
    "void": mark("Taken back: it counts no more."),
}

blueprint = Teaching("instructor", __name__)


@blueprint.get("/instructor", scope="assess")
def overview() -> Response:
    """Show the sessions to come and just over, and what the instructor signed last."""
    services = current_services()
    found = sessions.kept_by(services.db, visible_orgs(), services.now() - JUST_OVER)
    signed = signing.signed_by(services.db, signer(), 30)
    return page(
        "instructor.html",
        sessions=found, counts=bookings.counts(services.db, found), now=services.now(), signed=signed,
        orgs=orgs(), saved=SAVED.get(request.args.get("saved", "")),
    )  # fmt: skip


@blueprint.post("/instructor/sessions", scope="assess")
def make() -> Response:
    """Keep a new session."""
    services = current_services()
    person = me()
    made = sessions.make_session(
        editor(), (g.principal.org, audience(request.form.get("audience", ""))),
        sessions.read_session(sent(*FIELDS)),
        {"person": person["_id"], "name": person.get("name")}, services.settings.public_url,
    )  # fmt: skip
    return redirected(f"/instructor/sessions/{made['_id']}")


def own(session: str) -> Document:
    """Return a session of an organization that the instructor sees; raises UnknownThing."""
    return sessions.get_session(current_services().db, session, visible_orgs())


@blueprint.get("/instructor/sessions/<session>", scope="assess")
def session(session: str) -> Response:
    """Show a session: who comes, who waits, who was there; and the forms to change it."""
    services, of = current_services(), own(session)
    rows = bookings.roster(services.db, of)
    wanted = {"_id": {"$in": [row["person"] for row in rows]}}
    people = {one["_id"]: one for one in directory().present_each(list(services.db.people.find(wanted)))}
    return page(
        "teaching_session.html",
        of=of, booked=[row for row in rows if row["state"] == "booked"],
        waiting=[row for row in rows if row["state"] == "waiting"], people=people,
        ids=fresh_ids(list(people.values())), has_begun=of["begins_at"] <= services.now(),
        local=sessions.local_text, saved=SAVED.get(request.args.get("saved", "")),
    )  # fmt: skip


@blueprint.post("/instructor/sessions/<session>", scope="assess")
def edit(session: str) -> Response:
    """Change a session."""
    sessions.edit_session(editor(), own(session), sessions.read_session(sent(*FIELDS)))
    return redirected(f"/instructor/sessions/{session}?saved=session")


@blueprint.post("/instructor/sessions/<session>/cancel", scope="assess")
def cancel(session: str) -> Response:
    """Cancel a session."""
    sessions.cancel_session(editor(), own(session), request.form.get("reason", "").strip())
    return redirected(f"/instructor/sessions/{session}?saved=cancelled")


@blueprint.post("/instructor/sessions/<session>/people", scope="assess")
def add(session: str) -> Response:
    """Put somebody on the list by their mail address."""
    services, of = current_services(), own(session)
    email = request.form.get("email", "").strip()
    found = list(services.db.people.find(directory().filter(email=email), {"_id": 1}).limit(2))
    if len(found) != 1:
        raise UnknownThing("person", email[:254])
    [person] = people_of([found[0]["_id"]])
    bookings.book(editor(), of, person["_id"])
    return redirected(f"/instructor/sessions/{session}?saved=person")


@blueprint.post("/instructor/sessions/<session>/people/<person>/off", scope="assess")
def take_off(session: str, person: str) -> Response:
    """Take somebody off the list."""
    bookings.give_up(editor(), own(session), person)
    return redirected(f"/instructor/sessions/{session}?saved=off")


@blueprint.post("/instructor/sessions/<session>/attendance", scope="assess")
def attendance(session: str) -> Response:
    """Write that those who are ticked attended; all of them, or none."""
    services, of, chosen = current_services(), own(session), chosen_people()
    on_list = {row["person"] for row in bookings.roster(services.db, of) if row["state"] == "booked"}
    if any(one not in on_list for one in chosen):
        raise InvalidField("people", "somebody is not on the list any more; load the page again")
    present = [signing.Finding(statement_id(one), one, {}) for one in chosen]
    ids = signing.attend(services.db, signer(), of, present, at=seen_at(), now=services.now())
    for one, name in zip(chosen, ids, strict=True):
        bookings.note_attendance(services.db, of, one, name)
    return written(ids, f"/instructor/sessions/{session}?saved=attendance")


@blueprint.get("/instructor/sessions/<session>.ics", scope="assess")
def calendar(session: str) -> Response:
    """Answer a session as a file for calendars."""
    body = as_calendar([own(session)], current_services().settings.public_url, {})
    return Response(body, content_type="text/calendar; charset=utf-8")


@blueprint.get("/instructor/worker.js", scope="assess")
def worker() -> Response:
    """Answer the script that keeps these pages for when there is no net."""
    body = (Path(current_app.root_path) / "static" / "instructor_worker.js").read_bytes()
    answer = Response(body, content_type="text/javascript; charset=utf-8")
    answer.headers["Service-Worker-Allowed"] = "/instructor"
    return answer
