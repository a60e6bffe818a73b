"""`lrs lake`: columns beside MongoDB for questions over everything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lrs.analysis.engine import ask_in_sql
from lrs.commands import PROBLEMS, fail, json_option, print_rows, with_services
from lrs.commands.answers import scope_from
from lrs.foundation.context import Services
from lrs.foundation.errors import Collision
from lrs.lake import state
from lrs.lake.analysts.connecting import ENGINES, snippet
from lrs.lake.errors import LakeError
from statements.errors import StatementError

if TYPE_CHECKING:
    from lrs.lake.filling import Filler

NO_LAKE = "lrs: there is no lake; name a folder or s3://bucket/prefix by LRS_LAKE_URL"
STATUS = ("url", "built", "rows", "files", "megabytes", "through", "behind_s")


@click.group()
def group() -> None:
    """Keep and check the lake: statements as columns, for questions over everything."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what is wrong with the lake into one line and exit status 1."""
    try:
        yield
    except LakeError as error:
        fail(f"lrs: {error}")
    except ImportError as error:
        fail(f"lrs: {error.name} is not installed; pip install 'laurel-lrs[lake]'")


def _filler(services: Services, may_write: Callable[[], bool]) -> Filler:
    if not services.settings.lake_url:
        fail(NO_LAKE)
    from lrs.lake.filling import Filler  # noqa: PLC0415 -- the libraries are optional

    return Filler(services.db, services.settings.lake_url, may_write)


@contextmanager
def _alone(services: Services) -> Iterator[Callable[[], bool]]:
    """Hold the lake; gives what holds it for longer."""
    taken = state.take(services.db, services.now())
    if taken is None:
        fail("lrs: another process writes the lake just now; try again")
    assert taken is not None  # noqa: S101 -- `fail` leaves
    try:
        yield lambda: state.renew(services.db, taken, services.now())
    finally:
        state.give_back(services.db, taken)


@group.command()
@json_option
@with_services
def status(services: Services, *, as_json: bool) -> None:
    """Say how large the lake is and how fresh."""
    with one_line_errors():
        filler = _filler(services, lambda: False)
        print_rows([_status(services, filler)], STATUS, as_json=as_json)


def _status(services: Services, filler: Filler) -> dict[str, Any]:
    told = state.read(services.db) or {}
    through: dt.datetime | None = told.get("through")
    exists = filler.statements.exists()
    sizes = filler.statements.sizes() if exists else {}
    return {
        "url": services.settings.lake_url,
        "built": exists and filler.is_built,
        "rows": filler.statements.count() if exists else 0,
        "files": len(sizes),
        "megabytes": round(sum(sizes.values()) / 1e6, 1),
        "through": through,
        "behind_s": None if through is None else round((services.now() - through).total_seconds(), 1),
    }


@group.command()
@click.option("--anew", is_flag=True, help="Begin from nothing, also where there is a lake.")
@with_services
def build(services: Services, *, anew: bool) -> None:
    """Copy the store into the lake; Ctrl-C stops it, and the same command goes on."""
    with one_line_errors(), _alone(services) as may_write:
        filler = _filler(services, may_write)
        if anew or not filler.statements.exists():
            filler.create()
        total, done = services.db.statements.estimated_document_count(), filler.statements.count()

        def told(count: int) -> bool:
            nonlocal done
            done += count
            click.echo(f"{done:,} of about {total:,} statements", err=True)
            return may_write()

        if not filler.is_built and not filler.build(told):
            fail("lrs: another process took the lake over")
        from lrs.lake.tending import compact, forget  # noqa: PLC0415 -- the libraries are optional

        filler.follow(services.now)
        compact(filler)
        forget(filler)
        filler.follow(services.now)
        click.echo(f"the lake holds {filler.statements.count():,} statements")


@group.command()
@json_option
@with_services
def verify(services: Services, *, as_json: bool) -> None:
    """Compare counts and checksums with MongoDB by organization and month; status 1 where they differ."""
    with one_line_errors(), _alone(services) as may_write:
        from lrs.lake import tending  # noqa: PLC0415 -- the libraries are optional

        filler = _filler(services, may_write)
        filler.follow(services.now)
        found = tending.verify(services.db, filler)
    if found:
        print_rows(map(asdict, found), ("table", "org", "month", "store", "lake"), as_json=as_json)
        raise SystemExit(PROBLEMS)
    if not as_json:
        click.echo("store and lake agree")


@group.command()
@with_services
def compact(services: Services) -> None:
    """Sort the lake into large files."""
    with one_line_errors(), _alone(services) as may_write:
        from lrs.lake import tending  # noqa: PLC0415 -- the libraries are optional

        filler = _filler(services, may_write)
        before = tending.compact(filler)
        tending.forget(filler)
        click.echo(f"{before} files became {len(filler.statements.paths())}")


@group.command()
@with_services
def vacuum(services: Services) -> None:
    """Remove all that the newest version does not need: texts, old and partial files, logs."""
    with one_line_errors(), _alone(services) as may_write:
        from lrs.lake import tending  # noqa: PLC0415 -- the libraries are optional

        filler = _filler(services, may_write)
        click.echo(f"{tending.forget(filler)} texts that no statement names are gone")


@group.command()
@click.argument("sql")
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(1, 10_000), help="Rows at most."
)
@click.option("--seconds", default=30.0, show_default=True, help="Stop the query after this time.")
@json_option
@with_services
def sql(
    services: Services, sql: str, organizations: tuple[str, ...], *, limit: int, seconds: float, as_json: bool
) -> None:
    r"""Answer one SELECT over the lake's tables.

    \b
    lrs lake sql "SELECT verb, count(*) AS n FROM statements GROUP BY verb ORDER BY n DESC"
    """
    try:
        answer = ask_in_sql(
            services.db, services.settings.lake_url, sql,
            scope_from(services.db, organizations), services.now(),
            max_seconds=seconds, max_rows=limit,
        )  # fmt: skip
    except (StatementError, Collision) as error:
        raise click.ClickException(str(error)) from error
    names = [name for name, _ in answer.columns]
    print_rows([dict(zip(names, row, strict=True)) for row in answer.rows], names, as_json=as_json)
    if answer.truncated:
        click.echo(f"the first {len(answer.rows):,} rows; there are more", err=True)


@group.command()
@click.argument("engine", type=click.Choice(sorted(ENGINES)))
@with_services
def connect(services: Services, engine: str) -> None:
    """Print the code by which another engine reads the lake's tables."""
    if not services.settings.lake_url:
        fail(NO_LAKE)
    click.echo(snippet(engine, services.settings.lake_url), nl=False)
