"""`lrs awards`: list standings, record what people decide (hold, revoke, extend ...), rebuild the view."""

from __future__ import annotations

import click

from lrs.commands import json_option, show, with_laurel
from lrs.commands.rules import exit_statuses
from lrs.context import Laurel
from rules import enquiries

COLUMNS = ("person", "certification", "state", "awarded", "expires", "version", "award")


@click.group()
def group() -> None:
    """List awards and record what people decide about them."""


@group.command(name="list")
@click.option("--person", help="An id, an address or name@organization.")
@click.option("--certification", help="Only this certification.")
@click.option("--state", help="Only this state, as it is now.")
@click.option("--organization", help="Only people whose primary affiliation this is.")
@click.option("--limit", type=click.IntRange(1), help="At most so many.")
@json_option
@with_laurel
def list_(
    here: Laurel,
    person: str | None,
    certification: str | None,
    state: str | None,
    organization: str | None,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    """List who stands how in which certification, now."""
    with exit_statuses():
        rows = enquiries.list_awards(
            here.db,
            here.now(),
            person=person,
            certification=certification,
            state=state,
            organization=organization,
            limit=limit,
        )
        show(rows, COLUMNS, as_json=as_json)
