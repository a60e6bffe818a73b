"""Groups and measures as one MongoDB `$group`, and its partial results merged into rows.

MongoDB computes partial values per group (counts, sums, sets, lists); Python merges the partials that belong
together once actors are replaced by people and their attributes, and finishes them. So a grouping by
organization, role or award needs no join in the database, and a person with two addresses counts once.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from bson import Decimal128

from statements.query.analyst_query import AnalystQuery, GroupKey, Measure, bounds
from statements.query.fields import Field, Kind
from statements.query.long_values import apart
from statements.query.time_buckets import bucket_expression, in_zone

Row = dict[str, Any]
# The value of a person attribute for an actor at an instant; the instant is None where it does not matter.
AttributeOf = Callable[[GroupKey, str | None, dt.datetime | None], Any]
PersonOf = Callable[[str], str]


def group_stages(
    query: AnalystQuery, now: dt.datetime, *, by_actor: bool = False, by_time: bool = False
) -> list[dict[str, Any]]:
    """Return the stages that follow `$match`: one document of partial measures per group.

    `by_actor` keeps actors apart, `by_time` also timestamps: for people whose attributes changed meanwhile.
    """
    stages: list[dict[str, Any]] = []
    identity: dict[str, Any] = {}
    for i, key in enumerate(query.group):
        if key.field.kind is Kind.IRIS:
            stages.append({"$unwind": {"path": f"${key.field.name}", "preserveNullAndEmptyArrays": True}})
        if key.field.kind is not Kind.PERSON:
            identity[f"k{i}"] = _key_expression(query, key, now)
    if by_actor:
        identity["actor"] = _or_null("$actor")
    if by_time:
        identity["at"] = "$timestamp"
    one, brought = apart(query)
    if one is not None:
        identity["one"] = one
    partials = {f"m{i}": _partial(measure) for i, measure in enumerate(query.measures)} | brought
    counts = {
        f"n{i}": {"$sum": {"$cond": [{"$isNumber": _value(measure, measure.field)}, 1, 0]}}
        for i, measure in enumerate(query.measures)
        if measure.field and measure.function == "avg"
    }
    return [*stages, {"$group": {"_id": identity, **partials, **counts}}]


def needs_actor(query: AnalystQuery) -> bool:
    """Tell whether a group key depends on who the actor is."""
    return any(key.field.kind is Kind.PERSON for key in query.group)


def merge_rows(
    query: AnalystQuery, partials: Iterable[Mapping[str, Any]], *, person: PersonOf, attribute: AttributeOf
) -> list[Row]:
    """Merge partial groups that have the same keys, finish the measures, sort, and cut to the limit."""
    groups: dict[tuple[Any, ...], list[_Total]] = {}
    for partial in partials:
        keys = tuple(_key_value(query, i, partial["_id"], attribute) for i in range(len(query.group)))
        totals = groups.get(keys)
        if totals is None:
            totals = groups[keys] = [_Total(measure) for measure in query.measures]
        for i, total in enumerate(totals):
            total.add(partial.get(f"m{i}"), partial.get(f"n{i}", 0))
    if not query.group and not groups:
        groups[()] = [_Total(measure) for measure in query.measures]
    rows = [_row(query, keys, totals, person) for keys, totals in groups.items()]
    return _sorted(query, rows)[: query.limit]


def _key_expression(query: AnalystQuery, key: GroupKey, now: dt.datetime) -> Any:
    if key.bucket:
        start, end, name = bounds(query.where)
        span = (start, end) if name == key.field.name else (None, None)
        return bucket_expression(key.field.name, key.bucket, key.timezone, span, now)
    if key.field.kind is Kind.EXTENSION:
        return _extension_value(key.field.name.partition(".")[0], key.key or "")
    return _or_null(f"${key.field.name}")


def _extension_value(where: str, iri: str) -> Any:
    same = [{"$eq": ["$$this.where", where]}, {"$eq": ["$$this.k", {"$literal": iri}]}]
    found = {"$filter": {"input": {"$ifNull": ["$extensions", []]}, "cond": {"$and": same}}}
    return {"$let": {"vars": {"e": {"$first": found}}, "in": _or_null("$$e.v")}}


def _value(measure: Measure, field: Field) -> Any:
    """Return the expression of what is measured; of an extension only numbers count for what needs them."""
    if field.kind is Kind.BOOLEAN and measure.function == "avg":  # the share of those that are true
        return {"$switch": {"branches": [
            {"case": {"$eq": [f"${field.name}", value]}, "then": int(value)} for value in (True, False)
        ], "default": None}}  # fmt: skip
    if field.kind is not Kind.EXTENSION:
        return "$actor" if field.name == "person" else f"${field.name}"
    found = _extension_value(field.name.partition(".")[0], measure.key or "")
    if measure.function in {"distinct", "first", "last"}:
        return found
    return {"$let": {"vars": {"v": found}, "in": {"$cond": [{"$isNumber": "$$v"}, "$$v", None]}}}


def _or_null(expression: Any) -> dict[str, Any]:
    return {"$ifNull": [expression, None]}


def _partial(measure: Measure) -> dict[str, Any]:
    if measure.field is None:
        return {"$sum": 1}
    value = _value(measure, measure.field)
    match measure.function:
        case "distinct":
            return {"$addToSet": value}
        case "sum" | "avg":
            return {"$sum": value}
        case "percentile":
            return {"$push": value}
        case "min" | "max":
            return {f"${measure.function}": value}
    # First and last in time among the statements that have the field: documents compare member by member.
    dated = {"t": "$timestamp", "i": "$_id", "v": value}
    has = {"$ne": [_or_null(value), None]}
    return {"$min" if measure.function == "first" else "$max": {"$cond": [has, dated, "$$REMOVE"]}}


# What partial results are put into: it grows in place, since a row may be merged from ten thousands of them.
_GROWING: Final[Mapping[str, Callable[[], Any]]] = {
    "distinct": set, "percentile": Counter, "count": list, "sum": list, "avg": list,
}  # fmt: skip


class _Total:
    """One measure of one row while partial results come in."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        begun = _GROWING.get(measure.function)
        self.value: Any = begun() if begun else None
        self.n = 0

    def add(self, partial: Any, n: int) -> None:
        self.n += n
        match self.measure.function:
            case "distinct" if isinstance(partial, int):  # of values that no other partial result has
                self.n += partial
            case "distinct":
                self.value.update(
                    v.to_decimal() if isinstance(v, Decimal128) else v for v in partial if v is not None
                )
            case "percentile":
                self.value.update(partial if isinstance(partial, Mapping) else map(number, partial))
            case "count" | "sum" | "avg":
                self.value.append(number(partial))
            case "min" | "first":
                self.value = _edge(min, self.value, partial)
            case "max" | "last":
                self.value = _edge(max, self.value, partial)

    def finish(self, person: PersonOf) -> Any:
        match self.measure.function:
            case "distinct":
                is_person = self.measure.field is not None and self.measure.field.name == "person"
                return self.n + len({person(v) for v in self.value} if is_person else self.value)
            case "avg":
                return _added(self.value) / self.n if self.n else None
            case "percentile":
                return nearest_rank(self.value, self.measure.p or 1)
            case "count" | "sum":
                return _added(self.value)
            case "first" | "last":
                return None if self.value is None else plain(self.value[2])
        return plain(self.value)


