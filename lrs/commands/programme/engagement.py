"""`lrs engagement`: points, milestones and questions of somebody, and why; boards counted anew."""

from __future__ import annotations

import click

from lrs import commands
from lrs.commands import json_option, with_services
from lrs.commands.programme.rules import exit_statuses, print_json
from lrs.engagement import leaderboards, next_steps
from lrs.engagement.explained import explained
from lrs.engagement.published import seasons
from lrs.engagement.recall import remake_all
from lrs.foundation.context import Services
from rules.catalogue.store import cache_of

LISTED = ("season", "title", "from", "until", "people", "partners", "counted")


@click.group()
def group() -> None:
    """See what brings somebody points, which questions come back when, and count boards anew."""


@group.command()
@click.argument("person")
@json_option
@with_services
def explain(services: Services, person: str, *, as_json: bool) -> None:
    """Say what brought PERSON points, how far milestones are, and when which question comes back."""
    with exit_statuses():
        found = explained(services.db, person, services.now())
    if as_json:
        print_json(found)
        return
    for one in found["seasons"]:
        click.echo(f"{one['title']}: {one['points']} points")
        for each in one["earned"]:
            click.echo(f"  {each['points']:>5}  {each['at']:%Y-%m-%d}  {each['kind']} {each['what']}")
    for one in found["milestones"]:
        reached = f"reached {one['reached_at']:%Y-%m-%d}" if one["reached_at"] else "not yet"
        click.echo(f"{one['title']}: {one['have']} of {one['need']}, {reached}")
    for one in found["questions"]:
        last = "never asked" if one["right"] is None else "last right" if one["right"] else "last wrong"
        click.echo(
            f"{one['recall']}/{one['question']}: due {one['due_at']:%Y-%m-%d}, after {one['pause']}, {last}"
        )


@group.command()
@json_option
@with_services
def boards(services: Services, *, as_json: bool) -> None:
    """List the seasons with how many people and partners take part."""
    rules, now = cache_of(services.db).get(fresh=True), services.now()
    rows = [leaderboards.row_of(services.db, *one) for one in seasons(rules, now)]
    commands.print_rows(rows, LISTED, as_json=as_json)


@group.command()
@with_services
def rebuild(services: Services) -> None:
    """Read all answers from their statements again, and count all boards and next steps anew."""
    rules, now = cache_of(services.db).get(fresh=True), services.now()
    cards = remake_all(services.db)
    leaderboards.count(services.db, rules, seasons(rules, now), now)
    if services.settings.similar_people:
        next_steps.count(services.db, services.settings.similar_people, now)
    click.echo(f"{cards} cards, {len(seasons(rules, now))} boards")
