"""GET /me/assignments/<id>: what is asked of me, by when, why it is not, and each step with what was seen."""

from __future__ import annotations

from flask import Response

from lrs.access.guard import AUTHENTICATED
from lrs.analysis.assignments import row_of, titles_of
from lrs.console.models.explained import told as told_of
from lrs.content.fulfilling import courses_for
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from lrs.portal.me.home import opens_to, sessions_of
from lrs.portal.mine import Mine, me, page
from lrs.portal.models.way import shortest_way
from lrs.words.engine import named
from rules import queries
from rules.catalogue.store import cache_of

blueprint = Mine("me_assignment", __name__)


@blueprint.get("/me/assignments/<assignment>", scope=AUTHENTICATED)
def assignment(assignment: str) -> Response:
    """Show one assignment of the own person; one that is not asked of them is as if it were not there."""
    services = current_services()
    person, now = me()["_id"], services.now()
    title = named(titles_of(cache_of(services.db).get())).get(assignment)
    if title is None:
        raise UnknownThing("assignment", assignment)
    standing, found = queries.explain_assignment(services.db, person, assignment, now, now)
    if standing is None or standing.evaluated:
        raise UnknownThing("assignment", assignment)
    courses = courses_for(services.db, found, services.settings.public_url, opens_to(person, now))
    steps = shortest_way(found.tree)
    return page(
        "assignment.html",
        title=title, one=row_of(person, standing), branches=told_of(found).branches,
        steps=steps, sessions=sessions_of(steps, now),
        courses={each["requirement"]: each for each in reversed(courses)},
    )  # fmt: skip
