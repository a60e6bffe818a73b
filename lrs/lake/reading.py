"""DuckDB over the files of the lake: bounded in memory and threads.

A table is read by the list of files in its log, never by its folder: there lie files that no version knows.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads

from lrs.lake.bounds import BOUNDS
from lrs.lake.errors import LakeTaken
from lrs.lake.storage import LakeTable

RENEWED_S: Final = 20.0  # well before the lease of `state` ends

_lock = threading.Lock()
_database: duckdb.DuckDBPyConnection | None = None
_bounds: tuple[int, int] | None = None  # that it was told


def connection() -> duckdb.DuckDBPyConnection:
    """Return a connection to this process's one DuckDB, in memory; close it when done."""
    global _database, _bounds  # noqa: PLW0603 -- one for each process, and its memory bound is for all of them
    with _lock:
        if _database is None:
            spilled = tempfile.mkdtemp(prefix="laurel-lake-")  # else it is .tmp, wherever the process runs
            atexit.register(shutil.rmtree, spilled, ignore_errors=True)
            _database = duckdb.connect(
                config={
                    "temp_directory": spilled,
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "preserve_insertion_order": False,
                }
            )
        if _bounds != (BOUNDS.memory_mb, BOUNDS.threads):
            _bounds = BOUNDS.memory_mb, BOUNDS.threads
            _database.execute(f"SET memory_limit = '{BOUNDS.memory_mb}MB'")
            _database.execute(f"SET threads = {BOUNDS.threads}")
        return _database.cursor()


@contextmanager
def while_held(db: duckdb.DuckDBPyConnection, hold: Callable[[], None]) -> Iterator[None]:
    """Keep a lease while DuckDB is at work for long; where it is lost, that ends with LakeTaken."""
    over, lost = threading.Event(), []

    def keep() -> None:
        while not over.wait(RENEWED_S):
            try:
                hold()
            except LakeTaken as error:
                lost.append(error)
                db.interrupt()
                return

    keeper = threading.Thread(target=keep, name="lease of the lake", daemon=True)
    keeper.start()
    try:
        yield
    except duckdb.InterruptException:
        if lost:
            raise lost[0] from None
        raise
    finally:
        over.set()
        keeper.join()


def relation(
    db: duckdb.DuckDBPyConnection,
    table: LakeTable,
    paths: Sequence[str] | None = None,
    *,
    where: bool = False,
) -> str:
    """Return the SQL of a table's rows, or of those in some files; `where` adds `filename`."""
    paths = table.paths() if paths is None else paths
    if not paths:
        db.register(f"no_{table.name}", table.empty())
        none = f"no_{table.name}"
        return f"(SELECT *, '' AS filename FROM {none})" if where else none  # noqa: S608 -- a name of ours
    if table.is_local:
        listed = ", ".join(_quoted(str(Path(table.uri) / path)) for path in paths)
        return f"read_parquet([{listed}]{', filename = true' if where else ''})"
    if not where:
        name = f"far_{table.name}_{uuid4().hex}"
        db.register(name, pads.dataset(paths, filesystem=table.files, format="parquet"))
        return name
    for i, path in enumerate(paths):
        db.register(f"far_{table.name}_{i}", pads.dataset([path], filesystem=table.files, format="parquet"))
    parts = (
        f"SELECT *, {_quoted(path)} AS filename FROM far_{table.name}_{i}"  # noqa: S608 -- paths of ours
        for i, path in enumerate(paths)
    )
    return f"({' UNION ALL '.join(parts)})"


def positions_in(table: LakeTable, positions: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Return which of these positions have a row, and the file in which it stands."""
    if not positions:
        return {}
    wanted = pa.table({"at": [at for at, _ in positions], "serial": [serial for _, serial in positions]})
    bounds = [min(positions)[0], max(positions)[0]]
    with connection() as db:
        db.register("wanted", wanted)
        rows = db.execute(
            f"SELECT s.position_at, s.serial, s.filename FROM {relation(db, table, where=True)} s "  # noqa: S608 -- paths of ours
            "JOIN wanted w ON w.at = s.position_at AND w.serial = s.serial "
            "WHERE s.position_at BETWEEN ? AND ?",
            bounds,
        ).fetchall()
    return {(at, serial): Path(filename).name for at, serial, filename in rows}


def rows_of(db: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a statement."""
    return db.execute(sql, list(parameters)).fetchall()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
