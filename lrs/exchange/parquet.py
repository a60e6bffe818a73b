"""Statements as typed Parquet, for DuckDB, pandas and every other reader of the format."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bson import decode_all

from lrs.exchange.columns import Cells
from lrs.exchange.export import PLAIN
from lrs.exchange.throttle import Throttle
from statements.parsing.json_text import dump_text
from statements.query.analyst_query import Column
from statements.query.fields import Kind
from statements.query.grouping import number

TYPES = {
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INSTANT: pa.timestamp("ms", tz="UTC"),
    Kind.IRIS: pa.list_(pa.string()),
}


GROUP_ROWS = 10_000  # of a streamed file


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """Return the typed schema of these columns; dots become underscores, as SQL likes."""
    return pa.schema([(column_name(one.name), TYPES.get(one.field.kind, pa.string())) for one in columns])


def table_of(cells: Sequence[list[Any]], columns: Sequence[Column], schema: pa.Schema) -> pa.Table:
    """Return the cells of columns as one typed table; column by column, which is quick."""
    arrays = [
        _MAKERS.get(column.field.kind, pa.array)(values, schema.field(i).type)
        for i, (column, values) in enumerate(zip(columns, cells, strict=True))
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _texts(values: list[Any], form: pa.DataType) -> pa.Array:
    """Write what may be of any kind, the values of extensions, as text: JSON where it is none."""
    return pa.array(
        [value if value is None or isinstance(value, str) else dump_text(value).decode() for value in values],
        form,
    )


def _numbers(values: list[Any], form: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, form)
    except pa.ArrowException:  # a decimal that no double holds exactly, or a large whole number
        return pa.array([None if value is None else float(number(value)) for value in values], form)


def _ids(values: list[Any], form: pa.DataType) -> pa.Array:
    """Write ids of 16 bytes as text, all at once."""
    given = [value for value in values if value is not None]
    digits = np.frombuffer(b"".join(given).hex().encode(), np.uint8).reshape(-1, 32)
    texts = np.full((len(given), 36), ord("-"), np.uint8)
    for start, end, shift in ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4)):
        texts[:, start + shift : end + shift] = digits[:, start:end]
    ends = np.arange(0, texts.size + 1, 36, dtype=np.int32) if given else np.zeros(1, np.int32)
    array = pa.StringArray.from_buffers(len(given), pa.py_buffer(ends), pa.py_buffer(texts))
    if len(given) == len(values):
        return array.cast(form)
    order = iter(range(len(given)))
    return array.take(pa.array([None if value is None else next(order) for value in values], pa.int32()))


_MAKERS: dict[Kind, Callable[[list[Any], pa.DataType], pa.Array]] = {
    Kind.NUMBER: _numbers,
    Kind.UUID: _ids,
    Kind.EXTENSION: _texts,
}


def column_name(field: str) -> str:
    """Return the Parquet column of a field."""
    return field.replace(".", "_")


def stream(batches: Iterable[tuple[str, bytes]], cells: Cells, throttle: Throttle) -> Iterator[bytes]:
    """Yield one Parquet file of what MongoDB sent, a row group for each GROUP_ROWS rows."""
    sink, schema = _ByteSink(), schema_of(cells.columns)
    tables: list[pa.Table] = []
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for org, batch in batches:
            with throttle.work():
                made = cells.of(org, decode_all(batch, PLAIN))
                tables.append(table_of(made, cells.columns, schema))
            if sum(table.num_rows for table in tables) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(tables))
                tables.clear()
                yield sink.take()
        if tables:
            writer.write_table(pa.concat_tables(tables))
    yield sink.take()


def write_file(tables: Sequence[pa.Table], path: Path) -> None:
    """Write a whole file and let it appear under its name only then."""
    new = path.with_suffix(".new")
    pq.write_table(pa.concat_tables(tables), new, compression="zstd")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)


def by_month(table: pa.Table, by: str = "timestamp") -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each month (UTC, `2026-11`) of the column `by`."""
    at = table.column(by)
    months = pc.add(pc.multiply(pc.year(at), 12), pc.subtract(pc.month(at), 1))
    found = months.unique().to_pylist()
    for month in found:
        rows = table if len(found) == 1 else table.filter(pc.equal(months, month))
        yield f"{month // 12:04d}-{month % 12 + 1:02d}", rows


class _ByteSink(io.RawIOBase):
    """A file that is only appended to: what the writer wrote is taken out and streamed on."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken
