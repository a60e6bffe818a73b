"""The page of a cmi5 course of several units: what each one's state is, and the way into it.

A unit runs in the whole window and comes back here by the return address of its launch.
"""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import UUID

from flask import Response, redirect, render_template, request

from lrs.content.cmi5.menu import menu, next_unit
from lrs.content.cmi5.registrations import Registrations
from lrs.content.opening import course_of, open_unit
from lrs.content.player.launches import Wanted, player_url
from lrs.content.player.shelf import Shelf, Shelved, text_of
from lrs.foundation.audit import Editor
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]

LARGEST: Final = 10_000
PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # a unit may lie on another site, and a form that is sent there by redirection counts as sent there
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self' http: https:; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
}


def menu_page(launch: Document, version: Shelved) -> Response:
    """Answer the page."""
    registration = Registrations(current_services().db).get(UUID(launch["registration"]))
    course = menu(version.package.root, registration)
    asked = (launch["language"], *(tag for tag, _ in request.accept_languages))
    body = render_template(
        "content/units.html",
        course=course,
        onward=next_unit(course),
        back=launch["return_url"],
        counts=launch["mode"] == "normal",
        say_in=lambda texts: text_of(texts, asked),
    )
    return Response(body, headers=PAGE_HEADERS, content_type="text/html; charset=utf-8")


def open_chosen(token: str, launch: Document, unit: str) -> Response:
    """Launch the unit that was chosen, and send the learner there; raises UnknownThing."""
    here = current_services()
    who = {"kind": "launch", "id": launch["_id"], "name": "course page", "org": launch["org"]}
    wanted = Wanted(
        org=launch["org"],
        item=launch["item"],
        actor=launch["actor"],
        person=launch["person"],
        name=launch["learner"]["name"],
        language=launch["language"],
        return_url=player_url(here.settings, token, launch),
        mode=launch["mode"],
    )
    editor = Editor(here.db, who, here.now(), request.remote_addr)
    course = course_of(here.settings, editor, wanted, Shelf(here.db), UUID(launch["registration"]))
    if not unit:
        raise UnknownThing("unit", unit)
    course.unit(unit)
    response = redirect(open_unit(course, wanted, unit).url, 303)
    response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    made: Response = cast("Response", response)
    return made
