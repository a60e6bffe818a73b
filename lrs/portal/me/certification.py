"""GET /me/certifications/<id>: why I hold it or not yet, in plain words, with evidence and what happened."""

from __future__ import annotations

from typing import Final

from flask import Response, g, request

from lrs.access.guard import AUTHENTICATED
from lrs.access.organizations import VENDOR
from lrs.access.tries import check_tries, count_try
from lrs.console.models.explained import told as told_of
from lrs.console.programme.explained import history_of, states_of
from lrs.console.shell import redirected
from lrs.content.fulfilling import courses_for
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.people.accounts import proven_mailbox
from lrs.people.directory import Directory
from lrs.portal.letters import VENDORS, managers_of, write_to
from lrs.portal.me.home import credentials_of, opens_to, sessions_of
from lrs.portal.mine import Mine, me, myself, page
from lrs.portal.models.way import shortest_way
from lrs.words.engine import titles
from rules import queries

LONGEST: Final = 2000
QUESTIONS: Final = 3  # within a quarter of an hour

blueprint = Mine("me_certification", __name__)


@blueprint.get("/me/certifications/<certification>", scope=AUTHENTICATED)
def certification(certification: str) -> Response:
    """Show one certification of the own person."""
    services = current_services()
    person, now = me()["_id"], services.now()
    found = queries.explain(services.db, person, certification, None, now)
    courses = courses_for(services.db, found, services.settings.public_url, opens_to(person, now))
    steps = shortest_way(found.tree)
    history = history_of(states_of(person, certification, None), now)
    return page(
        "certification.html",
        certification=certification, title=titles().get(certification, certification), told=told_of(found),
        explanation=found, steps=steps, sessions=sessions_of(steps, now), history=history,
        asked="asked" in request.args, longest=LONGEST,
        courses={one["requirement"]: one for one in reversed(courses)},
        credentials=[one for one in credentials_of(person, now).values() if one.id in awards_of(history)],
    )  # fmt: skip


@blueprint.post("/me/certifications/<certification>/question", scope=AUTHENTICATED)
def ask(certification: str) -> Response:
    """Send a question or an objection to the managers of the own organization and to the vendor."""
    services, person, text = current_services(), me(), request.form.get("text", "").strip()
    if not 1 <= len(text) <= LONGEST:
        raise InvalidField("text", f"has 1 to {LONGEST} characters")
    title = titles().get(certification)
    if title is None:
        raise UnknownThing("certification", certification)
    name = f"questions of {person['_id']}"
    check_tries(services.db, {name: QUESTIONS}, services.now())
    count_try(services.db, name, services.now())
    editor, after = myself(), {"certification": certification, "text": text}
    editor.change(lambda _: editor.note("person.question", "person", person["_id"], org=VENDOR, after=after))
    letter = f"{person.get('name') or g.user['email']} asks about {title}:\n\n{text}\n\n"
    place, answer_to = services.settings.public_url, proven_mailbox(g.user)
    org = Directory(services.db, services.now()).organization_of(person["_id"])
    if org is not None:
        link = f"{place}/partner/people/{person['_id']}\n"
        write_to(managers_of(org), f"A question about {title}", letter + link, answer_to)
    link = f"{place}/console/people/{person['_id']}/certifications/{certification}\n"
    write_to(VENDORS, f"A question about {title}", letter + link, answer_to)
    return redirected(f"/me/certifications/{certification}?asked=1#question")


def awards_of(history: list[dict[str, object]]) -> set[object]:
    """Return the awards that some states belong to."""
    return {one.get("award") for one in history}
