"""The analysts' query language: JSON expressions into a predicate, groups and measures.

An expression is a mapping:

| key | value |
|---|---|
| `filter` | `{"all": [..]}`, `{"any": [..]}`, `{"not": ..}` or `{"field": name, operator: value}` |
| `select` | list of fields, or `{"field", "key", "certification", "programme", "name"}`; no groups |
| `sort` | field or measure, with `-` for falling order |
| `limit`, `cursor` | rows of a page (1 to 10,000); where the last page ended |
| `group` | list of fields or `{"bucket": "day", "field": "timestamp", "timezone": zone}` |
| `measures` | `{name: {"count": true}}` or `{name: {function: field}}`, percentile with `"p"` |
| `compare` | `"previous_period"`: the same measures over the span of equal length before |

Operators of a condition: those of `statements.query.predicate`, and `last` with a duration for instants.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from statements.errors import InvalidQuery
from statements.query.fields import Field, Kind, field_named, read_instant, read_value
from statements.query.predicate import All, AnyOf, Compare, Extension, Not, Predicate, resolve

COMPARISONS = ("eq", "ne", "lt", "lte", "gt", "gte")
OPERATORS_OF = {
    Kind.TEXT: ("eq", "ne", "in", "prefix", "exists", "lt", "lte", "gt", "gte"),
    Kind.IRI: ("eq", "ne", "in", "prefix", "exists"),
    Kind.IRIS: ("contains", "exists"),
    Kind.NUMBER: (*COMPARISONS, "in", "exists"),
    Kind.BOOLEAN: ("eq", "ne", "exists"),
    Kind.INSTANT: (*COMPARISONS, "exists", "last"),
    Kind.UUID: ("eq", "ne", "in", "exists"),
    Kind.EXTENSION: (*COMPARISONS, "in", "prefix", "exists"),
    Kind.PERSON: ("eq", "in"),
}
BUCKETS = ("hour", "day", "week", "month", "quarter", "year")
FUNCTIONS = ("distinct", "sum", "avg", "min", "max", "percentile", "first", "last")
NUMERIC_FUNCTIONS = ("sum", "avg", "percentile")
MAX_ROWS = 10_000
MAX_DEPTH = 20
MAX_CONDITIONS = 500
DEFAULT_SELECT = ("id", "timestamp", "actor", "verb", "object.id", "success", "completion", "score.scaled")
_LAST = re.compile(r"(\d{1,4}) (hour|day|week)s?")

# Turns a condition on a person's attribute into one on actors and times; (attribute, of what, values).
PeopleResolver = Callable[[str, str | None, Sequence[str]], Predicate]


# Attributes that say nothing without what they are of, and the key that names it.
OF: Mapping[str, str] = {"person.award": "certification", "person.tier": "programme"}


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One column of a grouping: a field as it is, or a span of time in a zone."""

    name: str
    field: Field
    bucket: str | None = None
    timezone: str = "UTC"
    key: str | None = None  # extension IRI
    of: str | None = None  # the certification of person.award, the programme of person.tier


@dataclass(frozen=True, slots=True)
class Column:
    """One selected column: a field as it is, an extension by its key, or what was true of the person then."""

    name: str
    field: Field
    key: str | None = None  # extension IRI
    of: str | None = None  # the certification of person.award, the programme of person.tier


