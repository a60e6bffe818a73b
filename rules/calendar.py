"""Calendar arithmetic in the programme zone (cert#4.6): local dates first, conversion last."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import calendar
import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.language.durations import Duration, Unit

_MAX_YEAR = 9998
_LAST_DAY = dt.date(_MAX_YEAR, 12, 31)
_FIRST_DAY = dt.date(1, 1, 2)
MONTH = Duration(1, Unit.MONTHS)
DAY = dt.timedelta(days=1)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of a name."""
    return ZoneInfo(name)


def local_date(at: dt.datetime, timezone: str) -> dt.date:
    """Return the local date of an instant in a programme zone."""
    if timezone == "UTC":
        return at.date()
    try:
        return at.astimezone(zone(timezone)).date()
    except OverflowError:
        return at.date()


@lru_cache(maxsize=65536)
def start_of(day: dt.date, timezone: str) -> dt.datetime:
    """Return the first instant, in UTC, whose local date is `day` or later (cert#4.6-2).

    A midnight that does not exist gives the first valid instant, one that occurs twice the earlier; a day
    that a zone left out gives the start of the next one.
    """
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    if timezone == "UTC":
        return midnight
    local = zone(timezone)
    wall = midnight.replace(tzinfo=local)
    guess = wall.astimezone(dt.UTC)
    if guess.astimezone(local).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return guess
    return _gap_end(guess, local)


def _gap_end(guess: dt.datetime, local: ZoneInfo) -> dt.datetime:
    """Return the instant of the change of offset near a midnight that does not exist, by bisection."""
    low, high = guess - dt.timedelta(hours=26), guess + dt.timedelta(hours=26)
    before = low.astimezone(local).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle == low:
            break
        if middle.astimezone(local).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=65536)
def end_of(day: dt.date, timezone: str) -> dt.datetime:
    """Return the exclusive end of a local date: the first instant whose local date is later (cert#4.6-2)."""
    return start_of(day + dt.timedelta(days=1), timezone)


def add(day: dt.date, duration: Duration, times: int = 1) -> dt.date:
    """Return `day` + `times` x duration, clamped to the last valid day (cert#4.6-1, cert#4.6-3).

    Dates beyond the year 9998 stop at its last day, dates before the year 1 at its first.
    """
    n = duration.n * times
    match duration.unit:
        case Unit.DAYS:
            return _days(day, n)
        case Unit.WEEKS:
            return _days(day, 7 * n)
        case Unit.MONTHS:
            return _months(day, n)
        case Unit.YEARS:
            return _months(day, 12 * n)
        case Unit.HOURS:
            msg = "hours have no meaning for dates"
            raise ValueError(msg)


def _days(day: dt.date, n: int) -> dt.date:
    try:
        return min(day + dt.timedelta(days=n), _LAST_DAY)
    except OverflowError:
        return _LAST_DAY if n > 0 else _FIRST_DAY


def _months(day: dt.date, n: int) -> dt.date:
    years, month0 = divmod(day.year * 12 + day.month - 1 + n, 12)
    if years > _MAX_YEAR:
        return _LAST_DAY
    if years < 1:
        return _FIRST_DAY
    if day.day <= 28:
        return dt.date(years, month0 + 1, day.day)
    return dt.date(years, month0 + 1, min(day.day, calendar.monthrange(years, month0 + 1)[1]))


def later_by(at: dt.datetime, duration: Duration, timezone: str) -> dt.datetime:
    """Return the instant a duration after another: hours to weeks as elapsed time, months by local date.

    For `settle` and `max_lateness` (cert#10-7): n days are n x 24 hours; months keep the local wall
    time.
    """
    match duration.unit:
        case Unit.HOURS:
            return _elapsed(at, dt.timedelta(hours=duration.n))
        case Unit.DAYS:
            return _elapsed(at, dt.timedelta(days=duration.n))
        case Unit.WEEKS:
            return _elapsed(at, dt.timedelta(weeks=duration.n))
        case _:
            return end_of(add(local_date(at, timezone), duration), timezone)


def _elapsed(at: dt.datetime, delta: dt.timedelta) -> dt.datetime:
    try:
        return at + delta
    except OverflowError:
        return dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
