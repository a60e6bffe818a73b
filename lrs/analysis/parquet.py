"""Statements as typed Parquet, for DuckDB, pandas and every other reader of the format."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from statements.aggregate import number
from statements.fields import FIELDS, Kind

TYPES = {
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INSTANT: pa.timestamp("ms", tz="UTC"),
    Kind.IRIS: pa.list_(pa.string()),
}


def schema_of(columns: Sequence[str]) -> pa.Schema:
    """Return the typed schema of these fields; dots become underscores, as SQL likes."""
    return pa.schema([(column_name(c), TYPES.get(FIELDS[c].kind, pa.string())) for c in columns])


def table_of(documents: Sequence[Mapping[str, Any]], columns: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Return the documents as one typed table; column by column, which is where an export spends its time."""
    arrays = [
        pa.array(_column(documents, column), type=schema.field(i).type) for i, column in enumerate(columns)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(documents: Sequence[Mapping[str, Any]], column: str) -> list[Any]:
    head, _, tail = column.partition(".")
    values = [document.get(head) for document in documents]
    if tail:
        values = [value.get(tail) if isinstance(value, Mapping) else None for value in values]
    match FIELDS[column].kind:
        case Kind.NUMBER:
            return [None if value is None else float(number(value)) for value in values]
        case Kind.UUID:
            return [None if value is None else str(value) for value in values]
    return values


def column_name(field: str) -> str:
    """Return the Parquet column of a field."""
    return field.replace(".", "_")


def stream(
    chunks: Iterable[tuple[str, bytes, Sequence[Mapping[str, Any]]]], columns: Sequence[str]
) -> Iterator[bytes]:
    """Yield one Parquet file, a row group per chunk."""
    sink, schema = _ByteSink(), schema_of(columns)
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for _org, _after, documents in chunks:
            writer.write_table(table_of(documents, columns, schema))
            yield sink.take()
    yield sink.take()


def write_file(tables: Sequence[pa.Table], path: Path) -> None:
    """Write a whole file and let it appear under its name only then."""
    new = path.with_suffix(".new")
    pq.write_table(pa.concat_tables(tables), new, compression="zstd")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)


def month_of(document: Mapping[str, Any]) -> str:
    """Return the partition of a statement: the month of its timestamp in UTC."""
    timestamp: dt.datetime = document["timestamp"]
    return timestamp.strftime("%Y-%m")


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
