"""The life of an award as a walk from decision to decision (certification.md 4.2 to 4.8, 4.10, 4.12).

`live` follows a person through one certification: first award, renewals, lapses, final facts, new awards.
Each step searches the candidate instants of 4.4-1 in a span of time for the smallest one at which a
requirement is satisfied.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rules import calendar
from rules.book import View
from rules.course import AwardRecord, Deadline, Ending, Period, PeriodKind, ReviewItem
from rules.expiry import Chain, Expiry, expiry
from rules.history import BEGINNING, END_OF_TIME, Fact
from rules.knowledge import Knowledge
from rules.model import CountedFrom, OnVoided, Requirement
from rules.published import PublishedVersion, selectors_of, walk
from rules.requirements import Ids, earliest, evidence_for

TICK = dt.timedelta(microseconds=1)
PinKey = tuple[PeriodKind, int, dt.datetime | None]


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a period begins: kind, instant, index of the version, statements, and the chain a renewal builds on."""

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


@dataclass(slots=True)
class _Draft:
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
        """Return the finished period, ended at `at` for the reason `ending` (None: END_OF_TIME, still open)."""
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


_Outcome = dt.datetime | tuple[Period, _Draft | None]
"""What an event gives: the instant to go on from, or the finished period and the next one."""


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
    pins: dict[PinKey, Decision] | None = None,
    facts: Sequence[Fact] = (),
    *,
    late: bool = False,
) -> Life:
    """Return the life of a person in one certification, as known (section 4).

    `pins` are decisions that stand although statements under them were taken away (4.9), `facts` the holds
    and revocations that follow from that. `late` counts late statements as if they were accepted (4.1-3).
    """
    walk_ = _Walk(knowledge, pins or {}, facts, late=late)
    life = walk_.run()
    if walk_.derived:
        return live(knowledge, pins, (*facts, *walk_.derived), late=late)
    return life


