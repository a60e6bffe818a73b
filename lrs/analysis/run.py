"""Run an analyst's query: one MongoDB filter on an index, bounded in time and rows, cancellable."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from bson import Binary
from pymongo.database import Database
from pymongo.errors import ExecutionTimeout, OperationFailure

from lrs.analysis.attributes import Attributes
from lrs.analysis.engine import Engine, engine_for
from lrs.analysis.figures.column_values import at_path, long_text, sources, value_of
from lrs.analysis.readable_stores import Scope
from lrs.lake.errors import Unanswerable
from lrs.lake.questions.stopping import Stopped, Stopping, stop
from statements.errors import InvalidQuery, QueryTimeout
from statements.parsing.search_keys import key
from statements.parsing.times import microseconds
from statements.query.analyst_query import AnalystQuery, GroupKey
from statements.query.fields import Kind, read_instant
from statements.query.grouping import Row, group_stages, merge_rows, needs_actor, number
from statements.query.long_values import filled
from statements.query.mongo_filter import STANDING, render
from statements.query.predicate import All, AnyOf, Compare, Not, Predicate

if TYPE_CHECKING:
    from lrs.lake.questions.asking import LakeQuestion
    from lrs.lake.questions.lake import Lake

Document = dict[str, Any]
MAX_GROUPS = 200_000
MOST_BYTES = 16_000_000  # of texts in a page of rows
LARGE_STORE = 200_000  # statements beyond which a query without an index is advised against
KEY_OF = {"actor": "a", "verb": "v", "object.id": "o", "registration": "r"}
MAX_CHOICES = 1000  # values of an `in` that are worth a range each in the index
KILLED = 11601
MILLISECOND = 1000  # microseconds


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows, where the next page begins, and what would make the query quicker."""

    rows: list[Row]
    cursor: str | None = None
    advice: str | None = None
    previous: list[Row] | None = None
    seconds: float = 0.0
    engine: Engine = field(default_factory=Engine)


class Cancelled(InvalidQuery):
    """Somebody with the right to do so stopped the query."""

    def __init__(self) -> None:
        super().__init__("query", "was cancelled")


