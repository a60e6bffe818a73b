"""Questions of the query language answered by DuckDB, in the partial results that MongoDB would give.

Rows of people, their attributes, sorting and finishing are the same code for both engines
(`statements.query.grouping`, `lrs.analysis.run`), so an answer can differ in nothing but the partial results,
and those are made to be equal: sums without rounding, the first value in time by order of storing, quarters
of hours that MongoDB puts into buckets. What cannot be made equal is refused, and MongoDB answers.

The stores in reach stand in the view `s`, which is all that the SQL of a question reads of statements.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import duckdb
import pyarrow as pa
from pymongo.database import Database

from lrs.lake import reading
from lrs.lake.buckets import FEW, bucket_table, halving_sql, known_starts, quarters, slot_sql
from lrs.lake.errors import LakeError, Unanswerable
from lrs.lake.rows import NUMBERS, SIGN, order_key
from lrs.lake.sql import Sql, column_of, extensions_in, numbers_in, texts_in
from lrs.lake.storage import LakeTable
from lrs.lake.tables import ACTIVITIES, ACTIVITY_LISTS, ACTORS, INSTANT, KEY, STATEMENTS
from lrs.lake.values import OBJECT_KEY, Names, Value, exact_sum, instant_of, number_of, value_of_field
from statements.errors import QueryTimeout
from statements.query.analyst_query import AnalystQuery, Column, GroupKey, Measure, bounds
from statements.query.fields import FIELDS, Field, Kind
from statements.query.grouping import PersonOf
from statements.query.predicate import Predicate
from statements.query.time_buckets import Span

Document = dict[str, Any]
Partial = dict[str, Any]
Position = tuple[dt.datetime | float | None, bytes]
# What no file can be the cause of: SQL that is wrong, numbers that leave their type.
OUR_MISTAKES: Final = (
    duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.DataError,
)  # fmt: skip
POWER: Final = "1267650600228229401496703205376.0::DOUBLE"  # 2^100


class Texts(dict[int, str]):
    """The texts of a table by their numbers."""

    def __missing__(self, key: int) -> str:
        """Refuse: the text was erased after the rows were read, and MongoDB knows what is left."""
        raise Unanswerable("what it tells of was erased just now")


class Lake:
    """The tables of one place as this process reads them; safe for threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._tables = {name: LakeTable(url, name) for name in (STATEMENTS, ACTORS, ACTIVITIES)}
        self._texts: dict[str, tuple[int, Texts]] = {}

    def relation(self, db: duckdb.DuckDBPyConnection, name: str) -> str:
        """Return the SQL of a table at its newest version."""
        with self._lock:
            return reading.relation(db, self._tables[name])

    def bounds(self, column: str) -> tuple[dt.datetime, dt.datetime] | None:
        """Return the least and the greatest instant of a column, whosever rows they are; None without any."""
        with self._lock:
            return self._tables[STATEMENTS].bounds(column)

    def version(self) -> int:
        """Return the newest version of the statements."""
        with self._lock:
            return self._tables[STATEMENTS].delta.version()

    def texts(self, db: duckdb.DuckDBPyConnection, name: str) -> Mapping[int, str]:
        """Return the texts of a table by their numbers, read again when there are new ones."""
        with self._lock:
            version = self._tables[name].delta.version()
        known = self._texts.get(name)
        if known is None or known[0] != version:
            rows = reading.rows_of(db, f"SELECT key, text FROM {self.relation(db, name)}")  # noqa: S608 -- paths of ours
            known = self._texts[name] = (version, Texts(rows))
        return known[1]


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
        person: PersonOf,
    ) -> None:
        self.lake, self.mongo, self.orgs, self.query, self.now = lake, mongo, tuple(orgs), query, now
        self.person = person  # who owns an identifier, or the identifier
        self.slots: dict[int, str] = {}  # the SQL of the slot of a key whose buckets are joined
        self.extensions: list[tuple[str, str]] = []  # (place, IRI) of the columns x0, x1, ...

    @contextmanager
    def _asked(self, max_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
        db = reading.connection()
        timer = threading.Timer(max_seconds, db.interrupt)
        timer.start()
        try:
            yield db
        except duckdb.InterruptException as error:
            raise QueryTimeout(max_seconds) from error
        except OUR_MISTAKES:
            raise
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise Unanswerable("the lake's files changed or cannot be read, or memory was short") from error
        except LakeError as error:
            raise Unanswerable(error.fact) from error
        finally:
            timer.cancel()
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
            beyond, further = _beyond(name, position, falling=falling)
            rows = db.execute(
                f"{view} SELECT s.position_at, s.serial, {', '.join(selected)}, s.extensions FROM s "  # noqa: S608 -- expressions of ours
                f"WHERE {beyond} ORDER BY {order} LIMIT {query.limit + 1}",
                [*parameters, *further],
            ).fetchall()
            names = self._names(db)
            return [_document(row, values, names) for row in rows]

    def _document_value(self, field: Field) -> Value:
        if field.kind is Kind.IRIS:
            return Value(column_of(field.name), lambda v, names: _list_of(field.name, v, names))
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
            values = [self._value(one) for one in query.measures]
            more = ["s.actor AS actor"] if by_actor else []
            more += ["epoch_ms(s.timestamp) AS at"] if by_time else []
            named = [f"{key.sql} AS k{i}" for i, key in enumerate(keys)] + more
            named += [f"{one} AS k{i}_{n}" for i, key in enumerate(keys) for n, one in enumerate(key.beside)]
            whole = [f"bool_and({k.whole}) AS kw{i}" for i, k in enumerate(keys) if k.whole]
            grouped = f"GROUP BY {', '.join(str(i + 1) for i in range(len(named)))}" if named else ""
            rows_of = f"FROM s{''.join(self._joins())}"
            counted = _counted(query.measures, values)
            if counted is None:
                measures = [_measured(i, one, values[i]) for i, one in enumerate(query.measures)]
                columns = [*named, *whole, *(each for some in measures for each in some)]
                sql = f"{view} SELECT {', '.join([*columns, 'count(*) AS all_of_them'])} {rows_of} {grouped}"
            else:
                final = not by_actor and all(key.field.kind is not Kind.EXTENSION for key in query.group)
                if final:
                    self._people(db)
                sql = (
                    f"{view}, {_twice(named, whole, counted, rows_of, query.measures, final=final)} {grouped}"
                )
            found = db.execute(f"{sql} LIMIT {limit}", parameters)
            labels = [column[0] for column in found.description or ()]
            rows = [dict(zip(labels, row, strict=True)) for row in found.fetchall()]
            names = self._names(db)
            return [self._partial(row, keys, names) for row in rows if row["all_of_them"] or named]

    def _value(self, measure: Measure) -> Value | None:
        if measure.field is None:
            return None
        if measure.field.kind is not Kind.EXTENSION:
            return value_of_field(measure.field)
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
            return Value(f"u_{name}.v", lambda v, names: _list_of(name, [v], names)[0])
        if key.field.kind is Kind.EXTENSION:
            place = (key.field.name.partition(".")[0], key.key or "")
            return value_of_field(key.field, f"s.x{self.extensions.index(place)}")
        return value_of_field(key.field)

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

    def _people(self, db: duckdb.DuckDBPyConnection) -> None:
        """Make the table `persons`: who owns an identifier, as a number."""
        numbers: dict[str, int] = {}
        owners = []
        if any(one.field is not None and one.field.name == "person" for one in self.query.measures):
            owners = [
                (key, numbers.setdefault(owner, len(numbers)))
                for key, text in self._names(db)(ACTORS).items()
                if (owner := self.person(text)) != text
            ]
        columns = {
            "actor": pa.array([k for k, _ in owners], KEY),
            "person": pa.array([n for _, n in owners], KEY),
        }
        db.register("persons", pa.table(columns))

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
        for i, measure in enumerate(self.query.measures):
            value = self._value(measure)
            partial[f"m{i}"] = _finished(row, i, measure, value, names)
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
        self.rows = self.lake.relation(db, STATEMENTS)
        for name in (ACTORS, ACTIVITIES):
            db.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {self.lake.relation(db, name)}")  # noqa: S608 -- paths of ours
        sql = Sql(_keys(db, set(texts_in(where))))
        condition, parameters = sql.where(where)
        for i, spans in enumerate(sql.spans):
            db.register(f"spans_{i}", _span_table(spans))
        self._check_filter(db, where)
        found = [
            f", list_filter(s.extensions, lambda e: e.place = ? AND e.k = ?)[1] AS x{i}"
            for i in range(len(self.extensions))
        ]
        before = [text for place in self.extensions for text in place]
        reach, orgs = self._reach()
        view = f"WITH s AS (SELECT *{''.join(found)} FROM {self.rows} s WHERE {reach} AND {condition})"  # noqa: S608 -- expressions of ours
        return view, [*before, *orgs, *parameters]

    def _reach(self) -> tuple[str, list[str]]:
        """Return the condition that seals the stores: there is no row of another in any question."""
        return f"s.org IN ({', '.join('?' for _ in self.orgs)})" if self.orgs else "FALSE", list(self.orgs)

    def _check_filter(self, db: duckdb.DuckDBPyConnection, where: Predicate) -> None:
        self._check(db, numbers_in(where), extensions_in(where), long=False)

    def _check(
        self, db: duckdb.DuckDBPyConnection, numbers: set[str], places: set[tuple[str, str]], *, long: bool
    ) -> None:
        """Refuse where the stores in reach hold values with which the lake cannot reckon as MongoDB does."""
        tests = [f"((s.number_kinds >> {2 * NUMBERS.index(one)}) & 3) = 2" for one in sorted(numbers)]
        kinds = "('D', 'x')" if long else "('D')"
        parameters: list[Any] = []
        for place, iri in sorted(places):
            same = "e.k = ? AND e.place = ?" if place else "e.k = ?"
            tests.append(f"len(list_filter(s.extensions, lambda e: {same} AND e.t IN {kinds})) > 0")
            parameters += [iri, place] if place else [iri]
        if not tests:
            return
        reach, orgs = (
            self._reach()
        )  # a condition is five times as quick as an aggregate: many rows share one value
        sql = f"SELECT 1 FROM {self.rows} s WHERE {reach} AND ({' OR '.join(tests)}) LIMIT 1"  # noqa: S608 -- expressions of ours
        if db.execute(sql, [*orgs, *parameters]).fetchall():
            raise Unanswerable("there are numbers or texts that stand in the statements alone")


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


def _counted(measures: Sequence[Measure], values: Sequence[Value | None]) -> Value | None:
    """Return the one value that is measured, where it is enough to know how often each of it is there."""
    found = {value.sql: value for value in values if value is not None}
    enough = all(one.field is None or one.function in {"distinct", "percentile"} for one in measures)
    return next(iter(found.values())) if enough and len(found) == 1 else None


def _twice(
    named: Sequence[str],
    whole: Sequence[str],
    value: Value,
    rows_of: str,
    measures: Sequence[Measure],
    *,
    final: bool,
) -> str:
    """Return the SQL that groups by keys and value first, and then by keys alone, which is quicker.

    `final` says that no other partial result has the same keys, so that distinct values are counted here.
    """
    inner = [
        *named,
        f"{value.sql} AS v",
        *whole,
        f"bool_and({value.whole or 'FALSE'}) AS vw",
        "count(*) AS n",
    ]
    by = ", ".join(str(i + 1) for i in range(len(named) + 1))
    outer = [one.rpartition(" AS ")[2] for one in named]
    outer += [f"bool_and({name}) AS {name}" for name in (one.rpartition(" AS ")[2] for one in whole)]
    joined = ""
    for i, one in enumerate(measures):
        if one.field is None:
            outer.append(f"sum(n)::BIGINT AS m{i}")
        elif one.function == "percentile":
            outer += [
                f"list(v) FILTER (v IS NOT NULL) AS m{i}",
                f"list(n) FILTER (v IS NOT NULL) AS times{i}",
            ]
            outer.append(f"coalesce(bool_and(vw) FILTER (v IS NOT NULL), TRUE) AS w{i}")
        elif final and one.field.name == "person":
            joined = " LEFT JOIN persons p ON p.actor = v"
            outer.append(f"count(DISTINCT coalesce(p.person, -1 - v)) AS m{i}")
        elif final and one.field.kind is not Kind.EXTENSION and one.field.name != "object.id":
            outer.append(f"count(v) AS m{i}")
        else:
            outer.append(f"list(v) AS m{i}")
    return (
        f"g AS (SELECT {', '.join(inner)} {rows_of} GROUP BY {by}) "  # noqa: S608 -- expressions of ours
        f"SELECT {', '.join([*outer, 'sum(n)::BIGINT AS all_of_them'])} FROM g{joined}"
    )


def _measured(i: int, measure: Measure, value: Value | None) -> list[str]:
    """Return the aggregates of a measure, named m<i> and the like."""
    if value is None or measure.field is None:
        return [f"count(*) AS m{i}"]
    sql = value.sql
    if measure.function == "avg" and measure.field.kind is Kind.BOOLEAN:
        return [f"count(*) FILTER ({sql}) AS m{i}", f"count({sql}) AS n{i}"]
    whole = (
        f"coalesce(bool_and({value.whole}) FILTER ({sql} IS NOT NULL), TRUE) AS w{i}" if value.whole else ""
    )
    match measure.function:
        case "sum" | "avg":
            fraction = f"(({sql} - trunc({sql})) * {POWER})::HUGEINT"
            sums = [f"sum(trunc({sql})::HUGEINT) AS m{i}", f"sum({fraction}) AS f{i}", whole]
            return [*sums, f"count({sql}) AS n{i}"] if measure.function == "avg" else sums
        case "percentile":
            return [f"histogram({sql}) AS m{i}", whole]
        case "min" | "max":
            return [f"{measure.function}({sql}) AS m{i}", *([whole] if whole else [])]
        case "distinct":
            return [f"list(DISTINCT {sql}) AS m{i}"]
    dated = (
        f"{{'t': epoch_ms(s.timestamp), 'a': s.position_at, 'b': s.serial, "
        f"'w': {value.whole or 'FALSE'}, 'v': {sql}}}"
    )
    choose = "min" if measure.function == "first" else "max"
    return [f"{choose}({dated}) FILTER ({sql} IS NOT NULL) AS m{i}"]


def _finished(row: Mapping[str, Any], i: int, measure: Measure, value: Value | None, names: Any) -> Any:
    """Return the partial value of a measure as MongoDB would give it."""
    found = row[f"m{i}"]
    if value is None or measure.field is None:
        return found
    if measure.function == "avg" and measure.field.kind is Kind.BOOLEAN:
        return found
    match measure.function:
        case "sum" | "avg":
            return exact_sum(found, row[f"f{i}"], all_whole=row[f"w{i}"])
        case "percentile":
            if f"times{i}" in row:
                found = dict(zip(found or (), row[f"times{i}"] or (), strict=True))
            return {number_of(v, whole=row[f"w{i}"]): n for v, n in (found or {}).items()}
        case "min" | "max":
            return number_of(found, whole=row[f"w{i}"]) if value.whole else value.read(found, names)
        case "distinct":
            return found if isinstance(found, int) else [value.read(one, names) for one in found or ()]
    if found is None:
        return None
    read = value.read(found["v"], names)
    read = number_of(read, whole=found["w"]) if value.whole else read
    return {"t": instant_of(found["t"]), "i": order_key(found["a"], found["b"]), "v": read}


def _beyond(name: str, position: Position | None, *, falling: bool) -> tuple[str, list[Any]]:
    """Return the condition of what follows a position in the order of a page."""
    if position is None:
        return "TRUE", []
    value, order = position
    step = "<" if falling else ">"
    at, serial = int.from_bytes(order[:8], "big"), int.from_bytes(order[8:16], "big") - SIGN
    tie = f"(s.position_at {step} ? OR (s.position_at = ? AND s.serial {step} ?))"
    place = [at, at, serial]
    if name == "stored":
        return tie, place
    column = column_of(name)
    if value is None:
        same = f"({column} IS NULL AND {tie})"
        return (same, place) if falling else (f"({same} OR {column} IS NOT NULL)", place)
    absent = f" OR {column} IS NULL" if falling else ""
    return f"({column} {step} ? OR ({column} = ? AND {tie}){absent})", [value, value, *place]


def _document(row: Sequence[Any], values: Mapping[str, Value], names: Names) -> Document:
    """Return a row of a page as the document that it was made from."""
    document: Document = {"_id": order_key(row[0], row[1])}
    count = len(values)
    for i, (name, value) in enumerate(values.items()):
        found = value.read(row[2 + i], names)
        if value.whole and found is not None:
            found = number_of(found, whole=row[2 + count + i])
        head, _, tail = name.partition(".")
        if tail:
            document.setdefault(head, {})[tail] = found
        else:
            document[head] = found
    document["extensions"] = [_entry(one) for one in row[-1] or ()]
    return document


def _list_of(name: str, values: Sequence[Any] | None, names: Any) -> Any:
    if values is None or name not in ACTIVITY_LISTS:
        return values
    texts = names(ACTIVITIES)
    return [None if one is None else texts[one] for one in values]


def _entry(one: Mapping[str, Any]) -> Document:
    """Return an extension as documents hold it; a long one has been refused."""
    entry: Document = {"where": one["place"], "k": one["k"]}
    if one["t"] in {"i", "d", "D"}:
        entry["v"] = number_of(one["n"], whole=one["t"] == "i")
    elif one["t"] != "x":
        entry["v"] = {"s": one["s"], "b": bool(one["n"]), "z": None}[one["t"]]
    return entry


def _as_it_is(value: Any, _: Any) -> Any:
    return value
