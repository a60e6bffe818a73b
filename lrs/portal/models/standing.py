"""How somebody stands in all certifications, sorted into what a page shows: held, next, and over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rules.engine.standings import StateAt
from rules.evaluation.timeline import HELD_STATES

TO_RENEW: Final = frozenset({"renewal_open", "grace"})
WAY: Final = frozenset({"in_progress", "not_started", "expired", *TO_RENEW})  # there is something to do


@dataclass(frozen=True, slots=True)
class One:
    """One certification of a person: its state, what is asked and by when."""

    certification: str
    state: str
    since: dt.datetime | None = None
    award: str | None = None
    expires: str | None = None
    due: dt.date | None = None
    is_asked: bool = False
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """What a person holds, what is next (most urgent first), and what is over or on hold."""

    held: tuple[One, ...]
    next: tuple[One, ...]
    past: tuple[One, ...]


Asking = Mapping[str, tuple[dt.date | None, bool]]
"""From a certification that is asked of the person to its day and whether that is over."""


def overview(standings: Mapping[str, StateAt], asked: Asking) -> Overview:
    """Sort what somebody stands in; an expired certification that is not asked for is over, not next."""
    every = [_one(name, standings.get(name), asked) for name in sorted({*standings, *asked})]
    ahead = [one for one in every if _is_next(one)]
    return Overview(
        held=_by_end([one for one in every if one.state in HELD_STATES]),
        next=tuple(sorted(ahead, key=_urgency)),
        past=tuple(one for one in every if one.state not in HELD_STATES and not _is_next(one)),
    )


def _one(name: str, found: StateAt | None, asked: Asking) -> One:
    due, overdue = asked.get(name, (None, False))
    given = {"due": due, "is_asked": name in asked, "overdue": overdue}
    if found is None:
        return One(name, "not_started", **given)  # type: ignore[arg-type]  # as the fields are
    return One(name, found.state, found.since, found.award, found.expires, **given)  # type: ignore[arg-type]


def _is_next(one: One) -> bool:
    return one.state in WAY and (one.state != "expired" or one.is_asked)


def _urgency(one: One) -> tuple[bool, bool, str, bool, str]:
    """Return what sorts by urgency: overdue, dated, begun, by name."""
    day = one.due.isoformat() if one.due else one.expires if one.state in TO_RENEW else None
    late = one.overdue or one.state == "grace"
    return not late, day is None, day or "", one.state == "not_started", one.certification


def _by_end(held: Sequence[One]) -> tuple[One, ...]:
    return tuple(sorted(held, key=lambda one: (one.expires or "9999", one.certification)))