class Analyst:
    """Asks questions inside one scope; `now` is the instant that relative times start from."""

    def __init__(
        self,
        db: Database[Document],
        scope: Scope,
        now: dt.datetime,
        *,
        max_seconds: float = 30.0,
        query_id: str | None = None,
        lake: str = "",
    ) -> None:
        # `query_id` is the name under which `cancel` finds the query on the server; `lake` is its address
        self.lake = lake
        self.db, self.scope, self.now = db, scope, now
        self.max_seconds, self.query_id = max_seconds, query_id or uuid4().hex
        self.attributes = Attributes(db, scope, now)
        self._stopping = Stopping(db, self.query_id, now)

    def parse(self, expression: Any) -> AnalystQuery:
        """Return the checked query; InvalidQuery names the wrong place."""
        return AnalystQuery.parse(expression, now=self.now, people=self.attributes.resolver())

    def ask(self, expression: Any, *, sparse: bool = False) -> Answer:
        """Parse and run; InvalidQuery, or QueryTimeout after `max_seconds`.

        `sparse` says that few of many statements match, so that a list is the lake's as well.
        """
        query = self.parse(expression)
        started = time.perf_counter()
        engine = self.engine(query, sparse=sparse)
        try:
            answer = self._answered(query, engine)
        except Unanswerable as error:
            engine = Engine(reason=f"the lake cannot tell exactly: {error.reason}")
            answer = self._answered(query, engine)
        seconds = round(time.perf_counter() - started, 4)
        advice = self._advice(query) if engine.lake is None else None
        return replace(answer, advice=advice, seconds=seconds, engine=engine)

    def engine(self, query: AnalystQuery, *, sparse: bool = False) -> Engine:
        """Return who answers a question; the lake may still find that it cannot."""
        return engine_for(self.db, self.lake, query, self.now, sparse=sparse)

    def reads_all(self, query: AnalystQuery) -> bool:
        """Tell whether a question reads a large store from end to end: no index narrows its filter."""
        if key_condition(query.where) or _bounds_stored(query.where):
            return False
        return self.db.statements.estimated_document_count() >= LARGE_STORE

    def _answered(self, query: AnalystQuery, engine: Engine) -> Answer:
        """Return rows, the next page, and the period before; QueryTimeout or Cancelled where it was ended."""
        try:
            answer = self._grouped(query, engine) if query.is_grouped else self._listed(query, engine)
            if query.compare:
                return replace(answer, previous=self._grouped(query.previous_period(), engine).rows)
        except ExecutionTimeout as error:
            raise QueryTimeout(self.max_seconds) from error
        except OperationFailure as error:
            if error.code == KILLED:
                raise Cancelled from error
            raise
        except Stopped as error:
            raise Cancelled from error
        finally:
            self._stopping.end()
        return answer

    def filter(self, query: AnalystQuery) -> Document:
        """Return the MongoDB filter: the stores, search keys for the index, then the whole predicate."""
        indexed = {**key_condition(query.where), **order_range(query.where)}
        return {**self.scope.filter(), **indexed, **STANDING, "$and": [render(query.where)]}

    def _way(self, query: AnalystQuery) -> Document:
        """Return the hint for a grouping that no search key narrows.

        Left alone, MongoDB may walk (org, id), which is random order: three times slower once the store is
        larger than the cache. Reading all in the order in which it lies is best, else in that of `stored`.
        """
        if key_condition(query.where):
            return {}
        everything = self.scope.whole and not _bounds_stored(query.where)
        return {"hint": {"$natural": 1} if everything else {"org": 1, "_id": 1}}

    def explain(self, expression: Any) -> Document:
        """Return what MongoDB would do: for tests and for people who wonder."""
        query = self.parse(expression)
        found: Document = self.db.statements.find(self.filter(query)).limit(query.limit).explain()
        return found

    def _limits(self) -> Document:
        return {"maxTimeMS": int(self.max_seconds * 1000), "comment": f"analyst:{self.query_id}"}

    def _listed(self, query: AnalystQuery, engine: Engine) -> Answer:
        """Return a page: as many rows as were asked for, or fewer where their texts are long."""
        path = "_id" if query.sort[0] == "stored" else query.sort[0]
        documents = self._page(query, path) if engine.lake is None else self._lake_page(query, engine.lake)
        rows, size, last = list[Row](), 0, dict[str, Any]()
        for document in documents:  # one at a time: a column may be made from the whole statement
            if len(rows) == query.limit or size > MOST_BYTES:
                return Answer(rows, _cursor_after(path, last))
            rows.append(self._row(query, document))
            size += sum(len(str(value)) for value in rows[-1].values())
            last = document
        return Answer(rows)

    def _lake_page(self, query: AnalystQuery, lake: Lake) -> Iterable[Document]:
        position = None if query.cursor is None else read_cursor(query.cursor)
        return self._question(lake, query).listed(self.max_seconds, position)

    def _question(self, lake: Lake, query: AnalystQuery) -> LakeQuestion:
        from lrs.lake.questions.asking import LakeQuestion  # noqa: PLC0415 -- who has a lake has its libraries

        return LakeQuestion(
            lake, self.db, self.scope.orgs, query, self.now,
            person_of=lambda: self.attributes.ownership().person_of, stopping=self._stopping,
        )  # fmt: skip

    def _page(self, query: AnalystQuery, path: str) -> Iterator[Document]:
        falling = query.sort[1]
        condition = self.filter(query)
        if query.cursor is not None:
            condition = {"$and": [condition, _beyond(path, falling, read_cursor(query.cursor))]}
        order = [(path, -1 if falling else 1)] + ([("_id", -1 if falling else 1)] if path != "_id" else [])
        wanted = {path: 1} | {source: 1 for column in query.select for source in sources(column)}
        found = self.db.statements.find(condition, wanted, comment=self._limits()["comment"])
        return found.sort(order).limit(query.limit + 1).max_time_ms(self._limits()["maxTimeMS"])

    def _row(self, query: AnalystQuery, document: Mapping[str, Any]) -> Row:
        return {column.name: value_of(column, document, self.attributes) for column in query.select}

    def _grouped(self, query: AnalystQuery, engine: Engine) -> Answer:
        partials = self._partials(query) if engine.lake is None else self._lake_partials(query, engine.lake)
        return Answer(merge_rows(query, partials, person=self.attributes.person, attribute=self._attribute))

    def _partials(self, query: AnalystQuery) -> list[Document]:
        """Ask per group; where a key is an attribute of people, apart for those whose attribute changed."""
        base = self.filter(query)
        way = self._way(query)
        if not needs_actor(query):
            return self._aggregate(query, base, group_stages(query, self.now), way)
        changed = self._changed(query)
        steady = {"$and": [base, {"actor": {"$nin": changed}}]} if changed else base
        found = self._aggregate(query, steady, group_stages(query, self.now, by_actor=True), way)
        if changed:
            stages = group_stages(query, self.now, by_actor=True, by_time=True)
            found += self._aggregate(query, {"$and": [base, {"actor": {"$in": changed}}]}, stages, way)
        return found

    def _lake_partials(self, query: AnalystQuery, lake: Lake) -> list[Document]:
        """Do as `_partials`, by the lake."""
        question = self._question(lake, query)

        def ask(where: Predicate, *, by_actor: bool = False, by_time: bool = False) -> list[Document]:
            limit = MAX_GROUPS + 1
            found = question.partials(
                self.max_seconds, where, by_actor=by_actor, by_time=by_time, limit=limit
            )
            return _not_too_many(found)

        if not needs_actor(query):
            return ask(query.where)
        changed = self._changed(query)
        if not changed:
            return ask(query.where, by_actor=True)
        moved = Compare("actor", "in", changed)
        steady = ask(All((query.where, Not(moved))), by_actor=True)
        return steady + ask(All((query.where, moved)), by_actor=True, by_time=True)

    def _changed(self, query: AnalystQuery) -> list[str]:
        keys = [k for k in query.group if k.field.kind is Kind.PERSON]
        actors = {a for k in keys for a in self.attributes.spans(k.field.name, k.of)}
        return sorted(
            a for a in actors
            if not all(self.attributes.steady(k.field.name, k.of, a) for k in keys)
        )  # fmt: skip

    def _aggregate(
        self, query: AnalystQuery, condition: Document, stages: list[Document], way: Document
    ) -> list[Document]:
        pipeline = [{"$match": condition}, *stages, {"$limit": MAX_GROUPS + 1}]
        partials = self.db.statements.aggregate(pipeline, allowDiskUse=True, **self._limits(), **way)
        found = list(filled(query, partials, long_text))
        return _not_too_many(found)

    def _attribute(self, group_key: GroupKey, actor: str | None, at: dt.datetime | None) -> str | None:
        if group_key.field.name == "person":
            return None if actor is None else self.attributes.person(actor)
        return self.attributes.value_at(group_key.field.name, group_key.of, actor, at)

    def _advice(self, query: AnalystQuery) -> str | None:
        """Name a filter to add where the query reads a large store from end to end."""
        if not self.reads_all(query):
            return None
        return "reads all statements in reach: give actor, verb, object.id or registration"