def _edge(choose: Callable[..., Any], old: Any, partial: Any) -> Any:
    if partial is None:
        return old
    new = (partial["t"], partial["i"], partial["v"]) if isinstance(partial, Mapping) else number(partial)
    if old is None:
        return new
    return choose(old, new, key=lambda v: v[:2]) if isinstance(new, tuple) else choose(old, new)


def _added(values: Sequence[Any]) -> Any:
    """Return the sum of partial sums, whatever order they came in."""
    if all(isinstance(value, int) for value in values):
        return sum(values)
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond what a double holds
        return sum(values)


def nearest_rank(counts: Mapping[Any, int], p: float) -> Any:
    """Return the nearest-rank percentile of values with how often each is there; None is no value."""
    ordered = sorted(value for value in counts if value is not None)
    rank = max(1, math.ceil(p * sum(counts[value] for value in ordered)))
    for value in ordered:
        rank -= counts[value]
        if rank <= 0:
            return value
    return None


def percentile(values: list[Any], p: float) -> Any:
    """Return the nearest-rank percentile: the smallest value that at least the share `p` does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(p * len(ordered)) - 1)] if ordered else None


def number(value: Any) -> Any:
    """Return a number that Python can add; Decimal128 becomes a float."""
    return float(value.to_decimal()) if isinstance(value, Decimal128) else value


def plain(value: Any) -> Any:
    """Return a value that JSON can hold: ids as text, decimals as numbers."""
    if isinstance(value, Decimal128):
        return number(value)
    return value if value is None or isinstance(value, str | int | float | bool | dt.datetime) else str(value)


def _key_value(query: AnalystQuery, i: int, identity: Mapping[str, Any], attribute: AttributeOf) -> Any:
    key = query.group[i]
    if key.field.kind is Kind.PERSON:
        return attribute(key, identity.get("actor"), identity.get("at"))
    value = identity.get(f"k{i}")
    if key.bucket and isinstance(value, dt.datetime):
        return in_zone(value, key.timezone)  # midnight reads as midnight
    return plain(value)


def _row(query: AnalystQuery, keys: tuple[Any, ...], totals: list[_Total], person: PersonOf) -> Row:
    named = {key.name: value for key, value in zip(query.group, keys, strict=True)}
    measured = {total.measure.name: total.finish(person) for total in totals}
    return {**named, **measured}


def _sorted(query: AnalystQuery, rows: list[Row]) -> list[Row]:
    name, falling = query.sort
    steady = sorted(rows, key=lambda row: [str(row[key.name]) for key in query.group])
    if not name:
        return steady
    present = [row for row in steady if row[name] is not None]
    absent = [row for row in steady if row[name] is None]
    return sorted(present, key=lambda row: _comparable(row[name]), reverse=falling) + absent


def _comparable(value: Any) -> tuple[str, Any]:
    kind = (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )
    return kind, value
