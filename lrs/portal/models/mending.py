"""What of a tier breaks when and by whom, and who can mend it soonest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lrs.console.models.partner import Ladder
from rules.engine.standings import StateAt
from rules.evaluation.timeline import HELD_STATES
from rules.language.demands import Holding
from rules.language.model import Certification
from rules.programmes.tier_timeline import Member, TierTimeline
from rules.programmes.tiers import Standing, fits

ORDER: Final = ("grace", "renewal_open", "in_progress", "expired", "not_started")
"""In what state somebody is nearest to count again; whoever is nearer is looked at first."""


@dataclass(frozen=True, slots=True)
class Break:
    """From `at` a demand of the tier that is held then lacks people, because what some hold ends."""

    at: dt.datetime
    tier: str
    label: str
    need: int
    have: int
    people: tuple[str, ...]
    falls_at: dt.datetime | None


def breaks(timeline: TierTimeline, members: Sequence[Member], now: dt.datetime) -> tuple[Break, ...]:
    """Return what breaks from now on if nobody renews, each demand once, the first first."""
    known = {one.key for check in timeline.at(now).unmet for one in check.unmet}
    found = []
    for segment in timeline.segments:
        if segment.at <= now or segment.tier is None:
            continue
        for check in segment.unmet:
            for one in check.unmet:
                if one.key not in known:
                    known.add(one.key)
                    who = tuple(ending_at(members, segment.at))
                    said = (one.label or one.key, one.required, one.observed)
                    found.append(Break(segment.at, check.tier, *said, who, segment.falls_at))
    return tuple(found)


def ending_at(members: Sequence[Member], at: dt.datetime) -> Iterable[str]:
    """Yield whose holdings end at an instant and do not go on."""
    for member in members:
        held = [one for one in member.held if one.span.until_at == at]
        going_on = {one.standing.certification for one in member.held if one.span.covers(at)}
        left = any(span.until_at == at for span in member.affiliated)
        if left or any(one.standing.certification not in going_on for one in held):
            yield member.person


@dataclass(frozen=True, slots=True)
class Gap:
    """A demand that lacks people: of the tier that is held (it falls), or of the next one."""

    tier: str
    label: str
    need: int
    have: int
    holding: Holding
    holds: tuple[str, ...]
    is_held: bool

    @property
    def missing(self) -> int:
        """The number of people still missing."""
        return self.need - self.have


def gaps(ladder: Ladder, ahead: Sequence[Break]) -> Iterator[Gap]:
    """Yield what the held tiers lack now or will (`ahead`), then what the next higher one lacks."""
    order = list(reversed(ladder.rungs))  # from the lowest
    at = next((i for i, one in enumerate(order) if one.held), -1)
    broken = {(one.tier, one.label): one for one in ahead}
    for i, rung in enumerate(order[: at + 2]):
        for each in rung.meters:
            if each.holding is None:
                continue
            soon = broken.get((rung.tier, each.label))
            if not each.ok:
                yield Gap(rung.tier, each.label, each.need, each.have, each.holding, each.people, i <= at)
            elif soon is not None:
                left = tuple(who for who in each.people if who not in soon.people)
                yield Gap(rung.tier, each.label, soon.need, soon.have, each.holding, left, is_held=True)


def fitting(holding: Holding, certifications: Iterable[Certification]) -> list[str]:
    """Return the certifications that a demand counts."""
    return [
        one.id for one in certifications if fits(holding, Standing(one.id, one.role, one.product, one.level))
    ]


def candidates(
    people: Mapping[str, str | None],
    wanted: Sequence[tuple[str, str | None]],
    standings: Mapping[str, Mapping[str, StateAt]],
    holds: Collection[str],
    most: int,
) -> list[tuple[str, str, str]]:
    """Return (person, certification, state) of who could come to count, the nearest first.

    `people` are person -> role; `wanted` the certifications with the role that each is for. Whoever has not
    begun is thought of only where the role is theirs.
    """
    found = []
    for person, role in people.items():
        if person in holds:
            continue
        for certification, for_role in wanted:
            state = standings.get(person, {}).get(certification)
            name = state.state if state is not None and state.counts else "not_started"
            if name in ORDER and (name != "not_started" or for_role is None or for_role == role):
                if name in HELD_STATES and name not in {"grace", "renewal_open"}:
                    continue
                found.append((ORDER.index(name), person, certification, name))
    nearest: dict[str, tuple[str, str, str]] = {}
    for _, person, certification, name in sorted(found):
        nearest.setdefault(person, (person, certification, name))
    return list(nearest.values())[:most]
