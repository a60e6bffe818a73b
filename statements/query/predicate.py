"""Conditions on statement documents: one table of operators for rules, analysts and xAPI parameters.

The meaning is that of MongoDB, so that `matches` in memory and the filter of `statements.query.mongo_filter`
select the same documents:

- A field that is missing is the same as one that is null; `eq null` and `exists false` hold for both.
- A field that holds a list satisfies a condition when one element does (`contains` is `eq` by another name).
- `ne` is the opposite of `eq`: it holds for documents without the field.
- Values are ordered within their kind only: numbers, texts (by code point), instants (whole milliseconds).
  A number is never equal to a boolean; 1, 1.0 and a Decimal128 of 1 are equal.
- A condition on an extension holds when one extension of that IRI (in that place) satisfies it; `ne` and
  `exists false` hold when none does the opposite.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from bson.decimal128 import Decimal128

from statements.parsing.json_text import dump_text

Document = Mapping[str, Any]

MAX_PREFIX = 4096


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator value`; field is a dotted path of a typed field, operator a name of `OPERATORS`."""

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension value: `where` is result, context, activity or None for any of them."""

    iri: str
    operator: str
    value: Any
    where: str | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Every condition holds; true when there is none."""

    conditions: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one condition holds; false when there is none."""

    conditions: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    condition: Predicate


Predicate = Compare | Extension | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: `test` on one value, `render` as the condition of a MongoDB filter.

    A `negated` operator holds when `test` is true for none of the values.
    """

    test: Callable[[Any, Any], bool]
    render: Callable[[Any], Document]
    negated: bool = False


def matches(predicate: Predicate, document: Document) -> bool:
    """Tell whether a statement document satisfies the predicate, exactly as MongoDB would."""
    match predicate:
        case Compare(field, name, value):
            operator, operand = resolve(name, value)
            return any(operator.test(item, operand) for item in _values(document, field)) != operator.negated
        case Extension(iri, name, value, where):
            operator, operand = resolve_extension(name, value)
            return _test_extension(operator, operand, _entries(document, iri, where))
        case All(conditions):
            return all(matches(condition, document) for condition in conditions)
        case AnyOf(conditions):
            return any(matches(condition, document) for condition in conditions)
        case Not(condition):
            return not matches(condition, document)


def resolve(name: str, value: Any) -> tuple[Operator, Any]:
    """Return the operator of a name and the value as BSON holds it; ValueError if unknown.

    Symbols are synonyms. `exists` takes true or false; false is the negated operator.
    """
    name = SYNONYMS.get(name, name)
    if name == "exists" and value is False:
        name = "missing"
    operator = OPERATORS.get(name)
    if operator is None:
        raise ValueError(f"unknown operator {name!r}; one of {', '.join(OPERATORS)}")
    operand = tuple(stored_form(item) for item in value) if name == "in" else stored_form(value)
    if name in _ORDERED and _kind(operand) not in _ORDERED_KINDS:
        raise ValueError(f"{name} needs a number, a text or an instant, not {value!r}")
    if name == "prefix" and not (isinstance(operand, str) and len(operand) <= MAX_PREFIX):
        raise ValueError(f"prefix needs a text of at most {MAX_PREFIX} characters")
    return operator, operand


def stored_form(value: Any) -> Any:
    """Return a value as documents hold it: instants in milliseconds, numbers beyond 64 bits as Decimal128."""
    if isinstance(value, dt.datetime):
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    if isinstance(value, Decimal) or (
        isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63
    ):
        return Decimal128(_DECIMAL128.create_decimal(value))
    if value is None or isinstance(value, bool | int | float | str | UUID | Decimal128):
        return value
    raise ValueError(f"{value!r} cannot be compared with a field")


def resolve_extension(name: str, value: Any) -> tuple[Operator, Any]:
    """Do as `resolve` for an extension, whose objects and arrays are searched as canonical JSON text."""
    return resolve(name, [_searched(item) for item in value] if name == "in" else _searched(value))


def _searched(value: Any) -> Any:
    return dump_text(value, sort_keys=True).decode("utf-8") if isinstance(value, dict | list) else value


_DECIMAL128 = Context(prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[])


def _values(document: Document, field: str) -> Sequence[Any]:
    """Return what stands under a dotted path: the elements of a list, or one value, None for nothing."""
    value: Any = document
    for step in field.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
        if value is None:
            return (None,)
    return value if isinstance(value, list | tuple) else (value,)


def _entries(document: Document, iri: str, where: str | None) -> Iterable[Document]:
    for entry in document.get("extensions") or ():
        if entry["k"] == iri and (where is None or entry["where"] == where):
            yield entry


def _test_extension(operator: Operator, operand: Any, entries: Iterable[Document]) -> bool:
    """A value that was too long to search is there (`exists`) and satisfies no other condition."""
    if operator.test is _is_missing:
        return any(True for _ in entries) == operator.negated
    return any("v" in entry and operator.test(entry["v"], operand) for entry in entries) != operator.negated


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal128):
        return "number"
    return type(value).__name__


def _number(value: Any) -> Any:
    """Return a number in a form that Python orders as MongoDB does: doubles meet decimals at 34 digits."""
    return value.to_decimal() if isinstance(value, Decimal128) else value


def _ordered(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Return two values that Python can compare, None when they are of different kinds."""
    kind = _kind(left)
    if kind != _kind(right):
        return None
    if kind != "number":
        return left, right
    one, other = _number(left), _number(right)
    if isinstance(one, Decimal) and isinstance(other, float):
        other = _DECIMAL128.create_decimal(other)
    elif isinstance(one, float) and isinstance(other, Decimal):
        one = _DECIMAL128.create_decimal(one)
    return one, other


def _is_equal(value: Any, operand: Any) -> bool:
    pair = _ordered(value, operand)
    return pair is not None and bool(pair[0] == pair[1])


def _is_in(value: Any, operand: Any) -> bool:
    return any(_is_equal(value, item) for item in operand)


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, operand: Any) -> bool:
        pair = _ordered(value, operand)
        return pair is not None and compare(*pair)

    return test


def _has_prefix(value: Any, operand: Any) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _is_missing(value: Any, _: Any) -> bool:
    return value is None


def _render_prefix(operand: str) -> Document:
    return {"$regex": "^" + re.escape(operand).replace("\0", r"\x00")}


OPERATORS: dict[str, Operator] = {
    "eq": Operator(_is_equal, lambda value: {"$eq": value}),
    "contains": Operator(_is_equal, lambda value: {"$eq": value}),
    "ne": Operator(_is_equal, lambda value: {"$eq": value}, negated=True),
    "in": Operator(_is_in, lambda values: {"$in": list(values)}),
    "lt": Operator(_order(lambda a, b: bool(a < b)), lambda value: {"$lt": value}),
    "lte": Operator(_order(lambda a, b: bool(a <= b)), lambda value: {"$lte": value}),
    "gt": Operator(_order(lambda a, b: bool(a > b)), lambda value: {"$gt": value}),
    "gte": Operator(_order(lambda a, b: bool(a >= b)), lambda value: {"$gte": value}),
    "prefix": Operator(_has_prefix, _render_prefix),
    "exists": Operator(_is_missing, lambda _: {"$eq": None}, negated=True),
    "missing": Operator(_is_missing, lambda _: {"$eq": None}),
}
SYNONYMS = {
    "=": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "lte",
    ">": "gt",
    ">=": "gte",
    "starts with": "prefix",
}
_ORDERED = frozenset({"lt", "lte", "gt", "gte"})
_ORDERED_KINDS = frozenset({"number", "str", "datetime"})
