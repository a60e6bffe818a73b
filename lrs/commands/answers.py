"""Questions and their answers at the command line: where they come from, how they look."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from lrs.access.organizations import get_org
from lrs.analysis.readable_stores import Scope, whole_scope
from lrs.analysis.run import Answer, written

Row = dict[str, Any]


def scope_from(db: Any, organizations: tuple[str, ...]) -> Scope:
    """Return the named organizations, or all; a name that is none ends the command. An operator sees all."""
    for org in organizations:
        get_org(db, org)
    return Scope(tuple(sorted(organizations)), wide=True) if organizations else whole_scope(db)


def read_question(question: str | None, file: Path | None) -> Any:
    """Return the JSON of an argument, a file, or standard input; ValueError when it is none."""
    return json.loads(question or (file.read_text() if file else sys.stdin.read()))


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Print an answer as tables, or as the reply of the API."""
    if as_json:
        body = {one.name: getattr(answer, one.name) for one in dataclasses.fields(answer)} | {
            "rows": written(answer.rows),
            "previous": written(answer.previous),
            "engine": answer.engine.name,
            "engine_reason": answer.engine.reason,
            "as_of": answer.engine.as_of,
        }
        click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2).decode())
        return
    console = Console()
    _print_rows(console, answer.rows)
    if answer.previous is not None:
        console.print("the period before", style="bold")
        _print_rows(console, answer.previous)
    by = "" if answer.engine.as_of is None else f" by the lake, as of {answer.engine.as_of:%H:%M:%S} UTC"
    console.print(f"{len(answer.rows)} rows in {answer.seconds * 1000:.0f} ms{by}", style="dim")
    if answer.cursor:
        console.print(f'more: add "cursor": "{answer.cursor}"', style="dim")
    if answer.advice:
        console.print(answer.advice, style="yellow")


def _print_rows(console: Console, rows: list[Row]) -> None:
    if rows:
        table = Table(*rows[0], header_style="bold", box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*[_cell(value) for value in row.values()])
        console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d}" if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M:%S}"
    return "" if value is None else str(value)
