"""What all pages of instructors share: a known person, the right, and a worker for when there is no net."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from flask import Response, g, jsonify, request

from lrs.api.rights import visible_orgs
from lrs.console.shell import LONGEST_FORM, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.instruction import evidence_files
from lrs.instruction.signing import MOST, Signer
from lrs.people.accounts import proven_mailbox
from lrs.portal.mine import Mine, me
from lrs.words.reader import mark, t

Document = dict[str, Any]

MENU: Final = (
    (mark("Overview"), "/instructor"),
    (mark("Sign off"), "/instructor/sign-off"),
    (mark("Rubrics"), "/instructor/rubrics"),
)
# the script may start the one worker of these pages: /instructor/worker.js
SCRIPTS: Final = "trusted-types laurel; worker-src 'self'"
LARGEST: Final = LONGEST_FORM + 6 * evidence_files.LARGEST  # bytes of a form with files
MOST_FIELDS: Final = 3000


class Teaching(Mine):
    """A blueprint of pages for instructors."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.before_request(let_work)


def let_work() -> None:
    """Let pages start their worker, and the form of a group be as large as its files need."""
    g.scripts = SCRIPTS
    if request.endpoint == "instructor_signing.sign":
        request.max_content_length, request.max_form_parts = LARGEST, MOST_FIELDS


def signer() -> Signer:
    """Return who is logged in as who signs."""
    services = current_services()
    return Signer.of(me(), proven_mailbox(g.user) or "", g.principal.org, services.settings.public_url)


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page with the menu of instructors."""
    return show(f"portal/{template}", status, tabs=MENU, home="/instructor", place=t("Instructor"), **context)


def chosen_people() -> list[str]:
    """Return whom the form names; raises InvalidField for none or too many."""
    found = request.form.getlist("person")
    if not 1 <= len(found) <= MOST:
        raise InvalidField("people", f"choose 1 to {MOST} people")
    return found


def statement_id(person: str) -> UUID:
    """Return the id that the form has for what is written of a person."""
    try:
        return UUID(request.form.get(f"id.{person}", ""))
    except ValueError as error:
        raise InvalidField("id", "the form lacks the ids of what it writes; load it again") from error


def seen_at() -> dt.datetime | None:
    """Return when the form was filled in, as the device says; None where it does not."""
    text = request.form.get("at", "").strip()
    if not text:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidField("at", "is no instant") from error
    return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)


def written(ids: Sequence[str], onward: str) -> Response:
    """Answer what was written: the way on for a browser, the ids for the script that sent what waited."""
    if request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html") == "text/html":
        return redirected(onward)
    return jsonify(stored=ids, onward=onward)


def fresh_ids(people: Sequence[Document]) -> dict[str, str]:
    """Return an id for what may be written of each person."""
    return {one["_id"]: str(uuid4()) for one in people}


def orgs() -> list[Document]:
    """Return the organizations whose people the instructor sees, by name."""
    seen = visible_orgs()
    wanted: Document = {} if seen is None else {"_id": {"$in": seen}}
    return list(current_services().db.orgs.find(wanted, {"name": 1}).sort("name", 1).limit(500))


def audience(text: str) -> str:
    """Return for whose people a session is: an organization that the instructor sees, else the own."""
    wanted = text or g.principal.org
    seen = visible_orgs()
    known = [one["_id"] for one in orgs()] if seen is None else seen
    if wanted not in known:
        raise UnknownThing("organization", wanted)
    return wanted
