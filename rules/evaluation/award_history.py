"""What replaying a history makes (cert#4.2 to cert#4.8): decisions, open periods, awards."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from rules import calendar
from rules.evaluation.as_of import Knowledge
from rules.evaluation.expiry import Chain, Expiry, end_of_grace
from rules.evaluation.requirements import Ids
from rules.evaluation.timeline import AwardRecord, Deadline, Ending, Period, PeriodKind, ReviewItem
from rules.evidence.history import END_OF_TIME, Fact
from rules.evidence.published import PublishedVersion

TICK = dt.timedelta(microseconds=1)
"""The smallest step of time."""
PinKey = tuple[PeriodKind, int, dt.datetime | None]
"""Where a decision stands: kind, number of the award, award instant of the period before it."""


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
    """Which statements count for an award (cert#4.2): all, or those after a final fact and cooling off.

    `not_before` is when somebody agreed to a new award after a revocation: none is made earlier (cert#4.2-6).
    """

    after: dt.datetime | None = None
    since: dt.datetime | None = None
    not_before: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A span [from_at, until_at) in which a human decision about a new award is open."""

    from_at: dt.datetime
    until_at: dt.datetime | None
    reason: Literal["approval", "late evidence"]
    version: int
    evidence: Ids = ()


@dataclass(frozen=True, slots=True)
class Closing:
    """A revocation after which no award is made until a member of the group agreed, and what counts then."""

    group: str
    at: dt.datetime
    until: dt.datetime
    admission: Admission


@dataclass(slots=True)
class ReplayedAward:
    """One award with what the timeline needs: admission, holds, and when the person starts anew after it.

    `closings` are the revocations at its end or behind it after which somebody has to agree first.
    """

    record: AwardRecord
    admission: Admission
    holds: list[Fact] = field(default_factory=list)
    reopened_at: dt.datetime | None = None
    closings: list[Closing] = field(default_factory=list)


@dataclass(slots=True)
class AwardHistory:
    """All that happened: periods in order, awards, open decisions of people."""

    knowledge: Knowledge
    periods: list[Period] = field(default_factory=list)
    awards: list[ReplayedAward] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    reviews: list[ReviewItem] = field(default_factory=list)
    settles_at: dt.datetime | None = None


@dataclass(slots=True)
class OpenPeriod:
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
    unmet: list[tuple[dt.datetime, dt.datetime]] = field(default_factory=list)

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
        return end_of_grace(self.valid_until, renewal, self.version.timezone)

    @property
    def opens_at(self) -> dt.datetime | None:
        """Start of the renewal window: the local date `baseline_until` - `opens` (cert#4.7-1)."""
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
            suspensions=self._suspensions(min(at, self.lapses_at)),
        )

    def _suspensions(self, end: dt.datetime) -> tuple[tuple[dt.datetime, dt.datetime], ...]:
        """Return when the period is suspended because `validity.while` is not met (cert#4.4-3)."""
        if self.version.document.validity.otherwise != "suspend":
            return ()
        spans = [(max(start, self.valid_from), min(until, end)) for start, until in self.unmet]
        return tuple([(start, until) for start, until in spans if start < until])
