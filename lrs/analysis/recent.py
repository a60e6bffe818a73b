"""A list of statements that comes at once, whatever its filter: by an index, the lake, or of the newest.

A filter without an index may have to read the whole store before it finds a page of rows. Then only the
newest `WINDOW` statements are looked through; where the page is not full, the next one goes on from there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bson import Binary

from lrs.analysis.run import MILLISECOND, Analyst, Answer, cursor_at, order_key, read_cursor, required
from statements.errors import QueryTimeout
from statements.parsing.times import from_microseconds, microseconds
from statements.query.analyst_query import AnalystQuery

Document = dict[str, Any]
WINDOW: Final = 20_000  # statements, read in a fraction of a second
WIDE: Final = 200_000
SMALLER: Final = 10  # times, where even that takes too long
LEAST: Final = 100
LAST: Final = b"\xff" * 16  # above every order key


@dataclass(frozen=True, slots=True)
class RecentAnswer:
    """An answer, and how far back it looked: `looked` statements, to `back_to`; None: to the beginning."""

    answer: Answer
    looked: int | None = None
    back_to: dt.datetime | None = None


def ask_recent(analyst: Analyst, expression: Mapping[str, Any], window: int = WINDOW) -> RecentAnswer:
    """Answer a list in the order of storing, the newest first; InvalidQuery names what is wrong.

    The cursor of what was only looked through in part leads on from where the look ended.
    """
    query = analyst.parse(dict(expression))
    reads_all = "filter" in expression and not _of_ids(query) and analyst.reads_all(query)
    if not reads_all or analyst.engine(query, sparse=True).lake is not None:
        try:
            return RecentAnswer(analyst.ask(dict(expression), sparse=reads_all))
        except QueryTimeout:
            pass  # an index narrowed it too little
    while True:
        try:
            return _of_newest(analyst, expression, query, window)
        except QueryTimeout:
            if window <= LEAST:
                raise
            window = max(LEAST, window // SMALLER)


def _of_newest(
    analyst: Analyst, expression: Mapping[str, Any], query: AnalystQuery, window: int
) -> RecentAnswer:
    before = None if query.cursor is None else read_cursor(query.cursor)[1]
    back_to = _stored_at(analyst, window, before)
    if back_to is None:
        return RecentAnswer(analyst.ask(dict(expression)))
    bound = {"field": "stored", "gte": back_to.isoformat()}
    narrow = {**expression, "filter": {"all": [*_clauses(expression), bound]}}
    answer = analyst.ask(narrow)
    if answer.cursor is not None:
        return RecentAnswer(answer)
    onward = cursor_at(order_key(microseconds(back_to)))
    return RecentAnswer(replace(answer, cursor=onward), window, back_to)


def _stored_at(analyst: Analyst, place: int, before: bytes | None) -> dt.datetime | None:
    """Return when the statement so many places back was stored, to its millisecond; None if there is none.

    Counted from the newest, or from an order key. Whoever reads every store has them counted together: to
    merge the order of 500 stores takes MongoDB twenty times as long.
    """
    whole = analyst.scope.whole
    wanted = {"_id": {"$lt": Binary(LAST if before is None else before)}}
    found = analyst.db.statements.find(wanted if whole else {**analyst.scope.filter(), **wanted}, {"_id": 1})
    hint = [("_id", 1)] if whole else [("org", 1), ("_id", 1)]
    row = next(iter(found.sort("_id", -1).hint(hint).skip(place).limit(1)), None)
    if row is None:
        return None
    at = int.from_bytes(bytes(row["_id"])[:8], "big")
    return from_microseconds(at - at % MILLISECOND)


def _of_ids(query: AnalystQuery) -> bool:
    """Tell whether a list is of named statements, which an index finds."""
    return any(one.field == "id" and one.operator in {"eq", "in"} for one in required(query.where))


def _clauses(expression: Mapping[str, Any]) -> list[Any]:
    return [expression["filter"]] if "filter" in expression else []
