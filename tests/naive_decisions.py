"""A deliberately naive reference for awards and renewals (4.2 to 4.7): no bounds, everything is tried.

Understands all, any, at_least, done, score, count and in_order over selectors named by the last part of the
activity; `within`; renewals by completion or previous expiry, with window and grace; lapses. UTC only.
"""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from rules.history import Evidence
from rules.model import AllOf, AnyOf, AtLeast, Certification, Count, Done, Duration, InOrder, Score

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


def satisfied(requirement: Any, rows: list[Evidence], at: dt.datetime, every: list[Evidence]) -> bool:
    """Tell whether a requirement is satisfied by some rows; `every` are the rows of any age."""
    if any(name_of(e) in requirement.disqualified_by and e.at <= at for e in every):
        return False
    match requirement:
        case AllOf():
            return all(satisfied(p, rows, at, every) for p in requirement.parts)
        case AnyOf():
            return any(satisfied(p, rows, at, every) for p in requirement.parts)
        case AtLeast():
            return sum(satisfied(p, rows, at, every) for p in requirement.parts) >= requirement.n
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


def periods(cert: Certification, evidence: list[Evidence]) -> list[NaivePeriod]:
    """Return the periods of a person: award, renewals, lapses, by trying every candidate instant in turn."""
    lasts = cert.validity.lasts
    assert lasts is not None
    instants = sorted({e.at for e in evidence if name_of(e) in cert.evidence})
    found: list[NaivePeriod] = []
    anchor, n = dt.date.min, 0
    while True:
        last = found[-1] if found else None
        step = None
        for at in instants:
            if last is None:
                if _awarded(cert, evidence, at, None):
                    step = ("first", at)
            elif cert.renewal is not None and at > last.awarded_at and _in_window(cert, last, at):
                opens = plus(last.until, cert.renewal.opens, -1)
                rows = [e for e in evidence if e.at.date() >= opens and e.at <= at]
                if satisfied(cert.renewal.when, rows, at, evidence):
                    step = ("renewal", at)
            elif at.date() > _end(cert, last) and _awarded(cert, evidence, at, last.awarded_at):
                step = ("after_lapse", at)
            if step is not None:
                break
        if step is None:
            return found
        kind, at = step
        if kind == "renewal" and cert.renewal is not None and cert.renewal.counted_from == "previous_expiry":
            n += 1
        else:
            anchor, n = at.date(), 1
        found.append(NaivePeriod(kind, at, plus(anchor, lasts, n)))


def _awarded(
    cert: Certification, evidence: list[Evidence], at: dt.datetime, after: dt.datetime | None
) -> bool:
    within = cert.award.within
    rows = [
        e
        for e in evidence
        if e.at <= at
        and (after is None or e.at > after)
        and (within is None or at.date() <= plus(e.at.date(), within))
    ]
    return satisfied(cert.award.when, rows, at, evidence)


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
