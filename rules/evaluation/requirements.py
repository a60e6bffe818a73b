"""Requirements over a view of statements (cert#2.5): satisfied by what, or what is missing.

One function per form, found in a table. Each returns the ids of the statements that satisfy the form at an
instant, or None when it is not satisfied.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal
from typing import Any

from rules.evidence.evidence_index import EvidenceView, usable_until
from rules.evidence.from_statement import number
from rules.evidence.history import END_OF_TIME, Evidence, Held, Number
from rules.language.durations import Duration
from rules.language.requirements import (
    AllOf,
    Another,
    AnyOf,
    AtLeast,
    Attempt,
    Count,
    Distinct,
    Done,
    Holds,
    InOrder,
    InTurn,
    Requirement,
    Score,
    Sum,
)

Ids = tuple[str, ...]
_EXACT = Context(prec=400)


def evidence_for(requirement: Requirement, view: EvidenceView, at: dt.datetime) -> Ids | None:
    """Return the ids of the statements that satisfy a requirement at an instant, else None (cert#2.5)."""
    if requirement.disqualified_by and any(view.ever(name, at) for name in requirement.disqualified_by):
        return None
    return FORMS[type(requirement)](requirement, view, at)


def missing_keys(requirement: Requirement, view: EvidenceView, at: dt.datetime) -> Ids:
    """Return the missing keys of a requirement in document order; none if it is satisfied (cert#2.5)."""
    if evidence_for(requirement, view, at) is not None:
        return ()
    if isinstance(requirement, AllOf) and requirement.key is None:
        unmet = [key for part in requirement.parts for key in missing_keys(part, view, at)]
        return tuple(dict.fromkeys(unmet)) or tuple(
            name for name in requirement.disqualified_by if view.ever(name, at)
        )
    return (requirement.missing_key,)


# The forms


def _all_of(requirement: AllOf, view: EvidenceView, at: dt.datetime) -> Ids | None:
    found: list[str] = []
    for part in requirement.parts:
        ids = evidence_for(part, view, at)
        if ids is None:
            return None
        found += ids
    return tuple(dict.fromkeys(found))


def _any_of(requirement: AnyOf, view: EvidenceView, at: dt.datetime) -> Ids | None:
    return _some_of(requirement.parts, 1, view, at)


def _at_least(requirement: AtLeast, view: EvidenceView, at: dt.datetime) -> Ids | None:
    return _some_of(requirement.parts, requirement.n, view, at)


def _some_of(parts: Iterable[Requirement], n: int, view: EvidenceView, at: dt.datetime) -> Ids | None:
    """Return the evidence of all satisfied parts if there are n of them."""
    satisfied = [ids for part in parts if (ids := evidence_for(part, view, at)) is not None]
    if len(satisfied) < n:
        return None
    return tuple(dict.fromkeys(i for ids in satisfied for i in ids))


def _done(requirement: Done, view: EvidenceView, at: dt.datetime) -> Ids | None:
    rows = view.rows(requirement.selector, at)
    return (*view.beside(requirement.selector, rows[0]), rows[0].id) if rows else None


def _score(requirement: Score, view: EvidenceView, at: dt.datetime) -> Ids | None:
    best = chosen_score(view.rows(requirement.selector, at), requirement.attempt, requirement.at_least)
    return (best.id,) if best is not None and _value(best) >= requirement.at_least else None


def _holds(requirement: Holds, view: EvidenceView, at: dt.datetime) -> Ids | None:
    around = view.evidence_index.around
    order = around.version_order.get(requirement.certification, ())
    for held in around.holds.get(requirement.certification, ()):
        if (
            held.from_at <= at
            and (held.until_at is None or at < held.until_at)
            and held.state in requirement.status
            and _version_reaches(held, requirement.version_at_least, order)
        ):
            return ()
    return None


def _count(requirement: Count, view: EvidenceView, at: dt.datetime) -> Ids | None:
    firsts = distinct_first(view.rows(requirement.selector, at), requirement.distinct)
    return (
        tuple(e.id for e in firsts[: requirement.at_least]) if len(firsts) >= requirement.at_least else None
    )


def _sum(requirement: Sum, view: EvidenceView, at: dt.datetime) -> Ids | None:
    counted = summands(view.rows(requirement.selector, at), requirement.field, requirement.distinct)
    if total(value for _, value in counted) < requirement.at_least:
        return None
    return tuple(e.id for e, _ in counted)


def _in_order(requirement: InOrder, view: EvidenceView, at: dt.datetime) -> Ids | None:
    columns = [view.rows(name, at) for name in requirement.selectors]
    if not all(columns):
        return None
    for first in columns[0]:
        chain = _chain(columns[1:], [first])
        if chain is not None and (
            requirement.within is None
            or _spans(chain, requirement.within, view.evidence_index.version.timezone)
        ):
            return tuple(e.id for e in chain)
    return None


def _another(requirement: Another, view: EvidenceView, at: dt.datetime) -> Ids | None:
    found = others(requirement.selector, view, at)
    return (*view.beside(requirement.selector, found[0]), found[0].id) if found else None


def others(selector: str, view: EvidenceView, at: dt.datetime) -> list[Evidence]:
    """Return the statements about other activities than those of the last period (cert#4.7-5)."""
    used = {e.activity for e in view.behind_last(selector)}
    return [e for e in view.rows(selector, at) if e.activity not in used]


def _in_turn(requirement: InTurn, view: EvidenceView, at: dt.datetime) -> Ids | None:
    selector = whose_turn(requirement.selectors, view)
    rows = view.rows(selector, at)
    return (*view.beside(selector, rows[0]), rows[0].id) if rows else None


def whose_turn(selectors: Sequence[str], view: EvidenceView) -> str:
    """Return the selector after the last one behind the period before; the first where none is."""
    used = [i for i, name in enumerate(selectors) if view.behind_last(name)]
    return selectors[(used[-1] + 1) % len(selectors)] if used else selectors[0]


FORMS: dict[type[Requirement], Callable[[Any, EvidenceView, dt.datetime], Ids | None]] = {
    AllOf: _all_of,
    AnyOf: _any_of,
    AtLeast: _at_least,
    Done: _done,
    Score: _score,
    Holds: _holds,
    Count: _count,
    Sum: _sum,
    InOrder: _in_order,
    Another: _another,
    InTurn: _in_turn,
}


# Scores and attempts


def chosen_score(rows: Sequence[Evidence], attempt: Attempt, at_least: Number) -> Evidence | None:
    """Return the statement that decides the score of the chosen attempt (cert#4.3); None without a score.

    The value of an attempt is that of its newest scored statement. `any` is the oldest single statement that
    reaches `at_least`, else the highest.
    """
    scored = [e for e in rows if e.score is not None]
    if not scored:
        return None
    if attempt == "latest":
        return scored[-1]
    if attempt == "any":
        return next((e for e in scored if _value(e) >= at_least), max(scored, key=_value))
    newest = {e.registration or e.id: e for e in scored}
    if attempt == "first":
        return newest[scored[0].registration or scored[0].id]
    return max(newest.values(), key=_value)


def attempts(rows: Iterable[Evidence]) -> int:
    """Return the number of scored attempts among the statements (cert#4.3-1)."""
    return len({e.registration or e.id for e in rows if e.score is not None})


def _value(e: Evidence) -> Number:
    return e.score if e.score is not None else Decimal(-1)


# Counting and adding


def _distinct_value(e: Evidence, distinct: Distinct) -> tuple[str, str]:
    match distinct:
        case "activity":
            return "activity", e.activity
        case "registration" if e.registration is not None:
            return "registration", e.registration
        case _:
            return "statement", e.id


def distinct_first(rows: Iterable[Evidence], distinct: Distinct) -> list[Evidence]:
    """Return the oldest statement of each distinct value; one without registration is its own value."""
    if distinct == "activity":
        by_activity: dict[str, Evidence] = {}
        for e in rows:
            by_activity.setdefault(e.activity, e)
        return list(by_activity.values())
    firsts: dict[tuple[str, str], Evidence] = {}
    for e in rows:
        firsts.setdefault(_distinct_value(e, distinct), e)
    return list(firsts.values())


def summands(rows: Iterable[Evidence], field: str, distinct: Distinct) -> list[tuple[Evidence, Decimal]]:
    """Return per distinct value the statement with the highest number; a non-number is skipped (cert#2.5)."""
    highest: dict[tuple[str, str], tuple[Evidence, Decimal]] = {}
    for e in rows:
        value = summand(e, field)
        if value is None:
            continue
        key = _distinct_value(e, distinct)
        if key not in highest or value > highest[key][1]:
            highest[key] = (e, value)
    return list(highest.values())


def summand(e: Evidence, field: str) -> Decimal | None:
    """Return the number of `score.raw`, `score.scaled` or a result extension; None for a non-number."""
    match field:
        case "score.raw":
            return e.raw
        case "score.scaled":
            return e.scaled
        case _:
            return number(e.result_extensions.get(field))


def total(values: Iterable[Decimal]) -> Decimal:
    """Return an exact sum (cert#4.3-3)."""
    result = Decimal(0)
    for value in values:
        result = _EXACT.add(result, value)
    return result


# Sequences


def _chain(columns: Sequence[Sequence[Evidence]], chosen: list[Evidence]) -> list[Evidence] | None:
    """Return the earliest chain that goes on from the chosen statements, each used once; None without one.

    A statement taken for one name can only be wanted by a later name at the same instant, so only
    statements of that instant are tried in turn.
    """
    if not columns:
        return chosen
    column, instant = columns[0], None
    for index in range(bisect_left(column, chosen[-1].at, key=_at), len(column)):
        e = column[index]
        if any(e is one for one in chosen):
            continue
        if instant is not None and e.at != instant:
            break
        instant = e.at
        chain = _chain(columns[1:], [*chosen, e])
        if chain is not None:
            return chain
    return None


def _at(e: Evidence) -> dt.datetime:
    return e.at


def _spans(chain: Sequence[Evidence], within: Duration, timezone: str) -> bool:
    return chain[-1].at < usable_until(chain[0].at, within, timezone)


def _version_reaches(held: Held, at_least: str | None, order: Sequence[str]) -> bool:
    """Tell whether a version is at least another: by `effective_from`, else if equal (cert#10-21)."""
    if at_least is None or held.version == at_least:
        return True
    return held.version in order and at_least in order and order.index(held.version) >= order.index(at_least)


# Bounds and starts


def earliest(requirement: Requirement, view: EvidenceView) -> dt.datetime:
    """Return an instant before which the requirement cannot be satisfied; END_OF_TIME if it never can.

    A lower bound that looks at first statements and first prerequisites only; it saves the evaluation of
    candidate instants that are too early.
    """
    return EARLIEST[type(requirement)](requirement, view)


def _all_earliest(requirement: AllOf, view: EvidenceView) -> dt.datetime:
    latest = None
    for part in requirement.parts:
        at = earliest(part, view)
        if at >= END_OF_TIME:
            return END_OF_TIME
        if latest is None or at > latest:
            latest = at
    return END_OF_TIME if latest is None else latest


def _held_earliest(requirement: Holds, view: EvidenceView) -> dt.datetime:
    held = view.evidence_index.around.holds.get(requirement.certification, ())
    return min((h.from_at for h in held), default=END_OF_TIME)


EARLIEST: dict[type[Requirement], Callable[[Any, EvidenceView], dt.datetime]] = {
    AllOf: _all_earliest,
    AnyOf: lambda one, view: min((earliest(part, view) for part in one.parts), default=END_OF_TIME),
    AtLeast: lambda one, view: sorted(earliest(part, view) for part in one.parts)[one.n - 1],
    Done: lambda one, view: view.first_at(one.selector),
    Score: lambda one, view: view.first_scored(one.selector, one.at_least),
    Holds: _held_earliest,
    Count: lambda one, view: view.first_at(one.selector, one.at_least),
    Sum: lambda one, view: view.first_at(one.selector),
    InOrder: lambda one, view: max(view.first_at(name) for name in one.selectors),
    Another: lambda one, view: view.first_at(one.selector),
    InTurn: lambda one, view: view.first_at(whose_turn(one.selectors, view)),
}
