"""Which engine answers a question: the lake where it is fresh and reads much, MongoDB otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pymongo.database import Database

from lrs.analysis.readable_stores import Scope
from lrs.foundation.errors import Collision
from lrs.lake import state
from lrs.lake.errors import LakeError
from statements.query.analyst_query import AnalystQuery
from statements.query.predicate import All, AnyOf, Compare, Not, Predicate

if TYPE_CHECKING:
    from lrs.lake.analysts.running import SqlAnswer
    from lrs.lake.questions.lake import Lake

Document = dict[str, Any]
MAX_AGE: Final = dt.timedelta(seconds=60)
NARROW: Final = frozenset({"id", "actor", "object.id", "registration"})
"""Fields of which one value has few statements, which an index of MongoDB finds at once."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Who answers, why not the other, and up to when the answer knows everything (None: to its beginning)."""

    name: str = "mongodb"
    reason: str = "there is no lake"
    as_of: dt.datetime | None = None
    lake: Lake | None = field(default=None, repr=False)


def engine_for(
    db: Database[Document], url: str, query: AnalystQuery, now: dt.datetime, *, sparse: bool = False
) -> Engine:
    """Return the engine of a question; never fails: without a lake that serves it is MongoDB.

    A list in the order of storing is an index's, unless it is `sparse`: few of many statements match.
    """
    if not url:
        return Engine()
    reason = _small(query, sparse=sparse)
    told = state.read(db) or {}
    through: dt.datetime | None = told.get("through")
    if reason is None:
        reason = _stale(through, query.where, now)
    if reason is not None or through is None:
        return Engine(reason=reason or "the lake was never filled")
    try:
        lake = lake_at(url)
        if lake.version() < told["version"]:
            return Engine(reason="the lake is older than what MongoDB knows of it")
    except ImportError as error:
        return Engine(reason=f"{error.name} is not installed here: pip install 'laurel-lrs[lake]'")
    except LakeError as error:
        return Engine(reason=str(error))
    return Engine("lake", "it reads much, and the lake is fresh", through, lake)


@lru_cache(maxsize=8)
def lake_at(url: str) -> Lake:
    """Return this process's one reader of a lake; ImportError without its libraries."""
    from lrs.lake.questions.lake import Lake  # noqa: PLC0415 -- the libraries are optional, and cost 100 MB

    return Lake(url)


def ask_in_sql(
    db: Database[Document],
    url: str,
    sql: str,
    scope: Scope,
    now: dt.datetime,
    *,
    max_seconds: float,
    max_rows: int,
) -> SqlAnswer:
    """Answer one SELECT by the lake, which alone can; Collision says why it cannot."""
    try:
        from lrs.lake.analysts import running  # noqa: PLC0415 -- the libraries are optional

        return running.ask(
            db, url, sql, scope.orgs, now, everything=scope.whole, max_seconds=max_seconds, max_rows=max_rows
        )
    except ImportError as error:
        raise Collision(f"{error.name} is not installed here: pip install 'laurel-lrs[lake]'") from error
    except LakeError as error:
        raise Collision(str(error)) from error


def _small(query: AnalystQuery, *, sparse: bool) -> str | None:
    """Say why an index of MongoDB answers at once, None where it does not."""
    for part in _required(query.where):
        few = part.operator == "eq" or (part.operator == "in" and len(part.value) <= 10)
        if part.field in NARROW and few:
            return f"an index finds the statements of one {part.field}"
    if not query.is_grouped and query.sort[0] == "stored" and not sparse:
        return "an index has the statements in this order"
    return None


def _stale(through: dt.datetime | None, where: Predicate, now: dt.datetime) -> str | None:
    if through is None:
        return "the lake is being built"
    if now - through > MAX_AGE:
        return f"the lake knows nothing newer than {through:%Y-%m-%d %H:%M:%S} UTC"
    newer = [
        p for p in _required(where) if p.field in {"stored", "timestamp"} and p.operator in {"gt", "gte"}
    ]
    if any(part.value >= through for part in newer):
        return "it asks for what is newer than the lake"
    return None


def _required(where: Predicate) -> Iterator[Compare]:
    """Yield the comparisons that every selected statement satisfies."""
    match where:
        case Compare():
            yield where
        case All(conditions):
            for one in conditions:
                yield from _required(one)
        case AnyOf() | Not() | _:
            return
