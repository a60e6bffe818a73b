"""From an award history to public states (cert#4.11): segments, transitions, what is missing."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rules import calendar
from rules.evaluation.award_history import TICK, Admission, AwardHistory, ReplayedAward
from rules.evaluation.final_facts import admission_after
from rules.evaluation.requirements import missing_keys
from rules.evaluation.timeline import AwardTimeline, Period, Segment, State, Transition
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.history import BEGINNING, Fact
from rules.language.requirements import Requirement

_RUNNING: tuple[State, ...] = ("active", "renewal_open", "grace")
_BY_DATE: tuple[State, ...] = (*_RUNNING, "expired")
_WITH_PERIOD: tuple[State, ...] = (*_BY_DATE, "suspended")
_NOT_YET: tuple[State, ...] = ("in_progress", "pending_review")
_FINAL: tuple[State, ...] = ("revoked", "withdrawn")

TRANSITIONS: tuple[tuple[tuple[State, ...], tuple[State, ...], str], ...] = (
    (("in_progress",), ("pending_review",), "requirements met, and a human decision is open"),
    (("pending_review",), ("in_progress",), "denied"),
    (_NOT_YET, ("active",), "requirements met (and approved)"),
    (("active",), ("renewal_open",), "start of the window"),
    (("renewal_open", "grace"), ("active", "renewal_open"), "renewal; extension"),
    (("active", "renewal_open"), ("grace", "expired"), "end of valid_until, or of a release deadline"),
    (("grace",), ("expired",), "end of grace, or of a release deadline"),
    (("expired",), _RUNNING, "release rule restored, or new period after a lapse"),
    (_BY_DATE, ("suspended",), "hold"),
    (("suspended",), _BY_DATE, "hold lifted or ended"),
    (_WITH_PERIOD, ("revoked",), "revocation, or hold uncured at revoke_at"),
    (_WITH_PERIOD, ("in_progress", *_BY_DATE), "period annulled or replaced"),
    (_WITH_PERIOD, ("withdrawn",), "holder's withdrawal; certification withdrawn"),
    (_FINAL, ("in_progress",), "evidence for a new award"),
    (_NOT_YET, (*_WITH_PERIOD, *_FINAL), "two rows at one instant: requirements met, and what follows"),
    (_FINAL, ("pending_review", *_WITH_PERIOD), "two rows at one instant: a statement meets everything"),
)
"""The table of 4.11: from, to, trigger. The last two rows join rows that take effect at the same instant."""


def trigger(before: State, after: State) -> str | None:
    """Return the trigger by which the table allows a change of state; None if it does not."""
    return next((why for from_, to, why in TRANSITIONS if before in from_ and after in to), None)


@dataclass(frozen=True, slots=True)
class _Boundary:
    """An instant at which something may change, with the reason told when it does."""

    at: dt.datetime
    reason: str


def award_timeline(award_history: AwardHistory) -> AwardTimeline:
    """Return the timeline of an award history: the state at every instant, as segments and transitions."""
    segments = _segments(award_history)
    return AwardTimeline(
        certification=award_history.knowledge.certification,
        known_at=award_history.knowledge.at,
        segments=tuple(segments),
        periods=tuple(award_history.periods),
        awards=tuple(award.record for award in award_history.awards),
        transitions=tuple(_transitions(segments)),
        reviews=tuple(sorted(award_history.reviews, key=lambda r: (r.opened_at, r.kind, r.statement or ""))),
        missing=_Missing(award_history),
        settles_at=award_history.settles_at,
    )


def _segments(award_history: AwardHistory) -> list[Segment]:
    state = _States(award_history)
    boundaries = sorted(_boundaries(award_history), key=lambda b: b.at)
    segments = [state.at(BEGINNING, "nothing yet")]
    for index, boundary in enumerate(boundaries):
        if index + 1 < len(boundaries) and boundaries[index + 1].at == boundary.at:
            continue
        segment = state.at(boundary.at, boundary.reason)
        if not _same(segments[-1], segment):
            segments.append(segment)
    return segments


def _same(left: Segment, right: Segment) -> bool:
    return (
        left.state == right.state
        and left.period == right.period
        and left.award == right.award
        and left.expires == right.expires
        and left.version == right.version
    )


def _boundaries(award_history: AwardHistory) -> Iterator[_Boundary]:
    """Yield every instant at which a state may change, with the reason (column trigger of 4.11).

    Where several share an instant the last one tells the reason, so the order here is that of precedence.
    """
    for pending in award_history.pending:
        yield _Boundary(pending.from_at, pending.reason)
        if pending.until_at is not None:
            yield _Boundary(pending.until_at, "denied" if pending.reason == "approval" else "decided")
    for period in award_history.periods:
        yield from _period_boundaries(period)
    for award in award_history.awards:
        for hold in award.holds:
            yield _Boundary(hold.at, hold.reason or "hold")
            if hold.until is not None:
                yield _Boundary(hold.until, "hold ended")
        if award.record.final_at is not None:
            yield _Boundary(award.record.final_at, award.record.reason or award.record.final or "final")
        if award.reopened_at is not None:
            yield _Boundary(award.reopened_at, "evidence for a new award")


def _period_boundaries(period: Period) -> Iterator[_Boundary]:
    if period.opens_at is not None:
        yield _Boundary(period.opens_at, "renewal window opens")
    for at, _ in period.extensions:
        yield _Boundary(at, "extension")
    for at, _ in period.upgrades:
        yield _Boundary(at, "upgrade")
    for deadline in period.deadlines:
        yield _Boundary(deadline.shown_from, "deadline set")
        if deadline.restored_at is not None:
            yield _Boundary(deadline.restored_at, "deadline met")
    for start, end in period.gaps:
        yield _Boundary(start, "release_deadline")
        yield _Boundary(end, "reinstated")
    for start, end in period.suspensions:
        yield _Boundary(end, "prerequisite held again")
        yield _Boundary(start, "prerequisite_ended")
    yield from _ends(period)
    yield _Boundary(period.valid_from, period.kind)


def _ends(period: Period) -> Iterator[_Boundary]:
    for day in (period.baseline_until, *(day for _, day in period.extensions)):
        if day is not None:
            yield _Boundary(calendar.end_of(day, period.timezone), "end of valid_until")
    if period.ending != "superseded" and period.lapses_at is not None:
        yield _Boundary(period.lapses_at, period.ending or "expired")


class _States:
    """The state at an instant by precedence: final fact, hold, then by date (cert#4.11)."""

    def __init__(self, award_history: AwardHistory) -> None:
        self.award_history = award_history
        self.starts = [period.valid_from for period in award_history.periods]
        self.award_starts = [award.record.awarded_at for award in award_history.awards]

    def at(self, at: dt.datetime, reason: str) -> Segment:
        """Return the segment that begins at an instant."""
        number = bisect_right(self.award_starts, at) - 1
        if number < 0:
            return self._before(at, reason)
        award = self.award_history.awards[number]
        if award.record.final_at is not None and award.record.final_at <= at:
            return self._after_final(award, at, reason)
        index = bisect_right(self.starts, at) - 1
        period = self.award_history.periods[index]
        state = state_by_date(period, at)
        if state == "in_progress":
            return Segment(at=at, state=state, reason=reason, award=award.record.ordinal)
        if open_hold(award, at) is not None or (state in _RUNNING and lacks_standing(period, at)):
            state = "suspended"
        return self._in_period(state, index, at, reason)

    def _before(self, at: dt.datetime, reason: str, award: int | None = None) -> Segment:
        for pending in self.award_history.pending:
            if pending.from_at <= at and (pending.until_at is None or at < pending.until_at):
                version = self.award_history.knowledge.versions[pending.version].document.version
                return Segment(
                    at=at,
                    state="pending_review",
                    reason=reason,
                    version=version,
                    evidence=pending.evidence,
                    award=award,
                )
        return Segment(at=at, state="in_progress", reason=reason, award=award)

    def _after_final(self, award: ReplayedAward, at: dt.datetime, reason: str) -> Segment:
        """Return the final state, or `in_progress` once a statement counts anew (cert#10)."""
        begun = self._before(at, reason)
        if begun.state == "pending_review" or (award.reopened_at is not None and award.reopened_at <= at):
            return begun
        final_at = award.record.final_at or at
        index = bisect_right(self.starts, final_at) - 1
        return self._in_period(award.record.final or "revoked", index, at, reason)

    def _in_period(self, state: State, index: int, at: dt.datetime, reason: str) -> Segment:
        period = self.award_history.periods[index]
        return Segment(
            at=at,
            state=state,
            reason=reason,
            period=index,
            award=period.award,
            awarded=period.awarded,
            expires=shown_expiry(period, at),
            version=version_at(period, at),
            evidence=period.evidence if at == period.valid_from else (),
        )


def open_hold(award: ReplayedAward, at: dt.datetime) -> Fact | None:
    """Return a hold that is open at an instant (cert#4.10)."""
    for hold in award.holds:
        if hold.at <= at and (hold.until is None or at < hold.until):
            return hold
    return None


def lacks_standing(period: Period, at: dt.datetime) -> bool:
    """Tell whether a period is suspended because `validity.while` is not met (cert#4.4-3)."""
    return any(start <= at < end for start, end in period.suspensions)


def state_by_date(period: Period, at: dt.datetime) -> State:
    """Return the state that the dates of a period alone give at an instant (cert#4.11)."""
    if period.ending == "annulled" and period.ends_at is not None and at >= period.ends_at:
        return "in_progress"
    if any(start <= at < end for start, end in period.gaps):
        return "expired"
    if period.lapses_at is not None and at >= period.lapses_at:
        return "expired"
    day = valid_until(period, at)
    if day is not None and at >= calendar.end_of(day, period.timezone):
        return "grace"
    return "renewal_open" if period.opens_at is not None and at >= period.opens_at else "active"


def valid_until(period: Period, at: dt.datetime) -> dt.date | None:
    """Return the last valid day of a period as extended by an instant (cert#4.7-4); None for `forever`."""
    day = period.baseline_until
    for extended_at, extended_to in period.extensions:
        if extended_at <= at:
            day = extended_to
    return day


def shown_expiry(period: Period, at: dt.datetime) -> dt.date | None:
    """Return the earlier of `valid_until` and the deadlines open at an instant (cert#4.8-1)."""
    final_at = period.ends_at if period.ending in {"revoked", "withdrawn"} else None
    days = [
        deadline.day
        for deadline in period.deadlines
        if deadline.is_open(at) and (final_at is None or deadline.shown_from < final_at)
    ]
    if period.ending == "prerequisite_ended" and period.ends_at is not None and period.ends_at <= at:
        days.append(calendar.local_date(period.ends_at - TICK, period.timezone))
    day = valid_until(period, at)
    return min([*days, *([day] if day is not None else [])], default=None)


def version_at(period: Period, at: dt.datetime) -> str:
    """Return the version a period counts as then: its own, or one it was upgraded to (cert#4.12-5)."""
    version = period.version
    for upgraded_at, upgraded_to in period.upgrades:
        if upgraded_at <= at:
            version = upgraded_to
    return version


def _transitions(segments: Sequence[Segment]) -> Iterator[Transition]:
    """Yield the changes of state or period between segments."""
    for before, after in pairwise(segments):
        if before.state != after.state or before.period != after.period:
            yield Transition(
                before=before.state,
                after=after.state,
                effective_at=after.at,
                reason=after.reason,
                version=after.version or before.version,
                award=after.award if after.award is not None else before.award,
                period=after.period if after.period is not None else before.period,
                evidence=after.evidence,
            )


@dataclass(frozen=True, slots=True)
class _Missing:
    """Which keys are missing at an instant, by state (cert#10-20)."""

    award_history: AwardHistory

    def __call__(self, at: dt.datetime, segment: Segment) -> tuple[str, ...]:
        found = question(self.award_history, at, segment)
        return tuple(dict.fromkeys(key for r, view in found for key in missing_keys(r, view, at)))


def question(
    award_history: AwardHistory, at: dt.datetime, segment: Segment
) -> list[tuple[Requirement, EvidenceView]]:
    """Return the requirements, each with its view, that decide how the state goes on (cert#10-20).

    `in_progress` and `expired` ask `award.when`; `expired` with a reinstatement open asks `unless` of each
    missed deadline; `renewal_open` and `grace` ask `renewal.when`; `suspended` asks `validity.while` where
    that is not met, as whatever asks `award.when` does; every other state asks nothing.
    """
    if not award_history.knowledge.versions:
        return []
    match segment.state:
        case "in_progress":
            return _award_questions(award_history, at, _admission(award_history, at))
        case "expired" if segment.period is not None:
            period = award_history.periods[segment.period]
            return _unless_questions(award_history, at, period) or _award_questions(
                award_history, at, Admission(after=period.awarded_at), period.evidence
            )
        case "suspended" if segment.period is not None:
            period = award_history.periods[segment.period]
            return standing_questions(award_history, period) if lacks_standing(period, at) else []
        case "renewal_open" | "grace" if segment.period is not None:
            return _renewal_question(award_history, at, award_history.periods[segment.period])
        case _:
            return []


def _admission(award_history: AwardHistory, at: dt.datetime) -> Admission:
    """Return what counts towards the next first or new award at an instant (cert#4.2)."""
    finals = [
        award
        for award in award_history.awards
        if award.record.final_at is not None and award.record.final_at <= at
    ]
    return admission_after(award_history.knowledge, finals[-1].record) if finals else Admission()


def _award_questions(
    award_history: AwardHistory, at: dt.datetime, admission: Admission, last: tuple[str, ...] = ()
) -> list[tuple[Requirement, EvidenceView]]:
    index = max(award_history.knowledge.applicable(at), 0)
    document = award_history.knowledge.versions[index].document
    award, standing = document.award, document.validity.standing
    evidence_index = award_history.knowledge.evidence_index(index)
    view = EvidenceView(evidence_index, admission.after, admission.since, within=award.within, last=last)
    return [(award.when, view), *([(standing, view)] if standing is not None else [])]


def standing_questions(award_history: AwardHistory, period: Period) -> list[tuple[Requirement, EvidenceView]]:
    """Return what has to hold as long as a period is valid, by its version (cert#4.4-3)."""
    index = _version_of(award_history, period)
    standing = award_history.knowledge.versions[index].document.validity.standing
    return (
        [(standing, EvidenceView(award_history.knowledge.evidence_index(index)))]
        if standing is not None
        else []
    )


def _version_of(award_history: AwardHistory, period: Period) -> int:
    versions = award_history.knowledge.versions
    return next(i for i, v in enumerate(versions) if v.document.version == period.version)


def _unless_questions(
    award_history: AwardHistory, at: dt.datetime, period: Period
) -> list[tuple[Requirement, EvidenceView]]:
    """Return `unless` of each missed deadline while all can still be met, else nothing.

    In grace as after it: while it can be met, meeting it is what is missing (cert#4.8-3, cert#10-11).
    """
    missed = [d for d in period.deadlines if d.ends_at <= at and d.is_open(at)]
    if not missed or any(at >= d.open_until for d in missed):
        return []
    index = _version_of(award_history, period)
    return [
        (d.unless, EvidenceView(award_history.knowledge.evidence_index(index), release=d.release))
        for d in missed
    ]


def _renewal_question(
    award_history: AwardHistory, at: dt.datetime, period: Period
) -> list[tuple[Requirement, EvidenceView]]:
    index = max(award_history.knowledge.applicable(at), 0)
    renewal = award_history.knowledge.versions[index].document.renewal
    if renewal is None:
        return []
    evidence_index = award_history.knowledge.evidence_index(index)
    view = EvidenceView(
        evidence_index, since=period.opens_at, until=renewal_end(period), last=period.evidence
    )
    return [(renewal.when, view)]


def renewal_end(period: Period) -> dt.datetime | None:
    """Return the exclusive end of the renewal window; a superseded period does not keep it."""
    return None if period.ending == "superseded" else period.lapses_at
