"""`lrs doctor`: is this installation well, and if not, what to do."""

from __future__ import annotations

import dataclasses
import sys

import click

from lrs.commands import PROBLEMS, json_option, print_rows, with_services
from lrs.foundation.context import Services
from lrs.running.doctor import examine

MARKS = {"good": "ok  ", "doubtful": "note", "bad": "BAD "}


@click.command()
@json_option
@with_services
def group(services: Services, *, as_json: bool) -> None:
    """Check settings, MongoDB, indexes, clock, keys, disk and what waits; status 1 when something is bad."""
    bad = False
    for finding in examine(services):
        bad = bad or finding.level == "bad"
        if as_json:
            print_rows([dataclasses.asdict(finding)], (), as_json=True)
            continue
        click.echo(f"{MARKS[finding.level]}  {finding.about}: {finding.fact}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
    sys.exit(PROBLEMS if bad else 0)
