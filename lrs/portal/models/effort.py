"""What pages say of points and milestones: one's own alone, as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rules.engagement.happenings import Happening
from rules.engagement.milestones import Progress, progress
from rules.engagement.points import Earned, earned, is_running, total
from rules.language.engagement import Engagement, Season


@dataclass(frozen=True, slots=True)
class OwnSeason:
    """A season with what it brought the person by now."""

    document: Engagement
    season: Season
    found: tuple[Earned, ...]
    is_running: bool

    @property
    def points(self) -> int:
        """Return the sum of points."""
        return total(self.found)


def own_seasons(
    wanted: Sequence[tuple[Engagement, Season]], happened: Sequence[Happening], now: dt.datetime
) -> list[OwnSeason]:
    """Return the seasons that run, then those that are over and brought something; none that is to come."""
    found = [
        OwnSeason(
            document, season, earned(season, document.timezone, happened, now),
            is_running(season, document.timezone, now),
        )
        for document, season in wanted
    ]  # fmt: skip
    return sorted((one for one in found if one.is_running or one.found), key=lambda one: not one.is_running)


def own_milestones(
    documents: Iterable[Engagement],
    happened: Sequence[Happening],
    products: Collection[str],
    now: dt.datetime,
) -> list[Progress]:
    """Return the milestones that are reached, the newest first, then the others, the nearest first."""
    found = [progress(one, happened, now, products) for each in documents for one in each.milestones]
    reached = sorted((one for one in found if one.at is not None), key=lambda one: str(one.at), reverse=True)
    left = [one for one in found if one.at is None and one.need]
    return [*reached, *sorted(left, key=lambda one: (-one.have / one.need, one.milestone.id))]
