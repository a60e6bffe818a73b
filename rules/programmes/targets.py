"""Of whom something is asked, since when and by when: a pure function (cert#5-8)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rules import calendar
from rules.evidence.history import BEGINNING, END_OF_TIME
from rules.evidence.published import PublishedCertification
from rules.language.model import Target

Span = tuple[dt.datetime, dt.datetime]
TierSpan = tuple[str, dt.datetime | None, dt.datetime | None]
"""A tier with its beginning and its end, where there are any."""
Orders = Mapping[str, Sequence[str]]
"""From the id of a programme to its tiers, lowest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person counts in [start, end), with the role there and the tiers of that organization."""

    organization: str
    role: str | None
    start: dt.datetime
    end: dt.datetime | None = None
    tiers: Mapping[str, Sequence[TierSpan]] = field(default_factory=dict)
    region: str | None = None
    hired: dt.datetime | None = None

    def hired_on(self, timezone: str) -> dt.date:
        """Return the first day in the organization; confirmed or not, it counts from its confirmation."""
        return calendar.local_date(self.hired or self.start, timezone)


@dataclass(frozen=True, slots=True)
class Named:
    """What names a person: the groups with the spans of membership, and ids, addresses and identifiers."""

    groups: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    persons: frozenset[str] = frozenset()


UNNAMED = Named()


@dataclass(frozen=True, slots=True)
class Excuse:
    """That a manager takes an assignment off somebody up to a day; since when, and when it was taken back."""

    assignment: str
    reason: str
    until: dt.date
    at: dt.datetime
    withdrawn_at: dt.datetime | None = None

    def holds(self, at: dt.datetime) -> bool:
        """Tell whether it was given, and not taken back, at an instant."""
        return self.at <= at and (self.withdrawn_at is None or at < self.withdrawn_at)


@dataclass(frozen=True, slots=True)
class Learner:
    """Whom it may concern: where a person counts when, by what names they go, what excuses them."""

    person: str = ""
    places: Sequence[Place] = ()
    named: Named = UNNAMED
    excuses: Sequence[Excuse] = ()


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a target is read by: an instant, the programme zone, the tiers of each programme."""

    at: dt.datetime
    timezone: str
    orders: Orders


@dataclass(frozen=True, slots=True)
class Offer:
    """The targets of one version, and from when on it applies."""

    effective_at: dt.datetime
    targets: Sequence[Target]


@dataclass(frozen=True, slots=True)
class Asked:
    """Since when a person is asked to hold a certification, and by which day; None where no day is set."""

    since: dt.date
    due: dt.date | None


def asked_of(
    certification: PublishedCertification,
    places: Sequence[Place],
    orders: Orders,
    at: dt.datetime,
    named: Named = UNNAMED,
) -> Asked | None:
    """Return what is asked of a person at an instant by the version that applies then; None for nothing.

    Of several targets the one that is due first counts. What is retired, withdrawn or disabled asks nothing.
    """
    versions = [one for one in certification.in_order if one.effective_at <= at]
    if not versions or _is_closed(certification, at):
        return None
    offers = [Offer(one.effective_at, one.document.targets) for one in versions]
    around = Circumstances(at, versions[-1].timezone, orders)
    return asked_by(offers, Learner(places=places, named=named), around)


def asked_by(
    offers: Sequence[Offer], learner: Learner, around: Circumstances, not_before: dt.date | None = None
) -> Asked | None:
    """Return what the newest of these offers, oldest first, asks of a person; None for nothing.

    `not_before` is the day before which nothing is asked of anybody.
    """
    found = []
    for target in offers[-1].targets:
        since = matched_since(target, learner, around)
        if since is None:
            continue
        in_force = [one.effective_at for one in _unbroken(offers, target)]
        day = calendar.local_date(max(since, in_force[-1]), around.timezone)
        day = day if not_before is None else max(day, not_before)
        found.append(Asked(day, due_after(target, day)))
    return min(found, key=lambda one: (one.due or dt.date.max, one.since), default=None)


def due_after(target: Target, day: dt.date) -> dt.date | None:
    """Return by which day a target is due that is asked since a day."""
    return target.due_on if target.due_within is None else calendar.add(day, target.due_within)


def is_overdue(asked: Asked, today: dt.date) -> bool:
    """Tell whether the day by which a certification is asked for is over."""
    return asked.due is not None and asked.due < today


def _is_closed(certification: PublishedCertification, at: dt.datetime) -> bool:
    changes = sorted((one.at, one.decided_at, one.to) for one in certification.lifecycle if one.at <= at)
    return bool(changes) and changes[-1][2] != "published"


def _unbroken(offers: Sequence[Offer], target: Target) -> Iterator[Offer]:
    """Yield the newest offer and those before it, as long as each has the target."""
    for one in reversed(offers):
        if target not in one.targets:
            return
        yield one


def matched_since(target: Target, learner: Learner, around: Circumstances) -> dt.datetime | None:
    """Return since when a target has matched a person without interruption, None where it does not."""
    if target.persons and learner.named.persons.isdisjoint(target.persons):
        return None
    spans = [(BEGINNING, END_OF_TIME)]
    if not target.by_name:
        spans = [span for place in learner.places for span in _spans(target, place, around)]
    if target.groups:
        members = [span for group in target.groups for span in learner.named.groups.get(group, ())]
        spans = [span for one in _joined(spans) for other in _joined(members) for span in _both(one, other)]
    return next((start for start, end in _joined(spans) if start <= around.at < end), None)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans with those that overlap or touch put together, in order."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _both(one: Span, other: Span) -> Iterator[Span]:
    """Yield what two spans share."""
    start, end = max(one[0], other[0]), min(one[1], other[1])
    if start < end:
        yield start, end


def _spans(target: Target, place: Place, around: Circumstances) -> Iterator[Span]:
    """Yield the spans in which a target matches a person because of one affiliation."""
    if target.role is not None and target.role != place.role:
        return
    if target.partners and place.organization not in target.partners:
        return
    if target.regions and place.region not in target.regions:
        return
    if target.hired_since is not None and place.hired_on(around.timezone) < target.hired_since:
        return
    if target.hired_until is not None and place.hired_on(around.timezone) > target.hired_until:
        return
    end = place.end or END_OF_TIME
    order = around.orders.get(target.programme or "", ())
    if target.tier is None or (order and order[0] == target.tier):
        yield place.start, end
        return
    for tier, start, until in place.tiers.get(target.programme or "", ()):
        low, high = max(place.start, start or BEGINNING), min(end, until or END_OF_TIME)
        if low < high and _reaches(order, tier, target.tier):
            yield low, high


def _reaches(order: Sequence[str], tier: str, wanted: str) -> bool:
    return tier in order and wanted in order and order.index(tier) >= order.index(wanted)
