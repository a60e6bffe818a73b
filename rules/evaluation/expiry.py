"""The expiry rules (cert#4.6-3, cert#4.7): from the date of an award to the end of its period."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from rules import calendar
from rules.language.durations import Duration
from rules.language.model import CountedFrom, Renewal, Validity


@dataclass(frozen=True, slots=True)
class Expiry:
    """An expiry date A + n x L with its anchor A and count n; `until` None means forever."""

    until: dt.date | None
    anchor: dt.date
    n: int


@dataclass(frozen=True, slots=True)
class Chain:
    """What a renewal builds on: `baseline_until`, anchor, count, length of the period before (cert#4.7)."""

    until: dt.date
    anchor: dt.date
    n: int
    lasts: Duration | None


def expiry(
    rule: CountedFrom,
    completed: dt.date,
    validity: Validity,
    previous: Chain | None = None,
    *,
    first: bool = True,
) -> Expiry:
    """Return the expiry of a period awarded on the local date `completed` (table of 4.7).

    `previous` is the period of an unbroken chain; without it the award is a first or repeated one, and
    `due` counts only where `first` is true.
    """
    if validity.lasts is None:
        return Expiry(None, completed, 0)
    match rule:
        case "fixed_date":
            return _fixed(completed, validity, validity.lasts)
        case "previous_expiry" if previous is not None:
            return _after(previous, validity.lasts)
        case "previous_expiry" if first and validity.due is not None and completed <= validity.due:
            return _anchored(validity.due, validity.lasts)
        case _:
            return _anchored(completed, validity.lasts)


def end_of_grace(until: dt.date, renewal: Renewal, timezone: str) -> dt.datetime:
    """Return until when, exclusive, a renewal is accepted: the end of the grace (cert#4.2-2)."""
    return calendar.end_of(calendar.add(until, renewal.grace), timezone)


def _anchored(anchor: dt.date, lasts: Duration) -> Expiry:
    return Expiry(calendar.add(anchor, lasts), anchor, 1)


def _after(previous: Chain, lasts: Duration) -> Expiry:
    """Return the expiry one length after the previous one; a new length sets a new anchor."""
    if previous.lasts != lasts:
        return _anchored(previous.until, lasts)
    return Expiry(calendar.add(previous.anchor, lasts, previous.n + 1), previous.anchor, previous.n + 1)


def _fixed(completed: dt.date, validity: Validity, lasts: Duration) -> Expiry:
    """Return the smallest `fixed` + k x L, k any integer, that is not before `completed` + `minimum`."""
    fixed = validity.fixed
    if fixed is None:
        msg = "counted_from: fixed_date needs validity.fixed"
        raise ValueError(msg)
    earliest = calendar.add(completed, validity.minimum)
    k = (earliest - fixed).days // _longest_days(lasts)
    while calendar.add(fixed, lasts, k) < earliest:
        k += 1
    while calendar.add(fixed, lasts, k - 1) >= earliest:
        k -= 1
    return Expiry(calendar.add(fixed, lasts, k), fixed, k)


def _longest_days(lasts: Duration) -> int:
    """Return the greatest number of days a length can have, at least 1."""
    days_of = {"days": 1, "weeks": 7, "months": 31, "years": 366}
    return max(lasts.n * days_of[lasts.unit.value], 1)
