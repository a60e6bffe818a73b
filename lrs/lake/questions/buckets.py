"""Spans of time in a zone for DuckDB: quarters of hours are mapped once, rows are joined to them.

Since 1973 every zone begins its hours and days at a quarter of an hour of UTC, so a quarter lies in one
bucket as a whole; earlier instants, which only a wrong clock writes, stand for themselves. Which bucket a
quarter lies in MongoDB says itself, in the words in which it would group the statements.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pymongo.database import Database

from lrs.lake.questions.values import EPOCH, instant_of
from statements.query.time_buckets import Span, bucket_expression, bucket_starts

QUARTER: Final = 900_000  # milliseconds
SINCE: Final = 94_694_400_000  # 1973-01-01
AT_ONCE: Final = 20_000
FEW: Final = 64  # buckets that comparisons find faster than a join does


def slot_sql(column: str) -> str:
    """Return the SQL of the instant (milliseconds) that stands for all instants of the same bucket."""
    at = f"epoch_ms({column})"
    return f"CASE WHEN {at} >= {SINCE} THEN {at} - {at} % {QUARTER} ELSE {at} END"


def known_starts(
    bounds: tuple[dt.datetime, dt.datetime] | None, unit: str, zone: str, span: Span, now: dt.datetime
) -> list[int] | None:
    """Return the starts of the buckets from one instant to another, in milliseconds.

    None where they are not known beforehand: of hours, and of what only a wrong clock writes.
    """
    if bounds is None:
        return [0]
    starts = [_milliseconds(one) for one in bucket_starts(unit, zone, span, now)]
    least, greatest = _milliseconds(bounds[0]), _milliseconds(bounds[1])
    if len(starts) < 2 or least < starts[0] or greatest >= starts[-1]:
        return None
    return starts[bisect.bisect_right(starts, least) - 1 : bisect.bisect_right(starts, greatest)]


def halving_sql(column: str, starts: Sequence[int]) -> str:
    """Return the SQL of the start of the bucket: by far the quickest for some dozens of them."""
    if len(starts) == 1:
        return f"{starts[0]}::BIGINT"
    middle = len(starts) // 2
    before, after = halving_sql(column, starts[:middle]), halving_sql(column, starts[middle:])
    return f"CASE WHEN {column} < make_timestamptz({starts[middle] * 1000}) THEN {before} ELSE {after} END"


def quarters(starts: Sequence[int], last: dt.datetime) -> tuple[pa.Array, pa.Array]:
    """Return the slot of every quarter of an hour up to an instant, and the start of its bucket."""
    slots = np.arange(starts[0] // QUARTER, _milliseconds(last) // QUARTER + 1) * QUARTER
    places = np.searchsorted(starts, slots, side="right") - 1
    return pa.array(slots), pa.array(np.array(starts)[np.maximum(places, 0)], pa.int64())


def bucket_table(
    db: Database[dict[str, Any]], slots: Sequence[int], *, unit: str, zone: str, span: Span, now: dt.datetime
) -> dict[int, int]:
    """Return the first instant of the bucket of each slot, in milliseconds."""
    starts = [_milliseconds(one) for one in bucket_starts(unit, zone, span, now)]
    found: dict[int, int] = {}
    outside: list[int] = []
    for slot in slots:
        if len(starts) >= 2 and starts[0] <= slot < starts[-1]:
            found[slot] = starts[bisect.bisect_right(starts, slot) - 1]
        else:
            outside.append(slot)
    told = iter(outside)
    while some := list(islice(told, AT_ONCE)):
        found.update(_asked(db, some, bucket_expression("at", unit, zone, (EPOCH, EPOCH), EPOCH)))
    return found


def _asked(db: Database[dict[str, Any]], slots: list[int], expression: Any) -> Iterator[tuple[int, int]]:
    documents = [{"slot": slot, "at": instant_of(slot)} for slot in slots]
    stages: list[dict[str, Any]] = [{"$documents": documents}, {"$project": {"slot": 1, "start": expression}}]
    for row in db.aggregate(stages):
        yield row["slot"], _milliseconds(row["start"])


def _milliseconds(instant: dt.datetime) -> int:
    return (instant - EPOCH) // dt.timedelta(milliseconds=1)
