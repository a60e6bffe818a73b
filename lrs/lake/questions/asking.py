"""Questions of the query language answered by DuckDB, in the partial results that MongoDB would give.

Rows of people, their attributes, sorting and finishing are the same code for both engines
(`statements.query.grouping`, `lrs.analysis.run`), so an answer can differ in nothing but the partial results,
and those are made to be equal: sums without rounding, the first value in time by order of storing, quarters
of hours that MongoDB puts into buckets. What cannot be made equal is refused, and MongoDB answers.

The stores in reach stand in the view `s`, which is all that the SQL of a question reads of statements.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Final

import duckdb
import pyarrow as pa
from pymongo.database import Database

from lrs.lake import reading
from lrs.lake.errors import LakeError, Unanswerable
from lrs.lake.questions.buckets import FEW, bucket_table, halving_sql, known_starts, quarters, slot_sql
from lrs.lake.questions.lake import Lake
from lrs.lake.questions.measures import Keys, counted, finished, once, twice
from lrs.lake.questions.pages import Position, beyond, document, list_of
from lrs.lake.questions.sql import Sql, column_of, extensions_in, numbers_in, texts_in
from lrs.lake.questions.stopping import Stopping, bounded
from lrs.lake.questions.values import (
    OBJECT_KEY,
    Names,
    Value,
    instant_of,
    number_of,
    shift_of,
    value_of_field,
)
from lrs.lake.rows import INEXACT, NUMBERS, WHOLE
from lrs.lake.tables import ACTIVITIES, ACTORS, INSTANT, KEY
from statements.query.analyst_query import AnalystQuery, Column, GroupKey, Measure, bounds
from statements.query.fields import FIELDS, Field, Kind
from statements.query.predicate import Predicate
from statements.query.time_buckets import Span

Document = dict[str, Any]
Partial = dict[str, Any]
# What no file can be the cause of: SQL that is wrong, numbers that leave their type.
OUR_MISTAKES: Final = (
    duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.DataError,
)  # fmt: skip


class LakeQuestion:
    """One question to the lake inside the stores of `orgs`."""

    def __init__(
        self,
        lake: Lake,
        mongo: Database[Document],
        orgs: Sequence[str],
        query: AnalystQuery,
        now: dt.datetime,
        *,
        person_of: Callable[[], Mapping[str, str]],
        stopping: Stopping,
    ) -> None:
        self.lake, self.mongo, self.orgs, self.query, self.now = lake, mongo, tuple(orgs), query, now
        self.person_of, self.stopping = person_of, stopping  # who owns an identifier
        self.slots: dict[int, str] = {}  # the SQL of the slot of a key whose buckets are joined
        self.sealed: tuple[str, list[str]] = ("", [])
        self.values: list[Value | None] = []  # of the measures
        self.kinds: set[int] = set()  # of the numbers in files that have rows of the stores
        self.extensions: list[tuple[str, str]] = []  # (place, IRI) of the columns x0, x1, ...

    @contextmanager
    def _asked(self, max_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
        db = reading.connection()
        try:
            with bounded(db.interrupt, max_seconds, self.stopping) as why:
                try:
                    yield db
                except duckdb.InterruptException as error:
                    raise why() from error
        except OUR_MISTAKES:
            raise
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise Unanswerable("the lake's files changed or cannot be read, or memory was short") from error
        except LakeError as error:
            raise Unanswerable(error.fact) from error
        finally:
            db.close()

    # rows

    def listed(self, max_seconds: float, position: Position | None) -> list[Document]:
        """Return the documents of a page and one more, with the members that its columns are made from."""
        query = self.query
        fields = {
            one.field.name: one.field
            for one in query.select
            if one.field.kind not in {Kind.EXTENSION, Kind.PERSON}
        }
        fields |= {name: FIELDS[name] for name in ("actor", "timestamp")}
        name, falling = query.sort
        if name != "stored":
            fields[name] = FIELDS[name]
        shown = {(c.field.name.partition(".")[0], c.key or "") for c in query.select if c.key}
        with self._asked(max_seconds) as db:
            view, parameters = self._view(db, query.where)
            self._check(db, {one for one in fields if one in NUMBERS}, shown, long=True)
            values = {
                one: self._document_value(field) for one, field in fields.items() if field.name != "person"
            }
            selected = [f"{value.sql} AS c{i}" for i, value in enumerate(values.values())]
            selected += [f"{value.whole or 'FALSE'} AS w{i}" for i, value in enumerate(values.values())]
            order = f"s.position_at {'DESC' if falling else 'ASC'}, s.serial {'DESC' if falling else 'ASC'}"
            if name != "stored":
                where = "DESC NULLS LAST" if falling else "ASC NULLS FIRST"
                order = f"{column_of(name)} {where}, {order}"
            after, further = beyond(name, position, falling=falling)
            selected.append("s.extensions" if shown else "NULL")
            rows = db.execute(
                f"{view} SELECT s.position_at, s.serial, {', '.join(selected)} FROM s "  # noqa: S608 -- expressions of ours
                f"WHERE {after} ORDER BY {order} LIMIT {query.limit + 1}",
                [*parameters, *further],
            ).fetchall()
            names = self._names(db)
            return [document(row, values, names) for row in rows]

    def _document_value(self, field: Field) -> Value:
        if field.kind is Kind.IRIS:
            return Value(column_of(field.name), lambda v, names: list_of(field.name, v, names))
        return value_of_field(field)

    # groups

    def partials(
        self, max_seconds: float, where: Predicate, *, by_actor: bool, by_time: bool, limit: int
    ) -> list[Partial]:
        """Return at most `limit` partial groups of the statements that a predicate selects."""
        query = self.query
        self.extensions = sorted(_extensions_of(query))
        with self._asked(max_seconds) as db:
            view, parameters = self._view(db, where)
            as_they_are = {(k.field.name.partition(".")[0], k.key or "") for k in query.group if k.key} | {
                _place(m) for m in query.measures if m.key and m.function in {"distinct", "first", "last"}
            }
            self._check(db, _numbers_of(query), as_they_are, long=True)
            keys = [self._key(db, i, key, view, parameters) for i, key in enumerate(query.group)]
            values = self.values = [self._value(one) for one in query.measures]
            more = ["s.actor AS actor"] if by_actor else []
            more += ["epoch_ms(s.timestamp) AS at"] if by_time else []
            named = Keys(
                [f"{key.sql} AS k{i}" for i, key in enumerate(keys)] + more,
                [f"{one} AS k{i}_{n}" for i, key in enumerate(keys) for n, one in enumerate(key.beside)],
                [f"bool_and({key.whole}) AS kw{i}" for i, key in enumerate(keys) if key.whole],
            )
            rows_of = f"FROM s{''.join(self._joins())}"
            one = counted(query.measures, values)
            if one is None:
                sql = f"{view} {once(named, rows_of, query.measures, values)}"
            else:
                final = not by_actor and all(map(_stands_alone, query.group))
                shares = final and self._people(db)
                grouped = twice(named, one, rows_of, query.measures, final=final, shares=shares)
                sql = f"{view}, {grouped}"
            found = db.execute(f"{sql} LIMIT {limit}", parameters)
            labels = [column[0] for column in found.description or ()]
            rows = [dict(zip(labels, row, strict=True)) for row in found.fetchall()]
            names = self._names(db)
            return [self._partial(row, keys, names) for row in rows if row["all_of_them"] or named.named]

    def _value(self, measure: Measure) -> Value | None:
        if measure.field is None:
            return None
        if measure.field.kind is not Kind.EXTENSION:
            return self._known(measure.field)
        column = f"s.x{self.extensions.index(_place(measure))}"
        if measure.function in {"distinct", "first", "last"}:
            return value_of_field(measure.field, column)
        return Value(
            f"CASE WHEN {column}.t IN ('i', 'd') THEN {column}.n END", _as_it_is, f"{column}.t = 'i'"
        )

    def _key(
        self, db: duckdb.DuckDBPyConnection, i: int, key: GroupKey, view: str, parameters: list[Any]
    ) -> Value:
        if key.field.kind is Kind.PERSON:
            return Value("NULL", _as_it_is)
        if key.field.name == "object.id":
            return OBJECT_KEY
        if key.bucket:
            sql = self._bucket(db, i, key, view, parameters)
            return Value(sql, lambda v, _: instant_of(v))
        if key.field.kind is Kind.IRIS:
            name = key.field.name
            return Value(f"u_{name}.v", lambda v, names: list_of(name, [v], names)[0])
        if key.field.kind is Kind.EXTENSION:
            place = (key.field.name.partition(".")[0], key.key or "")
            return value_of_field(key.field, f"s.x{self.extensions.index(place)}")
        return self._known(key.field)

    def _known(self, field: Field) -> Value:
        """Return the value of a field; where no file has a whole number none needs to be told apart."""
        value = value_of_field(field)
        if value.whole is None or any(kinds >> shift_of(field.name) & WHOLE for kinds in self.kinds):
            return value
        return replace(value, whole=None)

    def _bucket(
        self, db: duckdb.DuckDBPyConnection, i: int, key: GroupKey, view: str, parameters: list[Any]
    ) -> str:
        """Return the SQL of the start of a key's bucket, in milliseconds; makes the table that it needs."""
        assert key.bucket is not None  # noqa: S101 -- the caller looked
        column = column_of(key.field.name)
        start, end, name = bounds(self.query.where)
        span = (start, end) if name == key.field.name else (None, None)
        reach = self.lake.bounds(column.removeprefix("s."))
        starts = known_starts(reach, key.bucket, key.timezone, span, self.now)
        if starts is not None and len(starts) <= FEW:
            return f"CASE WHEN {column} IS NOT NULL THEN {halving_sql(column, starts)} END"
        self.slots[i] = slot_sql(column)
        known = (
            quarters(starts, reach[1]) if starts and reach
            else self._slots_found(db, i, key, view, parameters, span=span)
        )  # fmt: skip
        db.register(f"found_{i}", pa.table({"slot": known[0], "start": known[1]}))
        db.execute(f"CREATE OR REPLACE TEMP TABLE buckets_{i} AS SELECT * FROM found_{i}")  # noqa: S608 -- a number of ours
        return f"b{i}.start"

    def _slots_found(
        self,
        db: duckdb.DuckDBPyConnection,
        i: int,
        key: GroupKey,
        view: str,
        parameters: list[Any],
        *,
        span: Span,
    ) -> tuple[Any, Any]:
        """Return slots and buckets of what is selected: of hours, of instants long ago or to come."""
        slot = self.slots[i]
        found = db.execute(f"{view} SELECT DISTINCT {slot} FROM s WHERE {slot} IS NOT NULL", parameters)  # noqa: S608 -- expressions of ours
        slots = [row[0] for row in found.fetchall()]
        table = bucket_table(
            self.mongo, slots, unit=key.bucket or "", zone=key.timezone, span=span, now=self.now
        )
        return pa.array(table.keys(), pa.int64()), pa.array(table.values(), pa.int64())

    def _people(self, db: duckdb.DuckDBPyConnection) -> bool:
        """Make the table `persons` of identifiers whose owner has others, too; false where there are none."""
        if all(one.field is None or one.field.name != "person" for one in self.query.measures):
            return False
        shared = self.lake.shared(db, self.person_of())
        db.register("persons", shared)
        return bool(shared.num_rows)

    def _joins(self) -> Iterator[str]:
        for name in dict.fromkeys(k.field.name for k in self.query.group if k.field.kind is Kind.IRIS):
            column = column_of(name)
            listed = f"CASE WHEN len({column}) > 0 THEN {column} ELSE [NULL] END"
            yield f" CROSS JOIN LATERAL (SELECT unnest({listed}) AS v) u_{name}"
        for i, key in enumerate(self.query.group):
            if key.bucket and i in self.slots:
                yield f" LEFT JOIN buckets_{i} b{i} ON b{i}.slot = {self.slots[i]}"

    def _partial(self, row: Mapping[str, Any], keys: Sequence[Value], names: Names) -> Partial:
        identity: Partial = {}
        for i, key in enumerate(keys):
            columns = [row[f"k{i}"], *(row[f"k{i}_{n}"] for n in range(len(key.beside)))]
            found = key.read(columns if key.beside else columns[0], names)
            identity[f"k{i}"] = number_of(found, whole=row[f"kw{i}"]) if key.whole else found
        if "actor" in row:
            identity["actor"] = None if row["actor"] is None else names(ACTORS)[row["actor"]]
        if "at" in row:
            identity["at"] = instant_of(row["at"])
        partial: Partial = {"_id": identity}
        for i, (measure, value) in enumerate(zip(self.query.measures, self.values, strict=True)):
            partial[f"m{i}"] = finished(row, i, measure, value, names)
            if f"n{i}" in row:
                partial[f"n{i}"] = row[f"n{i}"]
        return partial

    # what both read

    def _names(self, db: duckdb.DuckDBPyConnection) -> Names:
        """Return what gives the texts of a table: looked up once for an answer, and only where it has any."""
        return cache(lambda table: self.lake.texts(db, table))

    def _view(self, db: duckdb.DuckDBPyConnection, where: Predicate) -> tuple[str, list[Any]]:
        """Return the SQL that names `s`: the statements of the stores in reach that a predicate selects.

        Makes what the conditions need beside: the tables of texts and of spans.
        """
        sealed, orgs = self.sealed = self._seal(db)
        for name in (ACTORS, ACTIVITIES):
            db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.lake.relation(db, name)}")  # noqa: S608 -- paths of ours
        sql = Sql(_keys(db, set(texts_in(where))))
        condition, parameters = sql.where(where)
        for i, spans in enumerate(sql.spans):
            db.register(f"spans_{i}", _span_table(spans))
        self._check(db, numbers_in(where), extensions_in(where), long=False)
        found = [
            f", list_filter(s.extensions, lambda e: e.place = ? AND e.k = ?)[1] AS x{i}"
            for i in range(len(self.extensions))
        ]
        before = [text for place in self.extensions for text in place]
        view = (
            f"WITH {sealed}, s AS NOT MATERIALIZED (SELECT *{''.join(found)} FROM sealed s WHERE {condition})"  # noqa: S608 -- expressions of ours
        )
        return view, [*orgs, *before, *parameters]

    def _seal(self, db: duckdb.DuckDBPyConnection) -> tuple[str, list[str]]:
        """Return what names `sealed`, the stores in reach: there is no row of another in any question.

        A file that has no row of another is read without looking at the store of each, which takes a third of
        the time of a question; one that has no row of these is not read at all.
        """
        orgs, files = frozenset(self.orgs), self.lake.statements(db)
        self.kinds = {facts.kinds for facts in files.values() if facts.orgs & orgs}
        inside = [path for path, facts in files.items() if facts.orgs <= orgs]
        mixed = [path for path, facts in files.items() if facts.orgs & orgs and not facts.orgs <= orgs]
        parts = [f"SELECT * FROM {self.lake.read(db, inside)}"] if inside or not mixed else []  # noqa: S608 -- paths of ours
        if mixed:
            reach = f"org IN ({', '.join('?' for _ in orgs)})"
            parts.append(f"SELECT * FROM {self.lake.read(db, mixed)} WHERE {reach}")  # noqa: S608 -- as above
        return f"sealed AS NOT MATERIALIZED ({' UNION ALL '.join(parts)})", sorted(orgs) if mixed else []

    def _check(
        self, db: duckdb.DuckDBPyConnection, numbers: set[str], places: set[tuple[str, str]], *, long: bool
    ) -> None:
        """Refuse where the stores in reach hold values with which the lake cannot reckon as MongoDB does."""
        shifts = [shift_of(one) for one in sorted(numbers)]
        tests = [
            f"((s.number_kinds >> {shift}) & 3) = {INEXACT}"
            for shift in shifts
            if any(kinds >> shift & INEXACT for kinds in self.kinds)
        ]
        letters = "('D', 'x')" if long else "('D')"
        parameters: list[Any] = []
        for place, iri in sorted(places):
            same = "e.k = ? AND e.place = ?" if place else "e.k = ?"
            tests.append(f"len(list_filter(s.extensions, lambda e: {same} AND e.t IN {letters})) > 0")
            parameters += [iri, place] if place else [iri]
        if not tests:
            return
        sealed, orgs = self.sealed
        sql = f"WITH {sealed} SELECT 1 FROM sealed s WHERE {' OR '.join(tests)} LIMIT 1"  # noqa: S608 -- expressions of ours
        if db.execute(sql, [*orgs, *parameters]).fetchall():
            raise Unanswerable("there are numbers or texts that stand in the statements alone")


