"""Statements walked for export, in flat memory, resumable; and as NDJSON (exact) or CSV (chosen columns).

An export walks the stores in order of `stored` by the index (org, _id), one organization after the other, so
a position (organization, order key) is enough to go on after a break, and to fetch only what is new.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import Binary, decode_all
from bson.codec_options import CodecOptions
from pymongo.database import Database

from lrs.analysis.figures.csv_cells import csv_cell
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import index_keys
from lrs.xapi.consistent_through import microseconds
from statements.query.analyst_query import AnalystQuery
from statements.query.mongo_filter import STANDING, render
from statements.query.predicate import All

Document = dict[str, Any]
CHUNK = 2000  # statements in memory at a time
# Dates without a zone (they are UTC) and ids as 16 bytes: both cost half of what objects with a meaning cost.
PLAIN: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=False)


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


def csv_lines(cells: Sequence[Sequence[Any]], names: Sequence[str], *, header: bool) -> bytes:
    """Return CSV rows (RFC 4180) of these columns; texts that a spreadsheet would run are quoted by '."""
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(names)
    writer.writerows(zip(*([csv_cell(value) for value in column] for column in cells), strict=True))
    return out.getvalue().encode()
