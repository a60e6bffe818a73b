"""Values of fields in SQL, and how what DuckDB answers becomes what MongoDB would have answered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from lrs.lake.questions.sql import NAMED, column_of
from lrs.lake.rows import NUMBERS, WHOLE
from lrs.lake.tables import ACTIVITIES, ACTORS
from statements.query.fields import Field, Kind

EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FRACTIONS: Final = 2**100
Names = Callable[[str], Mapping[int, str]]  # the texts of a table by their numbers


@dataclass(frozen=True, slots=True)
class Value:
    """An SQL expression, and how its result is read; `whole` is SQL that tells integers from doubles.

    Of a key that stands in several columns `beside` names the others, and `read` takes the list of all.
    """

    sql: str
    read: Callable[[Any, Names], Any]
    whole: str | None = None
    beside: tuple[str, ...] = ()


def value_of_field(field: Field, column: str = "") -> Value:
    """Return the value of a field that is no list; `column` holds the first extension of a key."""
    name = "actor" if field.name == "person" else field.name
    if name in NAMED:
        column, table = NAMED[name]
        return Value(f"s.{column}", lambda v, names: None if v is None else names(table)[v])
    if name == "object.id":
        return Value(OBJECT_ID, _object)
    if field.kind is Kind.EXTENSION:
        return Value(first_extension(column), _of_extension)
    if field.kind is Kind.INSTANT:
        return Value(f"epoch_ms({column_of(name)})", lambda v, _: instant_of(v))
    if field.kind is Kind.NUMBER:
        return Value(column_of(name), lambda v, _: v, whole_bit(name))
    return Value(column_of(name), lambda v, _: v)


OBJECT_ID: Final = (
    "CASE WHEN s.object_activity IS NULL AND s.object_actor IS NULL AND s.object_statement IS NULL THEN NULL "
    "ELSE {'a': s.object_activity, 'p': s.object_actor, 's': s.object_statement} END"
)


OBJECT_KEY: Final = Value(
    "s.object_activity",
    lambda found, names: _object(dict(zip("aps", found, strict=True)), names),
    beside=("s.object_actor", "s.object_statement"),
)
"""The object as a key: three columns are grouped three times as fast as a structure of them."""


def _object(value: Any, names: Names) -> Any:
    if value is None:
        return None
    if value["a"] is not None:
        return names(ACTIVITIES)[value["a"]]
    return names(ACTORS)[value["p"]] if value["p"] is not None else value["s"]


def whole_bit(name: str) -> str:
    """Return the SQL that tells whether a number was written as an integer."""
    return f"((s.number_kinds >> {shift_of(name)}) & 3) = {WHOLE}"


def shift_of(name: str) -> int:
    """Return where the two bits of a number stand in `number_kinds`."""
    return 2 * NUMBERS.index(name)


def first_extension(column: str) -> str:
    """Return the SQL of a found extension in which 1 is 1.0; NULL where it is absent or null."""
    kind = f"CASE {column}.t WHEN 'i' THEN 'd' ELSE {column}.t END"
    one = f"{{'t': {kind}, 'n': {column}.n, 's': {column}.s}}"
    return f"CASE WHEN {column}.t IN ('s', 'b', 'i', 'd') THEN {one} END"


def _of_extension(value: Any, _: Names) -> Any:
    if value is None:
        return None
    if value["t"] == "s":
        return value["s"]
    return bool(value["n"]) if value["t"] == "b" else number_of(value["n"], whole=value["n"].is_integer())


def number_of(value: float | None, *, whole: bool) -> Any:
    """Return a number as the statement wrote it."""
    return int(value) if value is not None and whole else value


def instant_of(milliseconds: int | None) -> dt.datetime | None:
    """Return an instant of whole milliseconds."""
    return None if milliseconds is None else EPOCH + dt.timedelta(milliseconds=milliseconds)


def exact_sum(whole_parts: int | None, fractions: int | None, *, all_whole: bool) -> Any:
    """Return a sum as MongoDB rounds it: once, at the end."""
    if all_whole:
        return int(whole_parts or 0)
    return float(Fraction(whole_parts or 0) + Fraction(fractions or 0, FRACTIONS))