class _Walk:
    """One walk; its methods are the steps, in the order of the specification."""

    def __init__(
        self, knowledge: Knowledge, pins: dict[PinKey, Decision], facts: Sequence[Fact], *, late: bool
    ) -> None:
        self.known = knowledge
        self.pins = pins
        self.late = late
        self.facts = sorted((*knowledge.facts, *facts), key=lambda f: f.at) if facts else knowledge.facts
        self.life = Life(knowledge)
        self.candidates = candidates(knowledge, late=late)
        self.given = {f.id for f in facts}
        self.derived: list[Fact] = []
        self.final: Ending = "revoked"

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
        kind: PeriodKind = "first" if ordinal == 1 else "new_award"
        low = admission.after + TICK if admission.after is not None else BEGINNING
        decision = self._first_decision(kind, ordinal, admission, low)
        if decision is None:
            return None
        start = decision.at
        final = self._final_fact(start)
        stop = final.at if final is not None else END_OF_TIME
        self.final = "withdrawn" if final is not None and final.kind == "withdrawal" else "revoked"
        following: _Draft | None = self._begin(decision, ordinal)
        while following is not None:
            period, following = self._follow(following, admission, stop)
            self.life.periods.append(period)
        return self._record(ordinal, start, admission, final)

    def _record(
        self, ordinal: int, start: dt.datetime, admission: Admission, final: Fact | None
    ) -> LivedAward:
        state: Literal["revoked", "withdrawn"] | None = None
        if final is not None:
            state = "withdrawn" if final.kind == "withdrawal" else "revoked"
        record = AwardRecord(
            ordinal=ordinal,
            awarded_at=start,
            final_at=final.at if final is not None else None,
            final=state,
            reason=final.reason if final is not None else None,
        )
        holds = [f for f in self.facts if f.kind == "hold" and f.at >= start]
        return LivedAward(record, admission, holds)

    def _first_decision(
        self, kind: PeriodKind, ordinal: int, admission: Admission, low: dt.datetime
    ) -> Decision | None:
        """Return the decision of a first or new award, approved where approval is asked for (2.3, 4.4)."""
        while (decision := self._find_award(kind, ordinal, None, admission, low, END_OF_TIME)) is not None:
            if self.known.versions[decision.version].document.award.approval_group is None:
                return decision
            verdict = self._verdict(decision)
            self._note_approval(decision, verdict, ordinal)
            if verdict is None:
                return None
            if verdict.allowed:
                return decision
            low = verdict.at + TICK
        return None

    def _verdict(self, decision: Decision) -> Fact | None:
        """Return the earliest approval or denial that does not precede the award instant (section 10, 4.5)."""
        group = self.known.versions[decision.version].document.award.approval_group or ""
        members = self.known.around.groups.get(group)
        for fact in self.facts:
            if fact.kind != "approval" or fact.at < decision.at:
                continue
            by_member = fact.by is None or members is None or any(m.person == fact.by for m in members)
            if by_member:
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

    # 2. Final facts and what follows them (4.10)

    def _final_fact(self, start: dt.datetime) -> Fact | None:
        """Return the earliest fact that ends an award begun at `start`."""
        finals = [f for f in self.facts if f.kind in {"revocation", "withdrawal"} and f.at >= start]
        finals += [
            _as_revocation(f) for f in self.facts if f.kind == "hold" and f.at >= start and _is_uncured(f)
        ]
        for change in self.known.lifecycle:
            if change.to == "withdrawn" and change.at >= start:
                finals.append(
                    Fact(
                        kind="withdrawal",
                        at=change.at,
                        decided_at=change.decided_at,
                        reason="certification_withdrawn",
                    )
                )
        return min(finals, key=lambda f: (f.at, f.decided_at, f.kind, f.id), default=None)

    def _reopening(self, admission: Admission) -> dt.datetime | None:
        """Return the instant of the first statement that counts towards a new award (section 10, 4.11)."""
        firsts = [
            View(self.known.book(index, late=self.late), admission.after, admission.since).first_at(name)
            for index, version in enumerate(self.known.versions)
            for name in version.compiled.of_award
        ]
        first = min(firsts, default=END_OF_TIME)
        return first if first < END_OF_TIME and not self._is_closed(first) else None

    # 3. A period begins

    def _begin(self, decision: Decision, ordinal: int, *, first: bool | None = None) -> _Draft:
        version = self.known.versions[decision.version]
        document = version.document
        rule: CountedFrom = document.validity.counted_from
        if decision.chain is not None and document.renewal is not None:
            rule = document.renewal.counted_from
        completed = calendar.local_date(decision.at, version.timezone)
        if first is None:
            first = decision.kind in {"first", "new_award"}
        end = expiry(rule, completed, document.validity, decision.chain, first=first)
        draft = _Draft(decision, ordinal, version, end, decision.at, end.until, first)
        draft.deadlines = [*self._release_deadlines(draft), *self._upgrade_deadlines(draft)]
        draft.upgrades = [
            (max(d.met_at, d.shown_from), d.upgrade_to)
            for d in draft.deadlines
            if d.upgrade_to is not None and d.met_at is not None and d.met_at < d.ends_at
        ]
        return draft

    def _release_deadlines(self, draft: _Draft) -> Iterator[Deadline]:
        """Yield the deadlines that releases set to a period, in document order (4.8)."""
        zone = draft.version.timezone
        awarded = calendar.local_date(draft.decision.at, zone)
        for rule in draft.version.document.release_rules:
            for release in self.known.releases:
                if release.product != rule.product or release.level not in rule.levels:
                    continue
                is_before = awarded < release.published
                if not (is_before or (rule.affects == "all" and awarded == release.published)):
                    continue
                day = calendar.add(release.published, rule.ends_after)
                view = View(self.known.book(draft.decision.version, late=self.late), release=release.release)
                yield Deadline(
                    day=day,
                    shown_from=calendar.start_of(release.published, zone),
                    ends_at=calendar.end_of(day, zone),
                    open_until=calendar.end_of(calendar.add(day, rule.reinstates_within), zone),
                    met_at=self._first_met(rule.unless, view),
                    unless=rule.unless,
                    release=release.release,
                )

    def _upgrade_deadlines(self, draft: _Draft) -> Iterator[Deadline]:
        """Yield the deadlines that newer versions set by `must_upgrade_by` (4.12-5)."""
        for index in range(draft.decision.version + 1, len(self.known.versions)):
            version = self.known.versions[index]
            day = version.document.transition.must_upgrade_by
            if version.document.transition.existing != "must_upgrade_by" or day is None:
                continue
            ends_at = max(calendar.end_of(day, version.timezone), version.effective_at)
            if draft.decision.at >= ends_at:
                continue
            award = version.document.award
            view = View(self.known.book(index, late=self.late), within=award.within)
            yield Deadline(
                day=day,
                shown_from=max(version.effective_at, draft.valid_from),
                ends_at=ends_at,
                open_until=ends_at,
                met_at=self._first_met(award.when, view),
                unless=award.when,
                upgrade_to=version.document.version,
            )

    def _first_met(self, requirement: Requirement, view: View) -> dt.datetime | None:
        """Return the first instant at which a requirement is satisfied, over statements of any age (4.2-1)."""
        own = {
            at
            for node in walk(requirement)
            for name in selectors_of(node)
            for at in view.book.rows(name, view.release).ats
        }
        return first_met(requirement, view, sorted(own.union(self.candidates)), BEGINNING)

    # 4. A period runs until something ends it

    def _follow(self, draft: _Draft, admission: Admission, stop: dt.datetime) -> tuple[Period, _Draft | None]:
        """Return the finished period and the one that follows it in the same award, if any.

        Goes from event to event (extensions, gaps by deadlines, versions that re-evaluate); between two of
        them only a renewal can end the period.
        """
        cursor = draft.valid_from
        for event in self._events(draft):
            if event.at >= min(draft.lapses_at, stop):
                break
            if event.at < cursor:
                continue
            renewed = self._find_renewal(draft, cursor, event.at)
            if renewed is not None:
                return draft.finish(renewed.at, "superseded"), self._begin(renewed, draft.award)
            outcome = event.apply(self, draft, event, admission, stop)
            if isinstance(outcome, tuple):
                return outcome
            cursor = outcome
        renewed = self._find_renewal(draft, cursor, min(draft.lapses_at, stop))
        if renewed is not None:
            return draft.finish(renewed.at, "superseded"), self._begin(renewed, draft.award)
        if stop < draft.lapses_at:
            return draft.finish(stop, self.final), None
        return self._lapse(draft, max(draft.lapses_at, draft.valid_from), "expired", admission, stop)

    def _events(self, draft: _Draft) -> list[_Event]:
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
            is_later = version.effective_at > draft.valid_from
            if version.document.transition.existing == "re_evaluate" and is_later:
                found.append(_Event(version.effective_at, _Walk.re_evaluate, version=index))
        return sorted(found, key=lambda event: event.at) if len(found) > 1 else found

    def extend(self, draft: _Draft, event: _Event, _admission: Admission, _stop: dt.datetime) -> _Outcome:
        """Move `valid_until` forwards, `baseline_until` stays (4.7-4)."""
        if event.day is not None and draft.valid_until is not None and event.day > draft.valid_until:
            draft.extensions.append((event.at, event.day))
            draft.valid_until = event.day
        return event.at

    def enter_gap(self, draft: _Draft, event: _Event, admission: Admission, stop: dt.datetime) -> _Outcome:
        """Lapse at a missed deadline, until the period is restored or a new one is made (4.8-3)."""
        at, until = event.at, event.until
        missed = next(d for d in draft.deadlines if max(d.ends_at, draft.valid_from) == at)
        ending: Ending = "release_deadline" if missed.upgrade_to is None else "must_upgrade"
        if until >= draft.lapses_at:
            return self._lapse(draft, at, ending, admission, stop)
        decision = self._find_award("after_lapse", draft.award, draft, admission, at, min(until + TICK, stop))
        if decision is not None:
            return draft.finish(at, ending), self._begin(decision, draft.award)
        draft.gaps.append((at, until))
        return until

    def re_evaluate(self, draft: _Draft, event: _Event, admission: Admission, stop: dt.datetime) -> _Outcome:
        """Decide a running period again under a new version, with all evidence (4.12-5)."""
        version = self.known.versions[event.version]
        award = version.document.award
        view = View(
            self.known.book(event.version, late=self.late),
            admission.after,
            admission.since,
            within=award.within,
        )
        met_at = self._first_met(award.when, view)
        if met_at is not None and met_at <= event.at:
            ids = evidence_for(award.when, view, met_at) or ()
            decision = replace(draft.decision, kind="re_evaluated", version=event.version, evidence=ids)
            renewed = self._begin(decision, draft.award, first=draft.first)
            renewed.valid_from = event.at
            self._carry_extensions(draft, renewed)
            return draft.finish(event.at, "superseded"), renewed
        if version.document.on_voided.action == "recompute":
            kind: PeriodKind = "first" if draft.award == 1 else "new_award"
            decision_ = self._find_award(kind, draft.award, None, admission, event.at, stop)
            following = self._begin(decision_, draft.award) if decision_ is not None else None
            return draft.finish(event.at, "annulled"), following
        self._treat_as_voided(draft, version, event.at, met_at)
        return event.at

    def _carry_extensions(self, draft: _Draft, renewed: _Draft) -> None:
        for at, day in draft.extensions:
            if renewed.valid_until is not None and day > renewed.valid_until:
                renewed.extensions.append((at, day))
                renewed.valid_until = day

    def _treat_as_voided(
        self, draft: _Draft, version: PublishedVersion, at: dt.datetime, met_at: dt.datetime | None
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
        self, draft: _Draft, at: dt.datetime, ending: Ending, admission: Admission, stop: dt.datetime
    ) -> tuple[Period, _Draft | None]:
        """End a period for good; `award.when` may give one new period after it (4.7-3)."""
        decision = self._find_award("after_lapse", draft.award, draft, admission, at, stop)
        ended = draft.finish(at, ending)
        return ended, self._begin(decision, draft.award) if decision is not None else None

    # 5. Searching the candidate instants (4.4)

    def _find_award(
        self,
        kind: PeriodKind,
        ordinal: int,
        previous: _Draft | None,
        admission: Admission,
        low: dt.datetime,
        high: dt.datetime,
    ) -> Decision | None:
        """Return the smallest candidate in [low, high) at which `award.when` is satisfied (4.4-2)."""
        after = admission.after
        if previous is not None:
            after = previous.decision.at
        views = {
            index: View(
                self.known.book(index, late=self.late),
                after,
                admission.since,
                within=version.document.award.within,
            )
            for index, version in enumerate(self.known.versions)
        }
        bounds = [earliest(self.known.versions[i].document.award.when, view) for i, view in views.items()]

        def decide(at: dt.datetime) -> Decision | None:
            for index in self._qualifying(at, views):
                when = self.known.versions[index].document.award.when
                ids = evidence_for(when, views[index], at)
                if ids is not None:
                    return Decision(kind, at, index, ids)
            return None

        found = self._search(max(low, min(bounds)), high, decide)
        return self._or_pinned(found, (kind, ordinal, previous.decision.at if previous else None), low, high)

    def _find_renewal(self, draft: _Draft, low: dt.datetime, high: dt.datetime) -> Decision | None:
        """Return the smallest candidate of [low, high) in the window at which `renewal.when` is satisfied (4.7-1)."""
        opens_at, until = draft.opens_at, draft.expiry.until
        if opens_at is None or until is None:
            return None
        lasts = draft.version.document.validity.lasts
        chain = Chain(until, draft.expiry.anchor, draft.expiry.n, lasts)
        low, lapses_at = max(low, opens_at, draft.decision.at + TICK), draft.lapses_at
        if low >= high:
            return None
        views: dict[int, View] = {}

        def decide(at: dt.datetime) -> Decision | None:
            index = self.known.applicable(at)
            renewal = self.known.versions[index].document.renewal if index >= 0 else None
            if renewal is None:
                return None
            if index not in views:
                views[index] = View(self.known.book(index, late=self.late), since=opens_at, until=lapses_at)
            ids = evidence_for(renewal.when, views[index], at)
            return Decision("renewal", at, index, ids, chain, opens_at) if ids is not None else None

        found = self._search(low, high, decide)
        chosen = self._or_pinned(found, ("renewal", draft.award, draft.decision.at), low, high)
        return replace(chosen, chain=chain, window=opens_at) if chosen is not None else None

    def _search(
        self, low: dt.datetime, high: dt.datetime, decide: Callable[[dt.datetime], Decision | None]
    ) -> Decision | None:
        for at in self.candidates[bisect_left(self.candidates, low) :]:
            if at >= high:
                return None
            if not self._is_closed(at) and (decision := decide(at)) is not None:
                return decision
        return None

    def _or_pinned(
        self, found: Decision | None, key: PinKey, low: dt.datetime, high: dt.datetime
    ) -> Decision | None:
        """Return the decision that stands although its evidence was taken away, if nothing came before it (4.9)."""
        pinned = self.pins.get(key)
        if pinned is None or not low <= pinned.at < high or (found is not None and found.at < pinned.at):
            return found
        return pinned

    def _qualifying(self, at: dt.datetime, views: dict[int, View]) -> Iterator[int]:
        """Yield the versions by which a person may qualify at an instant, newest first (4.12-3, 4.12-6)."""
        index = self.known.applicable(at)
        while index >= 0:
            yield index
            version = self.known.versions[index]
            until = version.document.transition.finish_old_until
            if until is None or index == 0 or at >= calendar.end_of(until, version.timezone):
                return
            older = views[index - 1]
            names = self.known.versions[index - 1].compiled.of_award
            if not any(older.first_at(name) < version.effective_at for name in names):
                return
            index -= 1

    def _is_closed(self, at: dt.datetime) -> bool:
        return any(c.from_at <= at and (c.until_at is None or at < c.until_at) for c in self.known.closed)


