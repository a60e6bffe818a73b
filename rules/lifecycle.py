"""The life of an award as a walk from decision to decision (certification.md 4.2 to 4.8, 4.10, 4.12).

`live` follows a person through one certification: first award, renewals, lapses, final facts, new awards.
Each step searches the candidate instants of 4.4-1 in a span of time for the smallest one at which a
requirement is satisfied.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rules import calendar
from rules.book import View
from rules.course import AwardRecord, Ending, Period, PeriodKind, ReviewItem
from rules.deadlines import deadlines, gaps_of
from rules.expiry import expiry
from rules.finals import admission_after, consequence, final_fact
from rules.history import BEGINNING, END_OF_TIME, Fact
from rules.knowledge import Knowledge
from rules.life import TICK, Admission, Decision, Draft, Life, LivedAward, Pending, PinKey
from rules.model import CountedFrom
from rules.published import PublishedVersion
from rules.requirements import evidence_for
from rules.search import Search
from rules.selectors import is_member

_Outcome = dt.datetime | tuple[Period, Draft | None]
"""What an event gives: the instant to go on from, or the finished period and the next one."""


@dataclass(frozen=True, slots=True)
class _Award:
    """The award that is being walked through: which statements count, and the fact that ends it."""

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
class _Event:
    """Something that may change a running period at an instant, with the step of the walk that applies it."""

    at: dt.datetime
    apply: Callable[..., _Outcome]
    day: dt.date | None = None
    until: dt.datetime = END_OF_TIME
    version: int = -1


def live(
    knowledge: Knowledge,
    pins: Mapping[PinKey, Decision] | None = None,
    facts: Sequence[Fact] = (),
    *,
    late: bool = False,
) -> Life:
    """Return the life of a person in one certification, as known (section 4).

    `pins` are decisions that stand although statements under them were taken away (4.9), `facts` the holds
    and revocations that follow from that. `late` counts late statements as if they were accepted (4.1-3).
    """
    walk = _Walk(knowledge, pins or {}, facts, late=late)
    life = walk.run()
    if walk.derived:
        return live(knowledge, pins, (*facts, *walk.derived), late=late)
    return life


class _Walk:
    """One walk; its methods are the steps, in the order of the specification."""

    def __init__(
        self, knowledge: Knowledge, pins: Mapping[PinKey, Decision], facts: Sequence[Fact], *, late: bool
    ) -> None:
        self.known = knowledge
        self.search = Search(knowledge, pins, late=late)
        self.facts = sorted((*knowledge.facts, *facts), key=lambda f: f.at) if facts else knowledge.facts
        self.life = Life(knowledge)
        self.given = {f.id for f in facts}
        self.derived: list[Fact] = []

    def run(self) -> Life:
        """Follow one award after the other until there is none (4.2-4, 4.11)."""
        admission = Admission()
        ordinal = 1
        while self.known.versions and (award := self._live_award(ordinal, admission)) is not None:
            self.life.awards.append(award)
            if award.record.final_at is None:
                break
            admission = admission_after(self.known, award.record)
            award.reopened_at = self._reopening(admission)
            ordinal += 1
        return self.life

    # 1. One award: first decision, then period after period

    def _live_award(self, ordinal: int, admission: Admission) -> LivedAward | None:
        decision = self._first_decision(ordinal, admission)
        if decision is None:
            return None
        final = final_fact(self.facts, self.known, decision.at)
        award = _Award(ordinal, admission, final)
        following: Draft | None = self._begin(decision, ordinal)
        while following is not None:
            period, following = self._follow(following, award)
            self.life.periods.append(period)
        record = AwardRecord(
            ordinal=ordinal,
            awarded_at=decision.at,
            final_at=final.at if final is not None else None,
            final=award.final_state,
            reason=final.reason if final is not None else None,
        )
        holds = [f for f in self.facts if f.kind == "hold" and f.at >= decision.at]
        return LivedAward(record, admission, holds)

    def _first_decision(self, ordinal: int, admission: Admission) -> Decision | None:
        """Return the decision of a first or new award, approved where approval is asked for (2.3, 4.4)."""
        low = admission.after + TICK if admission.after is not None else BEGINNING
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
        """Return the earliest verdict of a member that does not precede the award instant (10, 4.5)."""
        groups = self.known.around.groups
        for fact in self.facts:
            if fact.kind == "approval" and fact.at >= decision.at:
                unchecked = fact.by is None or group not in groups
                if unchecked or is_member(groups, group, fact.by or "", fact.at):
                    return fact
        return None

    def _note_approval(self, decision: Decision, verdict: Fact | None, ordinal: int) -> None:
        closed_at = verdict.at if verdict is not None else None
        outcome = None if verdict is None else "allowed" if verdict.allowed else "denied"
        self.life.reviews.append(
            ReviewItem(
                kind="approval", opened_at=decision.at, award=ordinal, closed_at=closed_at, outcome=outcome
            )
        )
        if verdict is None or not verdict.allowed:
            self.life.pending.append(
                Pending(decision.at, closed_at, "approval", decision.version, decision.evidence)
            )

    # 2. After a final fact (4.11)

    def _reopening(self, admission: Admission) -> dt.datetime | None:
        """Return the instant of the first statement that counts towards a new award (section 10, 4.11)."""
        firsts = [
            View(self.search.book(index), admission.after, admission.since).first_at(name)
            for index, version in enumerate(self.known.versions)
            for name in version.compiled.of_award
        ]
        first = min(firsts, default=END_OF_TIME)
        return first if first < END_OF_TIME and not self.search.is_closed(first) else None

    # 3. A period begins

    def _begin(self, decision: Decision, ordinal: int, *, first: bool | None = None) -> Draft:
        version = self.known.versions[decision.version]
        document = version.document
        rule: CountedFrom = document.validity.counted_from
        if decision.chain is not None and document.renewal is not None:
            rule = document.renewal.counted_from
        completed = calendar.local_date(decision.at, version.timezone)
        if first is None:
            first = decision.kind in {"first", "new_award"}
        end = expiry(rule, completed, document.validity, decision.chain, first=first)
        draft = Draft(decision, ordinal, version, end, decision.at, end.until, first)
        draft.deadlines = deadlines(self.search, draft)
        draft.upgrades = [
            (max(d.met_at, d.shown_from), d.upgrade_to)
            for d in draft.deadlines
            if d.upgrade_to is not None and d.met_at is not None and d.met_at < d.ends_at
        ]
        return draft

    # 4. A period runs until something ends it

    def _follow(self, draft: Draft, award: _Award) -> tuple[Period, Draft | None]:
        """Return the finished period and the one that follows it in the same award, if any.

        Goes from event to event (extensions, gaps by deadlines, versions that re-evaluate); between two of
        them only a renewal can end the period.
        """
        cursor = draft.valid_from
        for event in self._events(draft):
            if event.at >= min(draft.lapses_at, award.stop):
                break
            if event.at < cursor:
                continue
            renewed = self.search.renewal(draft, cursor, event.at)
            if renewed is not None:
                return draft.finish(renewed.at, "superseded"), self._begin(renewed, draft.award)
            outcome = event.apply(self, draft, event, award)
            if isinstance(outcome, tuple):
                return outcome
            cursor = outcome
        lapses_at = draft.lapses_at
        renewed = self.search.renewal(draft, cursor, min(lapses_at, award.stop))
        if renewed is not None:
            return draft.finish(renewed.at, "superseded"), self._begin(renewed, draft.award)
        if award.stop < lapses_at:
            return draft.finish(award.stop, award.final_state), None
        return self._lapse(draft, max(lapses_at, draft.valid_from), "expired", award)

    def _events(self, draft: Draft) -> list[_Event]:
        """Return what may change the period, in order of time, each with the step that applies it."""
        found = [
            _Event(f.at, _Walk.extend, day=f.until_day)
            for f in self.facts
            if f.kind == "extension" and f.at >= draft.valid_from
        ]
        for start, end in gaps_of(draft.deadlines):
            found.append(_Event(max(start, draft.valid_from), _Walk.enter_gap, until=end))
        for index in range(draft.decision.version + 1, len(self.known.versions)):
            version = self.known.versions[index]
            is_later = version.effective_at > draft.valid_from and not self.known.is_replaced(index)
            if version.document.transition.existing == "re_evaluate" and is_later:
                found.append(_Event(version.effective_at, _Walk.re_evaluate, version=index))
        return sorted(found, key=lambda event: event.at) if len(found) > 1 else found

    def extend(self, draft: Draft, event: _Event, _award: _Award) -> _Outcome:
        """Move `valid_until` forwards, `baseline_until` stays (4.7-4)."""
        if event.day is not None and draft.valid_until is not None and event.day > draft.valid_until:
            draft.extensions.append((event.at, event.day))
            draft.valid_until = event.day
        return event.at

    def enter_gap(self, draft: Draft, event: _Event, award: _Award) -> _Outcome:
        """Lapse at a missed deadline, until the period is restored or a new one is made (4.8-3)."""
        at, until = event.at, event.until
        missed = next(d for d in draft.deadlines if max(d.ends_at, draft.valid_from) == at)
        ending: Ending = "release_deadline" if missed.upgrade_to is None else "must_upgrade"
        if until >= draft.lapses_at:
            return self._lapse(draft, at, ending, award)
        decision = self.search.award(
            "after_lapse", draft.award, award.admission, at, min(until + TICK, award.stop), previous=draft
        )
        if decision is not None:
            return draft.finish(at, ending), self._begin(decision, draft.award)
        draft.gaps.append((at, until))
        return until

    def re_evaluate(self, draft: Draft, event: _Event, award: _Award) -> _Outcome:
        """Decide a running period again under a new version, with all evidence (4.12-5)."""
        version = self.known.versions[event.version]
        when = version.document.award.when
        view = self.search.view(event.version, award.admission)
        met_at = self.search.first_met(when, view)
        if met_at is not None and met_at <= event.at:
            ids = evidence_for(when, view, met_at) or ()
            decision = replace(draft.decision, kind="re_evaluated", version=event.version, evidence=ids)
            renewed = self._begin(decision, draft.award, first=draft.first)
            renewed.valid_from = event.at
            _carry_extensions(draft, renewed)
            return draft.finish(event.at, "superseded"), renewed
        if version.document.on_voided.action == "recompute":
            anew = self.search.award(
                _first_kind(draft.award), draft.award, award.admission, event.at, award.stop
            )
            following = self._begin(anew, draft.award) if anew is not None else None
            return draft.finish(event.at, "annulled"), following
        self._treat_as_voided(draft, version, event.at, met_at)
        return event.at

    def _treat_as_voided(
        self, draft: Draft, version: PublishedVersion, at: dt.datetime, met_at: dt.datetime | None
    ) -> None:
        """Suspend, revoke or ask, for who no longer satisfies a new version (4.12-5, 4.9-2)."""
        action = version.document.on_voided
        if action.action == "review":
            self.life.reviews.append(ReviewItem(kind="re_evaluation", opened_at=at, award=draft.award))
            return
        fact_id = f"re_evaluate:{version.document.version}:{draft.decision.at.isoformat()}"
        if fact_id in self.given:
            return
        self.derived.append(consequence(action, fact_id, at, met_at, version.timezone))

    def _lapse(
        self, draft: Draft, at: dt.datetime, ending: Ending, award: _Award
    ) -> tuple[Period, Draft | None]:
        """End a period for good; `award.when` may give one new period after it (4.7-3)."""
        decision = self.search.award(
            "after_lapse", draft.award, award.admission, at, award.stop, previous=draft
        )
        ended = draft.finish(at, ending)
        return ended, self._begin(decision, draft.award) if decision is not None else None


def _first_kind(ordinal: int) -> PeriodKind:
    return "first" if ordinal == 1 else "new_award"


def _carry_extensions(draft: Draft, renewed: Draft) -> None:
    """Keep the extensions of a period that was decided again, where they still reach further."""
    for at, day in draft.extensions:
        if renewed.valid_until is not None and day > renewed.valid_until:
            renewed.extensions.append((at, day))
            renewed.valid_until = day
