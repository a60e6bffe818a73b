"""What analysts may name in a query: the typed fields of a statement document and their kinds."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import difflib
import re
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from statements.errors import InvalidQuery


class Kind(StrEnum):
    """How the values of a field are written, compared and counted."""

    TEXT = "text"
    IRI = "iri"
    IRIS = "iris"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    UUID = "uuid"
    EXTENSION = "extension"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Field:
    """One name of the query language; `indexed` names the letter of its search key, if it has one."""

    name: str
    kind: Kind
    indexed: bool = False


def _table(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


FIELDS = _table(
    Field("id", Kind.UUID, indexed=True),
    Field("org", Kind.TEXT),
    Field("stored", Kind.INSTANT, indexed=True),
    Field("timestamp", Kind.INSTANT),
    Field("actor", Kind.TEXT, indexed=True),
    Field("actor_type", Kind.TEXT),
    Field("verb", Kind.IRI, indexed=True),
    Field("object.id", Kind.TEXT, indexed=True),
    Field("object.type", Kind.TEXT),
    Field("activity_type", Kind.IRI),
    Field("registration", Kind.UUID, indexed=True),
    Field("success", Kind.BOOLEAN),
    Field("completion", Kind.BOOLEAN),
    Field("score.scaled", Kind.NUMBER),
    Field("score.raw", Kind.NUMBER),
    Field("score.min", Kind.NUMBER),
    Field("score.max", Kind.NUMBER),
    Field("duration_s", Kind.NUMBER),
    Field("platform", Kind.TEXT),
    Field("language", Kind.TEXT),
    Field("instructor", Kind.TEXT),
    Field("parent", Kind.IRIS),
    Field("grouping", Kind.IRIS),
    Field("category", Kind.IRIS),
    Field("other", Kind.IRIS),
    Field("client", Kind.TEXT),
    Field("client_label", Kind.TEXT),
    Field("controlled_by", Kind.TEXT),
    Field("authority", Kind.TEXT),
    Field("version", Kind.TEXT),
    Field("beyond_launch", Kind.BOOLEAN),
    Field("repairs", Kind.IRIS),
    Field("received", Kind.TEXT),
    Field("origin.stored", Kind.INSTANT),
    Field("origin.authority", Kind.TEXT),
    Field("result.extensions", Kind.EXTENSION),
    Field("context.extensions", Kind.EXTENSION),
    Field("activity.extensions", Kind.EXTENSION),
    Field("person", Kind.PERSON),
    Field("person.organization", Kind.PERSON),
    Field("person.region", Kind.PERSON),
    Field("person.role", Kind.PERSON),
    Field("person.tier", Kind.PERSON),
    Field("person.award", Kind.PERSON),
)

ADL_VERB = "http://adlnet.gov/expapi/verbs/"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def field_named(name: object, where: str) -> Field:
    """Return the field of that name; InvalidQuery with the nearest name if there is none."""
    if isinstance(name, str) and name in FIELDS:
        return FIELDS[name]
    near = difflib.get_close_matches(str(name), FIELDS, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; one of {', '.join(FIELDS)}"
    raise InvalidQuery(where, f"unknown field {name!r}{hint}")


def read_value(field: Field, value: Any, where: str) -> Any:
    """Turn a JSON value of a query into the form the document holds; InvalidQuery names the place."""
    try:
        return _READERS[field.kind](value)
    except (TypeError, ValueError, ArithmeticError):
        raise InvalidQuery(where, f"{value!r} is not a {field.kind.value} value") from None


def read_instant(value: Any) -> dt.datetime:
    """Read an RFC 3339 instant, or a date as its first instant in UTC; ValueError otherwise."""
    if not isinstance(value, str):
        raise TypeError(value)
    if _DATE.fullmatch(value):
        return dt.datetime.combine(dt.date.fromisoformat(value), dt.time(), dt.UTC)
    instant = dt.datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError(value)
    try:
        return instant.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError(value) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _iri(value: Any) -> str:
    text = _text(value)
    return text if ":" in text else ADL_VERB + text


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | bool | int | float):
        raise TypeError(value)
    return value


_READERS = {
    Kind.TEXT: _text,
    Kind.IRI: _iri,
    Kind.IRIS: _text,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.INSTANT: read_instant,
    Kind.UUID: lambda value: uuid.UUID(_text(value)),
    Kind.EXTENSION: _scalar,
    Kind.PERSON: _text,
}
