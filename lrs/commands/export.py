"""`lrs export`: statements as NDJSON, CSV or partitioned Parquet; resumable, and incremental."""

from __future__ import annotations

import datetime as dt
import gc
import gzip
import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import click
import orjson
from pymongo.read_preferences import SecondaryPreferred
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lrs.analysis.export import Breather, chunks, count, csv_lines, ndjson
from lrs.analysis.run import Analyst
from lrs.analysis.scope import Scope
from lrs.analysis.settled import settled
from lrs.api.analytics import columns_of
from lrs.commands import with_laurel
from lrs.commands._answers import scope_from
from lrs.commands.statements import one_line_errors
from lrs.consistency import LONGEST_WRITE
from lrs.context import Laurel, utc_now
from statements.analysis import AnalystQuery

Document = dict[str, Any]
STATE = ".laurel-export.json"
PART_ROWS = 100_000
# A secondary that is further behind is not asked; what a write of up to LONGEST_WRITE adds is there, then.
NEAR = SecondaryPreferred(max_staleness=120)
BEHIND = dt.timedelta(seconds=120 + LONGEST_WRITE / 1_000_000)
NICENESS = 10  # an export gives way to ingest on the same machine


class Writer(Protocol):
    """Where chunks go; the position is saved only when `commit` says that they are durable."""

    def write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Take one chunk."""

    def commit(self, *, last: bool = False) -> bool:
        """Tell whether all that was taken is durable; with `last` it has to be."""

    def close(self) -> None:
        """Close files."""


@click.command(name="export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["ndjson", "csv", "parquet"]), default="ndjson")
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--filter", "condition", help="A filter of the query language as JSON.")
@click.option("--columns", help="Fields with commas between (CSV and Parquet).")
@click.option("--gzip", "compress", is_flag=True, help="Compress NDJSON and CSV.")
@click.option(
    "--secondary", is_flag=True, help="Read from a secondary where there is one, up to four minutes ago."
)
@click.option("--since-last", is_flag=True, help="Only what was stored since the last finished export here.")
@with_laurel
def group(  # one option per argument
    here: Laurel,
    *,
    folder: Path,
    form: str,
    organizations: tuple[str, ...],
    condition: str | None,
    columns: str | None,
    compress: bool,
    secondary: bool,
    since_last: bool,
) -> None:
    """Export statements into FOLDER, oldest first; a broken export goes on where it stopped.

    Parquet is partitioned by month (month=2026-11/part-….parquet); NDJSON holds the exact statements.
    """
    os.nice(NICENESS)
    gc.set_threshold(100_000, 50, 50)  # documents come and go in thousands and hold no cycles
    db = here.db
    with one_line_errors():
        scope = scope_from(db, organizations)
        wanted = json.loads(condition) if condition else None
        query = Analyst(db, scope, here.now()).parse({"filter": wanted} if wanted else {})
        names = columns_of(columns)
        state = _State(folder, {"format": form, "filter": wanted, "columns": columns, "gzip": compress})
        state.begin(since_last=since_last)
        with closing(WRITERS[form](folder, names, state, compress)) as writer:
            source = db.with_options(read_preference=NEAR) if secondary else db
            until = settled(db, utc_now() - BEHIND if secondary else utc_now())
            written = _export(
                source, scope, query, until=until, fields=_fields(form, names), state=state,
                writer=writer,
            )  # fmt: skip
    click.echo(f"{written:,} statements in {folder}")


def _fields(form: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if form == "ndjson":
        return ("raw",)
    return (*names, "timestamp") if form == "parquet" and "timestamp" not in names else names


def _export(
    db: Any,
    scope: Scope,
    query: AnalystQuery,
    *,
    until: dt.datetime,
    fields: tuple[str, ...],
    state: _State,
    writer: Writer,
) -> int:
    written, breather = 0, Breather()
    bars = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True)) as progress:
        task = progress.add_task("export", total=count(db, scope, query, state.positions, until))
        for org, after, documents in chunks(db, scope, query, fields, dict(state.positions), until=until):
            with breather.work():
                writer.write(documents)
            state.reach(org, after)
            if writer.commit():
                state.save()
            written += len(documents)
            progress.update(task, advance=len(documents))
    writer.commit(last=True)
    state.save(finished=True)
    return written


class _State:
    """The position file of an export folder: order key per organization, part number, file sizes."""

    def __init__(self, folder: Path, form: Document) -> None:
        self.path, self.folder, self.form = folder / STATE, folder, form
        self.positions: dict[str, bytes] = {}
        self.part = 0
        self.sizes: dict[str, int] = {}
        self.finished = True

    def begin(self, *, since_last: bool) -> None:
        """Read what an earlier run left: go on after a break; after a finished run only with --since-last."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            if since_last:
                raise ValueError(f"{self.folder}: no earlier export to go on from")
            if any(self.folder.iterdir()):
                raise ValueError(f"{self.folder} is not empty and holds no export")
            self.save()
            return
        old = orjson.loads(self.path.read_bytes())
        if old["form"] != self.form:
            raise ValueError(f"{self.folder} holds an export with other options: {old['form']}")
        if old["finished"] and not since_last:
            raise ValueError(f"{self.folder} holds a finished export; add --since-last for what is new")
        self.positions = {org: bytes.fromhex(key) for org, key in old["positions"].items()}
        self.part, self.sizes = old["part"] + bool(old["finished"]), old["sizes"]
        self.save()

    def reach(self, org: str, after: bytes) -> None:
        """Move on; nothing is saved yet."""
        self.positions[org] = after

    def save(self, *, finished: bool = False) -> None:
        """Save the position: everything up to it is on disk."""
        body = {
            "form": self.form,
            "positions": {org: key.hex() for org, key in self.positions.items()},
            "part": self.part,
            "sizes": self.sizes,
            "finished": finished,
        }
        new = self.path.with_suffix(".new")
        new.write_bytes(orjson.dumps(body))
        new.replace(self.path)


