"""The columns of CSV and Parquet: each field of the query language, and what only the statement itself says.

A column is named as in a query's `select`: a field, or an object with `key` and the like.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import orjson
from pymongo.database import Database

from lrs.analysis.attributes import Attributes
from lrs.analysis.figures.column_values import sources, value_of
from lrs.analysis.readable_stores import Scope
from statements.errors import InvalidQuery
from statements.parsing.json_text import dump_text
from statements.parsing.parse import parse_json
from statements.query.analyst_query import Column, read_columns
from statements.query.fields import Field, Kind
from statements.query.present import choose_language
from statements.storage.store import StatementStore

Document = dict[str, Any]
Json = Mapping[str, Any]
DEFAULT: Final = (
    "id", "org", "stored", "timestamp", "actor", "verb", "object.id", "object.type", "activity_type",
    "registration", "success", "completion", "score.scaled", "score.raw", "score.min", "score.max",
    "duration_s", "platform", "language", "instructor", "client", "client_label", "authority", "version",
)  # fmt: skip
COMPONENTS: Final = ("choices", "scale", "source", "target", "steps")


def _words(languages: Json | None) -> str | None:
    """Return one text of a language map: `und`, else English, else the first."""
    return None if not languages else str(languages[choose_language(tuple(languages), ())])


def _json(value: Any) -> str | None:
    return None if not value else dump_text(value).decode()


def _whole(where: str, statement: Json, definition: Json) -> str | None:
    """Return all extensions of one place as JSON."""
    holder = definition if where == "activity" else statement.get(where, {})
    return _json(holder.get("extensions"))


# What a statement and the definition of its activity say, by name of the column.
SAID: Final[Mapping[str, Callable[[Json, Json], Any]]] = {
    "response": lambda said, _: said.get("result", {}).get("response"),
    "actor.name": lambda said, _: said["actor"].get("name"),
    "verb.display": lambda said, _: _words(said["verb"].get("display")),
    "object.name": lambda said, defined: _words(defined.get("name")) or said["object"].get("name"),
    "object.description": lambda _, defined: _words(defined.get("description")),
    "object.choices": lambda _, defined: _json({k: defined[k] for k in COMPONENTS if k in defined}),
    **{f"{where}.extensions": partial(_whole, where) for where in ("result", "context", "activity")},
}


def columns_of(text: str | None) -> tuple[Column, ...]:
    """Return the columns of a list with commas or of a JSON list; raises InvalidQuery."""
    if not text:
        return read_columns(DEFAULT, "columns")
    try:
        nodes: Any = orjson.loads(text) if text.startswith("[") else [one.strip() for one in text.split(",")]
    except orjson.JSONDecodeError as error:
        raise InvalidQuery("columns", f"is not JSON: {error}") from None
    return read_columns(nodes, "columns", further={name: Field(name, Kind.TEXT) for name in SAID})


@dataclass(slots=True)
class Cells:
    """Makes the cells of columns from documents as PLAIN decodes them; one for each export.

    Raises InvalidQuery for a tier of a programme that there is not.
    """

    db: Database[Document]
    scope: Scope
    now: dt.datetime
    columns: Sequence[Column]
    attributes: Attributes = field(init=False)

    def __post_init__(self) -> None:
        self.attributes = Attributes(self.db, self.scope, self.now)
        for one in self.columns:  # what is wrong about them is said before the first byte
            if one.field.kind is Kind.PERSON and one.field.name != "person":
                self.attributes.spans(one.field.name, one.of)

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the members of a document that the columns are made from."""
        wanted: dict[str, None] = {}
        for column in self.columns:
            wanted |= dict.fromkeys(("raw", "object") if self._is_said(column) else sources(column))
        return tuple(name for name in wanted if not any(name.startswith(f"{other}.") for other in wanted))

    def of(self, org: str, documents: Sequence[Json]) -> list[list[Any]]:
        """Return the values of each column for these documents of an organization, as they are stored."""
        said: list[tuple[Json, Json]] = []
        if any(map(self._is_said, self.columns)):
            said = self._said(org, documents)
        return [self._column(column, documents, said) for column in self.columns]

    def _column(
        self, column: Column, documents: Sequence[Json], said: Sequence[tuple[Json, Json]]
    ) -> list[Any]:
        if self._is_said(column):
            tell = SAID[column.field.name]
            return [tell(*one) for one in said]
        if column.field.kind in {Kind.EXTENSION, Kind.PERSON}:
            return [value_of(column, document, self.attributes) for document in documents]
        return _stored(documents, column.field.name)

    def _is_said(self, column: Column) -> bool:
        return column.field.name in SAID and column.key is None

    def _said(self, org: str, documents: Sequence[Json]) -> list[tuple[Json, Json]]:
        """Return each statement with the definition of its activity: its own, else what is known of it."""
        statements = [parse_json(document["raw"]) for document in documents]
        bare = {
            one["object"]["id"]
            for one in statements
            if one["object"].get("objectType", "Activity") == "Activity" and "definition" not in one["object"]
        }
        known = StatementStore(self.db, org).definitions(bare) if bare else {}
        return [
            (one, one["object"].get("definition") or known.get(one["object"].get("id", ""), {}))
            for one in statements
        ]


def _stored(documents: Sequence[Json], name: str) -> list[Any]:
    """Return the values of one dotted field as they are stored, None where it is absent."""
    head, _, tail = name.partition(".")
    values = [document.get(head) for document in documents]
    return [value.get(tail) if value else None for value in values] if tail else values