@dataclass(frozen=True, slots=True)
class Measure:
    """One computed column; `p` between 0 and 1 for percentiles (nearest rank), `key` an extension's IRI."""

    name: str
    function: str
    field: Field | None = None
    p: float | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class AnalystQuery:
    """A checked query; `start` and `end` bound `time_field` when the filter does so at its top level."""

    where: Predicate
    select: tuple[Column, ...] = ()
    sort: tuple[str, bool] = ("stored", True)  # name, falling
    limit: int = 100
    cursor: str | None = None
    group: tuple[GroupKey, ...] = ()
    measures: tuple[Measure, ...] = ()
    compare: bool = False

    @property
    def is_grouped(self) -> bool:
        """Tell whether rows are computed rather than statements."""
        return bool(self.group or self.measures)

    @classmethod
    def parse(cls, expression: Any, *, now: dt.datetime, people: PeopleResolver) -> AnalystQuery:
        """Check an expression; InvalidQuery names the first wrong place and says what would be right."""
        body = _mapping(expression, "query")
        _known(body, ("filter", "select", "sort", "limit", "cursor", "group", "measures", "compare"), "query")
        reader = _FilterReader(now, people)
        query = cls(
            where=reader.read(body.get("filter", {"all": []}), "filter"),
            group=tuple(_group_key(g, f"group[{i}]") for i, g in enumerate(_list(body, "group"))),
            measures=_measures(body.get("measures", {})),
            limit=_limit(body.get("limit", 100)),
            cursor=_optional_text(body, "cursor"),
            compare=_compare(body.get("compare")),
        )
        query = query._with_default_measure()
        if query.compare and not query.is_grouped:
            raise InvalidQuery("compare", "goes with group or measures")
        return replace(query, select=_select(body, query), sort=_sort(body, query))

    def _with_default_measure(self) -> AnalystQuery:
        """A grouping that asks for nothing is counted."""
        if self.group and not self.measures:
            return replace(self, measures=(Measure("count", "count"),))
        return self

    def previous_period(self) -> AnalystQuery:
        """Return the same query over the span of equal length that ends where this one begins."""
        start, end, name = bounds(self.where)
        if start is None or end is None:
            raise InvalidQuery("compare", "needs a filter that bounds timestamp or stored on both sides")
        try:
            where = _shift(self.where, name, end - start)
        except OverflowError:
            raise InvalidQuery("compare", "the period before begins earlier than the year 1") from None
        return replace(self, where=where, compare=False)


def bounds(where: Predicate) -> tuple[dt.datetime | None, dt.datetime | None, str]:
    """Return start, end and field of the span of time that the top level of a predicate allows."""
    parts = where.conditions if isinstance(where, All) else (where,)
    for name in ("timestamp", "stored"):
        of_field = [p for p in parts if isinstance(p, Compare) and p.field == name]
        starts = [p.value for p in of_field if p.operator in {"gte", "gt"}]
        ends = [p.value for p in of_field if p.operator in {"lt", "lte"}]
        if starts or ends:
            return max(starts, default=None), min(ends, default=None), name
    return None, None, "timestamp"


def _shift(where: Predicate, name: str, span: dt.timedelta) -> Predicate:
    match where:
        case All(conditions):
            return All(tuple(_shift(c, name, span) for c in conditions))
        case Compare(field, operator, value) if field == name and isinstance(value, dt.datetime):
            return Compare(field, operator, value - span)
    return where


def _check_operand(operator: str, value: Any, where: str) -> None:
    """Refuse a value that the operator cannot take: too long a prefix, an order among truth values."""
    try:
        resolve(operator, value)
    except ValueError as error:
        raise InvalidQuery(where, str(error)) from None


class _FilterReader:
    """Reads the `filter` member; bounded in depth and size."""

    def __init__(self, now: dt.datetime, people: PeopleResolver) -> None:
        self.now, self.people, self.count = now, people, 0

    def read(self, node: Any, where: str, depth: int = 0) -> Predicate:
        body = _mapping(node, where)
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_CONDITIONS:
            raise InvalidQuery(where, f"more than {MAX_DEPTH} levels or {MAX_CONDITIONS} conditions")
        if "field" in body:
            return self._condition(body, where)
        if len(body) != 1:
            raise InvalidQuery(where, "give one of all, any, not, or a field with an operator")
        ((form, value),) = body.items()
        if form in {"all", "any"}:
            if not isinstance(value, list):
                raise InvalidQuery(f"{where}.{form}", "is not a list")
            parts = tuple(self.read(v, f"{where}.{form}[{i}]", depth + 1) for i, v in enumerate(value))
            return All(parts) if form == "all" else AnyOf(parts)
        if form == "not":
            return Not(self.read(value, f"{where}.not", depth + 1))
        raise InvalidQuery(where, f"unknown key {form!r}; one of all, any, not, field")

    def _condition(self, body: Mapping[str, Any], where: str) -> Predicate:
        field = field_named(body["field"], f"{where}.field")
        operators = [k for k in body if k not in {"field", "key", *OF.values()}]
        allowed = OPERATORS_OF[field.kind]
        if len(operators) != 1 or operators[0] not in allowed:
            raise InvalidQuery(where, f"{field.name} takes one operator of {', '.join(allowed)}")
        operator = operators[0]
        value = self._value(field, operator, body[operator], f"{where}.{operator}")
        if operator != "last":
            _check_operand(operator, value, f"{where}.{operator}")
        if field.kind is Kind.EXTENSION:
            return Extension(_extension_key(body, where), operator, value, field.name.partition(".")[0])
        if field.kind is Kind.PERSON:
            values = value if isinstance(value, list) else [value]
            return self.people(field.name, _of(field, body, where), values)
        if operator == "last":
            return Compare(field.name, "gte", value)
        return Compare(field.name, operator, value)

    def _value(self, field: Field, operator: str, value: Any, where: str) -> Any:
        if operator == "exists":
            if not isinstance(value, bool):
                raise InvalidQuery(where, "is true or false")
            return value
        if operator == "last":
            return self.now - _span(value, where)
        if operator == "in":
            if not isinstance(value, list) or not value:
                raise InvalidQuery(where, "is a list of at least one value")
            return [read_value(field, v, f"{where}[{i}]") for i, v in enumerate(value)]
        if operator == "prefix":
            if not isinstance(value, str) or not value:
                raise InvalidQuery(where, "is a text that is not empty")
            return value
        if field.kind is Kind.INSTANT and value == "now":
            return self.now
        return read_value(field, value, where)


