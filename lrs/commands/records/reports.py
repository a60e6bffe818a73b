"""`lrs reports`: reports on people, partners and content, as tables, files and pictures."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import click
import orjson

from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.figures.zones import zone_of
from lrs.analysis.readable_stores import whole_scope
from lrs.analysis.reports.catalogue import EVERY_REPORT, about, arranged, as_csv, as_json, as_picture
from lrs.analysis.reports.report import Report
from lrs.commands import json_option, print_rows, with_services
from lrs.commands.records.statements import one_line_errors
from lrs.foundation.context import Services
from lrs.foundation.errors import AccessError
from rules.calendar import start_of
from rules.catalogue.store import cache_of

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def group() -> None:
    """Report on people, partners and content."""


@group.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the reports."""
    print_rows(
        [{"name": name, "about": about(name)} for name in EVERY_REPORT], ("name", "about"), as_json=as_json
    )


@group.command(name="show")
@click.argument("name", type=click.Choice(sorted(EVERY_REPORT)))
@click.option("--org", help="One organization and those below it.")
@click.option("--tier", metavar="PROGRAMME:TIER", help="Organizations of this tier.")
@click.option("--region", help="Organizations of this region.")
@click.option("--role", help="People with this role.")
@click.option("--product", help="Certifications of this product.")
@click.option("--certification", help="One certification.")
@click.option("--since", type=DAY, help="First day of the period.")
@click.option("--until", type=DAY, help="Day after the period.")
@click.option("--timezone", help="Zone of days and months; default: the programme's.")
@click.option(
    "--unit", type=click.Choice(["month", "quarter", "year"]), help="Of what is followed over time."
)
@click.option("--activity", metavar="IRI", help="The content from which paths begin.")
@click.option("--days", type=click.IntRange(1, 3650), help="Within which something is to happen.")
@click.option("--sort", metavar="COLUMN", help="Sort by a column; - before it for falling order.")
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="A .csv, .json, .svg or .png file."
)
@json_option
@with_services
def show_(
    services: Services,
    *,
    name: str,
    org: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    timezone: str | None,
    days: int | None,
    sort: str | None,
    limit: int | None,
    to: Path | None,
    as_json: bool,
    **narrow: str | None,
) -> None:
    """Show a report, or write it to a file in the form that its name ends with."""
    zone = _zone(services, narrow["certification"], timezone)
    wanted = ReportFilter(
        organization=org, since=_day_in(zone, since), until=_day_in(zone, until), timezone=timezone,
        days=days,
        **narrow,
    )  # fmt: skip
    now = services.now()
    with one_line_errors():
        try:
            whom = audience(services.db, whole_scope(services.db), wanted, now)
            settings = services.settings
            asked = ReportRequest(services.db, whom, wanted, now, settings.lake_url, settings.prediction)
            report = arranged(EVERY_REPORT[name](asked), sort, limit)
        except AccessError as error:
            raise click.ClickException(str(error)) from error
    if to is not None:
        to.write_bytes(_body(report, to.suffix.lower()))
        click.echo(f"{len(report.rows)} rows in {to}")
        return
    if not as_json:
        click.secho(report.title, bold=True)
        click.echo(report.about)
    for one in (report,) if as_json else (report, *report.beside):
        if one is not report:
            click.secho(f"\n{one.title}", bold=True)
            click.echo(one.about)
        rows = one.rows if as_json else [{k: _day(v) for k, v in row.items()} for row in one.rows]
        print_rows(rows, one.columns, as_json=as_json)
    for note in () if as_json else report.notes:
        click.echo(note)


def _day(value: Any) -> Any:
    """Return the date alone of an instant that begins a day."""
    is_day = isinstance(value, dt.datetime) and value.astimezone(dt.UTC).time() == dt.time()
    return value.astimezone(dt.UTC).date() if is_day else value


def _zone(services: Services, certification: str | None, timezone: str | None) -> str:
    """Return the zone of a report's days; exits where the given one is none."""
    if timezone is not None and timezone not in available_timezones():
        raise click.BadParameter(f"{timezone!r} is no time zone of the tz database", param_hint="--timezone")
    return zone_of(cache_of(services.db).get(), certification, timezone)


def _day_in(zone: str, day: dt.datetime | None) -> dt.datetime | None:
    """Return the instant at which a day begins in a zone."""
    return None if day is None else start_of(day.date(), zone)


def _body(report: Report, suffix: str) -> bytes:
    if suffix == ".csv":
        return as_csv(report)
    if suffix == ".json":
        return orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2)
    if suffix in {".svg", ".png"}:
        return as_picture(report, suffix[1:])
    raise click.UsageError("the file ends with .csv, .json, .svg or .png")
