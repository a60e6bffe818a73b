"""The filters of the statement list as an expression of the query language, and its rows in short words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lrs.foundation.errors import InvalidField

Document = dict[str, Any]
SELECT: Final = (
    "id", "stored", "timestamp", "org", "actor", "verb", "object.id", "success", "score.scaled",
    "client_label",
)  # fmt: skip
FIELDS: Final = {
    "verb": "verb",
    "object": "object.id",
    "client": "client_label",
    "registration": "registration",
}
"""Filters of the page that are fields of the language as they stand."""
FACETS: Final = {"verb": "verb", "object": "object.id", "client": "client_label", "org": "org"}
FACET_VALUES: Final = 6


def expression(filters: Mapping[str, str], limit: int, cursor: str | None) -> Document:
    """Return the question that a list of statements asks; InvalidField for a filter that is no JSON."""
    clauses: list[Any] = [
        {"field": field, "eq": filters[name]} for name, field in FIELDS.items() if name in filters
    ]
    if "actor" in filters:
        clauses.append(_actor(filters["actor"]))
    for name, operator in (("since", "gte"), ("until", "lt")):
        if name in filters:
            clauses.append({"field": "stored", operator: filters[name]})
    if "filter" in filters:
        clauses.append(_given(filters["filter"]))
    asked: Document = {"select": list(SELECT), "sort": "-stored", "limit": limit}
    if clauses:
        asked["filter"] = {"all": clauses}
    if cursor is not None:
        asked["cursor"] = cursor
    return asked


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a field among the rows, how it is called, and how many rows have it."""

    name: str
    value: str
    words: str
    count: int
    chosen: bool


def facets(
    rows: Sequence[Mapping[str, Any]], filters: Mapping[str, str], orgs: Mapping[str, str]
) -> list[tuple[str, list[Facet]]]:
    """Return the filters that are chosen or have several values in the rows, with these values.

    The most frequent first, at most `FACET_VALUES` of each.
    """
    found = []
    for name, field in FACETS.items():
        counts = Counter(str(row[field]) for row in rows if row.get(field) is not None)
        if len(counts) < 2 and name not in filters:
            continue
        ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:FACET_VALUES]
        values = [
            Facet(
                name, value, orgs.get(value, value) if name == "org" else short(value), count, name in filters
            )
            for value, count in ordered
        ]
        if values:
            found.append((name, values))
    return found


def _actor(words: str) -> Document:
    """Return the clause of an actor: a person of ours, an identifier, or a mail address."""
    if words.startswith("p_"):
        return {"field": "person", "eq": words}
    if "::" in words:
        return {"field": "actor", "eq": words}
    return {"field": "actor", "eq": f"mbox::mailto:{words.lower()}"}


def _given(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidField("filter", f"is no JSON: {error}") from error


def short(iri: str | None) -> str:
    """Return what is left of an address in a narrow column: its last part."""
    return (iri or "").rstrip("/").rpartition("/")[2] or (iri or "")


def short_actor(ifi: str | None) -> str:
    """Return an actor in a narrow column: the mail address, or the name of an account."""
    text = (ifi or "").partition("::")[2] or (ifi or "")
    return text.removeprefix("mailto:").partition("@http")[0]
