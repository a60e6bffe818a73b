"""A person's states over time as a drawing: a band for each state, and a mark at an instant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lrs.console.models.states import state_of

WIDTH: Final = 100.0
AHEAD: Final = dt.timedelta(days=120)


@dataclass(frozen=True, slots=True)
class Band:
    """One state from `at` to the next one, in percent of the width of the drawing."""

    x: float
    width: float
    tone: str
    name: str
    at: dt.datetime
    until: dt.datetime | None


@dataclass(frozen=True, slots=True)
class StateLine:
    """Bands from left to right; `ticks` are years at their place, `marked` is the asked instant."""

    bands: tuple[Band, ...]
    ticks: tuple[tuple[float, str], ...]
    marked: float
    now: float


def state_line(states: Sequence[Mapping[str, Any]], at: dt.datetime, now: dt.datetime) -> StateLine | None:
    """Return the drawing of a standing's states; None where there is nothing to draw."""
    known = [one for one in states if one["at"].year > 1]
    if not known:
        return None
    start = min(known[0]["at"], at)
    end = max(now + AHEAD, at + AHEAD, known[-1]["at"] + AHEAD)
    whole = (end - start).total_seconds()

    def place(instant: dt.datetime) -> float:
        share = float((instant - start).total_seconds() / whole)
        return round(max(0.0, min(1.0, share)) * WIDTH, 2)

    bands = []
    for i, one in enumerate(known):
        until = known[i + 1]["at"] if i + 1 < len(known) else None
        x = place(one["at"])
        width = place(until or end) - x
        if width > 0:
            bands.append(
                Band(x, round(width, 2), state_of(one["state"]).tone, one["state"], one["at"], until)
            )
    years = range(start.year + 1, end.year + 1)
    ticks = tuple((place(dt.datetime(year, 1, 1, tzinfo=dt.UTC)), str(year)) for year in years)
    return StateLine(tuple(bands), ticks, place(at), place(now))
