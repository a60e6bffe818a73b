"""`lrs statements queries`: keep questions with a name, let them run on a schedule, show them by a link."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from bson import json_util

from lrs.access.organizations import VENDOR
from lrs.analysis.questions import saved
from lrs.analysis.run import Answer
from lrs.commands import json_option, print_rows, with_services
from lrs.commands.answers import print_answer, read_question, scope_from
from lrs.commands.operator import operator
from lrs.foundation.context import Services
from lrs.foundation.errors import AccessError, UnknownThing
from statements.errors import StatementError

Document = dict[str, Any]
COLUMNS = ("id", "name", "owner", "schedule", "next_at", "links")


@click.group(name="queries")
def group() -> None:
    """Keep queries: QUERY below is the name or the id of one."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what is refused into one line and exit status 2."""
    try:
        yield
    except (AccessError, StatementError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _find(services: Services, wanted: str) -> Document:
    """Return a saved query by id or name; of several with that name the ids are told."""
    found = list(services.db.saved_queries.find({"$or": [{"_id": wanted}, {"name": wanted}]}).limit(20))
    if not found:
        raise UnknownThing("query", wanted)
    if len(found) > 1:
        raise ValueError(f"several are called {wanted}: {', '.join(sorted(one['_id'] for one in found))}")
    return found[0]


def _row(query: Document) -> Document:
    return {
        **query,
        "id": query["_id"],
        "query": json_util.loads(query["expression"]),
        "links": len(query["links"]),
    }


@group.command(name="list")
@json_option
@with_services
def list_(services: Services, *, as_json: bool) -> None:
    """List the saved queries of every organization."""
    kept = [_row(query) for query in services.db.saved_queries.find().sort("_id", 1)]
    whole = ("expression", "_id", "version")
    print_rows([{k: v for k, v in row.items() if k not in whole} for row in kept], COLUMNS, as_json=as_json)


@group.command()
@click.argument("name")
@click.argument("question", required=False)
@click.option("--file", "-f", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON file.")
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--schedule", help="When the worker runs it: a crontab line, UTC.")
@with_services
def save(
    services: Services,
    *,
    name: str,
    question: str | None,
    file: Path | None,
    organizations: tuple[str, ...],
    schedule: str | None,
) -> None:
    r"""Save a query as NAME, from an argument, a file, or standard input.

    \b
    lrs statements queries save "Passes by month" -f passes.json --schedule "0 6 * * 1"
    """
    with one_line_errors():
        made = saved.create(
            services.db, name=name, owner=operator(services).who["id"], org=VENDOR,
            scope=dataclasses.replace(scope_from(services.db, organizations), wide=True),
            expression=read_question(question, file), schedule=schedule, now=services.now(),
        )  # fmt: skip
    click.echo(f"saved {made['_id']}" + _next(made))


def _next(query: Document) -> str:
    at = query.get("next_at")
    return f", runs next {at:%Y-%m-%d %H:%M} UTC" if at else ""


@group.command()
@click.argument("query")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@with_services
def run(services: Services, query: str, *, as_json: bool) -> None:
    """Run QUERY now, keep the result, and print it."""
    with one_line_errors():
        result = saved.run(services.db, _find(services, query), services.now())
        _print(result, as_json=as_json)


@group.command(name="show")
@click.argument("query")
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
@with_services
def show_(services: Services, query: str, *, as_json: bool) -> None:
    """Print the newest result of QUERY."""
    with one_line_errors():
        found = _find(services, query)
        result = saved.latest(services.db, found)
        if result is None:
            raise ValueError(f"{found['name']} has not run yet")
        if not as_json:
            click.echo(f"{found['name']}, {result['at']:%Y-%m-%d %H:%M} UTC")
        _print(result, as_json=as_json)


def _print(result: Document, *, as_json: bool) -> None:
    if result.get("error"):
        raise ValueError(result["error"])
    answer = Answer(result["rows"], previous=result["previous"], seconds=result["seconds"])
    print_answer(answer, as_json=as_json)


@group.command()
@click.argument("query")
@click.argument("crontab", required=False)
@click.option("--off", is_flag=True, help="Run it no more.")
@with_services
def schedule(services: Services, query: str, crontab: str | None, *, off: bool) -> None:
    """Let the worker run QUERY at the times of CRONTAB (five fields, UTC)."""
    with one_line_errors():
        if bool(crontab) == off:
            raise ValueError("give a crontab line, or --off")
        found = saved.change(services.db, _find(services, query), services.now(), schedule=crontab)
    click.echo(f"{found['name']}" + (_next(found) or " runs no more by itself"))


@group.command()
@click.argument("query")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How long it works.")
@with_services
def share(services: Services, query: str, *, days: int) -> None:
    """Print a new link that shows the newest result of QUERY to whoever has it."""
    with one_line_errors():
        token, until = saved.share(
            services.db, _find(services, query), services.now(), dt.timedelta(days=days)
        )
    click.echo(f"{services.settings.public_url.rstrip('/')}/api/v1/queries/shared/{token}")
    click.echo(f"until {until:%Y-%m-%d}", err=True)


@group.command()
@click.argument("query")
@with_services
def unshare(services: Services, query: str) -> None:
    """End all links of QUERY."""
    with one_line_errors():
        found = _find(services, query)
        saved.unshare(services.db, found)
    click.echo(f"{len(found['links'])} links ended")


@group.command()
@click.argument("query")
@with_services
def delete(services: Services, query: str) -> None:
    """Delete QUERY with its links."""
    with one_line_errors():
        found = _find(services, query)
        services.db.saved_queries.delete_one({"_id": found["_id"], "org": found["org"]})
    click.echo(f"deleted {found['name']}")
