"""The answer of a decision: the timeline of one certification for a person (cert#4).

`evaluate.decide` makes an `AwardTimeline`; everything in it is a frozen value and a function of the history.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rules.language.requirements import Requirement

State = Literal[
    "in_progress",
    "pending_review",
    "active",
    "renewal_open",
    "grace",
    "suspended",
    "expired",
    "revoked",
    "withdrawn",
]
PeriodKind = Literal["first", "renewal", "after_lapse", "new_award", "re_evaluated"]
Ending = Literal[
    "superseded",
    "expired",
    "release_deadline",
    "must_upgrade",
    "prerequisite_ended",
    "annulled",
    "revoked",
    "withdrawn",
]

ACTIVE_STATES: frozenset[State] = frozenset({"active", "renewal_open"})
"""The states that count as active: an open renewal window takes nothing away (cert#2.5)."""
HELD_STATES: frozenset[State] = ACTIVE_STATES | {"grace"}
"""The states in which the certification is held, so that it can be renewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A day by which a period has to meet something or end: release (cert#4.8) or upgrade (cert#4.12-5).

    Shown from `shown_from`; valid through `day`, so `ends_at` is its exclusive end; `met_at` is when
    `unless` was first satisfied; until `open_until` that still restores the period.
    """

    day: dt.date
    shown_from: dt.datetime
    ends_at: dt.datetime
    open_until: dt.datetime
    met_at: dt.datetime | None
    unless: Requirement
    release: str | None = None
    upgrade_to: str | None = None

    @property
    def restored_at(self) -> dt.datetime | None:
        """Instant from which the deadline no longer ends the period; None if it ends it for good."""
        return self.met_at if self.met_at is not None and self.met_at < self.open_until else None

    def is_open(self, at: dt.datetime) -> bool:
        """Tell whether the deadline is published and not met at an instant."""
        return self.shown_from <= at and (self.restored_at is None or at < self.restored_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One interval of validity (cert#1; cert#4.6, cert#4.7).

    `award` numbers the awards of the person from 1: a new one follows a revocation or withdrawal.
    `baseline_until` and `valid_until` are local dates (None = forever); `valid_until` is the last one,
    extensions included. `ends_at` is the exclusive instant at which the period stops to be valid (None =
    open end): end of `valid_until`, or what ended it earlier, told by `ending`. `lapses_at` is when the
    grace after it is over. `gaps` are the intervals between a release deadline and the reinstatement.
    `suspensions` are those in which `validity.while` did not hold and suspends (cert#4.4-3).
    `upgrades` are (instant, version) pairs by which the holder satisfied a newer version without a change
    of dates (cert#4.12-5).
    """

    award: int
    kind: PeriodKind
    version: str
    evidence: tuple[str, ...]
    awarded_at: dt.datetime
    valid_from: dt.datetime
    awarded: dt.date
    baseline_until: dt.date | None
    valid_until: dt.date | None
    anchor: dt.date
    n: int
    timezone: str = "UTC"
    renews_from: dt.datetime | None = None
    opens_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    lapses_at: dt.datetime | None = None
    ending: Ending | None = None
    extensions: tuple[tuple[dt.datetime, dt.date], ...] = ()
    gaps: tuple[tuple[dt.datetime, dt.datetime], ...] = ()
    upgrades: tuple[tuple[dt.datetime, str], ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    suspensions: tuple[tuple[dt.datetime, dt.datetime], ...] = ()

    @property
    def follows(self) -> bool:
        """True where the period was made after another one of its award: a renewal, or after a lapse."""
        return self.kind in {"renewal", "after_lapse"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardRecord:
    """One award: its ordinal from 1 on, first award instant, and the fact that ended it, if any."""

    ordinal: int
    awarded_at: dt.datetime
    final_at: dt.datetime | None = None
    final: Literal["revoked", "withdrawn"] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of the public state, effective at an instant (cert#4.11)."""

    before: State
    after: State
    effective_at: dt.datetime
    reason: str
    version: str | None = None
    award: int | None = None
    period: int | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """A decision that waits for somebody (cert#4.1-3, cert#4.9, approval); `closed_at` when it was taken."""

    kind: Literal["late_evidence", "approval", "voided", "re_evaluation"]
    opened_at: dt.datetime
    statement: str | None = None
    award: int | None = None
    closed_at: dt.datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The public state from `at` to the next segment; `period` is an index into `AwardTimeline.periods`."""

    at: dt.datetime
    state: State
    reason: str
    period: int | None = None
    award: int | None = None
    awarded: dt.date | None = None
    expires: dt.date | None = None
    version: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The answer of status(facts, t, d) (cert#4; `missing` by cert#10-20)."""

    state: State
    awarded: dt.date | None
    expires: dt.date | None
    missing: tuple[str, ...]
    version: str | None = None
    award: int | None = None
    period: int | None = None
    since: dt.datetime | None = None

    @property
    def counts(self) -> bool:
        """True for `active` and `renewal_open`."""
        return self.state in ACTIVE_STATES


def _nothing_missing(_at: dt.datetime, _segment: Segment) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardTimeline:
    """Periods, awards and states of one certification for one person, as known at `known_at`.

    `settles_at` is when a settle time ends and the decision becomes another one, though nothing new is known.
    """

    certification: str
    known_at: dt.datetime
    segments: tuple[Segment, ...]
    periods: tuple[Period, ...] = ()
    awards: tuple[AwardRecord, ...] = ()
    transitions: tuple[Transition, ...] = ()
    reviews: tuple[ReviewItem, ...] = ()
    settles_at: dt.datetime | None = None
    missing: Callable[[dt.datetime, Segment], tuple[str, ...]] = field(
        default=_nothing_missing, compare=False, repr=False
    )

    def segment_at(self, at: dt.datetime) -> Segment:
        """Return the segment that holds at an instant."""
        return self.segments[max(bisect.bisect_right(self.segments, at, key=_start) - 1, 0)]

    def status_at(self, at: dt.datetime) -> Status:
        """Return the status at an instant (cert#4)."""
        segment = self.segment_at(at)
        return Status(
            state=segment.state,
            awarded=segment.awarded,
            expires=segment.expires,
            missing=self.missing(at, segment),
            version=segment.version,
            award=segment.award,
            period=segment.period,
            since=segment.at,
        )

    def next_change_after(self, at: dt.datetime) -> dt.datetime | None:
        """Return the first instant after `at` at which state, version or shown expiry changes."""
        index = bisect.bisect_right(self.segments, at, key=_start)
        return self.segments[index].at if index < len(self.segments) else None


def _start(segment: Segment) -> dt.datetime:
    return segment.at
