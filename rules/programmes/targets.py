"""Who is asked to hold a certification, since when and by when: a pure function (cert#5-8)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rules import calendar
from rules.evidence.history import BEGINNING, END_OF_TIME
from rules.evidence.published import PublishedCertification, PublishedVersion
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


@dataclass(frozen=True, slots=True)
class Asked:
    """Since when a person is asked to hold a certification, and by which day; None where no day is set."""

    since: dt.date
    due: dt.date | None


def asked_of(
    certification: PublishedCertification, places: Sequence[Place], orders: Orders, at: dt.datetime
) -> Asked | None:
    """Return what is asked of a person at an instant by the version that applies then; None for nothing.

    Of several targets the one that is due first counts. What is retired, withdrawn or disabled asks nothing.
    """
    versions = [one for one in certification.in_order if one.effective_at <= at]
    if not versions or _is_closed(certification, at):
        return None
    zone = versions[-1].timezone
    found = []
    for target in versions[-1].document.targets:
        since = _since(target, places, orders, at)
        if since is None:
            continue
        in_force = [one.effective_at for one in _unbroken(versions, target)]
        day = calendar.local_date(max(since, in_force[-1]), zone)
        due = None if target.due_within is None else calendar.add(day, target.due_within)
        found.append(Asked(day, due))
    return min(found, key=lambda one: (one.due or dt.date.max, one.since), default=None)


def is_overdue(asked: Asked, today: dt.date) -> bool:
    """Tell whether the day by which a certification is asked for is over."""
    return asked.due is not None and asked.due < today


def _is_closed(certification: PublishedCertification, at: dt.datetime) -> bool:
    changes = sorted((one.at, one.decided_at, one.to) for one in certification.lifecycle if one.at <= at)
    return bool(changes) and changes[-1][2] != "published"


def _unbroken(versions: Sequence[PublishedVersion], target: Target) -> Iterator[PublishedVersion]:
    """Yield the newest version and those before it, as long as each has the target."""
    for one in reversed(versions):
        if target not in one.document.targets:
            return
        yield one


def _since(target: Target, places: Iterable[Place], orders: Orders, at: dt.datetime) -> dt.datetime | None:
    """Return since when a target has matched a person without interruption, None where it does not."""
    joined: list[Span] = []
    for start, end in sorted(span for place in places for span in _spans(target, place, orders)):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return next((start for start, end in joined if start <= at < end), None)


def _spans(target: Target, place: Place, orders: Orders) -> Iterator[Span]:
    """Yield the spans in which a target matches a person because of one affiliation."""
    if target.role is not None and target.role != place.role:
        return
    if target.partners and place.organization not in target.partners:
        return
    end = place.end or END_OF_TIME
    order = orders.get(target.programme or "", ())
    if target.tier is None or (order and order[0] == target.tier):
        yield place.start, end
        return
    for tier, start, until in place.tiers.get(target.programme or "", ()):
        low, high = max(place.start, start or BEGINNING), min(end, until or END_OF_TIME)
        if low < high and _reaches(order, tier, target.tier):
            yield low, high


def _reaches(order: Sequence[str], tier: str, wanted: str) -> bool:
    return tier in order and wanted in order and order.index(tier) >= order.index(wanted)
