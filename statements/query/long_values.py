"""Extension values beyond the searched length, in groups and measures: read from the statement itself.

The searched field of such a value holds nothing, so its statement makes a partial group of its own, which
brings the statement along; what is missing is then filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from statements.errors import InvalidQuery
from statements.query.analyst_query import AnalystQuery
from statements.query.fields import Kind

Partial = dict[str, Any]
LongValue = Callable[
    [bytes, str, str], str | None
]  # the statement's text, the place, the IRI of the extension
AS_THEY_ARE: Final = frozenset(
    {"distinct", "first", "last"}
)  # measures of any value; the others take numbers
MOST_BYTES: Final = 64 * 1024 * 1024


def wanted(query: AnalystQuery) -> dict[str, tuple[str, str]]:
    """Return by name of a partial value (`k0`, `m1`) the place and IRI of the extension that it shows."""
    found = {
        f"k{i}": (key.field.name.partition(".")[0], key.key or "")
        for i, key in enumerate(query.group)
        if key.field.kind is Kind.EXTENSION
    }
    for i, one in enumerate(query.measures):
        if one.field is not None and one.field.kind is Kind.EXTENSION and one.function in AS_THEY_ARE:
            found[f"m{i}"] = (one.field.name.partition(".")[0], one.key or "")
    return found


def apart(query: AnalystQuery) -> tuple[Any, dict[str, Any]]:
    """Return what keeps statements with long values apart, and what they bring along; empty without any."""
    places = sorted(set(wanted(query).values()))
    if not places:
        return None, {}
    is_long = {"$or": [_is_long(where, iri) for where, iri in places]}
    one = {"$cond": [is_long, "$_id", "$$REMOVE"]}
    return one, {
        "raw": {"$max": {"$cond": [is_long, "$raw", None]}},
        "at": {"$max": {"$cond": [is_long, "$timestamp", None]}},
    }


def _is_long(where: str, iri: str) -> dict[str, Any]:
    same = [
        {"$eq": ["$$this.where", where]},
        {"$eq": ["$$this.k", {"$literal": iri}]},
        {"$eq": [{"$type": "$$this.v"}, "missing"]},
    ]
    found = {"$filter": {"input": {"$ifNull": ["$extensions", []]}, "cond": {"$and": same}}}
    return {"$gt": [{"$size": found}, 0]}


def filled(query: AnalystQuery, partials: Iterable[Partial], long_value: LongValue) -> Iterator[Partial]:
    """Yield partial groups with the long values in their places; raises InvalidQuery beyond MOST_BYTES."""
    names, held = wanted(query), 0
    for partial in partials:
        raw = partial.pop("raw", None)
        if raw is not None:
            for name, (where, iri) in names.items():
                held += _fill(partial, name, long_value(raw, where, iri), query)
            if held > MOST_BYTES:
                raise InvalidQuery("group", "meets too many long values; narrow the filter")
        yield partial


def _fill(partial: Partial, name: str, value: str | None, query: AnalystQuery) -> int:
    """Put a value that is there and not searched into a partial group; return how long it is."""
    if value is None:
        return 0
    if name.startswith("k"):
        if partial["_id"].get(name) is None:
            partial["_id"][name] = value
    elif query.measures[int(name[1:])].function == "distinct":
        partial[name] = [value, *(one for one in partial[name] if one is not None)]
    elif partial.get(name) is None:
        partial[name] = {"t": partial["at"], "i": partial["_id"]["one"], "v": value}
    return len(value)
