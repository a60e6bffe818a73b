"""Conditions on statement documents: one table of operators for rules, analysts and xAPI parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


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


def matches(predicate: Predicate, document: Document) -> bool:
    """Tell whether a statement document satisfies the predicate, exactly as MongoDB would."""
    raise NotImplementedError