def admission_after(knowledge: Knowledge, record: AwardRecord) -> Admission:
    """Return which statements count after a revocation or withdrawal (4.2-4, section 10)."""
    at = record.final_at or END_OF_TIME
    if record.final != "revoked":
        return Admission(after=at)
    version = knowledge.versions[max(knowledge.applicable(at), 0)]
    first_day = calendar.add(calendar.local_date(at, version.timezone), version.document.award.cooling_off)
    return Admission(after=at, since=calendar.start_of(first_day, version.timezone))


def candidates(knowledge: Knowledge, *, late: bool = False) -> list[dt.datetime]:
    """Return the candidate instants in order: matching statements, prerequisites, versions (4.4-1)."""
    found: set[dt.datetime] = set()
    for index, version in enumerate(knowledge.versions):
        found |= knowledge.book(index, late=late).instants()
        found.add(version.effective_at)
        for certification in version.compiled.prerequisites:
            found.update(held.from_at for held in knowledge.around.holds.get(certification, ()))
    return sorted(found)


def first_met(
    requirement: Requirement, view: View, instants: Sequence[dt.datetime], low: dt.datetime
) -> dt.datetime | None:
    """Return the first instant, not before `low`, at which a requirement is satisfied; None if there is none."""
    low = max(low, earliest(requirement, view))
    for at in instants[bisect_left(instants, low) :]:
        if evidence_for(requirement, view, at) is not None:
            return at
    return None


