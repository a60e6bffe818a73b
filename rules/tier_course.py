"""The tier of an organization over time, a pure function of facts (certification.md 5-1, 5-4, 5-5).

What people hold and where they belong changes at dated instants; between two of them the reached tier is
constant. `tier_course` walks these instants and applies promotion (at once or at a review date) and delayed
demotion.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rules import calendar
from rules.history import BEGINNING
from rules.model import Holding, PartnerTiers
from rules.tiers import (
    Reached,
    Standing,
    TierCheck,
    counted_states,
    fits,
    holdings_of,
    people_looked_at,
    reached_by,
)


@dataclass(frozen=True, slots=True)
class Span:
    """An interval [from_at, until_at); `until_at` None means without end."""

    from_at: dt.datetime = BEGINNING
    until_at: dt.datetime | None = None

    def covers(self, at: dt.datetime) -> bool:
        """Tell whether an instant lies in the interval."""
        return self.from_at <= at and (self.until_at is None or at < self.until_at)


@dataclass(frozen=True, slots=True)
class Held:
    """What a person held in an interval: coordinates and public state."""

    standing: Standing
    span: Span


@dataclass(frozen=True, slots=True)
class Member:
    """A person who counts while primarily affiliated with the organization (5-1), and what that person held.

    Under `subtree` the caller adds the people of the organizations below.
    """

    person: str
    affiliated: tuple[Span, ...]
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Programme:
    """One version of a programme with the instant from which it applies."""

    document: PartnerTiers
    effective_at: dt.datetime = BEGINNING


@dataclass(frozen=True, slots=True)
class TierSegment:
    """The tier from `at` to the next segment; None without a running agreement.

    `reached` is the tier the people reach by then, `falls_at` the instant at which the clock of a demotion is
    over, `unmet` what the held tier lacks meanwhile, `matched` who fills the demands of the tier.
    """

    at: dt.datetime
    tier: str | None
    reached: str | None
    version: str | None = None
    falls_at: dt.datetime | None = None
    unmet: tuple[TierCheck, ...] = ()
    matched: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TierEvent:
    """`tier.changed` or `tier.at_risk` (section 8), effective at an instant."""

    kind: Literal["tier.changed", "tier.at_risk"]
    effective_at: dt.datetime
    before: str | None
    after: str | None
    falls_at: dt.datetime | None = None
    unmet: tuple[TierCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class TierCourse:
    """The tier at every instant, and the events on the way."""

    segments: tuple[TierSegment, ...]
    events: tuple[TierEvent, ...]

    def at(self, at: dt.datetime) -> TierSegment:
        """Return the segment that holds at an instant."""
        return self.segments[max(bisect_right(self.segments, at, key=_start) - 1, 0)]

    def next_change_after(self, at: dt.datetime) -> dt.datetime | None:
        """Return the first instant after `at` at which anything about the tier changes."""
        index = bisect_right(self.segments, at, key=_start)
        return self.segments[index].at if index < len(self.segments) else None


def _start(segment: TierSegment) -> dt.datetime:
    return segment.at


def tier_course(
    programmes: Sequence[Programme], agreements: Sequence[Span], members: Sequence[Member]
) -> TierCourse:
    """Return the tier of an organization at every instant (5-4).

    `agreements` are the intervals in which its partner agreement ran; without one it has no tier.
    """
    walk = _Walk(sorted(programmes, key=lambda p: p.effective_at), agreements, members)
    return walk.run(sorted(_instants(programmes, agreements, members)))


def _instants(
    programmes: Iterable[Programme], agreements: Iterable[Span], members: Iterable[Member]
) -> set[dt.datetime]:
    """Return every instant at which the reached tier may change."""
    found = {BEGINNING, *(programme.effective_at for programme in programmes)}
    for member in members:
        found.update(_boundaries(member))
    for span in agreements:
        found.add(span.from_at)
        if span.until_at is not None:
            found.add(span.until_at)
    return found


class _Walk:
    """From instant to instant; between two of them a review or the end of a demotion clock may fall."""

    def __init__(
        self, programmes: Sequence[Programme], agreements: Sequence[Span], members: Sequence[Member]
    ) -> None:
        self.programmes = programmes
        self.agreements = agreements
        self.members = members
        self._rosters: dict[int, _Roster] = {}
        self.segments: list[TierSegment] = [TierSegment(BEGINNING, None, None)]
        self.events: list[TierEvent] = []

    def run(self, instants: Sequence[dt.datetime]) -> TierCourse:
        """Visit every instant at which facts change, and those that follow from the clock in between."""
        for index, at in enumerate(instants):
            self._visit(at)
            end = instants[index + 1] if index + 1 < len(instants) else None
            while (due := self._due(self.segments[-1])) is not None and (end is None or due < end):
                self._visit(due)
        return TierCourse(tuple(self.segments), tuple(self.events))

    def _due(self, segment: TierSegment) -> dt.datetime | None:
        """Return the instant at which the clock changes this segment: demotion, or promotion at a review."""
        if segment.falls_at is not None:
            return segment.falls_at
        programme = self._programme(segment.at)
        if programme is None or segment.reached is None or not _is_higher(programme, segment):
            return None
        return next_review(programme, segment.at)

    def _programme(self, at: dt.datetime) -> PartnerTiers | None:
        index = bisect_right(self.programmes, at, key=lambda p: p.effective_at) - 1
        return self.programmes[index].document if index >= 0 else None

    def _roster(self, programme: PartnerTiers, at: dt.datetime) -> _Roster:
        """Return who may fill the demands of a version of the programme at an instant."""
        roster = self._rosters.get(id(programme))
        if roster is None:
            roster = self._rosters[id(programme)] = _Roster(programme, self.members)
        roster.advance(at)
        return roster

    def _visit(self, at: dt.datetime) -> None:
        last = self.segments[-1]
        segment = self._segment(last, at)
        if segment.tier != last.tier:
            self.events.append(TierEvent("tier.changed", at, last.tier, segment.tier))
        if segment.falls_at is not None and segment.falls_at != last.falls_at:
            self.events.append(
                TierEvent("tier.at_risk", at, segment.tier, segment.reached, segment.falls_at, segment.unmet)
            )
        if _without_time(segment) != _without_time(last):
            self.segments.append(segment)

    def _segment(self, last: TierSegment, at: dt.datetime) -> TierSegment:
        programme = self._programme(at)
        if programme is None or not any(span.covers(at) for span in self.agreements):
            return TierSegment(at, None, None)
        now = self._roster(programme, at).reached()
        if last.tier is not None and last.tier not in programme.order:
            return _held(programme, now, at, now.tier)
        held = last.tier or programme.order[0]
        rank = programme.order.index
        if rank(now.tier) > rank(held):
            is_review = programme.changes.promote == "at_once" or is_review_instant(programme, at)
            return _held(programme, now, at, now.tier if is_review else held)
        if now.tier == held:
            return _held(programme, now, at, held)
        falls_at = last.falls_at or clock_end(programme, at)
        if at >= falls_at:
            return _held(programme, now, at, now.tier)
        unmet = tuple(c for c in now.checks[: rank(held) + 1] if not c.met)
        return TierSegment(at, held, now.tier, programme.version, falls_at, unmet)


class _Roster:
    """Who may fill which demand as time goes on; only people with a change are looked at again."""

    def __init__(self, programme: PartnerTiers, members: Sequence[Member]) -> None:
        self._states = counted_states(programme.status)
        self._holdings = holdings_of(programme)
        self._members = members
        self._changes = sorted((at, i) for i, member in enumerate(members) for at in _boundaries(member))
        self._next = 0
        self._holders: dict[Holding, Counter[str]] = {holding: Counter() for holding in self._holdings}
        self._fitting: dict[int, frozenset[Holding]] = {}
        self._spans: dict[int, list[tuple[Span, tuple[Holding, ...]]]] = {}
        self._sorted: dict[Holding, list[str]] = {holding: [] for holding in self._holdings}
        self._programme = programme
        self._looked_at = people_looked_at(programme)
        self._reached: Reached | None = None

    def reached(self) -> Reached:
        """Return the tier that these people reach; matched anew only where that can say something else."""
        if self._reached is None:
            self._reached = reached_by(self._programme, self)
        return self._reached

    def advance(self, at: dt.datetime) -> None:
        """Go on to an instant, not before the one reached so far (5-1)."""
        changed: set[int] = set()
        while self._next < len(self._changes) and self._changes[self._next][0] <= at:
            changed.add(self._changes[self._next][1])
            self._next += 1
        for index in changed:
            self._update(index, at)

    def _update(self, index: int, at: dt.datetime) -> None:
        member, before = self._members[index], self._fitting.get(index, frozenset())
        after = frozenset(self._fitting_now(index, at))
        self._fitting[index] = after
        for holding in before ^ after:
            count, people = self._holders[holding], self._sorted[holding]
            count[member.person] += 1 if holding in after else -1
            place = bisect_left(people, member.person)
            is_listed = place < len(people) and people[place] == member.person
            if is_listed != (count[member.person] > 0):
                people[place : place + is_listed] = [] if is_listed else [member.person]
                if self._looked_at is None or place < self._looked_at:
                    self._reached = None

    def _fitting_now(self, index: int, at: dt.datetime) -> Iterator[Holding]:
        """Yield which holdings of the programme a person has at an instant, while affiliated."""
        if not any(span.covers(at) for span in self._members[index].affiliated):
            return
        for span, holdings in self._spans_of(index):
            if span.covers(at):
                yield from holdings

    def _spans_of(self, index: int) -> list[tuple[Span, tuple[Holding, ...]]]:
        """Return when a person held something that counts for the programme, found once."""
        if index not in self._spans:
            pairs = [
                (held.span, tuple(h for h in self._holdings if fits(h, held.standing)))
                for held in self._members[index].held
                if held.standing.state in self._states
            ]
            self._spans[index] = [(span, holdings) for span, holdings in pairs if holdings]
        return self._spans[index]

    def of(self, holding: Holding) -> Sequence[str]:
        """Return the people who hold it in a state that counts."""
        return self._sorted[holding]


def _boundaries(member: Member) -> Iterator[dt.datetime]:
    for span in (*member.affiliated, *(held.span for held in member.held)):
        yield span.from_at
        if span.until_at is not None:
            yield span.until_at


def _held(programme: PartnerTiers, now: Reached, at: dt.datetime, tier: str) -> TierSegment:
    return TierSegment(at, tier, now.tier, programme.version, matched=now.check(tier).matched)


def _is_higher(programme: PartnerTiers, segment: TierSegment) -> bool:
    """Tell whether a higher tier is reached than held: a promotion waits for a review."""
    order = programme.order
    return (
        segment.tier in order
        and segment.reached in order
        and order.index(segment.reached) > order.index(segment.tier)
    )


def _without_time(segment: TierSegment) -> tuple[object, ...]:
    return segment.tier, segment.reached, segment.version, segment.falls_at, segment.unmet, segment.matched


def clock_end(programme: PartnerTiers, at: dt.datetime) -> dt.datetime:
    """Return when a tier falls whose requirement failed: the end of local date + `demote_after`."""
    day = calendar.add(calendar.local_date(at, programme.timezone), programme.changes.demote_after)
    return calendar.end_of(day, programme.timezone)


def reviews(programme: PartnerTiers, year: int) -> Iterator[dt.datetime]:
    """Yield the review instants of a year, in order; 02-29 counts as 02-28 in a common year."""
    for month, day in sorted(programme.changes.reviews):
        first = dt.date(year, month, 1)
        date = min(first + dt.timedelta(days=day - 1), calendar.add(first, calendar.MONTH) - calendar.DAY)
        yield calendar.start_of(date, programme.timezone)


def next_review(programme: PartnerTiers, at: dt.datetime) -> dt.datetime | None:
    """Return the first review instant after an instant; None without reviews."""
    for year in range(max(at.year - 1, 1), min(at.year + 3, 9998)):
        for instant in reviews(programme, year):
            if instant > at:
                return instant
    return None


def is_review_instant(programme: PartnerTiers, at: dt.datetime) -> bool:
    """Tell whether an instant is the first of a review date."""
    return any(at == instant for year in (at.year, at.year + 1) for instant in reviews(programme, year))
