"""cmi5 evidence: when a moveOn was met (cert#2.6), and sessions for practice (cert#2.4)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from rules.evidence.from_statement import number
from rules.evidence.history import Evidence
from rules.evidence.selectors import (
    ABANDONED,
    CMI5_CATEGORY,
    CMI5_EXTENSION,
    CMI5_VERBS,
    COMPLETED,
    LAUNCHED,
    PASSED,
    TERMINATED,
    WAIVED,
    CompiledSelector,
    Groups,
)

_MOVEON_CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/moveon"
_REASON = "https://w3id.org/xapi/cmi5/result/extensions/reason"
_SESSION = CMI5_EXTENSION + "sessionid"


@dataclass(frozen=True, slots=True)
class Met:
    """A moveOn met: the statement by which it was, and the one it needs beside it (CompletedAndPassed)."""

    by: Evidence
    beside: Evidence | None = None


def practice_sessions(evidence: Iterable[Evidence]) -> frozenset[str]:
    """Return the cmi5 sessions that were launched in Browse or Review mode."""
    return frozenset(
        str(e.context_extensions[_SESSION])
        for e in evidence
        if e.verb == LAUNCHED and e.practice and _SESSION in e.context_extensions
    )


def in_session(e: Evidence, sessions: frozenset[str]) -> bool:
    """Tell whether a statement belongs to one of these sessions."""
    return bool(sessions) and str(e.context_extensions.get(_SESSION)) in sessions


def met(compiled: CompiledSelector, evidence: Sequence[Evidence], person: str, groups: Groups) -> list[Met]:
    """Return where registrations met the moveOn of the selector's AU, by effective time (cert#2.6)."""
    cmi5 = compiled.selector.cmi5
    if cmi5 is None:
        return []
    registrations: dict[str | None, list[Evidence]] = defaultdict(list)
    for e in evidence:
        if cmi5.au in e.grouping and _is_defined(e) and compiled.accepts(e):
            registrations[e.registration].append(e)

    def fits(e: Evidence) -> bool:
        return compiled.is_signed(e, person, groups) and compiled.in_context(e)

    found = [m for of_one in registrations.values() for m in _met_in(of_one, fits)]
    return sorted(found, key=lambda m: (m.by.at, m.by.stored, m.by.id))


def _is_defined(e: Evidence) -> bool:
    """Tell whether this is a cmi5-defined statement, with the moveOn category where it needs one."""
    needs_moveon = e.success is not None or e.completion is not None
    return (
        e.verb in CMI5_VERBS
        and CMI5_CATEGORY in e.category
        and (not needs_moveon or _MOVEON_CATEGORY in e.category)
    )


def _met_in(statements: Sequence[Evidence], fits: Callable[[Evidence], bool]) -> list[Met]:
    ends = _session_ends(statements)
    counted = [e for e in statements if e.verb not in {TERMINATED, ABANDONED} and not _is_over(e, ends)]
    found = [Met(e) for e in counted if e.verb == WAIVED and e.result_extensions.get(_REASON) and fits(e)]
    launched = next((e for e in counted if e.verb == LAUNCHED), None)
    if launched is None:
        return found
    mastery = _decimal(launched.context_extensions.get(CMI5_EXTENSION + "masteryscore"))
    passed = next((e for e in counted if e.verb == PASSED and _is_mastered(e, mastery) and fits(e)), None)
    completed = next((e for e in counted if e.verb == COMPLETED and fits(e)), None)
    match launched.context_extensions.get(CMI5_EXTENSION + "moveon"):
        case "Passed":
            found += [Met(passed)] if passed else []
        case "Completed":
            found += [Met(completed)] if completed else []
        case "CompletedAndPassed" if passed and completed:
            first, last = sorted((passed, completed), key=_order)
            found.append(Met(last, first))
        case "CompletedOrPassed" if passed or completed:
            found.append(Met(min((e for e in (passed, completed) if e), key=_order)))
        case "NotApplicable":
            found.append(Met(counted[0]))
    return found


def _session_ends(statements: Iterable[Evidence]) -> Mapping[str, dt.datetime]:
    ends: dict[str, dt.datetime] = {}
    for e in statements:
        if e.verb in {TERMINATED, ABANDONED} and _SESSION in e.context_extensions:
            ends.setdefault(str(e.context_extensions[_SESSION]), e.at)
    return ends


def _is_over(e: Evidence, ends: Mapping[str, dt.datetime]) -> bool:
    """Tell whether the statement comes after the end of its session."""
    end = ends.get(str(e.context_extensions.get(_SESSION)))
    return end is not None and e.at > end


def _is_mastered(e: Evidence, mastery: Decimal | None) -> bool:
    return mastery is None or e.scaled is None or e.scaled >= mastery


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return number(value)


def _order(e: Evidence) -> tuple[dt.datetime, dt.datetime, str]:
    return e.at, e.stored, e.id
