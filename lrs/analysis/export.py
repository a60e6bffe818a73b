"""Statements as NDJSON (exact), CSV (chosen columns) or Parquet (typed), in flat memory, resumable.

An export walks the stores in order of `stored` by the index (org, _id), one organization after the other, so
a position (organization, order key) is enough to go on after a break, and to fetch only what is new.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bson import Binary, decode_all
from bson.codec_options import CodecOptions
from pymongo.database import Database

from lrs.analysis.run import index_keys
from lrs.analysis.scope import Scope
from lrs.consistency import microseconds
from statements.aggregate import plain
from statements.analysis import AnalystQuery
from statements.mongo_filter import STANDING, render
from statements.predicate import All

Document = dict[str, Any]
CHUNK = 2000  # statements in memory at a time
STREAMED = 250  # of them at a time where a thread of a web process makes them: others wait for it meanwhile
# Dates without a zone (they are UTC) and ids as 16 bytes: both cost half of what objects with a meaning cost.
PLAIN: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=False)
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


def count(
    db: Database[Document],
    scope: Scope,
    query: AnalystQuery,
    positions: Mapping[str, bytes],
    until: dt.datetime | None = None,
) -> int | None:
    """Return how many statements an export from these positions has at most, for a progress bar.

    None where only reading all of them could tell.
    """
    total = 0
    for org in scope.orgs:
        condition, index = _condition(org, query, positions.get(org, b""), until)
        if query.where == All(()):
            condition = {"org": org, "_id": condition.get("_id", {"$gt": Binary(bytes(16))})}
        elif index == "order":
            return None
        total += db.statements.count_documents(condition, hint=index)
    return total


def chunks(
    db: Database[Document],
    scope: Scope,
    query: AnalystQuery,
    fields: Sequence[str],
    positions: Mapping[str, bytes],
    *,
    until: dt.datetime | None = None,
) -> Iterator[tuple[str, bytes, Sequence[Mapping[str, Any]]]]:
    """Yield (organization, order key of the last one, documents as PLAIN decodes them) in steps of CHUNK.

    With `until` only what was stored before that instant.
    """
    for org, batch in batches(db, scope, query, fields, positions, until=until, size=CHUNK):
        documents = decode_all(batch, PLAIN)
        if documents:
            yield org, documents[-1]["_id"], documents


def batches(
    db: Database[Document],
    scope: Scope,
    query: AnalystQuery,
    fields: Sequence[str],
    positions: Mapping[str, bytes],
    *,
    until: dt.datetime | None = None,
    size: int,
) -> Iterator[tuple[str, bytes]]:
    """Yield (organization, statements as MongoDB sent them, at most `size`)."""
    wanted = dict.fromkeys(fields, 1)
    for org in scope.orgs:
        condition, index = _condition(org, query, positions.get(org, b""), until)
        found: Any = db.statements.find_raw_batches(condition, wanted)
        for batch in found.sort("_id", 1).hint(index).batch_size(size):
            yield org, batch


def _condition(
    org: str, query: AnalystQuery, after: bytes, until: dt.datetime | None
) -> tuple[Document, str]:
    """Return the filter, and the index that has what it selects in order of `stored`."""
    bounds: Document = {"$gt": Binary(after)} if after else {}
    if until is not None:
        bounds["$lt"] = Binary(microseconds(until).to_bytes(8, "big") + bytes(8))
    onward = {"_id": bounds} if bounds else {}
    keys = sorted(index_keys(query.where))[:1]
    narrowed = {"keys": keys[0]} if keys else {}
    condition = {"org": org, **narrowed, **onward, **STANDING, "$and": [render(query.where)]}
    return condition, "keys" if keys else "order"


def ndjson(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the exact statements, one per line; a statement has no line break outside of strings."""
    return b"".join(_one_line(document["raw"]) + b"\n" for document in documents)


