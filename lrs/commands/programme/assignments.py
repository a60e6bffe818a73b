"""`lrs assignments`: what is asked of people, how they stand, and why (cert#5-9)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from lrs import commands
from lrs.analysis.assignments import STATES, assigned, row_of, summary, urgency
from lrs.commands import json_option, with_services
from lrs.commands.programme.rules import exit_statuses, print_json
from lrs.foundation.context import Services
from rules import queries
from rules.catalogue.store import cache_of
from rules.explaining.explain import as_dict
from rules.explaining.text import as_text
from rules.programmes.assigned import versions_of
from rules.queries import with_names

COUNTED = ("assignment", "version", "mode", "asked", *STATES, "title")
LISTED = ("state", "due", "name", "met", "of", "missing", "reason", "person")


@click.group()
def group() -> None:
    """See how people stand in the paths that are asked of them."""


@group.command(name="list")
@json_option
@with_services
def list_(services: Services, *, as_json: bool) -> None:
    """List the assignments with how many people stand how."""
    rules = cache_of(services.db).get(fresh=True)
    rows = [row_of(*one) for one in assigned(services.db, services.now(), evaluated=True)]
    commands.print_rows(summary(rules, rows, whole=True), COUNTED, as_json=as_json)


@group.command()
@click.argument("assignment")
@click.option("--state", type=click.Choice(STATES), help="Only those who stand so.")
@click.option("--organization", help="Only the people of this organization.")
@json_option
@with_services
def people(
    services: Services, assignment: str, state: str | None, organization: str | None, *, as_json: bool
) -> None:
    """List of whom ASSIGNMENT is asked and how they stand, who is late first."""
    now = services.now()
    with exit_statuses():
        versions_of(cache_of(services.db).get(fresh=True), assignment)
    persons = None if organization is None else members_of(services, organization, now)
    found = assigned(services.db, now, persons, [assignment], evaluated=True)
    rows = sorted((row_of(*one) for one in found if state in {None, one[1].state}), key=urgency)
    commands.print_rows(with_names(services.db, rows, now), LISTED, as_json=as_json)


def members_of(services: Services, organization: str, now: dt.datetime) -> list[str]:
    """Return who counts for an organization now."""
    from lrs.people.directory import Directory  # noqa: PLC0415 -- slow to load, and asked for by one option

    return list(Directory(services.db, now).members_of(organization))


@group.command()
@click.argument("person")
@click.argument("assignment")
@json_option
@with_services
def explain(services: Services, person: str, assignment: str, *, as_json: bool) -> None:
    """Say how PERSON stands in ASSIGNMENT, step by step."""
    now = services.now()
    with exit_statuses():
        standing, told = queries.explain_assignment(services.db, person, assignment, now, now)
    if as_json:
        found: dict[str, Any] = as_dict(told)
        print_json(found | {"assignment": assignment, "standing": standing and row_of(told.person, standing)})
        return
    if standing is None:
        click.echo(f"{assignment} is not asked of {told.name or told.person}")
    else:
        due = f", due {standing.asked.due}" if standing.asked.due else ""
        why = f": {standing.reason}" if standing.reason else ""
        click.echo(f"{standing.state}{why}  asked since {standing.asked.since}{due}")
    click.echo(as_text(told))
