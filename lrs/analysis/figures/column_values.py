"""The value of a selected column for one statement document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from lrs.analysis.attributes import Attributes
from statements.parsing.json_text import dump_text
from statements.parsing.parse import parse_json
from statements.query.analyst_query import Column
from statements.query.fields import Kind
from statements.query.grouping import plain


def sources(column: Column) -> tuple[str, ...]:
    """Return the members of a document that a column is made from."""
    if column.field.kind is Kind.EXTENSION:
        return ("extensions", "raw")
    return ("actor", "timestamp") if column.field.kind is Kind.PERSON else (column.field.name,)


def value_of(column: Column, document: Mapping[str, Any], attributes: Attributes) -> Any:
    """Return what a column shows of a document; its dates may lack a zone, then they are UTC."""
    if column.field.kind is Kind.EXTENSION:
        return _extension(column, document)
    if column.field.kind is not Kind.PERSON:
        return at_path(document, column.field.name)
    actor = document.get("actor")
    if column.field.name == "person":
        return None if actor is None else attributes.person(actor)
    at: dt.datetime = document["timestamp"]
    at = at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)
    return attributes.value_at(column.field.name, column.of, actor, at)


def _extension(column: Column, document: Mapping[str, Any]) -> Any:
    where = column.field.name.partition(".")[0]
    found = (e for e in document.get("extensions", ()) if (e["where"], e["k"]) == (where, column.key))
    entry = next(found, None)
    if entry is not None and "v" not in entry:  # longer than what is searched
        return long_text(document["raw"], where, column.key or "")
    return None if entry is None else plain(entry["v"])


def long_text(raw: bytes, where: str, iri: str) -> str | None:
    """Return a text or object of an extension, as its search field would have it, from a statement."""
    statement = parse_json(raw)
    holder = statement["object"].get("definition", {}) if where == "activity" else statement.get(where, {})
    value = holder.get("extensions", {}).get(iri)
    if isinstance(value, dict | list):
        return dump_text(value, sort_keys=True).decode("utf-8")
    return value if isinstance(value, str) else None


def at_path(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path as JSON can hold it, None where there is none."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return [plain(v) for v in value] if isinstance(value, list) else plain(value)
