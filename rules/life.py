"""What a walk through awards makes (certification.md 4.2 to 4.8): decisions, drafts of periods, lives."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from rules import calendar
from rules.course import AwardRecord, Deadline, Ending, Period, PeriodKind, ReviewItem
from rules.expiry import Chain, Expiry
from rules.history import END_OF_TIME, Fact
from rules.knowledge import Knowledge
from rules.published import PublishedVersion
from rules.requirements import Ids

TICK = dt.timedelta(microseconds=1)
"""The smallest step of time."""
PinKey = tuple[PeriodKind, int, dt.datetime | None]
"""Where a decision stands in a life: kind, number of the award, award instant of the period before it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a period begins: kind, instant, index of the version, statements, what a renewal builds on."""

    kind: PeriodKind
    at: dt.datetime
    version: int
    evidence: Ids
    chain: Chain | None = None
    window: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Which statements count towards an award (4.2): all, or those after a final fact and its cooling off."""

    after: dt.datetime | None = None
    since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A span [from_at, until_at) in which a human decision about a new award is open."""

    from_at: dt.datetime
    until_at: dt.datetime | None
    reason: Literal["approval", "late evidence"]
    version: int
    evidence: Ids = ()


@dataclass(slots=True)
class LivedAward:
    """One award with what the timeline needs: admission, holds, and when the person starts anew after it."""

    record: AwardRecord
    admission: Admission
    holds: list[Fact] = field(default_factory=list)
    reopened_at: dt.datetime | None = None


@dataclass(slots=True)
class Life:
    """All that happened: periods in order, awards, open decisions of people."""

    knowledge: Knowledge
    periods: list[Period] = field(default_factory=list)
    awards: list[LivedAward] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    reviews: list[ReviewItem] = field(default_factory=list)
    settles_at: dt.datetime | None = None


@dataclass(slots=True)
class Draft:
    """A period on its way: what is fixed at its start and what later events change."""

    decision: Decision
    award: int
    version: PublishedVersion
    expiry: Expiry
    valid_from: dt.datetime
    valid_until: dt.date | None
    first: bool
    deadlines: list[Deadline] = field(default_factory=list)
    extensions: list[tuple[dt.datetime, dt.date]] = field(default_factory=list)
    gaps: list[tuple[dt.datetime, dt.datetime]] = field(default_factory=list)
    upgrades: list[tuple[dt.datetime, str]] = field(default_factory=list)

    @property
    def ends_at(self) -> dt.datetime:
        """Exclusive end of `valid_until`, END_OF_TIME for `forever`."""
        if self.valid_until is None:
            return END_OF_TIME
        return calendar.end_of(self.valid_until, self.version.timezone)

    @property
    def lapses_at(self) -> dt.datetime:
        """Exclusive end of the grace after `valid_until`."""
        renewal = self.version.document.renewal
        if self.valid_until is None or renewal is None:
            return self.ends_at
        return calendar.end_of(calendar.add(self.valid_until, renewal.grace), self.version.timezone)

    @property
    def opens_at(self) -> dt.datetime | None:
        """Start of the renewal window: the local date `baseline_until` - `opens` (4.7-1)."""
        renewal = self.version.document.renewal
        if renewal is None or self.expiry.until is None:
            return None
        return calendar.start_of(calendar.add(self.expiry.until, renewal.opens, -1), self.version.timezone)

    def finish(self, at: dt.datetime, ending: Ending | None) -> Period:
        """Return the finished period, ended at `at` for the reason `ending`."""
        lapses_at = self.lapses_at if self.valid_until is not None else None
        ends_at: dt.datetime | None = min(at, self.ends_at)
        if ending is not None and ending != "expired":
            lapses_at = at
        return Period(
            award=self.award,
            kind=self.decision.kind,
            version=self.version.document.version,
            evidence=self.decision.evidence,
            awarded_at=self.decision.at,
            valid_from=self.valid_from,
            awarded=calendar.local_date(self.decision.at, self.version.timezone),
            baseline_until=self.expiry.until,
            valid_until=self.valid_until,
            anchor=self.expiry.anchor,
            n=self.expiry.n,
            timezone=self.version.timezone,
            renews_from=self.decision.window,
            opens_at=self.opens_at,
            ends_at=None if ends_at == END_OF_TIME else ends_at,
            lapses_at=lapses_at,
            ending=ending,
            extensions=tuple(self.extensions),
            gaps=tuple(self.gaps),
            upgrades=tuple(self.upgrades),
            deadlines=tuple(self.deadlines),
        )
