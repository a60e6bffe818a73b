"""One Delta table of the lake: open, commit rows with a position, replace files, forget what is gone.

Every change is one commit that adds whole Parquet files and removes others, and carries its positions as
application transactions: who reads the table reads how far it is, and a crash leaves the version before. Of
two writers that start from one version and move the same position, Delta lets one commit.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from lrs.lake.errors import LakeMissing, LakeOfOtherLayout, LakeTaken, LakeUnreadable
from lrs.lake.tables import LAYOUT, SCHEMAS

GROUP_ROWS: Final = 122_880
FILE_ROWS: Final = 700_000  # about 32 MB of statements
BUILD_FIRST: Final = "run `lrs lake build`"
LOOK: Final = "look at the folder or bucket of LRS_LAKE_URL, or run `lrs lake build --anew`"
RISING: Final = ("timestamp", "position_at", "serial", "stored")
"""Columns of which hardly a value comes twice: their differences take a third less, and are read sooner."""
_AT_ONCE: Final = {
    "delta.logRetentionDuration": "interval 0 seconds",
    "delta.checkpointInterval": "50",
    "delta.dataSkippingNumIndexedCols": "0",  # a minimum in the log might be somebody's name
}


def never() -> bool:
    """Be no writer."""
    return False


class _Storage(DeltaStorageHandler):
    """A bucket by delta-rs, which takes nothing but bytes; pyarrow writes buffers."""

    def open_output_stream(self, path: str, metadata: dict[str, str] | None = None) -> pa.PythonFile:
        return pa.PythonFile(_Bytes(self._handler.open_output_stream(path, metadata)), mode="w")


class _Bytes:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Any) -> int:
        return int(self._stream.write(bytes(data)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LakeTable:
    """A table at `url`/`name`; a path, or an address such as s3://bucket/lake.

    `may_write` is asked before whatever writes or deletes, and keeps the right to it for longer; where it
    is false nothing is done, and LakeTaken raised: who took over may delete what is not committed yet.
    """

    def __init__(self, url: str, name: str, may_write: Callable[[], bool] = never) -> None:
        self.name, self._may_write = name, may_write
        self.is_local = "://" not in url
        self.uri = str(Path(url).absolute() / name) if self.is_local else f"{url.rstrip('/')}/{name}"
        self._table: DeltaTable | None = None
        self._bounds: dict[tuple[str, str], tuple[dt.datetime, dt.datetime] | None] = {}

    def create(self) -> None:
        """Make the table, empty, in place of one that is there."""
        self.hold()
        if self.is_local:
            Path(self.uri).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._table = DeltaTable.create(
            self.uri,
            SCHEMAS[self.name],
            mode="overwrite",
            name=self.name,
            description=LAYOUT,
            configuration=_AT_ONCE,
        )

    def hold(self) -> None:
        """Keep the right to write for longer; LakeTaken where it was lost."""
        if not self._may_write():
            raise LakeTaken("another process writes the lake", "try again")

    @property
    def delta(self) -> DeltaTable:
        """Return the table at its newest version; LakeMissing, LakeOfOtherLayout, LakeUnreadable."""
        with self._readable():
            if self._table is None:
                self._table = self._open()
            else:
                self._table.update_incremental()
        return self._table

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Say which table it is that cannot be read; what the libraries say of it is the cause."""
        try:
            yield
        except (DeltaError, OSError) as error:
            raise LakeUnreadable(f"the log of {self.name!r} in the lake cannot be read", LOOK) from error

    def _open(self) -> DeltaTable:
        try:
            table = DeltaTable(self.uri)
        except TableNotFoundError as error:
            raise LakeMissing(f"there is no table {self.name!r} in the lake", BUILD_FIRST) from error
        found = table.metadata().description
        if found != LAYOUT:
            raise LakeOfOtherLayout(f"the lake is of {found!r}, not of {LAYOUT!r}", BUILD_FIRST + " --anew")
        return table

    def exists(self) -> bool:
        """Tell whether the table is there; LakeUnreadable where that cannot be seen."""
        with self._readable():
            return DeltaTable.is_deltatable(self.uri)

    def position(self, name: str) -> int | None:
        """Return a position as the newest commit that moved it left it."""
        return self.delta.transaction_version(name)

    @property
    def files(self) -> pafs.FileSystem:
        """Return the file system whose root is the table's folder."""
        if self.is_local:
            return pafs.SubTreeFileSystem(self.uri, pafs.LocalFileSystem())
        return pafs.PyFileSystem(_Storage(self.uri))

    def paths(self) -> list[str]:
        """Return the files of the newest version, as paths below the table's folder."""
        return sorted(self._adds())

    def _adds(self) -> dict[str, int]:
        """Return path and size of each file of the newest version."""
        found = pa.table(self.delta.get_add_actions(flatten=True))
        return dict(zip(found["path"].to_pylist(), found["size_bytes"].to_pylist(), strict=True))

    def rows(self) -> dict[str, int]:
        """Return how many rows each file of the newest version has, as the log counts them."""
        found = pa.table(self.delta.get_add_actions(flatten=True))
        return dict(zip(found["path"].to_pylist(), found["num_records"].to_pylist(), strict=True))

    def count(self) -> int:
        """Return how many rows there are."""
        return sum(self.rows().values())

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file of the newest version."""
        return self._adds()

    def bounds(self, column: str) -> tuple[dt.datetime, dt.datetime] | None:
        """Return the least and the greatest instant in a column, as the files tell; None without any."""
        paths = self.paths()
        for gone in self._bounds.keys() - {(path, column) for path in paths}:
            if gone[1] == column:
                del self._bounds[gone]
        for path in paths:
            if (path, column) not in self._bounds:
                self._bounds[path, column] = self._bounds_in(path, column)
        found = [pair for path in paths if (pair := self._bounds[path, column]) is not None]
        return (min(one for one, _ in found), max(one for _, one in found)) if found else None

    def _bounds_in(self, path: str, column: str) -> tuple[dt.datetime, dt.datetime] | None:
        with self.files.open_input_file(path) as source:
            told = pq.read_metadata(source)
        at = told.schema.names.index(column)
        groups = (told.row_group(i).column(at).statistics for i in range(told.num_row_groups))
        found = [(one.min, one.max) for one in groups if one is not None and one.has_min_max]
        return (min(one for one, _ in found), max(one for _, one in found)) if found else None

    def commit(
        self,
        added: Sequence[AddAction],
        removed: Iterable[str] = (),
        positions: Mapping[str, int] | None = None,
    ) -> None:
        """Put files in and take others out, and move positions, all in one commit."""
        now = int(time.time() * 1000)
        table, leaving = self.delta, list(removed)
        sizes = self._adds() if leaving else {}
        gone = [RemoveAction(path, True, now, sizes[path], {}) for path in leaving]
        moved = [Transaction(name, at, now) for name, at in (positions or {}).items()]
        self.hold()
        table.create_write_transaction(
            [*added, *gone],
            "append",
            SCHEMAS[self.name],
            commit_properties=CommitProperties(app_transactions=moved, max_commit_retries=0),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )

    def write(self, tables: Iterable[pa.Table | pa.RecordBatch]) -> list[AddAction]:
        """Write rows into new files that no version knows yet; return what a commit needs to add them."""
        done: list[AddAction] = []
        writer: _FileWriter | None = None
        for some in tables:
            if some.num_rows == 0:
                continue
            writer = writer or _FileWriter(self)
            writer.write(some)
            if writer.rows >= FILE_ROWS:
                done.append(writer.close())
                writer = None
        if writer is not None:
            done.append(writer.close())
        return done

    def kept(self, path: str, mask: Callable[[pa.RecordBatch], pa.Array]) -> Iterator[pa.Table]:
        """Yield the rows of a file for which the mask is true, in the order in which they lie."""
        with self.files.open_input_file(path) as source:
            for batch in pq.ParquetFile(source).iter_batches(GROUP_ROWS):
                wanted, table = mask(batch), pa.Table.from_batches([batch])
                if not pc.all(wanted).as_py():  # most groups are kept whole
                    table = table.filter(wanted)
                yield table.cast(SCHEMAS[self.name])

    def forget(self) -> None:
        """Remove every file, partial file and log that the newest version does not need."""
        self._sweep()
        table = self.delta
        self.hold()
        table.create_checkpoint()
        self.hold()
        table.cleanup_metadata()
        self._table = None

    def _sweep(self) -> None:
        """Remove old files and what writers that were killed left, under whatever name.

        One by one, so that the right to write is held all the time: a vacuum that takes longer would lose it.
        """
        known = set(self._adds())
        for one in self.files.get_file_info(pafs.FileSelector("", recursive=False)):
            if one.type == pafs.FileType.File and ".parquet" in one.path and one.path not in known:
                self.hold()
                self.files.delete_file(one.path)

    def read(self) -> pa.Table:
        """Return all rows of a small table."""
        parts = [pq.read_table(self.files.open_input_file(path)) for path in self.paths()]
        return pa.concat_tables([part.cast(SCHEMAS[self.name]) for part in parts] or [self.empty()])

    def empty(self) -> pa.Table:
        """Return a table without rows."""
        return SCHEMAS[self.name].empty_table()


class _FileWriter:
    """One Parquet file that grows in memory, compressed, and is written at once when it is closed."""

    def __init__(self, table: LakeTable) -> None:
        self.table, self.path, self.rows = table, f"part-{uuid4().hex}.parquet", 0
        self._buffer = io.BytesIO()
        names = SCHEMAS[table.name].names
        self._writer = pq.ParquetWriter(
            self._buffer,
            SCHEMAS[table.name],
            compression="zstd",
            store_schema=False,
            use_dictionary=[name for name in names if name not in RISING],
            column_encoding={name: "DELTA_BINARY_PACKED" for name in names if name in RISING},
        )
        self._waiting: list[pa.Table] = []

    def write(self, some: pa.Table | pa.RecordBatch) -> None:
        """Add rows; row groups are filled up."""
        one = some if isinstance(some, pa.Table) else pa.Table.from_batches([some])
        self._waiting.append(one.cast(SCHEMAS[self.table.name]))
        self.rows += one.num_rows
        if sum(each.num_rows for each in self._waiting) >= GROUP_ROWS:
            self._flush()

    def close(self) -> AddAction:
        """Write the file; the commit that adds it is still to come."""
        self._flush()
        self._writer.close()
        body = self._buffer.getvalue()
        self.table.hold()
        with self.table.files.open_output_stream(self.path) as out:
            out.write(body)
        stats = json.dumps({"numRecords": self.rows})
        return AddAction(self.path, len(body), {}, int(time.time() * 1000), True, stats)

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP_ROWS)
            self._waiting.clear()