def _span(value: Any, where: str) -> dt.timedelta:
    found = _LAST.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise InvalidQuery(where, f"{value!r} is not a span such as '30 days', '12 weeks', '24 hours'")
    return dt.timedelta(**{found[2] + "s": int(found[1])})


def _group_key(node: Any, where: str) -> GroupKey:
    if isinstance(node, str):
        node = {"field": node}
    body = _mapping(node, where)
    _known(body, ("field", "bucket", "timezone", "name", "key", *OF.values()), where)
    bucket = body.get("bucket")
    field = field_named(body.get("field", "timestamp" if bucket else None), f"{where}.field")
    if bucket is not None and (bucket not in BUCKETS or field.kind is not Kind.INSTANT):
        raise InvalidQuery(f"{where}.bucket", f"is one of {', '.join(BUCKETS)} of timestamp or stored")
    if bucket is None and field.kind is Kind.INSTANT:
        raise InvalidQuery(where, f"group {field.name} by a bucket: {', '.join(BUCKETS)}")
    return GroupKey(
        name=_name(body.get("name", bucket or field.name), f"{where}.name"),
        field=field,
        bucket=bucket,
        timezone=_zone(body.get("timezone", "UTC"), f"{where}.timezone"),
        key=_extension_key(body, where) if field.kind is Kind.EXTENSION else None,
        of=_of(field, body, where),
    )


def _measures(node: Any) -> tuple[Measure, ...]:
    body = _mapping(node, "measures")
    return tuple(_measure(_name(name, "measures"), m, f"measures.{name}") for name, m in body.items())


def _measure(name: str, node: Any, where: str) -> Measure:
    body = _mapping({"count": True} if node == "count" else node, where)
    functions = [k for k in body if k != "p"]
    if functions == ["count"]:
        return Measure(name, "count")
    if len(functions) != 1 or functions[0] not in FUNCTIONS:
        raise InvalidQuery(where, f"is one of count, {', '.join(FUNCTIONS)} with a field")
    function = functions[0]
    of = body[function] if isinstance(body[function], Mapping) else {"field": body[function]}
    _known(of, ("field", "key"), f"{where}.{function}")
    field = field_named(of.get("field"), f"{where}.{function}")
    is_extension = field.kind is Kind.EXTENSION
    if "key" in of and not is_extension:
        raise InvalidQuery(f"{where}.{function}", f"{field.name} takes no key")
    is_share = function == "avg" and field.kind is Kind.BOOLEAN
    if function in NUMERIC_FUNCTIONS and field.kind is not Kind.NUMBER and not (is_extension or is_share):
        raise InvalidQuery(f"{where}.{function}", f"{field.name} is not a number")
    if function in {"min", "max"} and field.kind not in {Kind.NUMBER, Kind.INSTANT, Kind.EXTENSION}:
        raise InvalidQuery(f"{where}.{function}", f"{field.name} is neither a number nor an instant")
    if field.kind is Kind.IRIS or (field.kind is Kind.PERSON and field.name != "person"):
        raise InvalidQuery(f"{where}.{function}", f"{field.name} cannot be measured")
    key = _extension_key(of, f"{where}.{function}") if is_extension else None
    return Measure(name, function, field, _percentile(body, function, where), key)


def _percentile(body: Mapping[str, Any], function: str, where: str) -> float | None:
    if function != "percentile":
        return None
    p = body.get("p")
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 < p <= 1:
        raise InvalidQuery(f"{where}.p", "is a number above 0 and up to 1")
    return float(p)


