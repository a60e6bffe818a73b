"""`lrs doctor`: is this installation well, and if not, what to do."""

from __future__ import annotations

import dataclasses
import sys

import click

from lrs.commands import PROBLEMS, json_option, show, with_laurel
from lrs.context import Laurel
from lrs.doctor import examine

MARKS = {"good": "ok  ", "doubtful": "note", "bad": "BAD "}


@click.command()
@json_option
@with_laurel
def group(here: Laurel, *, as_json: bool) -> None:
    """Check settings, MongoDB, indexes, clock, keys, disk and what waits; status 1 when something is bad."""
    bad = False
    for finding in examine(here):
        bad = bad or finding.level == "bad"
        if as_json:
            show([dataclasses.asdict(finding)], (), as_json=True)
            continue
        click.echo(f"{MARKS[finding.level]}  {finding.about}: {finding.fact}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
    sys.exit(PROBLEMS if bad else 0)
