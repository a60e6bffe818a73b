"""Assignments: each with how many stand how, and the people of one, who is late first."""

from __future__ import annotations

from typing import Any, Final

from flask import g

from lrs.access.organizations import VENDOR
from lrs.analysis.assignments import STATES, assigned, row_of, summary, titles_of, urgency
from lrs.api.rights import directory, visible_org
from lrs.console.lists import Rows, Span, asked, cut, listed
from lrs.console.models.states import state_of
from lrs.console.organizations.people import org_names
from lrs.console.programme.expiries import dressed
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.reader import t
from rules.catalogue.store import cache_of
from rules.programmes.assigned import versions_of

Document = dict[str, Any]
COLUMNS: Final = ("assignment", "title", "version", "mode", "asked", *STATES)
PEOPLE: Final = (
    "state", "due", "since", "person", "name", "organization", "met", "of", "missing", "met_at", "reason",
    "until",
)  # fmt: skip

blueprint = Pages("console_assignments", __name__)


@listed(
    blueprint, "/console/assignments", scope=("rules", "people", "analytics"), template="assignments.html"
)
def assignments(span: Span) -> Rows:
    """List the assignments that concern the people whom the user sees."""
    services, whole = current_services(), g.principal.org == VENDOR
    found = assigned(services.db, services.now(), directory().members(), evaluated=whole)
    rows = summary(cache_of(services.db).get(), (row_of(*one) for one in found), whole=whole)
    shown, last = cut(rows, span, lambda one: [one["assignment"]])
    return Rows(COLUMNS, shown, last, {"total": len(rows)})


@listed(
    blueprint, "/console/assignments/<assignment>", scope=("people", "analytics"), template="assignment.html"
)
def assignment(span: Span, assignment: str) -> Rows:
    """List of whom an assignment is asked and how they stand, who is late first."""
    services, filters = current_services(), asked("org", "state")
    rules, now, whole = cache_of(services.db).get(), services.now(), g.principal.org == VENDOR
    versions_of(rules, assignment)
    if filters.get("state", STATES[0]) not in STATES:
        raise InvalidField("state", f"is one of {', '.join(STATES)}")
    persons = directory().members()
    if "org" in filters:
        persons = directory().members_of(visible_org(filters["org"]))
    found = [row_of(*one) for one in assigned(services.db, now, persons, [assignment], evaluated=whole)]
    counts = {name: sum(one["state"] == name for one in found) for name in STATES}
    rows = sorted(
        (one for one in found if filters.get("state") in {None, one["state"]}),
        key=urgency,
    )
    shown, last = cut(rows, span, lambda one: list(map(str, urgency(one))))
    context = {
        "title": titles_of(rules)[assignment], "assignment": assignment, "filters": filters,
        "total": len(rows), "orgs": org_names(), "counts": counts,
        "states": [(one, f"{t(state_of(one).word)} ({counts[one]})") for one in STATES if counts[one]],
    }  # fmt: skip
    return Rows(PEOPLE, dressed(shown, now), last, context)
