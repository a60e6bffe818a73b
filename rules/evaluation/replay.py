"""The history of awards, replayed from decision to decision (cert#4.2 to cert#4.8, cert#4.10, cert#4.12).

`replay` follows a person through one certification: first award, renewals, lapses, final facts, new awards.
Each step searches the candidate instants of 4.4-1 in a span of time for the smallest one at which a
requirement is satisfied.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rules import calendar
from rules.evaluation.as_of import Knowledge
from rules.evaluation.award_history import (
    TICK,
    Admission,
    AwardHistory,
    Closing,
    Decision,
    OpenPeriod,
    Pending,
    PinKey,
    ReplayedAward,
)
from rules.evaluation.deadlines import deadlines, gaps_of
from rules.evaluation.decision_instants import Search
from rules.evaluation.expiry import expiry
from rules.evaluation.final_facts import admission_after, closings, consequence, final_fact, is_by_member
from rules.evaluation.requirements import evidence_for
from rules.evaluation.standing import unmet_spans
from rules.evaluation.timeline import AwardRecord, Ending, Period, PeriodKind, ReviewItem
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.history import BEGINNING, END_OF_TIME, Fact
from rules.evidence.published import PublishedVersion
from rules.language.model import CountedFrom

_Outcome = dt.datetime | tuple[Period, OpenPeriod | None]
"""What an event gives: the instant to go on from, or the finished period and the next one."""


@dataclass(frozen=True, slots=True)
class _AwardSpan:
    """The award that is being replayed: which statements count, and the fact that ends it."""

    ordinal: int
    admission: Admission
    final: Fact | None

    @property
    def stop(self) -> dt.datetime:
        """Instant at which the award ends for good."""
        return self.final.at if self.final is not None else END_OF_TIME

    @property
    def final_state(self) -> Literal["revoked", "withdrawn"] | None:
        """The state it ends in."""
        if self.final is None:
            return None
        return "withdrawn" if self.final.kind == "withdrawal" else "revoked"


@dataclass(frozen=True, slots=True)
class _PeriodEvent:
    """Something that may change a running period at an instant, with the step that applies it."""

    at: dt.datetime
    apply: Callable[..., _Outcome]
    day: dt.date | None = None
    until: dt.datetime = END_OF_TIME
    version: int = -1


def replay(
    knowledge: Knowledge,
    pins: Mapping[PinKey, Decision] | None = None,
    facts: Sequence[Fact] = (),
    *,
    late: bool = False,
) -> AwardHistory:
    """Return the award history of a person in one certification, as known (cert#4).

    `pins` are decisions that stand although statements under them were taken away (cert#4.9), `facts` the
    holds and revocations that follow from that. `late` counts late statements as accepted (cert#4.1-3).
    """
    replayed = _Replay(knowledge, pins or {}, facts, late=late)
    award_history = replayed.run()
    if replayed.derived:
        return replay(knowledge, pins, (*facts, *replayed.derived), late=late)
    return award_history


class _Replay:
    """One replay; its methods are the steps, in the order of the specification."""

    def __init__(
        self, knowledge: Knowledge, pins: Mapping[PinKey, Decision], facts: Sequence[Fact], *, late: bool
    ) -> None:
        self.known = knowledge
        self.search = Search(knowledge, pins, late=late)
        self.facts = sorted((*knowledge.facts, *facts), key=lambda f: f.at) if facts else knowledge.facts
        self.award_history = AwardHistory(knowledge)
        self.given = {f.id for f in facts}
        self.derived: list[Fact] = []

    def run(self) -> AwardHistory:
        """Follow one award after the other until there is none (cert#4.2-4, cert#4.11)."""
        admission = Admission()
        ordinal = 1
        while self.known.versions and (award := self._replay_award(ordinal, admission)) is not None:
            self.award_history.awards.append(award)
            if award.record.final_at is None:
                break
            ordinal += 1
            following = self._admission(ordinal, award)
            if following is None:
                break
            admission = following
            award.reopened_at = self._reopening(admission)
        return self.award_history

    # 1. One award: first decision, then period after period

    def _replay_award(self, ordinal: int, admission: Admission) -> ReplayedAward | None:
        decision = self._first_decision(ordinal, admission)
        if decision is None:
            return None
        final = final_fact(self.facts, self.known, decision.at)
        award = _AwardSpan(ordinal, admission, final)
        following: OpenPeriod | None = self._begin(decision, ordinal)
        while following is not None:
            period, following = self._follow(following, award)
            self.award_history.periods.append(period)
        record = AwardRecord(
            ordinal=ordinal,
            awarded_at=decision.at,
            final_at=final.at if final is not None else None,
            final=award.final_state,
            reason=final.reason if final is not None else None,
        )
        holds = [f for f in self.facts if f.kind == "hold" and f.at >= decision.at]
        closed = closings(self.facts, self.known, final.at) if final is not None else []
        return ReplayedAward(record, admission, holds, closings=closed)

    def _first_decision(self, ordinal: int, admission: Admission) -> Decision | None:
        """Return the decision of a first or new award, approved where asked for (cert#2.3, cert#4.4)."""
        low = _earliest(admission)
        while (decision := self.search.award(_first_kind(ordinal), ordinal, admission, low)) is not None:
            group = self.known.versions[decision.version].document.award.approval_group
            if group is None:
                return decision
            verdict = self._verdict(decision, group)
            self._note_approval(decision, verdict, ordinal)
            if verdict is None:
                return None
            if verdict.allowed:
                return decision
            low = verdict.at + TICK
        return None

    def _verdict(self, decision: Decision, group: str) -> Fact | None:
        """Return the earliest verdict of a member that does not precede the award instant (cert#10-4)."""
        return next(
            (
                fact
                for fact in self.facts
                if fact.kind == "approval"
                and fact.at >= decision.at
                and is_by_member(self.known, fact, group)
            ),
            None,
        )

    def _note_approval(self, decision: Decision, verdict: Fact | None, ordinal: int) -> None:
        closed_at = verdict.at if verdict is not None else None
        outcome = None if verdict is None else "allowed" if verdict.allowed else "denied"
        self.award_history.reviews.append(
            ReviewItem(
                kind="approval", opened_at=decision.at, award=ordinal, closed_at=closed_at, outcome=outcome
            )
        )
        if verdict is None or not verdict.allowed:
            self.award_history.pending.append(
                Pending(decision.at, closed_at, "approval", decision.version, decision.evidence)
            )

    # 2. After a final fact (cert#4.11)

    def _admission(self, ordinal: int, ended: ReplayedAward) -> Admission | None:
        """Return what counts towards the award after an ended one; None until somebody agrees (cert#4.2-6).

        Withdrawing first is no way around a revocation: it closes the way too where it finds no award.
        """
        admission = admission_after(self.known, ended.record)
        for closing in ended.closings:
            if closing.at != ended.record.final_at and self._begins_before(closing, ordinal, admission):
                break
            if closing.until >= END_OF_TIME:
                return None
            admission = closing.admission
        return admission

    def _begins_before(self, closing: Closing, ordinal: int, admission: Admission) -> bool:
        """Tell whether a new award begins before a revocation, which then ends that award."""
        decision = self.search.award("new_award", ordinal, admission, _earliest(admission))
        if decision is None or decision.at > closing.at:
            return False
        group = self.known.versions[decision.version].document.award.approval_group
        verdict = None if group is None else self._verdict(decision, group)
        return group is None or (verdict is not None and verdict.allowed)

    def _reopening(self, admission: Admission) -> dt.datetime | None:
        """Return the instant of the first statement that counts towards a new award (cert#10-18)."""
        firsts = [
            EvidenceView(self.search.evidence_index(index), admission.after, admission.since).first_at(name)
            for index, version in enumerate(self.known.versions)
            for name in version.compiled.of_award
        ]
        first = min(firsts, default=END_OF_TIME)
        first = max(first, admission.not_before or first)
        return first if first < END_OF_TIME and not self.search.is_closed(first) else None

    # 3. A period begins

    def _begin(self, decision: Decision, ordinal: int, *, first: bool | None = None) -> OpenPeriod:
        version = self.known.versions[decision.version]
        document = version.document
        rule: CountedFrom = document.validity.counted_from
        if decision.chain is not None and document.renewal is not None:
            rule = document.renewal.counted_from
        completed = calendar.local_date(decision.at, version.timezone)
        if first is None:
            first = decision.kind in {"first", "new_award"}
        end = expiry(rule, completed, document.validity, decision.chain, first=first)
        open_period = OpenPeriod(decision, ordinal, version, end, decision.at, end.until, first)
        open_period.deadlines = deadlines(self.search, open_period)
        open_period.unmet = unmet_spans(self.search.evidence_index(decision.version), decision.at)
        open_period.upgrades = [
            (max(d.met_at, d.shown_from), d.upgrade_to)
            for d in open_period.deadlines
            if d.upgrade_to is not None and d.met_at is not None and d.met_at < d.ends_at
        ]
        return open_period

    # 4. A period runs until something ends it

    def _follow(self, open_period: OpenPeriod, award: _AwardSpan) -> tuple[Period, OpenPeriod | None]:
        """Return the finished period and the one that follows it in the same award, if any.

        Goes from event to event (extensions, gaps by deadlines, versions that re-evaluate); between two of
        them only a renewal can end the period.
        """
        cursor = open_period.valid_from
        for event in self._events(open_period):
            if event.at >= min(open_period.lapses_at, award.stop):
                break
            if event.at < cursor:
                continue
            renewed = self.search.renewal(open_period, cursor, event.at)
            if renewed is not None:
                return open_period.finish(renewed.at, "superseded"), self._begin(renewed, open_period.award)
            outcome = event.apply(self, open_period, event, award)
            if isinstance(outcome, tuple):
                return outcome
            cursor = outcome
        lapses_at = open_period.lapses_at
        renewed = self.search.renewal(open_period, cursor, min(lapses_at, award.stop))
        if renewed is not None:
            return open_period.finish(renewed.at, "superseded"), self._begin(renewed, open_period.award)
        if award.stop < lapses_at:
            return open_period.finish(award.stop, award.final_state), None
        return self._lapse(open_period, max(lapses_at, open_period.valid_from), "expired", award)

    def _events(self, open_period: OpenPeriod) -> list[_PeriodEvent]:
        """Return what may change the period, in order of time, each with the step that applies it."""
        found = [
            _PeriodEvent(f.at, _Replay.extend, day=f.until_day)
            for f in self.facts
            if f.kind == "extension" and f.at >= open_period.valid_from
        ]
        for start, end in gaps_of(open_period.deadlines):
            found.append(_PeriodEvent(max(start, open_period.valid_from), _Replay.enter_gap, until=end))
        if open_period.version.document.validity.otherwise == "end":
            found += [
                _PeriodEvent(max(start, open_period.valid_from), _Replay.lose_standing)
                for start, end in open_period.unmet
                if end > open_period.valid_from
            ]
        for index in range(open_period.decision.version + 1, len(self.known.versions)):
            version = self.known.versions[index]
            is_later = version.effective_at > open_period.valid_from and not self.known.is_replaced(index)
            if version.document.transition.existing == "re_evaluate" and is_later:
                found.append(_PeriodEvent(version.effective_at, _Replay.re_evaluate, version=index))
        return sorted(found, key=lambda event: event.at) if len(found) > 1 else found

    def extend(self, open_period: OpenPeriod, event: _PeriodEvent, _award: _AwardSpan) -> _Outcome:
        """Move `valid_until` forwards, `baseline_until` stays (cert#4.7-4)."""
        if (
            event.day is not None
            and open_period.valid_until is not None
            and event.day > open_period.valid_until
        ):
            open_period.extensions.append((event.at, event.day))
            open_period.valid_until = event.day
        return event.at

    def enter_gap(self, open_period: OpenPeriod, event: _PeriodEvent, award: _AwardSpan) -> _Outcome:
        """Lapse at a missed deadline, until the period is restored or a new one is made (cert#4.8-3)."""
        at, until = event.at, event.until
        missed = next(d for d in open_period.deadlines if max(d.ends_at, open_period.valid_from) == at)
        ending: Ending = "release_deadline" if missed.upgrade_to is None else "must_upgrade"
        if until >= open_period.lapses_at:
            return self._lapse(open_period, at, ending, award)
        decision = self.search.award(
            "after_lapse",
            open_period.award,
            award.admission,
            _from_after(at, ending),
            min(until + TICK, award.stop),
            previous=open_period,
        )
        if decision is not None:
            return open_period.finish(at, ending), self._begin(decision, open_period.award)
        open_period.gaps.append((at, until))
        return until

    def lose_standing(self, open_period: OpenPeriod, event: _PeriodEvent, award: _AwardSpan) -> _Outcome:
        """End a period whose `validity.while` is no longer met, where it says so (cert#4.4-3)."""
        return self._lapse(open_period, event.at, "prerequisite_ended", award)

    def re_evaluate(self, open_period: OpenPeriod, event: _PeriodEvent, award: _AwardSpan) -> _Outcome:
        """Decide a running period again under a new version, with all evidence (cert#4.12-5)."""
        version = self.known.versions[event.version]
        when = version.document.award.when
        view = self.search.view(event.version, award.admission)
        met_at = self.search.first_met(when, view)
        if met_at is not None and met_at <= event.at:
            ids = evidence_for(when, view, met_at) or ()
            decision = replace(open_period.decision, kind="re_evaluated", version=event.version, evidence=ids)
            renewed = self._begin(decision, open_period.award, first=open_period.first)
            renewed.valid_from = event.at
            _carry_extensions(open_period, renewed)
            return open_period.finish(event.at, "superseded"), renewed
        if version.document.on_voided.action == "recompute":
            anew = self.search.award(
                _first_kind(open_period.award), open_period.award, award.admission, event.at, award.stop
            )
            following = self._begin(anew, open_period.award) if anew is not None else None
            return open_period.finish(event.at, "annulled"), following
        self._treat_as_voided(open_period, version, event.at, met_at)
        return event.at

    def _treat_as_voided(
        self, open_period: OpenPeriod, version: PublishedVersion, at: dt.datetime, met_at: dt.datetime | None
    ) -> None:
        """Suspend, revoke or ask, for who no longer satisfies a new version (cert#4.12-5, cert#4.9-2)."""
        action = version.document.on_voided
        if action.action == "review":
            self.award_history.reviews.append(
                ReviewItem(kind="re_evaluation", opened_at=at, award=open_period.award)
            )
            return
        fact_id = f"re_evaluate:{version.document.version}:{open_period.decision.at.isoformat()}"
        if fact_id in self.given:
            return
        self.derived.append(consequence(action, fact_id, at, met_at, version.timezone))

    def _lapse(
        self, open_period: OpenPeriod, at: dt.datetime, ending: Ending, award: _AwardSpan
    ) -> tuple[Period, OpenPeriod | None]:
        """End a period for good; `award.when` may give one new period after it (cert#4.7-3)."""
        low = _from_after(at, ending)
        decision = self.search.award(
            "after_lapse", open_period.award, award.admission, low, award.stop, previous=open_period
        )
        ended = open_period.finish(at, ending)
        return ended, self._begin(decision, open_period.award) if decision is not None else None


def _from_after(at: dt.datetime, ending: Ending) -> dt.datetime:
    """Return from when on a new award may follow: after a missed release only later than it (cert#10-9)."""
    return at + TICK if ending == "release_deadline" else at


def _earliest(admission: Admission) -> dt.datetime:
    """Return the first instant at which an award may begin."""
    low = admission.after + TICK if admission.after is not None else BEGINNING
    return max(low, admission.not_before or low)


def _first_kind(ordinal: int) -> PeriodKind:
    return "first" if ordinal == 1 else "new_award"


def _carry_extensions(open_period: OpenPeriod, renewed: OpenPeriod) -> None:
    """Keep the extensions of a period that was decided again, where they still reach further."""
    for at, day in open_period.extensions:
        if renewed.valid_until is not None and day > renewed.valid_until:
            renewed.extensions.append((at, day))
            renewed.valid_until = day