def _select(body: Mapping[str, Any], query: AnalystQuery) -> tuple[Column, ...]:
    if query.is_grouped:
        if "select" in body:
            raise InvalidQuery("select", "goes without group and measures")
        return ()
    return read_columns(_list(body, "select") or DEFAULT_SELECT, "select")


def read_columns(
    nodes: Any, where: str, further: Mapping[str, Field] = MappingProxyType({})
) -> tuple[Column, ...]:
    """Read the columns of a list; `further` are fields that stand there by name; raises InvalidQuery."""
    if not isinstance(nodes, list | tuple) or not nodes:
        raise InvalidQuery(where, "is a list of columns")
    columns = tuple(
        Column(node, further[node])
        if isinstance(node, str) and node in further
        else _column(node, f"{where}[{i}]")
        for i, node in enumerate(nodes)
    )
    names = [column.name for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidQuery(where, f"has two columns {twice[0]!r}; give one another name")
    return columns


def _column(node: Any, where: str) -> Column:
    body = _mapping({"field": node} if isinstance(node, str) else node, where)
    _known(body, ("field", "name", "key", *OF.values()), where)
    field = field_named(body.get("field"), f"{where}.field")
    return Column(
        name=_name(body.get("name", field.name), f"{where}.name"),
        field=field,
        key=_extension_key(body, where) if field.kind is Kind.EXTENSION else None,
        of=_of(field, body, where),
    )


def _sort(body: Mapping[str, Any], query: AnalystQuery) -> tuple[str, bool]:
    first_measure = f"-{query.measures[0].name}" if query.measures else ""
    by_time = [k.name for k in query.group if k.bucket]
    default = (by_time[0] if by_time else first_measure) if query.is_grouped else "-stored"
    text = body.get("sort", default)
    if not isinstance(text, str):
        raise InvalidQuery("sort", "is a name, with - before it for falling order")
    name = text.removeprefix("-")
    names = [k.name for k in query.group] + [m.name for m in query.measures]
    if query.is_grouped and name not in names:
        raise InvalidQuery("sort", f"is one of {', '.join(names)}")
    if not query.is_grouped and field_named(name, "sort").kind not in {Kind.INSTANT, Kind.NUMBER}:
        raise InvalidQuery("sort", f"{name} is neither an instant nor a number")
    return name, text.startswith("-")


def _of(field: Field, body: Mapping[str, Any], where: str) -> str | None:
    """Return of what an attribute is asked: an award's certification, a tier's programme."""
    for name, key in OF.items():
        if key in body and field.name != name:
            raise InvalidQuery(f"{where}.{key}", f"goes only with {name}")
    key = OF.get(field.name, "")
    value = body.get(key)
    if value is None and field.name != "person.award":
        return None
    if not isinstance(value, str):
        raise InvalidQuery(where, f"{field.name} needs a {key}")
    return value


def _extension_key(body: Mapping[str, Any], where: str) -> str:
    key = body.get("key")
    if not isinstance(key, str) or ":" not in key:
        raise InvalidQuery(where, "an extension needs a key, the IRI of the extension")
    return key


def _zone(name: Any, where: str) -> str:
    try:
        return zoneinfo.ZoneInfo(name).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidQuery(where, f"{name!r} is not an IANA time zone") from None


def _compare(value: Any) -> bool:
    if value is not None and value != "previous_period":
        raise InvalidQuery("compare", "is previous_period")
    return value is not None


def _limit(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_ROWS:
        raise InvalidQuery("limit", f"is a whole number from 1 to {MAX_ROWS}")
    return value


def _name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,63}", value):
        raise InvalidQuery(where, f"{value!r} is not a name of letters, digits, _ and .")
    return value


def _optional_text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidQuery(key, "is a text")
    return value


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidQuery(where, "is not an object")
    return value


def _list(body: Mapping[str, Any], key: str) -> list[Any]:
    value = body.get(key, [])
    if not isinstance(value, list) or len(value) > 50:
        raise InvalidQuery(key, "is a list of at most 50 entries")
    return value


def _known(body: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    for key in body:
        if key not in keys:
            raise InvalidQuery(where, f"unknown key {key!r}; one of {', '.join(keys)}")


__all__ = ["AnalystQuery", "GroupKey", "Measure", "bounds", "read_instant"]
