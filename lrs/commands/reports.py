"""`lrs reports`: reports on people, partners and content, as tables, files and pictures."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click
import orjson

from lrs.analysis.audience import Asked, Wanted, audience
from lrs.analysis.reports.catalogue import REPORTS, about, as_csv, as_json, as_picture
from lrs.analysis.reports.report import Report
from lrs.analysis.scope import whole_scope
from lrs.commands import json_option, show, with_laurel
from lrs.commands.statements import one_line_errors
from lrs.context import Laurel
from lrs.refusals import AccessError

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def group() -> None:
    """Report on people, partners and content."""


@group.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the reports."""
    show([{"name": name, "about": about(name)} for name in REPORTS], ("name", "about"), as_json=as_json)


@group.command(name="show")
@click.argument("name", type=click.Choice(sorted(REPORTS)))
@click.option("--org", help="One organization and those below it.")
@click.option("--tier", help="Organizations of this tier.")
@click.option("--region", help="Organizations of this region.")
@click.option("--role", help="People with this role.")
@click.option("--product", help="Certifications of this product.")
@click.option("--certification", help="One certification.")
@click.option("--since", type=DAY, help="First day of the period.")
@click.option("--until", type=DAY, help="Day after the period.")
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="A .csv, .json, .svg or .png file."
)
@json_option
@with_laurel
def show_(
    here: Laurel,
    *,
    name: str,
    org: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    to: Path | None,
    as_json: bool,
    **narrow: str | None,
) -> None:
    """Show a report, or write it to a file in the form that its name ends with."""
    wanted = Wanted(organization=org, since=_utc(since), until=_utc(until), **narrow)
    now = here.now()
    with one_line_errors():
        try:
            report = REPORTS[name](
                Asked(here.db, audience(here.db, whole_scope(here.db), wanted, now), wanted, now)
            )
        except AccessError as error:
            raise click.ClickException(str(error)) from error
    if to is not None:
        to.write_bytes(_body(report, to.suffix.lower()))
        click.echo(f"{len(report.rows)} rows in {to}")
        return
    if not as_json:
        click.secho(report.title, bold=True)
        click.echo(report.about)
    rows = report.rows if as_json else [{k: _day(v) for k, v in row.items()} for row in report.rows]
    show(rows, report.columns, as_json=as_json)


def _day(value: Any) -> Any:
    """Return the date alone of an instant that begins a day."""
    is_day = isinstance(value, dt.datetime) and value.astimezone(dt.UTC).time() == dt.time()
    return value.astimezone(dt.UTC).date() if is_day else value


def _utc(day: dt.datetime | None) -> dt.datetime | None:
    return None if day is None else day.replace(tzinfo=dt.UTC)


def _body(report: Report, suffix: str) -> bytes:
    if suffix == ".csv":
        return as_csv(report)
    if suffix == ".json":
        return orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2)
    if suffix in {".svg", ".png"}:
        return as_picture(report, suffix[1:])
    raise click.UsageError("the file ends with .csv, .json, .svg or .png")
