"""What the specification recommends of statements, asked of clients that chose `strict`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import RFC_4122, UUID

from statements.errors import InvalidStatement
from statements.parsing.parse import json_path

Json = Mapping[str, Any]
Steps = tuple[str | int, ...]
EXPECTED = ("id", "timestamp")  # a provider should set them (1.0.3 Data 2.4.1, 2.4.7)


def check_recommendations(statements: Sequence[Json], root: str = "$") -> None:
    """Raise InvalidStatement for the first valid statement that leaves a recommendation aside."""
    for index, statement in enumerate(statements):
        path = root if len(statements) == 1 else f"$[{index}]"
        for steps, reason in _shortcomings(statement):
            raise InvalidStatement(json_path(*steps, root=path), reason)


def is_variant_2(text: str) -> bool:
    """Tell whether a UUID has the variant of RFC 4122, or is nil (1.0.3 Data 2.4.1)."""
    value = UUID(text)
    return value.variant == RFC_4122 or value.int == 0


def _shortcomings(statement: Json) -> Iterator[tuple[Steps, str]]:
    for name in EXPECTED:
        if name not in statement:
            yield (name,), "should be set by who sends the statement"
    if "display" not in statement["verb"]:
        yield ("verb", "display"), "should be there for people to read"
    yield from _of_value(statement, ())


def _of_value(value: Json, at: Steps) -> Iterator[tuple[Steps, str]]:
    """Find empty objects and UUIDs of another variant, outside of extensions."""
    for name, inner in value.items():
        steps = (*at, name)
        if name == "extensions" and inner:
            continue
        if inner == {}:
            yield steps, "should not be an empty object"
        elif isinstance(inner, dict):
            yield from _of_value(inner, steps)
        elif isinstance(inner, list):
            for index, one in enumerate(inner):
                if isinstance(one, dict):
                    yield from _of_value(one, (*steps, index))
        elif _is_uuid(value, name) and not is_variant_2(inner):
            yield steps, "should be a UUID of the RFC 4122 variant"


def _is_uuid(holder: Json, name: str) -> bool:
    return name == "registration" or (name == "id" and holder.get("objectType") == "StatementRef")
