"""Assignments over HTTP: what is asked of people, how they stand, and why (cert#5-9)."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import fields, validate

from lrs.access.auth import current_principal
from lrs.access.organizations import VENDOR
from lrs.analysis.assignments import STATES, assigned, row_of, summary
from lrs.api.contract import Blueprint, PageArgs, next_link, read_cursor
from lrs.api.programme import answers
from lrs.api.programme.rules import answer, visible
from lrs.api.rights import directory, visible_org
from lrs.content.fulfilling import courses_for
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from rules import queries
from rules.catalogue.store import cache_of
from rules.explaining.explain import as_dict
from rules.programmes.assigned import path_at, versions_of

blp = Blueprint("assignments", __name__, description="Paths that are asked of people, and how they stand.")
READERS = ("people", "rules", "analytics")


class AssignedFilter(PageArgs):
    """Which people."""

    organization = fields.String()
    state = fields.String(
        validate=validate.OneOf(STATES), metadata={"description": "Only those who stand so."}
    )


@blp.get("/assignments", scope=READERS)
@blp.response(200, answers.AssignmentList)
def list_assignments() -> Response:
    """List the assignments with how many of the people whom the principal sees stand how."""
    services = current_services()
    whole = current_principal().org == VENDOR
    rows = [
        row_of(*one) for one in assigned(services.db, services.now(), directory().members(), evaluated=whole)
    ]
    items = summary(cache_of(services.db).get(), rows, whole=whole)
    return answer({"items": items, "next": None})


@blp.get("/assignments/<assignment>/people", scope=READERS)
@blp.arguments(AssignedFilter, location="query")
@blp.response(200, answers.AssignedPage)
def list_people(args: dict[str, Any], assignment: str) -> Response:
    """List of whom an assignment is asked and how they stand, by person."""
    services = current_services()
    versions_of(cache_of(services.db).get(), assignment)
    persons = directory().members()
    if "organization" in args:
        persons = directory().members_of(visible_org(args["organization"]))
    after = read_cursor(args["after"]) if args["after"] else ""
    whole = current_principal().org == VENDOR
    rows = [
        row_of(person, one)
        for person, one in assigned(services.db, services.now(), persons, [assignment], evaluated=whole)
        if person > after and args.get("state") in {None, one.state}
    ]
    shown = list(queries.with_names(services.db, rows[: args["limit"]], services.now()))
    more = len(rows) > len(shown)
    return answer({"items": shown, "next": next_link(shown[-1]["person"]) if more else None})


@blp.get("/people/<person>/assignments", scope=READERS)
@blp.response(200, answers.AssignedList)
def list_of_person(person: str) -> Response:
    """List what is asked of a person and how they stand."""
    services, whom = current_services(), current(person)
    return answer({
        "items": [row_of(*one) for one in assigned(services.db, services.now(), [whom])], "next": None,
    })  # fmt: skip


@blp.get("/people/<person>/assignments/<assignment>/explain", scope=READERS)
@blp.response(200, answers.ExplainedAssignment)
def explain(person: str, assignment: str) -> Response:
    """Say how a person stands in an assignment, step by step, with courses for what is missing."""
    services, whom = current_services(), current(person)
    now = services.now()
    version = path_at(cache_of(services.db).get(), assignment, now)
    if version.mode == "evaluate" and current_principal().org != VENDOR:
        raise UnknownThing("assignment", assignment)
    standing, told = queries.explain_assignment(services.db, whom, assignment, now, now)
    body = as_dict(told) | {"courses": courses_for(services.db, told, services.settings.public_url)}
    del body["certification"]
    return answer(body | {"assignment": assignment, "standing": standing and row_of(whom, standing)})


def current(person: str) -> str:
    """Return the id of somebody who belongs to what the principal sees now; raises UnknownThing."""
    whom = visible(person)
    if directory().left_at(whom) is not None:
        raise UnknownThing("person", person)
    return whom
