"""`lrs inbound`: what was refused of what clients sent, and why."""

from __future__ import annotations

from typing import Any

import click

from lrs.commands import fail, json_option, print_rows, with_services
from lrs.commands.operator import refusals_as_exit
from lrs.foundation.context import Services
from lrs.xapi import inbound_log

COLUMNS = ("id", "at", "client", "status", "error", "message")


@click.group("inbound")
def group() -> None:
    """The inbound log: requests to /xapi that were refused."""


@group.command("list")
@click.option("--org", help="Only of this organization.")
@click.option("--client", help="Only of this client.")
@click.option("--error", help="Only of this kind, like InvalidStatement.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
@with_services
@refusals_as_exit
def list_refusals(services: Services, limit: int, as_json: bool, **wanted: str | None) -> None:
    """List refusals, the newest first."""
    selection = {name: value for name, value in wanted.items() if value is not None}
    found = inbound_log.newest(services.db, selection, limit)
    print_rows((_row(entry) for entry in found), COLUMNS, as_json=as_json)


@group.command("show")
@click.argument("refusal")
@with_services
@refusals_as_exit
def show_one(services: Services, refusal: str) -> None:
    """Show one refusal with the offending text."""
    found = services.db.inbound.find_one({"_id": refusal})
    if found is None:
        fail(f"there is no refusal {refusal}")
        return
    for name, value in _row(found).items():
        if name != "text" and value is not None:
            click.echo(f"{name:10}{value}")
    click.echo(f"\n{found['text'] or '(no body)'}")


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in entry.items() if name not in {"_id", "source", "ring"}}
    return {"id": entry["_id"], **kept}