def _stands_alone(key: GroupKey) -> bool:
    """Tell whether different values of a key stay so: 1 and 1.0 do not, nor the hour that comes twice."""
    return key.field.kind is not Kind.EXTENSION and key.bucket != "hour"


def _extensions_of(query: AnalystQuery) -> set[tuple[str, str]]:
    keyed: list[GroupKey | Column | Measure] = [*query.group, *query.measures]
    return {_place(one) for one in keyed if one.key and one.field}


def _place(one: GroupKey | Column | Measure) -> tuple[str, str]:
    return (one.field.name.partition(".")[0] if one.field else "", one.key or "")


def _numbers_of(query: AnalystQuery) -> set[str]:
    fields = [key.field for key in query.group] + [one.field for one in query.measures if one.field]
    return {field.name for field in fields if field.name in NUMBERS}


def _keys(db: duckdb.DuckDBPyConnection, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the numbers of texts, looked up in one go for each table."""
    found: dict[tuple[str, str], int] = {}
    for table in (ACTORS, ACTIVITIES):
        texts = [text for name, text in wanted if name == table]
        if texts:
            rows = db.execute(
                f"SELECT text, key FROM {table} WHERE text IN (SELECT unnest(?::VARCHAR[]))", [texts]  # noqa: S608 -- names of ours
            ).fetchall()  # fmt: skip
            found |= {(table, text): key for text, key in rows}
    return found


def _span_table(spans: Sequence[tuple[int, dt.datetime | None, dt.datetime | None]]) -> pa.Table:
    return pa.table({
        "actor": pa.array([one[0] for one in spans], KEY),
        "since": pa.array([one[1] for one in spans], INSTANT),
        "until": pa.array([one[2] for one in spans], INSTANT),
    })  # fmt: skip


def _as_it_is(value: Any, _: Any) -> Any:
    return value
