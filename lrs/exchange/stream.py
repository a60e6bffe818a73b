"""Exports over HTTP: NDJSON, CSV or Parquet, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bson import decode_all
from pymongo.database import Database

from lrs.analysis.readable_stores import Scope
from lrs.exchange.columns import Cells
from lrs.exchange.export import PLAIN, batches, csv_lines, ndjson
from lrs.exchange.throttle import Throttle
from statements.query.analyst_query import AnalystQuery

Document = dict[str, Any]
STREAMED = (
    250  # statements at a time where a thread of a web process makes them: others wait for it meanwhile
)


def stream(
    db: Database[Document], scope: Scope, query: AnalystQuery, form: str, cells: Cells
) -> Iterator[bytes]:
    """Yield an export over HTTP in `form` ndjson, csv or parquet."""
    return STREAMS[form](db, scope, query, cells)


def _stream_ndjson(db: Any, scope: Scope, query: AnalystQuery, _cells: Cells) -> Iterator[bytes]:
    throttle = Throttle()
    for _org, batch in batches(db, scope, query, ["raw"], {}, size=STREAMED):
        with throttle.work():
            body = ndjson(decode_all(batch, PLAIN))
        yield body


def _stream_csv(db: Any, scope: Scope, query: AnalystQuery, cells: Cells) -> Iterator[bytes]:
    throttle, names = Throttle(), [column.name for column in cells.columns]
    yield csv_lines([], names, header=True)
    for org, batch in batches(db, scope, query, cells.sources, {}, size=STREAMED):
        with throttle.work():
            body = csv_lines(cells.of(org, decode_all(batch, PLAIN)), names, header=False)
        yield body


def _stream_parquet(db: Any, scope: Scope, query: AnalystQuery, cells: Cells) -> Iterator[bytes]:
    from lrs.exchange import parquet  # noqa: PLC0415 -- pyarrow costs 60 MB and a third of a second

    found = batches(db, scope, query, cells.sources, {}, size=STREAMED)
    yield from parquet.stream(found, cells, Throttle())


STREAMS: dict[str, Callable[[Any, Scope, AnalystQuery, Cells], Iterator[bytes]]] = {
    "ndjson": _stream_ndjson,
    "csv": _stream_csv,
    "parquet": _stream_parquet,
}
MEDIA_TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
