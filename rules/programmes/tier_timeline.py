"""The tier of an organization over time, a pure function of facts (cert#5-1, cert#5-4, cert#5-5).

What people hold and where they belong changes at dated instants; between two of them the reached tier is
constant. `tier_timeline` goes through these instants and applies promotion (at once or at a review date) and
delayed demotion.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rules import calendar
from rules.evidence.history import BEGINNING
from rules.language.demands import Holding
from rules.language.model import PartnerTiers
from rules.programmes.tiers import (
    Standing,
    TierCheck,
    check_tier,
    counted_states,
    fits,
    holdings_of,
    lowest,
    may_be_met,
    people_looked_at,
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
    """A person who counts while primarily affiliated with the organization (cert#5-1), and what they held.

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
    """`tier.changed` or `tier.at_risk` (cert#8), effective at an instant."""

    kind: Literal["tier.changed", "tier.at_risk"]
    effective_at: dt.datetime
    before: str | None
    after: str | None
    falls_at: dt.datetime | None = None
    unmet: tuple[TierCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class TierTimeline:
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


def tier_timeline(
    programmes: Sequence[Programme], agreements: Sequence[Span], members: Sequence[Member]
) -> TierTimeline:
    """Return the tier of an organization at every instant (cert#5-4).

    `agreements` are the intervals in which its partner agreement ran; without one it has no tier.
    """
    return _Replay(sorted(programmes, key=lambda p: p.effective_at), agreements, members).run()


class _Replay:
    """From instant to instant; between two of them a review or the end of a demotion clock may fall."""

    def __init__(
        self, programmes: Sequence[Programme], agreements: Sequence[Span], members: Sequence[Member]
    ) -> None:
        self.programmes = programmes
        self.agreements = agreements
        self._rosters = {id(one.document): _Roster(one.document, members) for one in programmes}
        self.segments: list[TierSegment] = [TierSegment(BEGINNING, None, None)]
        self.events: list[TierEvent] = []

    def run(self) -> TierTimeline:
        """Visit every instant at which facts change, and those that follow from the clock in between."""
        instants = self._instants()
        for index, at in enumerate(instants):
            self._visit(at)
            end = instants[index + 1] if index + 1 < len(instants) else None
            while (due := self._due(self.segments[-1])) is not None and (end is None or due < end):
                self._visit(due)
        return TierTimeline(tuple(self.segments), tuple(self.events))

    def _instants(self) -> list[dt.datetime]:
        """Return every instant at which the reached tier may change, but by the clock."""
        found = {BEGINNING, *(programme.effective_at for programme in self.programmes)}
        found.update(_boundaries(self.agreements))
        for roster in self._rosters.values():
            found.update(roster.instants())
        return sorted(found)

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
        roster = self._rosters[id(programme)]
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
        now = self._roster(programme, at)
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
        checks = [now.check(tier) for tier in programme.order[: rank(held) + 1]]
        unmet = tuple(c for c in checks if not c.met)
        return TierSegment(at, held, now.tier, programme.version, falls_at, unmet)


class _Roster:
    """Who may fill which demand as time goes on; only people with a change are looked at again.

    A set of the programme's holdings is a number, one bit for each.
    """

    def __init__(self, programme: PartnerTiers, members: Sequence[Member]) -> None:
        self._programme = programme
        self._members = members
        self._states = counted_states(programme.status)
        self._places = {holding: place for place, holding in enumerate(holdings_of(programme))}
        self._bits: dict[int, int] = {}
        self._changes = sorted(
            (at, index, fitting)
            for index, member in enumerate(members)
            for at, fitting in self._fitting_over_time(member)
        )
        self._next = 0
        self._fitting: dict[int, int] = {}
        self._holders: list[Counter[str]] = [Counter() for _ in self._places]
        self._sorted: list[list[str]] = [[] for _ in self._places]
        # for each holding the tiers that ask for it, and how far down the list their checks look
        self._asking: list[list[tuple[str, int | None]]] = [[] for _ in self._places]
        for tier in programme.order[1:]:
            for holding, looked_at in people_looked_at(programme, tier).items():
                self._asking[self._places[holding]].append((tier, looked_at))
        self._checks = {programme.order[0]: lowest(programme)}
        self._tier: str | None = None

    def instants(self) -> Iterator[dt.datetime]:
        """Yield the instants at which somebody begins or ceases to fit a demand."""
        for at, _, _ in self._changes:
            yield at

    @property
    def tier(self) -> str:
        """The tier that these people reach; matched anew only where that can say something else."""
        if self._tier is None:
            self._tier = self._programme.order[0]
            for name in self._programme.order[1:]:
                if not self._is_met(name):
                    break
                self._tier = name
        return self._tier

    def _is_met(self, tier: str) -> bool:
        if tier not in self._checks and not may_be_met(tier, self._programme, self):
            return False
        return self.check(tier).met

    def check(self, tier: str) -> TierCheck:
        """Return the check of one tier."""
        if tier not in self._checks:
            self._checks[tier] = check_tier(tier, self._programme, self)
        return self._checks[tier]

    def advance(self, at: dt.datetime) -> None:
        """Go on to an instant, not before the one reached so far (cert#5-1)."""
        while self._next < len(self._changes) and self._changes[self._next][0] <= at:
            _, index, fitting = self._changes[self._next]
            self._update(index, fitting)
            self._next += 1

    def of(self, holding: Holding) -> Sequence[str]:
        """Return the people who hold it in a state that counts."""
        return self._sorted[self._places[holding]]

    def _update(self, index: int, after: int) -> None:
        """Note what a person has of the holdings from now on."""
        person, before = self._members[index].person, self._fitting.get(index, 0)
        self._fitting[index] = after
        for place, people in enumerate(self._sorted):
            if not (before ^ after) >> place & 1:
                continue
            count = self._holders[place]
            count[person] += 1 if after >> place & 1 else -1
            at = bisect_left(people, person)
            is_listed = at < len(people) and people[at] == person
            if is_listed != (count[person] > 0):
                people[at : at + is_listed] = [] if is_listed else [person]
                for tier, looked_at in self._asking[place]:
                    if looked_at is None or at < looked_at:
                        self._checks.pop(tier, None)
                        self._tier = None

    def _fitting_over_time(self, member: Member) -> Iterator[tuple[dt.datetime, int]]:
        """Yield when it changes which of the holdings a person has while affiliated, and what it is then."""
        spans = [(one.span, bits) for one in member.held if (bits := self._bits_of(one.standing))]
        if not spans:
            return
        before = 0
        for at in sorted(set(_boundaries((*member.affiliated, *(span for span, _ in spans))))):
            fitting = 0
            if any(span.covers(at) for span in member.affiliated):
                for span, bits in spans:
                    if span.covers(at):
                        fitting |= bits
            if fitting != before:
                yield at, fitting
            before = fitting

    def _bits_of(self, standing: Standing) -> int:
        """Return which of the holdings a standing is: none in a state that does not count."""
        bits = self._bits.get(id(standing))  # many people share one (partners.held_spans)
        if bits is None:
            counts = standing.state in self._states
            bits = sum(1 << place for one, place in self._places.items() if counts and fits(one, standing))
            self._bits[id(standing)] = bits
        return bits


def _boundaries(spans: Iterable[Span]) -> Iterator[dt.datetime]:
    for span in spans:
        yield span.from_at
        if span.until_at is not None:
            yield span.until_at


def _held(programme: PartnerTiers, now: _Roster, at: dt.datetime, tier: str) -> TierSegment:
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
