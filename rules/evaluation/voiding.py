"""What taken-away evidence does to decisions that stood on it (cert#4.9).

A statement is taken away when it is voided or split off the person; a disqualifying statement that arrives
after the decision is treated the same way. New decisions ignore what was taken away at once. A period that
existed is decided again when `settle` has passed; until then, and where `on_voided` does not recompute, it
stands: a pin.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rules import calendar
from rules.evaluation.as_of import Knowledge, know
from rules.evaluation.award_history import TICK, AwardHistory, Decision, PinKey
from rules.evaluation.decision_instants import candidates, first_met
from rules.evaluation.final_facts import consequence
from rules.evaluation.replay import replay
from rules.evaluation.timeline import Period, ReviewItem
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.history import Fact, PersonHistory
from rules.evidence.published import PublishedCertification, PublishedVersion
from rules.language.model import OnVoided


@dataclass(slots=True)
class VoidingOutcome:
    """What stands in spite of missing evidence, and the holds, revocations and review items that follow."""

    pins: dict[PinKey, Decision] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    reviews: list[ReviewItem] = field(default_factory=list)
    settles: list[dt.datetime] = field(default_factory=list)  # when what is pinned now is decided again


@dataclass(frozen=True, slots=True)
class _Trigger:
    """A statement taken away, or a disqualifying one that arrived, at the instant the store learnt of it."""

    at: dt.datetime
    statement: str


@dataclass(frozen=True, slots=True)
class _AffectedPeriod:
    """A trigger, the award history as known just before it, and its periods that stood on the statement."""

    trigger: _Trigger
    award_history: AwardHistory
    periods: tuple[Period, ...]


def voiding_outcome(
    certification: PublishedCertification, history: PersonHistory, known: Knowledge
) -> VoidingOutcome:
    """Return how existing decisions react to what was taken away, as known at an instant (cert#4.9)."""
    triggers = _triggers(history, known)
    if not triggers:
        return VoidingOutcome()
    return _VoidingReplay(certification, history).run(triggers, known.at)


def _triggers(history: PersonHistory, known: Knowledge) -> list[_Trigger]:
    found = {
        _Trigger(e.voided_at, e.id)
        for e in history.evidence
        if e.voided_at is not None and e.voided_at <= known.at and e.known < e.voided_at
    }
    found.update(_late_disqualifiers(known))
    return sorted(found, key=lambda t: (t.at, t.statement))


def _late_disqualifiers(known: Knowledge) -> Iterator[_Trigger]:
    """Yield the disqualifying statements, each from its arrival or acceptance on (cert#4.9-3)."""
    for index, version in enumerate(known.versions):
        if not version.compiled.disqualifiers:
            continue
        for e in known.evidence_index(index).matched(version.compiled.disqualifiers):
            verdict = known.verdicts.get(e.id)
            at = e.known if verdict is None else max(e.known, verdict.decided_at)
            if at > e.at:
                yield _Trigger(at, e.id)


class _VoidingReplay:
    """The triggers in order of knowledge; each looks at the award history as it was known just before."""

    def __init__(self, certification: PublishedCertification, history: PersonHistory) -> None:
        self.certification = certification
        self.history = history
        self.voided = {(e.id, e.voided_at) for e in history.evidence}
        self._stands: dict[tuple[_Trigger, dt.datetime], bool] = {}

    def run(self, triggers: Sequence[_Trigger], known_at: dt.datetime) -> VoidingOutcome:
        """Return the joint reaction, as known at an instant."""
        affected_periods: list[_AffectedPeriod] = []
        for trigger in triggers:
            before_at = trigger.at - TICK
            earlier = self.outcome(affected_periods, before_at)
            award_history = replay(self.know(before_at), earlier.pins, earlier.facts)
            periods = self.affected(award_history, trigger, earlier) if award_history.periods else ()
            if periods:
                affected_periods.append(_AffectedPeriod(trigger, award_history, periods))
        return self.outcome(affected_periods, known_at)

    def know(self, at: dt.datetime) -> Knowledge:
        """Return what is known at an instant."""
        return know(self.certification, self.history, at)

    def affected(
        self, award_history: AwardHistory, trigger: _Trigger, earlier: VoidingOutcome
    ) -> tuple[Period, ...]:
        """Return the periods that stood on the statement, or that are gone by the disqualifier."""
        if (trigger.statement, trigger.at) in self.voided:
            return tuple(p for p in award_history.periods if trigger.statement in p.evidence)
        after = replay(self.know(trigger.at), earlier.pins, earlier.facts)
        kept = {(p.award, p.kind, p.awarded_at, p.version) for p in after.periods}
        return tuple(
            p for p in award_history.periods if (p.award, p.kind, p.awarded_at, p.version) not in kept
        )

    def outcome(self, affected_periods: Sequence[_AffectedPeriod], known_at: dt.datetime) -> VoidingOutcome:
        """Return the reaction to some affected periods, as known at an instant."""
        outcome = VoidingOutcome()
        for affected in affected_periods:
            self.react(outcome, affected, known_at)
        return outcome

    def react(self, outcome: VoidingOutcome, affected: _AffectedPeriod, known_at: dt.datetime) -> None:
        """Let the affected periods stand, or follow `on_voided.action` (cert#4.9-1, cert#4.9-2)."""
        period = affected.periods[-1]
        version = _version(affected.award_history.knowledge, period)
        action = version.document.on_voided
        due_at = calendar.later_by(affected.trigger.at, action.settle, version.timezone)
        superseded = period.ending == "superseded" and period.ends_at is not None and period.ends_at <= due_at
        if known_at < due_at or (superseded and not action.chain):
            self.pin(outcome, affected, known_at)
            if known_at < due_at:
                outcome.settles.append(due_at)
            return
        if self.stands(outcome, affected, due_at):
            return
        verdict = self.verdict(affected.trigger, known_at)
        choice = verdict.choice if verdict is not None and verdict.choice else action.action
        if choice == "recompute":
            return
        self.pin(outcome, affected, known_at)
        if action.action == "review":
            outcome.reviews.append(_review(affected.trigger, due_at, verdict))
        if choice in {"suspend", "revoke"}:
            at = due_at if verdict is None else max(verdict.at, due_at)
            fact = self.consequence(choice, action, affected, at, known_at)
            if fact.until is None or fact.until > fact.at:
                outcome.facts.append(fact)

    def stands(self, outcome: VoidingOutcome, affected: _AffectedPeriod, due_at: dt.datetime) -> bool:
        """Tell whether the remaining evidence gives the same periods with the same dates (cert#4.9-2)."""
        key = (affected.trigger, due_at)
        if key not in self._stands:
            award_history = replay(self.know(due_at), outcome.pins, outcome.facts)
            dates = {(p.kind, p.awarded_at, p.baseline_until) for p in award_history.periods}
            self._stands[key] = all(
                (p.kind, p.awarded_at, p.baseline_until) in dates for p in affected.periods
            )
        return self._stands[key]

    def verdict(self, trigger: _Trigger, known_at: dt.datetime) -> Fact | None:
        """Return what a human being chose for a voiding under review (cert#4.9-2), the newest choice."""
        facts = [
            f
            for f in self.history.facts
            if f.kind == "resolution" and f.statement == trigger.statement and f.decided_at <= known_at
        ]
        return max(facts, key=lambda f: (f.decided_at, f.id), default=None)

    def pin(self, outcome: VoidingOutcome, affected: _AffectedPeriod, known_at: dt.datetime) -> None:
        """Let the affected periods stand as they were decided."""
        versions = [v.document.version for v in self.know(known_at).versions]
        periods = affected.award_history.periods
        for period in affected.periods:
            index = periods.index(period)
            previous = periods[index - 1].awarded_at if index and period.follows else None
            outcome.pins[period.kind, period.award, previous] = Decision(
                period.kind, period.awarded_at, versions.index(period.version), period.evidence
            )

    def consequence(
        self,
        choice: Literal["suspend", "revoke"],
        action: OnVoided,
        affected: _AffectedPeriod,
        at: dt.datetime,
        known_at: dt.datetime,
    ) -> Fact:
        """Return the hold or revocation `evidence_voided`; a hold ends when satisfied again (cert#4.9-2)."""
        period = affected.periods[-1]
        timezone = period.timezone
        met_at = self.met_again(affected.award_history, period, known_at) if choice == "suspend" else None
        fact_id = f"voided:{affected.trigger.statement}:{period.awarded_at.isoformat()}"
        return consequence(replace(action, action=choice), fact_id, at, met_at, timezone)

    def met_again(self, before: AwardHistory, period: Period, known_at: dt.datetime) -> dt.datetime | None:
        """Return the first instant at which the remaining evidence satisfies what the period needed."""
        now = self.know(known_at)
        index = next(i for i, v in enumerate(now.versions) if v.document.version == period.version)
        document = _version(before.knowledge, period).document
        last = before.periods[before.periods.index(period) - 1].evidence if period.follows else ()
        if period.kind == "renewal" and document.renewal is not None:
            return first_met(
                document.renewal.when,
                EvidenceView(now.evidence_index(index), since=period.renews_from, last=last),
                candidates(now),
                period.awarded_at,
            )
        view = EvidenceView(now.evidence_index(index), within=document.award.within, last=last)
        return first_met(document.award.when, view, candidates(now), period.awarded_at)


def _review(trigger: _Trigger, at: dt.datetime, verdict: Fact | None) -> ReviewItem:
    return ReviewItem(
        kind="voided",
        opened_at=at,
        statement=trigger.statement,
        closed_at=verdict.at if verdict is not None else None,
        outcome=verdict.choice if verdict is not None else None,
    )


def _version(knowledge: Knowledge, period: Period) -> PublishedVersion:
    return next(v for v in knowledge.versions if v.document.version == period.version)
