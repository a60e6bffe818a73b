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

from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.commands import with_services
from lrs.commands.answers import scope_from
from lrs.commands.records.statements import one_line_errors
from lrs.exchange.arriving.moved_documents import write_documents
from lrs.exchange.columns import Cells, columns_of
from lrs.exchange.export import chunks, count, csv_lines, ndjson
from lrs.exchange.part_files import PartFiles
from lrs.exchange.settled import settled
from lrs.exchange.throttle import Throttle
from lrs.foundation.context import Services, utc_now
from lrs.xapi.consistent_through import LONGEST_WRITE
from statements.query.analyst_query import AnalystQuery, Column
from statements.query.fields import FIELDS
from statements.storage.attachment_store import PartStore

Document = dict[str, Any]
STATE = ".laurel-export.json"
MONTHS_BY = "__timestamp"  # a column that is read and not written, where the months need it
PART_ROWS = 100_000
# A secondary that is further behind is not asked; what a write of up to LONGEST_WRITE adds is there, then.
NEAR = SecondaryPreferred(max_staleness=120)
BEHIND = dt.timedelta(seconds=120 + LONGEST_WRITE / 1_000_000)
NICENESS = 10  # an export gives way to ingest on the same machine


class Writer(Protocol):
    """Where chunks go; the position is saved only when `commit` says that they are durable."""

    def write(self, org: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Take one chunk of an organization."""

    def commit(self, *, last: bool = False) -> bool:
        """Tell whether all that was taken is durable; with `last` it has to be."""

    def close(self) -> None:
        """Close files."""


@click.command(name="export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "form", type=click.Choice(["ndjson", "csv", "parquet"]), default="ndjson")
@click.option("--org", "organizations", multiple=True, help="Only this organization; may be repeated.")
@click.option("--filter", "condition", help="A filter of the query language as JSON.")
@click.option("--columns", help="Columns with commas between, or a JSON list as of `select`.")
@click.option("--gzip", "compress", is_flag=True, help="Compress NDJSON and CSV.")
@click.option(
    "--secondary", is_flag=True, help="Read from a secondary where there is one, up to four minutes ago."
)
@click.option("--documents", is_flag=True, help="State and profile documents too (NDJSON).")
@click.option("--since-last", is_flag=True, help="Only what was stored since the last finished export here.")
@with_services
def group(  # one option per argument
    services: Services,
    *,
    folder: Path,
    form: str,
    organizations: tuple[str, ...],
    condition: str | None,
    columns: str | None,
    compress: bool,
    secondary: bool,
    documents: bool,
    since_last: bool,
) -> None:
    """Export statements into FOLDER, oldest first; a broken export goes on where it stopped.

    Parquet is partitioned by month (month=2026-11/part-….parquet); NDJSON holds the exact statements, and
    the folder `attachments` beside it what they bring along.
    """
    if documents and form != "ndjson":
        raise click.UsageError("--documents goes with --format ndjson")
    os.nice(NICENESS)
    gc.set_threshold(100_000, 50, 50)  # documents come and go in thousands and hold no cycles
    db = services.db
    with one_line_errors():
        scope = scope_from(db, organizations)
        wanted = json.loads(condition) if condition else None
        query = Analyst(db, scope, services.now()).parse({"filter": wanted} if wanted else {})
        cells = _cells(services, scope, form, columns_of(columns))
        state = _State(folder, {"format": form, "filter": wanted, "columns": columns, "gzip": compress})
        state.begin(since_last=since_last)
        with closing(WRITERS[form](folder, cells, state, compress)) as writer:
            source = db.with_options(read_preference=NEAR) if secondary else db
            until = settled(db, utc_now() - BEHIND if secondary else utc_now())
            written = _export(
                source, scope, query, until=until, state=state, writer=writer,
                fields=("raw",) if form == "ndjson" else cells.sources,
            )  # fmt: skip
        if documents:
            kept = write_documents(source, scope.orgs, folder, compress=compress)
            click.echo(f"{kept:,} documents in {folder}")
    click.echo(f"{written:,} statements in {folder}")


def _cells(services: Services, scope: Scope, form: str, columns: tuple[Column, ...]) -> Cells:
    """Return what makes the cells; Parquet needs `timestamp`, by which it is partitioned, as its last."""
    if form == "parquet" and not any(one.name == one.field.name == "timestamp" for one in columns):
        columns = (*columns, Column(MONTHS_BY, FIELDS["timestamp"]))
    return Cells(services.db, scope, services.now(), columns)


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
    written, throttle = 0, Throttle()
    bars = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True)) as progress:
        task = progress.add_task("export", total=count(db, scope, query, state.positions, until))
        for org, after, documents in chunks(db, scope, query, fields, dict(state.positions), until=until):
            if state.form["format"] == "ndjson":
                PartFiles(state.folder).keep(PartStore(db, org), documents)
            with throttle.work():
                writer.write(org, documents)
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
    def __init__(self, _folder: Path, _cells: Cells, state: _State, compress: bool) -> None:
        super().__init__(state, "ndjson", compress)

    def write(self, _org: str, documents: Sequence[Mapping[str, Any]]) -> None:
        self.put(ndjson(documents))


class _CsvWriter(_LinesWriter):
    def __init__(self, _folder: Path, cells: Cells, state: _State, compress: bool) -> None:
        super().__init__(state, "csv", compress)
        self.cells, self.names = cells, [column.name for column in cells.columns]

    def write(self, org: str, documents: Sequence[Mapping[str, Any]]) -> None:
        self.put(csv_lines(self.cells.of(org, documents), self.names, header=self.fresh))
        self.fresh = False


class _ParquetWriter:
    """Files of up to PART_ROWS rows, partitioned by month; a file gets its name when it is whole.

    A broken run writes the part it was at again, under the same names.
    """

    def __init__(self, folder: Path, cells: Cells, state: _State, compress: bool) -> None:  # noqa: ARG002 -- as all WRITERS
        from lrs.exchange import parquet  # noqa: PLC0415 -- only this writer pays for pyarrow

        self.folder, self.cells, self.state, self.parquet = folder, cells, state, parquet
        self.schema = parquet.schema_of(cells.columns)
        self.by = MONTHS_BY if MONTHS_BY in self.schema.names else "timestamp"
        self.months: dict[str, list[Any]] = defaultdict(list)
        self.rows = 0

    def write(self, org: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Turn a chunk into typed columns, which are small, and keep them."""
        table = self.parquet.table_of(self.cells.of(org, documents), self.cells.columns, self.schema)
        for month, rows in self.parquet.by_month(table, self.by):
            self.months[month].append(rows.drop_columns(MONTHS_BY) if self.by == MONTHS_BY else rows)
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
