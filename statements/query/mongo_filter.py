"""Predicates as MongoDB filters; agrees with `predicate.matches` for every document."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from typing import Any

from statements.query.predicate import (
    All,
    AnyOf,
    Compare,
    Extension,
    Not,
    Operator,
    Predicate,
    resolve,
    resolve_extension,
)

Filter = dict[str, Any]

NOTHING: Filter = {"$nor": [{}]}
# Statements that count: they have arrived (a placeholder has no text, see storage.references) and stand.
STANDING: Filter = {"raw": {"$exists": True}, "voided": {"$exists": False}}


def render(predicate: Predicate) -> Filter:
    """Return the filter that selects exactly the documents for which `matches` is true.

    Raises ValueError as `resolve` does.
    """
    match predicate:
        case Compare(field, name, value):
            operator, operand = resolve(name, value)
            return _negated({field: dict(operator.render(operand))}, operator.negated)
        case Extension(iri, name, value, where):
            operator, operand = resolve_extension(name, value)
            return _extension(iri, where, operator, operand, _is_presence(name))
        case All(conditions):
            return _joined("$and", conditions, {})
        case AnyOf(conditions):
            return _joined("$or", conditions, NOTHING)
        case Not(condition):
            return _negated(render(condition), negated=True)


def _joined(name: str, conditions: tuple[Predicate, ...], empty: Filter) -> Filter:
    if len(conditions) == 1:
        return render(conditions[0])
    return {name: [render(condition) for condition in conditions]} if conditions else empty


def _negated(condition: Filter, negated: bool) -> Filter:
    return {"$nor": [condition]} if negated else condition


def _is_presence(name: str) -> bool:
    return name in {"exists", "missing"}


def _extension(iri: str, where: str | None, operator: Operator, operand: Any, presence: bool) -> Filter:
    """Render a condition on one element of `extensions`; a value that was left out is no null."""
    element: Filter = {"k": iri}
    if where is not None:
        element["where"] = where
    if presence:
        return _negated({"extensions": {"$elemMatch": element}}, not operator.negated)
    element["v"] = {"$exists": True, **operator.render(operand)}
    return _negated({"extensions": {"$elemMatch": element}}, operator.negated)
