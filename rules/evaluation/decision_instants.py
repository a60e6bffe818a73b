"""Searching the candidate instants for decisions (cert#4.4): the smallest one that satisfies."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rules import calendar
from rules.evaluation.as_of import Knowledge
from rules.evaluation.award_history import TICK, Admission, Decision, OpenPeriod, PinKey
from rules.evaluation.expiry import Chain
from rules.evaluation.requirements import earliest, evidence_for
from rules.evaluation.standing import holds_at
from rules.evaluation.timeline import PeriodKind
from rules.evidence.evidence_index import EvidenceIndex, EvidenceView
from rules.evidence.history import BEGINNING, END_OF_TIME
from rules.language.forms import walk
from rules.language.requirements import Requirement


class Search:
    """The candidate instants of one person; `pins` are decisions that stand without their evidence."""

    def __init__(self, knowledge: Knowledge, pins: Mapping[PinKey, Decision], *, late: bool) -> None:
        self.known = knowledge
        self.pins = pins
        self.late = late
        self.candidates = candidates(knowledge, late=late)

    def evidence_index(self, version: int) -> EvidenceIndex:
        """Return the statements of a version that count."""
        return self.known.evidence_index(version, late=self.late)

    def view(self, version: int, admission: Admission, previous: OpenPeriod | None = None) -> EvidenceView:
        """Return what counts for `award.when`: after a final fact, or the last period's award (cert#4.2)."""
        return EvidenceView(
            self.evidence_index(version),
            previous.decision.at if previous is not None else admission.after,
            admission.since,
            within=self.known.versions[version].document.award.within,
            last=previous.decision.evidence if previous is not None else (),
        )

    def award(
        self,
        kind: PeriodKind,
        ordinal: int,
        admission: Admission,
        low: dt.datetime,
        high: dt.datetime = END_OF_TIME,
        *,
        previous: OpenPeriod | None = None,
    ) -> Decision | None:
        """Return the smallest candidate in [low, high) at which `award.when` is satisfied (cert#4.4-2).

        `validity.while` has to hold there too (cert#4.4-3).
        """
        key: PinKey = (kind, ordinal, previous.decision.at if previous else None)
        agreed_at = admission.not_before if previous is None else None  # itself a candidate
        if agreed_at is None and (not self.candidates or low > self.candidates[-1]):
            return self._or_pinned(None, key, low, high)
        views = [self.view(index, admission, previous) for index in range(len(self.known.versions))]
        bounds = [earliest(view.evidence_index.version.document.award.when, view) for view in views]

        def decide(at: dt.datetime) -> Decision | None:
            for index in self._qualifying(at, views):
                when = self.known.versions[index].document.award.when
                ids = evidence_for(when, views[index], at)
                if ids is not None and holds_at(views[index].evidence_index, at):
                    return Decision(kind, at, index, ids)
            return None

        found = None
        if agreed_at is not None and low <= agreed_at < high and not self.is_closed(agreed_at):
            found = decide(agreed_at)
        found = found or self._search(max(low, min(bounds)), high, decide)
        return self._or_pinned(found, key, low, high)

    def renewal(self, open_period: OpenPeriod, low: dt.datetime, high: dt.datetime) -> Decision | None:
        """Return the first candidate in window and [low, high) that `renewal.when` accepts (cert#4.7-1)."""
        opens_at, until = open_period.opens_at, open_period.expiry.until
        if opens_at is None or until is None:
            return None
        lasts = open_period.version.document.validity.lasts
        chain = Chain(until, open_period.expiry.anchor, open_period.expiry.n, lasts)
        low, lapses_at = max(low, opens_at, open_period.decision.at + TICK), open_period.lapses_at
        if low >= high:
            return None
        key: PinKey = ("renewal", open_period.award, open_period.decision.at)
        if not self.pins and (not self.candidates or low > self.candidates[-1]):
            return None
        views: dict[int, EvidenceView] = {}

        def decide(at: dt.datetime) -> Decision | None:
            index = self.known.applicable(at)
            renewal = self.known.versions[index].document.renewal if index >= 0 else None
            if renewal is None:
                return None
            if index not in views:
                evidence_index, last = self.evidence_index(index), open_period.decision.evidence
                views[index] = EvidenceView(evidence_index, since=opens_at, until=lapses_at, last=last)
            ids = evidence_for(renewal.when, views[index], at)
            return Decision("renewal", at, index, ids, chain, opens_at) if ids is not None else None

        found = self._search(low, high, decide)
        chosen = self._or_pinned(found, key, low, high)
        return replace(chosen, chain=chain, window=opens_at) if chosen is not None else None

    def _search(
        self, low: dt.datetime, high: dt.datetime, decide: Callable[[dt.datetime], Decision | None]
    ) -> Decision | None:
        for index in range(bisect_left(self.candidates, low), len(self.candidates)):
            at = self.candidates[index]
            if at >= high:
                return None
            if not (self.known.closed and self.is_closed(at)) and (decision := decide(at)) is not None:
                return decision
        return None

    def _or_pinned(
        self, found: Decision | None, key: PinKey, low: dt.datetime, high: dt.datetime
    ) -> Decision | None:
        """Return the decision that stands without its evidence, if nothing came before it (cert#4.9)."""
        pinned = self.pins.get(key) if self.pins else None
        if pinned is None or not low <= pinned.at < high or (found is not None and found.at < pinned.at):
            return found
        return pinned

    def _qualifying(self, at: dt.datetime, views: Sequence[EvidenceView]) -> Iterator[int]:
        """Yield the versions by which a person may qualify then, newest first (cert#4.12-3, cert#4.12-6)."""
        index = self.known.applicable(at)
        while index >= 0:
            yield index
            version = self.known.versions[index]
            until = version.document.transition.finish_old_until
            if until is None or at >= calendar.end_of(until, version.timezone):
                return
            index -= 1
            while index >= 0 and self.known.is_replaced(index):
                index -= 1
            names = self.known.versions[index].compiled.of_award if index >= 0 else ()
            if not any(views[index].first_at(name) < version.effective_at for name in names):
                return

    def is_closed(self, at: dt.datetime) -> bool:
        """Tell whether no award is made at an instant: retired, withdrawn or disabled (cert#1, cert#2.2)."""
        return any(c.from_at <= at and (c.until_at is None or at < c.until_at) for c in self.known.closed)

    def first_met(self, requirement: Requirement, view: EvidenceView) -> dt.datetime | None:
        """Return the first instant that satisfies a requirement, over statements of any age (cert#4.2-1)."""
        own = {
            at
            for node in walk(requirement)
            for name in node.evidence_selectors()
            for at in view.evidence_index.rows(name, view.release).ats
        }
        return first_met(requirement, view, sorted(own.union(self.candidates)), BEGINNING)


def candidates(knowledge: Knowledge, *, late: bool = False) -> list[dt.datetime]:
    """Return the candidate instants in order: matching statements, prerequisites, versions (cert#4.4-1)."""
    found: set[dt.datetime] = set()
    for index, version in enumerate(knowledge.versions):
        knowledge.evidence_index(index, late=late).add_instants(found)
        found.add(version.effective_at)
        for certification in version.compiled.prerequisites:
            found.update(held.from_at for held in knowledge.around.holds.get(certification, ()))
    return sorted(found)


def first_met(
    requirement: Requirement, view: EvidenceView, instants: Sequence[dt.datetime], low: dt.datetime
) -> dt.datetime | None:
    """Return the first of some instants, from `low` on, that satisfies a requirement; None without one."""
    low = max(low, earliest(requirement, view))
    for at in instants[bisect_left(instants, low) :]:
        if evidence_for(requirement, view, at) is not None:
            return at
    return None
