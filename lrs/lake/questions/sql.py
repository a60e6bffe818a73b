"""Predicates of the query language as DuckDB SQL over the view `s` of the statements in scope. Pure.

Every text and number of a question is a parameter, never part of the SQL; what stands in it are columns of
ours and whole numbers that we looked up. A condition may be NULL where MongoDB says false; `NOT` and whoever
groups by it make it false first, so both select the same statements.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from lrs.lake.errors import Unanswerable
from lrs.lake.rows import NUMBERS
from lrs.lake.tables import ACTIVITIES, ACTIVITY_LISTS, ACTORS
from statements.query.predicate import (
    SYNONYMS,
    All,
    AnyOf,
    Compare,
    Extension,
    Not,
    Predicate,
    resolve,
    resolve_extension,
)

# Fields whose column holds a number that stands for a text, and the table of the texts.
NAMED: Final = {
    "actor": ("actor", ACTORS),
    "instructor": ("instructor", ACTORS),
    "authority": ("authority", ACTORS),
    "origin.authority": ("origin_authority", ACTORS),
}
LISTS: Final = (*ACTIVITY_LISTS, "repairs")
OBJECT: Final = (("object_activity", ACTIVITIES), ("object_actor", ACTORS), ("object_statement", None))
ABSENT: Final = frozenset({"received"})  # texts of people stay with the statement
WORDS: Final = {"eq": "=", "contains": "=", "ne": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
MANY_SPANS: Final = 20
MOST_EXACT: Final = 2**53

Keys = Mapping[tuple[str, str], int]  # (table, text) -> its number


@dataclass(slots=True)
class Sql:
    """Builds the text of one question; parameters come in the order in which they stand."""

    keys: Keys
    spans: list[list[tuple[int, dt.datetime | None, dt.datetime | None]]] = field(default_factory=list)

    def where(self, predicate: Predicate) -> tuple[str, list[Any]]:
        """Return the condition and its parameters; raises Unanswerable."""
        match predicate:
            case Compare(name, operator, value):
                return self._compare(name, operator, value)
            case Extension(iri, operator, value, where):
                return _extension(iri, operator, value, where)
            case All(conditions):
                return self._joined(" AND ", conditions, "TRUE")
            case AnyOf(conditions):
                return self._any(conditions)
            case Not(condition):
                return _negated(*self.where(condition))

    def _joined(self, word: str, conditions: Iterable[Predicate], empty: str) -> tuple[str, list[Any]]:
        parts = [self.where(one) for one in conditions]
        text = word.join(text for text, _ in parts)
        return f"({text})" if parts else empty, [each for _, some in parts for each in some]

    def _any(self, conditions: Sequence[Predicate]) -> tuple[str, list[Any]]:
        """Join what many people were at some time by a table of spans instead of a condition each."""
        spans = [span for one in conditions if (span := span_of(one)) is not None]
        if len(spans) < MANY_SPANS:
            return self._joined(" OR ", conditions, "FALSE")
        others = [one for one in conditions if span_of(one) is None]
        text, parameters = self._joined(" OR ", others, "FALSE")
        known = [(self.keys.get((ACTORS, actor)), since, until) for actor, since, until in spans]
        self.spans.append([(key, since, until) for key, since, until in known if key is not None])
        held = (
            f"EXISTS (SELECT 1 FROM spans_{len(self.spans) - 1} p WHERE p.actor = s.actor "  # noqa: S608 -- a number of ours
            "AND (p.since IS NULL OR s.timestamp >= p.since) AND (p.until IS NULL OR s.timestamp < p.until))"
        )
        return f"({text} OR {held})", parameters

    def _compare(self, name: str, operator: str, value: Any) -> tuple[str, list[Any]]:
        if name in ABSENT:
            raise Unanswerable(f"the lake has no {name}")
        form, operand = resolve(operator, value)
        word = SYNONYMS.get(operator, operator)
        if word == "exists" and value is False:
            word = "missing"
        text, parameters = self._positive(name, word, operand)
        return _negated(text, parameters) if form.negated and word == "ne" else (text, parameters)

    def _positive(self, name: str, word: str, operand: Any) -> tuple[str, list[Any]]:
        if name == "object.id":
            return self._object(word, operand)
        if name in LISTS:
            return self._in_list(name, word, operand)
        if name in NAMED:
            column, table = NAMED[name]
            return self._named(column, table, word, operand)
        return _test(column_of(name), word, operand)

    def _object(self, word: str, operand: Any) -> tuple[str, list[Any]]:
        if word in {"exists", "missing"}:
            found = "(" + " OR ".join(f"s.{column} IS NOT NULL" for column, _ in OBJECT) + ")"
            return found if word == "exists" else f"NOT {found}", []
        parts = [
            self._named(column, table, word, operand) if table else _test(f"s.{column}", word, operand)
            for column, table in OBJECT
        ]
        return f"({' OR '.join(text for text, _ in parts)})", [each for _, some in parts for each in some]

    def _named(self, column: str, table: str, word: str, operand: Any) -> tuple[str, list[Any]]:
        """Compare a column by its texts, whose numbers were looked up."""
        if word in {"exists", "missing"}:
            return _test(f"s.{column}", word, operand)
        if word in {"eq", "ne", "contains", "in"}:
            texts = operand if word == "in" else [operand]
            found = sorted({key for text in texts if (key := self.keys.get((table, text))) is not None})
            return (f"s.{column} IN ({', '.join(map(str, found))})" if found else "FALSE"), []
        condition, parameters = _test("d.text", word, operand)
        return f"s.{column} IN (SELECT d.key FROM {table} d WHERE {condition})", parameters  # noqa: S608 -- names of ours

    def _in_list(self, name: str, word: str, operand: Any) -> tuple[str, list[Any]]:
        if word in {"exists", "missing"}:
            return _test(f"s.{name}", word, operand)
        if name == "repairs":
            return f"list_contains(s.{name}, ?)", [operand]
        key = self.keys.get((ACTIVITIES, operand))
        return ("FALSE" if key is None else f"list_contains(s.{name}, {key})"), []


def column_of(name: str) -> str:
    """Return the column of a field that has one of its own; raises Unanswerable."""
    if name in ABSENT:
        raise Unanswerable(f"the lake has no {name}")
    return f"s.{name.replace('.', '_')}"


def span_of(predicate: Predicate) -> tuple[str, dt.datetime | None, dt.datetime | None] | None:
    """Return (actor, since, until) of a condition on what somebody was for a while."""
    parts = predicate.conditions if isinstance(predicate, All) else ()
    found: dict[tuple[str, str], Any] = {}
    for part in parts:
        if not isinstance(part, Compare) or (part.field, part.operator) in found:
            return None
        found[part.field, part.operator] = part.value
    actor = found.pop(("actor", "eq"), None)
    since, until = found.pop(("timestamp", "gte"), None), found.pop(("timestamp", "lt"), None)
    if actor is None or found:
        return None
    return actor, _to_millisecond(since), _to_millisecond(until)


def _to_millisecond(instant: dt.datetime | None) -> dt.datetime | None:
    return instant and instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def texts_in(predicate: Predicate) -> Iterator[tuple[str, str]]:
    """Yield (table, text) of every text whose number a condition needs."""
    match predicate:
        case All(conditions) | AnyOf(conditions):
            for one in conditions:
                yield from texts_in(one)
        case Not(condition):
            yield from texts_in(condition)
        case Compare(name, operator, value) if operator in {"eq", "ne", "contains", "in"}:
            tables = (
                {table for _, table in OBJECT if table}
                if name == "object.id"
                else {NAMED[name][1]} if name in NAMED else {ACTIVITIES} if name in ACTIVITY_LISTS else set()
            )  # fmt: skip
            for text in value if operator == "in" else [value]:
                yield from ((table, text) for table in tables)


def numbers_in(predicate: Predicate) -> set[str]:
    """Return the number fields that a condition compares."""
    match predicate:
        case All(conditions) | AnyOf(conditions):
            return {name for one in conditions for name in numbers_in(one)}
        case Not(condition):
            return numbers_in(condition)
        case Compare(name, operator, _) if name in NUMBERS and operator != "exists":
            return {name}
    return set()


def extensions_in(predicate: Predicate) -> set[tuple[str, str]]:
    """Return (place, IRI) of the extensions that a condition compares."""
    match predicate:
        case All(conditions) | AnyOf(conditions):
            return {each for one in conditions for each in extensions_in(one)}
        case Not(condition):
            return extensions_in(condition)
        case Extension(iri, _, _, where):
            return {(where or "", iri)}
    return set()


def _negated(text: str, parameters: list[Any]) -> tuple[str, list[Any]]:
    return f"NOT coalesce({text}, FALSE)", parameters


def _test(value: str, word: str, operand: Any) -> tuple[str, list[Any]]:
    """Return a condition on one value, NULL or false where the value is of another kind or absent."""
    if word == "exists":
        return f"{value} IS NOT NULL", []
    if word == "missing":
        return f"{value} IS NULL", []
    if word == "prefix":
        return f"starts_with({value}, ?)", [operand]
    if word == "in":
        return f"{value} IN ({', '.join('?' for _ in operand)})", [_parameter(one) for one in operand]
    return f"{value} {WORDS[word]} ?", [_parameter(operand)]


def _parameter(value: Any) -> Any:
    """Return a value as DuckDB compares it exactly; raises Unanswerable."""
    if isinstance(value, bool | str | dt.datetime):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int | float) and math.isfinite(value) and not _is_too_large(value):
        return float(value)
    raise Unanswerable("it compares with a number that no double holds exactly")


def _is_too_large(value: float) -> bool:
    return isinstance(value, int) and abs(value) > MOST_EXACT


def _extension(iri: str, operator: str, value: Any, where: str | None) -> tuple[str, list[Any]]:
    """Return the condition that one extension of that IRI satisfies the operator, or that none does."""
    form, operand = resolve_extension(operator, value)
    word = SYNONYMS.get(operator, operator)
    same, parameters = "e.k = ?", [iri]
    if where is not None:
        same, parameters = "e.k = ? AND e.place = ?", [iri, where]
    if word == "exists":
        text = f"len(list_filter(s.extensions, lambda e: {same})) > 0"
        return (text, parameters) if value else _negated(text, parameters)
    tests = [_element(word, one) for one in (operand if word == "in" else [operand])]
    either = " OR ".join(text for text, _ in tests)
    text = f"len(list_filter(s.extensions, lambda e: {same} AND ({either}))) > 0"
    parameters = [*parameters, *(each for _, some in tests for each in some)]
    return _negated(text, parameters) if form.negated else (text, parameters)


def _element(word: str, operand: Any) -> tuple[str, list[Any]]:
    word = "eq" if word in {"in", "ne"} else word
    if isinstance(operand, str):
        text, parameters = _test("e.s", word, operand)
        return f"(e.t = 's' AND {text})", parameters
    if isinstance(operand, bool):
        return "(e.t = 'b' AND e.n = ?)", [float(operand)]
    text, parameters = _test("e.n", word, operand)
    return f"(e.t IN ('i', 'd') AND {text})", parameters
