"""Pages of rows: where the next one begins, and rows as the documents that they were made from. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from lrs.lake.questions.sql import column_of
from lrs.lake.questions.values import Names, Value, number_of
from lrs.lake.rows import SIGN, order_key
from lrs.lake.tables import ACTIVITIES, ACTIVITY_LISTS

Document = dict[str, Any]
Position = tuple[dt.datetime | float | None, bytes]


def beyond(name: str, position: Position | None, *, falling: bool) -> tuple[str, list[Any]]:
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


def document(row: Sequence[Any], values: Mapping[str, Value], names: Names) -> Document:
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


def list_of(name: str, values: Sequence[Any] | None, names: Names) -> Any:
    """Return the values of a list, texts in the place of their numbers."""
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
