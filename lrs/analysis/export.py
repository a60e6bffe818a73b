"""Statements as NDJSON (exact), CSV (chosen columns) or Parquet (typed), in flat memory, resumable.

An export walks the stores in order of `stored` by the index (org, _id), one organization after the other, so
a position (organization, order key) is enough to go on after a break, and to fetch only what is new.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import Binary
from pymongo.database import Database

from lrs.analysis.scope import Scope
from statements.aggregate import plain
from statements.analysis import AnalystQuery
from statements.mongo_filter import STANDING, render

Document = dict[str, Any]
CHUNK = 2000  # statements in memory at a time
COLUMNS = (
    "id", "org", "stored", "timestamp", "actor", "verb", "object.id", "object.type", "activity_type",
    "registration", "success", "completion", "score.scaled", "score.raw", "score.min", "score.max",
    "duration_s", "platform", "language", "instructor", "client", "client_label", "authority", "version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Position:
    """Where an export stands: everything up to `after` of `org`, and all organizations before it, is out."""

    org: str = ""
    after: bytes = b""

    def to_json(self) -> dict[str, str]:
        """Return the position for a state file."""
        return {"org": self.org, "after": self.after.hex()}

    @classmethod
    def from_json(cls, body: Mapping[str, str]) -> Position:
        """Read a position of a state file; ValueError or KeyError when it is none."""
        return cls(body["org"], bytes.fromhex(body["after"]))


def count(db: Database[Document], scope: Scope, query: AnalystQuery, positions: Mapping[str, bytes]) -> int:
    """Return how many statements an export from these positions has, for a progress bar."""
    total = 0
    for org in scope.orgs:
        total += db.statements.count_documents(_condition(org, query, positions.get(org, b"")))
    return total


def chunks(
    db: Database[Document],
    scope: Scope,
    query: AnalystQuery,
    fields: Sequence[str],
    positions: Mapping[str, bytes],
) -> Iterator[tuple[str, bytes, list[Document]]]:
    """Yield (organization, order key of the last one, documents) in steps of CHUNK."""
    wanted = dict.fromkeys(fields, 1)
    for org in scope.orgs:
        found = db.statements.find(_condition(org, query, positions.get(org, b"")), wanted)
        documents: list[Document] = []
        for document in found.sort("_id", 1).hint([("org", 1), ("_id", 1)]).batch_size(CHUNK):
            documents.append(document)
            if len(documents) == CHUNK:
                yield org, bytes(documents[-1]["_id"]), documents
                documents = []
        if documents:
            yield org, bytes(documents[-1]["_id"]), documents


def _condition(org: str, query: AnalystQuery, after: bytes) -> Document:
    onward = {"_id": {"$gt": Binary(after)}} if after else {}
    return {"org": org, **onward, **STANDING, "$and": [render(query.where)]}


def ndjson(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the exact statements, one per line; a statement has no line break outside of strings."""
    return b"".join(_one_line(document["raw"]) + b"\n" for document in documents)


def _one_line(raw: bytes) -> bytes:
    # A line break can stand only between tokens here: inside strings JSON escapes it.
    return raw.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else bytes(raw)


def csv_lines(documents: Iterable[Mapping[str, Any]], columns: Sequence[str], *, header: bool) -> bytes:
    """Return CSV rows (RFC 4180) of these columns; texts that a spreadsheet would run are quoted by '."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(columns)
    for document in documents:
        writer.writerow([csv_cell(value_at(document, column)) for column in columns])
    return out.getvalue().encode()


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(str, value))
    text = value if value is None or isinstance(value, int | float) else str(value)
    return "'" + text if isinstance(text, str) and text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """Return the plain value of a dotted field, None where it is absent."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return [plain(v) for v in value] if isinstance(value, list) else plain(value)


def stream(
    db: Database[Document], scope: Scope, query: AnalystQuery, form: str, columns: Sequence[str]
) -> Iterator[bytes]:
    """Yield an export over HTTP in `form` ndjson, csv or parquet."""
    return STREAMS[form](db, scope, query, columns)


def _stream_ndjson(db: Any, scope: Scope, query: AnalystQuery, _columns: Sequence[str]) -> Iterator[bytes]:
    for _org, _after, documents in chunks(db, scope, query, ["raw"], {}):
        yield ndjson(documents)


def _stream_csv(db: Any, scope: Scope, query: AnalystQuery, columns: Sequence[str]) -> Iterator[bytes]:
    yield csv_lines([], columns, header=True)
    for _org, _after, documents in chunks(db, scope, query, columns, {}):
        yield csv_lines(documents, columns, header=False)


def _stream_parquet(db: Any, scope: Scope, query: AnalystQuery, columns: Sequence[str]) -> Iterator[bytes]:
    # pyarrow costs 60 MB and a third of a second: only a process that writes Parquet loads it
    parquet = importlib.import_module("lrs.analysis.parquet")
    yield from parquet.stream(chunks(db, scope, query, columns, {}), columns)


STREAMS: dict[str, Callable[[Any, Scope, AnalystQuery, Sequence[str]], Iterator[bytes]]] = {
    "ndjson": _stream_ndjson,
    "csv": _stream_csv,
    "parquet": _stream_parquet,
}
MEDIA_TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
