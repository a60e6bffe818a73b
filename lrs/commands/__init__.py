"""The subcommands of `lrs`, one module each, in rooms by subject; `lrs.cli` loads them when asked for."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
import pymongo
from bson import json_util
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lrs.analysis.figures.csv_cells import csv_cell
from lrs.foundation.context import Services
from lrs.foundation.database import Document, connect
from lrs.foundation.settings import Settings, StartFailure, names_mongodb, nobody_serves
from lrs.lake.bounds import set_bounds

DONE, PROBLEMS, USAGE, STALE = 0, 1, 2, 3  # exit statuses of every `lrs` command
USUAL_PLACE_SECONDS = 1.0


def with_services(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--mongodb-uri` and pass the application's collaborators as first argument."""

    @click.option("--mongodb-uri", metavar="URI", help="MongoDB to use instead of LRS_MONGODB_URI.")
    @functools.wraps(function)
    def wrapped(*args: Any, mongodb_uri: str | None, **kwargs: Any) -> Any:
        environ = {**os.environ, **({"LRS_MONGODB_URI": mongodb_uri} if mongodb_uri else {})}
        settings = Settings.from_env(environ)
        db = connect(settings)
        if not names_mongodb(settings, environ):
            _need_answer(db, settings)
        try:
            set_bounds(settings.lake_memory_mb, settings.lake_threads)
            return function(Services(settings, db), *args, **kwargs)
        finally:
            db.client.close()

    return wrapped


def _need_answer(db: Database[Document], settings: Settings) -> None:
    """Refuse to go on where nobody named a MongoDB and none is at its usual place; raises StartFailure."""
    try:
        with pymongo.timeout(USUAL_PLACE_SECONDS):
            db.client.admin.command("ping")
    except PyMongoError as error:
        db.client.close()
        advice = "go where it runs, or name its data folder by LRS_DATA_FOLDER or MongoDB by LRS_MONGODB_URI"
        raise StartFailure(nobody_serves(settings), advice) from error


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json` to a listing; the function receives `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document per row.")(function)


def processors() -> int:
    """Return how many cores this process may use."""
    return min(len(os.sched_getaffinity(0)), 64)


def processes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--processes`: how many work on what a command is asked for."""
    return click.option(
        "--processes",
        type=click.IntRange(1, 64),
        default=processors,
        show_default="one for each core",
        help="How many work on it.",
    )(function)


class Told:
    """Prints how far something is to standard error, a line each second."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = time.monotonic() + 1

    def __call__(self, done: int, of: int) -> None:
        """Print a line if a second has gone by since the last one."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            click.echo(f"{done:,} of {of:,} {self._what}", err=True)


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as a table of `columns`, or each row whole as one line of JSON."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, default=_plain, ensure_ascii=False))
        return
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    for line in aligned([[column.upper().replace("_", " ") for column in columns], *cells]):
        click.echo(line)


def print_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as CSV (RFC 4180); texts that a spreadsheet would run are quoted by '."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows([csv_cell(row.get(column)) for column in columns] for row in rows)


def aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose rows have the same number of cells, columns two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def fail(message: str, status: int = PROBLEMS) -> None:
    """Print one line to standard error and leave with `status`."""
    click.echo(message, err=True)
    sys.exit(status)


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if value.__class__.__name__ in {"UUID", "ULID"}:
        return str(value)
    return json_util.default(value)


def _text(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return f"{value.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    plain = value if isinstance(value, list | dict) else _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, default=_plain, ensure_ascii=False)
