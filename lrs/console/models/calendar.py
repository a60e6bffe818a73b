"""Days of some months as a grid: how many of something fall on each, and how strongly it is drawn."""

from __future__ import annotations

import calendar
import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

SOME, MANY = 2, 5  # from how many on a day is drawn stronger


@dataclass(frozen=True, slots=True)
class Day:
    """One day: its date, how many fall on it, and the class that it is drawn with."""

    date: dt.date
    count: int
    tone: str


@dataclass(frozen=True, slots=True)
class Month:
    """One month by its first day, how many fall into it, and its days in order."""

    first: dt.date
    count: int
    days: tuple[Day, ...]


def months(days: Iterable[dt.date], first: dt.date, last: dt.date) -> list[Month]:
    """Return the months from that of `first` to that of `last`, with how many of `days` fall on each day."""
    counts, found = Counter(days), []
    at = first.replace(day=1)
    while at <= last:
        _, length = calendar.monthrange(at.year, at.month)
        dates = [at.replace(day=number) for number in range(1, length + 1)]
        row = tuple(Day(one, counts[one], tone_of(counts[one])) for one in dates)
        found.append(Month(at, sum(one.count for one in row), row))
        at = dates[-1] + dt.timedelta(days=1)
    return found


def tone_of(count: int) -> str:
    """Return the class of a cell: nothing, one, some, many."""
    return "q0" if not count else "q1" if count < SOME else "q2" if count < MANY else "q6"