class _LinesWriter:
    """One file per run, cut back to its last durable size when a broken run goes on."""

    def __init__(self, state: _State, suffix: str, compress: bool) -> None:
        self.state = state
        self.name = f"statements-{state.part:04d}.{suffix}" + (".gz" if compress else "")
        path = state.folder / self.name
        size = state.sizes.get(self.name, 0)
        self.fresh = size == 0
        self.file = path.open("r+b" if path.exists() else "w+b")
        self.file.truncate(size)
        self.file.seek(size)
        self.compress: Callable[[bytes], bytes] = gzip.compress if compress else lambda body: body

    def put(self, body: bytes) -> None:
        """Append bytes, as a gzip member of their own when compressed."""
        self.file.write(self.compress(body))

    def commit(self, *, last: bool = False) -> bool:  # noqa: ARG002 -- every chunk is durable at once
        """Make what was written durable, and note the size."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.state.sizes[self.name] = self.file.tell()
        return True

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class _NdjsonWriter(_LinesWriter):
    def __init__(self, _folder: Path, _names: tuple[str, ...], state: _State, compress: bool) -> None:
        super().__init__(state, "ndjson", compress)

    def write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.put(ndjson(documents))


class _CsvWriter(_LinesWriter):
    def __init__(self, _folder: Path, names: tuple[str, ...], state: _State, compress: bool) -> None:
        super().__init__(state, "csv", compress)
        self.names = names

    def write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.put(csv_lines(documents, self.names, header=self.fresh))
        self.fresh = False


class _ParquetWriter:
    """Files of up to PART_ROWS rows, partitioned by month; a file gets its name when it is whole.

    A broken run writes the part it was at again, under the same names.
    """

    def __init__(self, folder: Path, names: tuple[str, ...], state: _State, compress: bool) -> None:  # noqa: ARG002 -- as all WRITERS
        from lrs.analysis import parquet  # noqa: PLC0415 -- only this writer pays for pyarrow

        self.folder, self.names, self.state, self.parquet = folder, names, state, parquet
        self.fields = _fields("parquet", names)
        self.schema = parquet.schema_of(self.fields)
        self.months: dict[str, list[Any]] = defaultdict(list)
        self.rows = 0

    def write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Turn a chunk into typed columns, which are small, and keep them."""
        table = self.parquet.table_of(documents, self.fields, self.schema)
        for month, rows in self.parquet.by_month(table):
            self.months[month].append(rows if self.fields == self.names else rows.drop_columns("timestamp"))
        self.rows += len(documents)

    def commit(self, *, last: bool = False) -> bool:
        """Write a part when enough rows have come together."""
        if self.rows < PART_ROWS and not last:
            return False
        for month, tables in self.months.items():
            target = self.folder / f"month={month}"
            target.mkdir(exist_ok=True)
            self.parquet.write_file(tables, target / f"part-{self.state.part:06d}.parquet")
        self.state.part += 1
        self.months.clear()
        self.rows = 0
        return True

    def close(self) -> None:
        """Do nothing: files are closed as they are written."""


WRITERS: dict[str, Callable[..., Any]] = {
    "ndjson": _NdjsonWriter,
    "csv": _CsvWriter,
    "parquet": _ParquetWriter,
}
