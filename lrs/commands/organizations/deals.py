"""`lrs deals`: import deals, and compare those of certified people with the others."""

from __future__ import annotations

import dataclasses
from typing import TextIO

import click
import orjson

from lrs.analysis import deals
from lrs.analysis.figures.interval import Interval
from lrs.analysis.readable_stores import whole_scope
from lrs.commands import DONE, PROBLEMS, with_services
from lrs.commands.records.statements import one_line_errors
from lrs.foundation.context import Services


@click.group()
def group() -> None:
    """Import deals and compare them by certification."""


@group.command(name="import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option("--dry-run", is_flag=True, help="Check every row and store nothing.")
@with_services
def import_(services: Services, file: TextIO, *, dry_run: bool) -> None:
    """Import deals from CSV: id, partner, person, product, created, won, amount; a deal again replaces it."""
    with one_line_errors():
        report = deals.import_csv(services.db, file, services.now(), dry_run=dry_run)
    for line, reason in report.refused:
        click.echo(f"line {line}: {reason}", err=True)
    verb = "would be imported" if dry_run else "imported"
    click.echo(f"{report.imported:,} deals {verb}, {len(report.refused):,} rows refused")
    raise SystemExit(PROBLEMS if report.refused else DONE)


@group.command()
@click.argument("certification")
@click.option("--product", help="Only deals of this product.")
@click.option("--json", "as_json", is_flag=True, help="Print the API reply.")
@with_services
def compare(services: Services, certification: str, *, product: str | None, as_json: bool) -> None:
    """Compare the deals of people who held CERTIFICATION at the time with the others."""
    found = deals.compare(services.db, whole_scope(services.db), certification, product=product)
    if as_json:
        click.echo(orjson.dumps(dataclasses.asdict(found), option=orjson.OPT_INDENT_2).decode())
        return
    for cohort in found.cohorts:
        click.secho(cohort.name, bold=True)
        click.echo(f"  {cohort.deals:,} deals of {cohort.people:,} people, {cohort.decided:,} decided")
        click.echo(f"  win rate     {_share(cohort.win_rate)}")
        click.echo(f"  mean amount  {_amount(cohort.mean_amount)}")
        if cohort.median_lag_days is not None:
            click.echo(f"  median time from award to deal  {cohort.median_lag_days:.0f} days")
    click.secho("difference", bold=True)
    click.echo(f"  win rate     {_share(found.win_rate_difference)}")
    click.echo(f"  mean amount  {_amount(found.amount_difference)}")
    click.echo(found.caveat)


def _share(interval: Interval) -> str:
    if interval.value is None:
        return "too few deals"
    span = "" if interval.low is None else f"  (95 %: {interval.low:.1%} to {interval.high:.1%})"
    return f"{interval.value:.1%}{span}"


def _amount(interval: Interval) -> str:
    if interval.value is None:
        return "too few won deals"
    span = "" if interval.low is None else f"  (95 %: {interval.low:,.0f} to {interval.high:,.0f})"
    return f"{interval.value:,.0f}{span}"
