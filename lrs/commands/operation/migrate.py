"""`lrs migrate`: bring stored data up to date; the worker does the same by itself."""

from __future__ import annotations

import sys
from typing import Any

import click

from lrs.commands import PROBLEMS, json_option, print_rows, with_services
from lrs.foundation.context import Services
from lrs.foundation.settings import StartFailure
from lrs.migrations import run, schema_version
from lrs.migrations.steps import MIGRATIONS, SCHEMA

COLUMNS = ("step", "what", "state", "looked_at", "changed")


@click.command()
@click.option("--plan", is_flag=True, help="Only say what would be done.")
@json_option
@with_services
def group(services: Services, *, plan: bool, as_json: bool) -> None:
    """Bring stored data up to date, while everything runs; Ctrl-C stops it, and it goes on next time."""
    try:
        schema_version.refuse_newer(schema_version.read(services.db), SCHEMA)
    except StartFailure as error:
        click.echo(f"lrs: {error}", err=True)
        sys.exit(PROBLEMS)
    if not plan:
        schema_version.claim(services.db, SCHEMA, services.now())
        told = (lambda _row: None) if as_json else _progress
        if not run.run_pending(services.db, services.now, told=told):
            click.echo("lrs: another process is at it; `lrs migrate --plan` says how far it is", err=True)
    print_rows(rows(services), COLUMNS, as_json=as_json)


def rows(services: Services) -> list[dict[str, Any]]:
    """Return every migration with how far it is."""
    numbers = {"_id": {"$in": [step.number for step in MIGRATIONS]}}
    stored = {row["_id"]: row for row in services.db.schema.find(numbers)}
    return [
        {
            "step": step.number,
            "what": step.title,
            "state": _state(stored.get(step.number)),
            "looked_at": (stored.get(step.number) or {}).get("looked_at", 0),
            "changed": (stored.get(step.number) or {}).get("changed", 0),
            "total": (stored.get(step.number) or {}).get("total") or step.count(services.db),
        }
        for step in MIGRATIONS
    ]


def _state(row: dict[str, Any] | None) -> str:
    if row is None:
        return "to do"
    return "under way" if row["finished_at"] is None else f"done {row['finished_at']:%Y-%m-%d}"


def _progress(row: dict[str, Any]) -> None:
    if row["finished_at"] is None:
        click.echo(f"step {row['_id']}: {row['looked_at']:,} of about {row['total']:,}", err=True)
