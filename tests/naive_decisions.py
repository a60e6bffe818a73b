"""A deliberately naive reference for awards and renewals (cert#4.2 to cert#4.7): no bounds, everything is tried.

Understands all, any, at_least, done, score, count, in_order, another and in_turn over selectors named by the last part of the
activity; `within`; renewals by completion or previous expiry, with window and grace; lapses. UTC only.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from rules.evidence.history import Evidence
from rules.language.durations import Duration
from rules.language.model import Certification
from rules.language.requirements import AllOf, Another, AnyOf, AtLeast, Count, Done, InOrder, InTurn, Score

DAY = dt.timedelta(days=1)


def plus(day: dt.date, duration: Duration, times: int = 1) -> dt.date:
    """Add a duration by counting days or months one at a time."""
    step = 1 if times >= 0 else -1
    if duration.unit.value in {"days", "weeks"}:
        return day + step * abs(times) * duration.n * (7 if duration.unit.value == "weeks" else 1) * DAY
    year, month = day.year, day.month
    for _ in range(abs(times) * duration.n * (12 if duration.unit.value == "years" else 1)):
        month += step
        if month in {0, 13}:
            year, month = year + step, 12 if month == 0 else 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def name_of(e: Evidence) -> str:
    return e.activity.rsplit("/", 1)[1]


def belongs(e: Evidence, selector: str) -> bool:
    """Tell whether a statement is one of a selector; `pool` selects a, b and c."""
    return name_of(e) == selector or (selector == "pool" and name_of(e) in set("abc"))


def next_of(names: tuple[str, ...], last: list[Evidence]) -> str:
    """Return whose turn it is after a period that was given for some statements."""
    used = [i for i, name in enumerate(names) if any(belongs(e, name) for e in last)]
    return [*names, names[0]][used[-1] + 1] if used else names[0]


def proof(
    requirement: Any, rows: list[Evidence], at: dt.datetime, every: list[Evidence], last: list[Evidence]
) -> list[Evidence]:
    """Return statements for which a period is given, one of each activity: another and in_turn look at no more."""
    if not satisfied(requirement, rows, at, every, last):
        return []
    rows = sorted(rows, key=_order)
    match requirement:
        case AllOf() | AnyOf() | AtLeast():
            return [e for part in requirement.parts for e in proof(part, rows, at, every, last)]
        case Another():
            return _others(requirement, rows, last)[:1]
        case InTurn():
            return _of_turn(requirement, rows, last)[:1]
        case InOrder():
            names = requirement.selectors
        case _:
            names = (requirement.selector,)
    return [next(e for e in rows if belongs(e, name)) for name in names]


def _of_turn(requirement: InTurn, rows: list[Evidence], last: list[Evidence]) -> list[Evidence]:
    return [e for e in rows if belongs(e, next_of(requirement.selectors, last))]


def _others(requirement: Another, rows: list[Evidence], last: list[Evidence]) -> list[Evidence]:
    used = {e.activity for e in last if belongs(e, requirement.selector)}
    return [e for e in rows if belongs(e, requirement.selector) and e.activity not in used]


def satisfied(
    requirement: Any, rows: list[Evidence], at: dt.datetime, every: list[Evidence], last: list[Evidence]
) -> bool:
    """Tell whether a requirement is satisfied by some rows; `every` are the rows of any age.

    `last` are the statements for which the period before was given.
    """
    if any(name_of(e) in requirement.disqualified_by and e.at <= at for e in every):
        return False
    match requirement:
        case AllOf():
            return all(satisfied(p, rows, at, every, last) for p in requirement.parts)
        case AnyOf():
            return any(satisfied(p, rows, at, every, last) for p in requirement.parts)
        case AtLeast():
            return sum(satisfied(p, rows, at, every, last) for p in requirement.parts) >= requirement.n
        case Done():
            return any(name_of(e) == requirement.selector for e in rows)
        case Count():
            return sum(name_of(e) == requirement.selector for e in rows) >= requirement.at_least
        case Score():
            return _score(requirement, [e for e in rows if name_of(e) == requirement.selector])
        case InOrder():
            columns = [[e for e in rows if name_of(e) == n] for n in requirement.selectors]
            return any(
                len({e.id for e in chain}) == len(chain)
                and all(a.at <= b.at for a, b in pairwise(chain))
                and (
                    requirement.within is None
                    or chain[-1].at.date() <= plus(chain[0].at.date(), requirement.within)
                )
                for chain in product(*columns)
            )
        case Another():
            return bool(_others(requirement, rows, last))
        case InTurn():
            return bool(_of_turn(requirement, rows, last))
    raise AssertionError(requirement)


def _score(requirement: Score, rows: list[Evidence]) -> bool:
    attempts: dict[str, list[Evidence]] = {}
    for e in sorted((e for e in rows if e.score is not None), key=_order):
        attempts.setdefault(e.registration or e.id, []).append(e)
    if not attempts:
        return False
    values = {key: tries[-1].score for key, tries in attempts.items()}
    match requirement.attempt:
        case "best":
            value = max(v for v in values.values() if v is not None)
        case "latest":
            value = values[max(attempts, key=lambda k: _order(attempts[k][-1]))]
        case "first":
            value = values[min(attempts, key=lambda k: _order(attempts[k][0]))]
        case "any":
            value = max(e.score for tries in attempts.values() for e in tries if e.score is not None)
    return value is not None and value >= requirement.at_least


def _order(e: Evidence) -> tuple[Any, ...]:
    return e.at, e.stored, e.id


@dataclass(frozen=True)
class NaivePeriod:
    """What a period is, for the reference."""

    kind: str
    awarded_at: dt.datetime
    until: dt.date
    evidence: list[Evidence]


def periods(cert: Certification, evidence: list[Evidence]) -> list[NaivePeriod]:
    """Return the periods of a person: award, renewals, lapses, by trying every candidate instant in turn."""
    lasts = cert.validity.lasts
    assert lasts is not None
    instants = sorted({e.at for e in evidence if name_of(e) in cert.evidence})
    when = cert.award.when
    found: list[NaivePeriod] = []
    anchor, n = dt.date.min, 0
    while True:
        last = found[-1] if found else None
        step = None
        for at in instants:
            if last is None:
                if satisfied(when, rows := _admitted(cert, evidence, at, None), at, evidence, []):
                    step = ("first", at, proof(when, rows, at, evidence, []))
            elif cert.renewal is not None and at > last.awarded_at and _in_window(cert, last, at):
                opens = plus(last.until, cert.renewal.opens, -1)
                rows = [e for e in evidence if e.at.date() >= opens and e.at <= at]
                if satisfied(cert.renewal.when, rows, at, evidence, last.evidence):
                    step = ("renewal", at, proof(cert.renewal.when, rows, at, evidence, last.evidence))
            elif at.date() > _end(cert, last):
                rows = _admitted(cert, evidence, at, last.awarded_at)
                if satisfied(when, rows, at, evidence, last.evidence):
                    step = ("after_lapse", at, proof(when, rows, at, evidence, last.evidence))
            if step is not None:
                break
        if step is None:
            return found
        kind, at, given_for = step
        if kind == "renewal" and cert.renewal is not None and cert.renewal.counted_from == "previous_expiry":
            n += 1
        else:
            anchor, n = at.date(), 1
        found.append(NaivePeriod(kind, at, plus(anchor, lasts, n), given_for))


def _admitted(
    cert: Certification, evidence: list[Evidence], at: dt.datetime, after: dt.datetime | None
) -> list[Evidence]:
    within = cert.award.within
    return [
        e
        for e in evidence
        if e.at <= at
        and (after is None or e.at > after)
        and (within is None or at.date() <= plus(e.at.date(), within))
    ]


def _end(cert: Certification, period: NaivePeriod) -> dt.date:
    return plus(period.until, cert.renewal.grace) if cert.renewal is not None else period.until


def _in_window(cert: Certification, period: NaivePeriod, at: dt.datetime) -> bool:
    assert cert.renewal is not None
    return plus(period.until, cert.renewal.opens, -1) <= at.date() <= _end(cert, period)


def state(cert: Certification, evidence: list[Evidence], at: dt.datetime) -> str:
    """Return the public state at an instant."""
    begun = [p for p in periods(cert, evidence) if p.awarded_at <= at]
    if not begun:
        return "in_progress"
    period = begun[-1]
    if at.date() <= period.until:
        is_open = cert.renewal is not None and plus(period.until, cert.renewal.opens, -1) <= at.date()
        return "renewal_open" if is_open else "active"
    return "grace" if at.date() <= _end(cert, period) else "expired"