def _one_line(raw: bytes) -> bytes:
    # A line break can stand only between tokens here: inside strings JSON escapes it.
    return raw.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else bytes(raw)


def csv_lines(documents: Sequence[Mapping[str, Any]], columns: Sequence[str], *, header: bool) -> bytes:
    """Return CSV rows (RFC 4180) of these columns; texts that a spreadsheet would run are quoted by '."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(columns)
    cells = [[csv_cell(value) for value in column_of(documents, column)] for column in columns]
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue().encode()


def column_of(documents: Sequence[Mapping[str, Any]], column: str) -> list[Any]:
    """Return the values of one dotted field as they are stored, None where it is absent."""
    head, _, tail = column.partition(".")
    values = [document.get(head) for document in documents]
    return [value.get(tail) if value else None for value in values] if tail else values


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; ids and dates also as PLAIN decodes them."""
    if isinstance(value, str):
        return "'" + value if value[:1] in RUN else value
    if value is None or value is True or value is False:
        return _CONSTANTS[value]
    if isinstance(value, dt.datetime):
        text = value.isoformat(timespec="milliseconds")
        return text + "Z" if value.tzinfo is None else text.replace("+00:00", "Z")
    if isinstance(value, list):
        return csv_cell(" ".join(map(str, value)))
    if isinstance(value, Binary):
        return str(value.as_uuid())
    number = plain(value)
    return number if isinstance(number, int | float) else csv_cell(str(number))


RUN = frozenset({"=", "+", "-", "@", "\t", "\r"})
_CONSTANTS = {None: None, True: "true", False: "false"}


class Breather:
    """Gives way to others: rests after each piece of work for as long as others were in its way.

    Who shares processors, or the lock of one Python process, is kept waiting now and then: work takes longer
    than its processor time. On an idle machine there is no rest; on a busy one the export leaves MOST of
    the time to others.
    """

    MOST = 3.0  # rests for each piece of work
    DISTURBED = 1.2  # waiting less than this is chance

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    @contextmanager
    def work(self) -> Iterator[None]:
        """Time a piece of work that waits for nothing but processors, and rest after it where due."""
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        self.rest(time.perf_counter() - wall, time.thread_time() - cpu)

    def rest(self, wall: float, cpu: float) -> None:
        """Rest after work that took `wall` seconds, `cpu` of them on a processor."""
        if wall > self.DISTURBED * cpu:
            self._sleep(min(self.MOST * wall, 1.0))


def stream(
    db: Database[Document], scope: Scope, query: AnalystQuery, form: str, columns: Sequence[str]
) -> Iterator[bytes]:
    """Yield an export over HTTP in `form` ndjson, csv or parquet."""
    return STREAMS[form](db, scope, query, columns)


def _stream_ndjson(db: Any, scope: Scope, query: AnalystQuery, _columns: Sequence[str]) -> Iterator[bytes]:
    breather = Breather()
    for _org, batch in batches(db, scope, query, ["raw"], {}, size=STREAMED):
        with breather.work():
            body = ndjson(decode_all(batch, PLAIN))
        yield body


def _stream_csv(db: Any, scope: Scope, query: AnalystQuery, columns: Sequence[str]) -> Iterator[bytes]:
    breather = Breather()
    yield csv_lines([], columns, header=True)
    for _org, batch in batches(db, scope, query, columns, {}, size=STREAMED):
        with breather.work():
            body = csv_lines(decode_all(batch, PLAIN), columns, header=False)
        yield body


def _stream_parquet(db: Any, scope: Scope, query: AnalystQuery, columns: Sequence[str]) -> Iterator[bytes]:
    # pyarrow costs 60 MB and a third of a second: only a process that writes Parquet loads it
    parquet = importlib.import_module("lrs.analysis.parquet")
    found = batches(db, scope, query, columns, {}, size=STREAMED)
    yield from parquet.stream((batch for _org, batch in found), columns, Breather())


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