def gaps_of(deadlines: Iterable[Deadline]) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return the spans in which missed deadlines end a period, joined where they touch; END_OF_TIME = for good."""
    spans = sorted(
        (d.ends_at, d.restored_at or END_OF_TIME)
        for d in deadlines
        if d.restored_at is None or d.restored_at >= d.ends_at
    )
    joined: list[tuple[dt.datetime, dt.datetime]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def consequence(
    action: OnVoided, fact_id: str, at: dt.datetime, met_at: dt.datetime | None, timezone: str
) -> Fact:
    """Return the hold or revocation `evidence_voided` of 4.9-2; a hold ends when satisfied again."""
    if action.action == "revoke":
        return Fact(kind="revocation", id=fact_id, at=at, decided_at=at, reason="evidence_voided")
    revoke_at = None
    if action.revoke_after is not None:
        revoke_at = calendar.later_by(at, action.revoke_after, timezone)
    until = max(met_at, at) if met_at is not None else None
    return Fact(
        kind="hold",
        id=fact_id,
        at=at,
        decided_at=at,
        until=until,
        revoke_at=revoke_at,
        reason="evidence_voided",
    )


def _is_uncured(hold: Fact) -> bool:
    """Tell whether a hold is still open at its `revoke_at` (4.10)."""
    return hold.revoke_at is not None and (hold.until is None or hold.until > hold.revoke_at)


def _as_revocation(hold: Fact) -> Fact:
    at = hold.revoke_at or hold.at
    return replace(hold, kind="revocation", at=at, until=None, revoke_at=None)