def _not_too_many(partials: list[Document]) -> list[Document]:
    if len(partials) > MAX_GROUPS:
        raise InvalidQuery("group", f"makes more than {MAX_GROUPS} groups; narrow the filter")
    return partials


def written(rows: Sequence[Row] | None) -> list[Row] | None:
    """Return rows with instants as text (RFC 3339): UTC with `Z`, buckets of another zone with its offset."""
    return None if rows is None else [{k: _written(value) for k, value in row.items()} for row in rows]


def _written(value: Any) -> Any:
    if not isinstance(value, dt.datetime):
        return value
    precision = "milliseconds" if value.microsecond else "seconds"
    return value.isoformat(timespec=precision).replace("+00:00", "Z")


def key_condition(where: Predicate) -> Document:
    """Return the condition on search keys that a predicate implies: all of them, or one of a list."""
    if keys := index_keys(where):
        return {"keys": {"$all": sorted(keys)}}
    choices = [part for part in required(where) if part.operator == "in" and part.field in KEY_OF]
    shortest = min(choices, key=lambda part: len(part.value), default=None)
    if shortest is None or len(shortest.value) > MAX_CHOICES:
        return {}
    return {"keys": {"$in": sorted({key(KEY_OF[shortest.field], str(value)) for value in shortest.value})}}


