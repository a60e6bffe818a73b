"""Leaderboards that shame nobody: the upper half at most, nobody where few take part, one's own place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rank:
    """A place on a board; equals share one."""

    place: int
    who: str
    points: float


def board(points: Mapping[str, float], top: int, fewest: int) -> tuple[Rank, ...]:
    """Return who is shown, the first first: at most `top`, and never more than the upper half.

    Nobody is, where fewer than `fewest` have points at all. So nobody learns who is last.
    """
    ranked = sorted(((value, who) for who, value in points.items() if value > 0), key=_order)
    if len(ranked) < fewest:
        return ()
    shown = ranked[: min(top, len(ranked) // 2)]
    values = [value for value, _ in ranked]
    return tuple(Rank(place_of(values, value), who, value) for value, who in shown)


def _order(one: tuple[float, str]) -> tuple[float, str]:
    return -one[0], one[1]


def place_of(values: Sequence[float], mine: float) -> int:
    """Return the place of so many points among these, which may hold them or not."""
    return 1 + sum(1 for one in values if one > mine)


def averages(people: Mapping[str, Mapping[str, int]], fewest: int) -> dict[str, float]:
    """Return the points a person of each organization, those with too few people left out.

    `people` are organization -> person -> points; whoever has none there is no part of it.
    """
    return {
        org: round(sum(each.values()) / len(each), 1) for org, each in people.items() if len(each) >= fewest
    }
