"""What a season brings somebody, from what happened by an instant; the order of arrival does not matter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rules import calendar
from rules.engagement.happenings import Happening
from rules.language.engagement import Season


@dataclass(frozen=True, slots=True)
class Earned:
    """What brought points, and how many."""

    happening: Happening
    points: int


def span_of(season: Season, timezone: str) -> tuple[dt.datetime, dt.datetime]:
    """Return from which instant until which one, exclusive, a season runs."""
    return calendar.start_of(season.first, timezone), calendar.end_of(season.last, timezone)


def is_running(season: Season, timezone: str, at: dt.datetime) -> bool:
    """Tell whether a season runs at an instant."""
    begins, ends = span_of(season, timezone)
    return begins <= at < ends


def earned(
    season: Season, timezone: str, happenings: Iterable[Happening], at: dt.datetime
) -> tuple[Earned, ...]:
    """Return what brought points in a season by an instant, the newest first.

    A course that is finished again in the same season brings nothing more.
    """
    return tuple(reversed([*_counted(season, timezone, sorted(set(happenings)), at)]))


def _counted(
    season: Season, timezone: str, happenings: Iterable[Happening], at: dt.datetime
) -> Iterator[Earned]:
    begins, ends = span_of(season, timezone)
    finished: set[str] = set()
    for one in happenings:
        points = season.points.get(one.kind, 0)
        if not points or not begins <= one.at < ends or one.at > at:
            continue
        if one.kind == "content":
            if one.what in finished:
                continue
            finished.add(one.what)
        yield Earned(one, points)


def total(found: Iterable[Earned]) -> int:
    """Return the sum of points."""
    return sum(one.points for one in found)