def index_keys(where: Predicate) -> set[int]:
    """Return the search keys that every selected statement has; they decide the index range."""
    return {
        key(KEY_OF[part.field], str(part.value))
        for part in required(where)
        if part.operator == "eq" and part.field in KEY_OF
    }


def required(where: Predicate) -> Iterator[Compare]:
    """Yield the comparisons that every selected statement satisfies."""
    if isinstance(where, Compare):
        yield where
    elif isinstance(where, All):
        for part in where.conditions:
            yield from required(part)
    elif isinstance(where, AnyOf):
        yield from _common(where)


def _common(where: AnyOf) -> Iterator[Compare]:
    """Yield the fields of which each alternative names values: every selected statement has one of these.

    Without an alternative no statement is selected, and none has one of no values.
    """
    alternatives = [list(required(part)) for part in where.conditions]
    for field_name in KEY_OF:
        named = [
            [one for one in each if one.field == field_name and one.operator in {"eq", "in"}]
            for each in alternatives
        ]
        if all(named):
            values = {value for each in named for value in _values_of(each[0])}
            yield Compare(field_name, "in", tuple(sorted(values)))


def _values_of(one: Compare) -> tuple[str, ...]:
    return tuple(map(str, one.value)) if one.operator == "in" else (str(one.value),)


def order_range(where: Predicate) -> Document:
    """Return the range of order keys that bounds on `stored` imply: statements lie in their order.

    An order key begins with the microseconds of which `stored` is the whole milliseconds, so the range may
    have some more; the bounds themselves decide.
    """
    found: Document = {}
    for part in required(where):
        if part.field != "stored" or not isinstance(part.value, dt.datetime):
            continue
        at = microseconds(part.value)
        if part.operator in {"gte", "gt"}:
            found["$gte"] = max(found.get("$gte", b""), order_key(at))
        elif part.operator in {"lte", "lt"}:
            found["$lt"] = min(found.get("$lt", b"\xff" * 16), order_key(at + MILLISECOND))
    return {"_id": found} if found else {}


def order_key(at: int) -> bytes:
    """Return the least order key of an instant in microseconds."""
    return max(0, min(at, 2**63 - 1)).to_bytes(8, "big") + bytes(8)


def _bounds_stored(where: Predicate) -> bool:
    return any(p.field == "stored" and p.operator in {"gte", "gt"} for p in required(where))


def _cursor_after(path: str, document: Mapping[str, Any]) -> str:
    value = None if path == "_id" else at_path(document, path)
    return cursor_at(bytes(document["_id"]), value)


def cursor_at(order: bytes, value: Any = None) -> str:
    """Return the position behind an order key, in a list by another field behind its value too."""
    kind = "t" if isinstance(value, dt.datetime) else "v"
    return base64.urlsafe_b64encode(orjson.dumps([kind, value, order.hex()])).decode().rstrip("=")


def read_cursor(text: str) -> tuple[dt.datetime | float | None, bytes]:
    """Return value and order key of a cursor; InvalidQuery when it is none."""
    try:
        kind, value, order = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        position = read_instant(value) if kind == "t" else None if value is None else float(value)
        return position, bytes.fromhex(order)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise InvalidQuery("cursor", "is not a position that an answer gave") from None


def _beyond(path: str, falling: bool, position: tuple[dt.datetime | float | None, bytes]) -> Document:
    value, order = position
    step = "$lt" if falling else "$gt"
    tie: Document = {"_id": {step: Binary(order)}}
    if path == "_id":
        return tie
    same = {path: value, **tie}
    if value is None:
        return same if falling else {"$or": [same, {path: {"$ne": None}}]}
    further: Iterable[Document] = [{path: {step: value}}, same]
    return {"$or": [*further, {path: None}] if falling else list(further)}


def cancel(db: Database[Document], query_id: str) -> bool:
    """Stop the query of that id on the server, or in the process that asks the lake; tell whether one ran."""
    admin = db.client.admin
    running = admin.aggregate([
        {"$currentOp": {"allUsers": True}},
        {"$match": {"command.comment": f"analyst:{query_id}"}},
    ])  # fmt: skip
    found = [operation["opid"] for operation in running]
    for operation in found:
        admin.command("killOp", op=operation)
    return stop(db, query_id) or bool(found)


__all__ = ["Analyst", "Answer", "Cancelled", "cancel", "index_keys", "number", "written"]
