"""What is known at an instant d, sorted and ready for decisions (cert#4, cert#4.1, cert#4.9-1, cert#4.12)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from rules import calendar
from rules.evidence.evidence_index import EvidenceIndex, Surroundings, order
from rules.evidence.history import Evidence, Fact, PersonHistory, PublishedRelease
from rules.evidence.published import LifecycleChange, PublishedCertification, PublishedVersion
from rules.language.durations import Duration, Unit


@dataclass(frozen=True, slots=True)
class Closed:
    """An interval [from_at, until_at) without new awards: retired, withdrawn, disabled (cert#1, cert#2.2)."""

    from_at: dt.datetime
    until_at: dt.datetime | None


@dataclass(slots=True)
class Knowledge:
    """The facts with `stored` or `decided_at` <= d, in their canonical order; statements that stand only."""

    certification: str
    at: dt.datetime
    versions: tuple[PublishedVersion, ...]
    statements: Sequence[Evidence]
    facts: tuple[Fact, ...]
    releases: tuple[PublishedRelease, ...]
    around: Surroundings
    lifecycle: tuple[LifecycleChange, ...] = ()
    closed: tuple[Closed, ...] = ()
    verdicts: dict[str, Fact] = field(default_factory=dict)
    rejected: tuple[Evidence, ...] = ()
    _books: dict[tuple[int, bool], EvidenceIndex] = field(default_factory=dict)
    _waiting: dict[int, frozenset[str]] = field(default_factory=dict)
    _effective: list[dt.datetime] = field(default_factory=list)

    def applicable(self, at: dt.datetime) -> int:
        """Return the index of the version applicable at an instant, -1 before the first (cert#4.12-3)."""
        return bisect_right(self._effective, at) - 1

    def is_replaced(self, version: int) -> bool:
        """Tell whether a version published later begins at the same instant: this one never applies."""
        return version < len(self._effective) - 1 and self._effective[version] == self._effective[version + 1]

    def evidence_index(self, version: int, *, late: bool = False) -> EvidenceIndex:
        """Return the statements of a version; `late` adds those that wait for a reviewer (cert#4.1-3)."""
        late = late and bool(self.waiting(version))
        if (version, late) not in self._books:
            waiting = frozenset() if late else self.waiting(version)
            counted = [e for e in self.statements if e.id not in waiting] if waiting else self.statements
            self._books[version, late] = EvidenceIndex(self.versions[version], counted, self.around)
        return self._books[version, late]

    def waiting(self, version: int) -> frozenset[str]:
        """Return the late statements that no reviewer has accepted, under a version (cert#4.1-3)."""
        found = self._waiting.get(version)
        if found is None:
            published = self.versions[version]
            bound, timezone = published.document.max_lateness, published.timezone
            surely = _never_late(bound.n, bound.unit)
            found = frozenset(
                [
                    e.id
                    for e in self.statements
                    if e.timestamp is not None
                    and e.stored - e.timestamp > surely
                    and is_late(e, bound, timezone)
                    and e.id not in self.verdicts
                ]
            )
            self._waiting[version] = found
        return found

    def matching(self, ids: Collection[str]) -> list[Evidence]:
        """Return the statements with these ids that match a selector of any version, oldest first."""
        if not ids:
            return []
        found: dict[str, Evidence] = {}
        for index, version in enumerate(self.versions):
            matched = self.evidence_index(index, late=True).matched(
                version.compiled.by_name, {release.release for release in self.releases}
            )
            found.update((e.id, e) for e in matched if e.id in ids)
        return sorted(found.values(), key=order)


def is_late(e: Evidence, bound: Duration, timezone: str) -> bool:
    """Tell whether `stored` - `timestamp` exceeds `max_lateness` (cert#4.1-3; units by cert#10)."""
    if e.timestamp is None or e.stored - e.timestamp <= _never_late(bound.n, bound.unit):
        return False
    limit = calendar.later_by(e.timestamp, bound, timezone)
    return e.stored >= limit if bound.unit in {Unit.MONTHS, Unit.YEARS} else e.stored > limit


@lru_cache(maxsize=1024)
def _never_late(n: int, unit: Unit) -> dt.timedelta:
    """Return a delay that is within a bound whatever the calendar: months have at least 28 days."""
    days = {Unit.HOURS: 0, Unit.DAYS: 1, Unit.WEEKS: 7, Unit.MONTHS: 28, Unit.YEARS: 365}
    return dt.timedelta(days=min(n * days[unit], 10**6))


def know(certification: PublishedCertification, history: PersonHistory, at: dt.datetime) -> Knowledge:
    """Return what is known at an instant; the order of the inputs does not matter."""
    versions = certification.versions_at(at)
    lifecycle = tuple(
        sorted(
            (c for c in certification.lifecycle if c.decided_at <= at),
            key=lambda c: (c.at, c.decided_at, c.to),
        )
    )
    frozen_at = lifecycle[-1].at if lifecycle and lifecycle[-1].to == "disabled" else at
    facts = _facts(history.facts, certification.id, at) if history.facts else ()
    verdicts = {f.statement: f for f in facts if f.kind == "acceptance" and f.statement is not None}
    statements = sorted(_standing(history.evidence, at, frozen_at), key=order)
    rejected = {i for i, f in verdicts.items() if not f.allowed}
    return Knowledge(
        certification=certification.id,
        at=at,
        versions=versions,
        statements=[e for e in statements if e.id not in rejected] if rejected else statements,
        rejected=tuple(e for e in statements if e.id in rejected),
        facts=facts,
        releases=tuple(
            sorted(
                (r for r in history.releases if r.decided_at <= at), key=lambda r: (r.published, r.release)
            )
        )
        if history.releases
        else (),
        around=Surroundings(
            history.person,
            history.groups,
            history.holds,
            history.version_order,
            tuple(f for f in facts if f.kind == "grant"),
        ),
        lifecycle=lifecycle,
        closed=_closed(lifecycle),
        verdicts=verdicts,
        _effective=[v.effective_at for v in versions],
    )


def _standing(evidence: Iterable[Evidence], at: dt.datetime, frozen_at: dt.datetime) -> Iterable[Evidence]:
    """Return the statements that are known and neither voided nor taken away (cert#4.9-1), each once."""
    limit = min(at, frozen_at)
    found = {
        e.id: e
        for e in evidence
        if (e.known_at or e.stored) <= limit and (e.voided_at is None or e.voided_at > at)
    }
    return found.values()


def _facts(facts: Iterable[Fact], certification: str, at: dt.datetime) -> tuple[Fact, ...]:
    """Return the known facts about one certification, each once, in order of effect."""
    known = {
        (f.kind, f.at, f.decided_at, f.id): f
        for f in facts
        if f.decided_at <= at and f.certification in {None, certification}
    }
    return tuple(_lifted(sorted(known.values(), key=lambda f: (f.at, f.decided_at, f.kind, f.id))))


def _lifted(facts: Sequence[Fact]) -> Iterable[Fact]:
    """Yield the facts with each hold ended by the earliest lift of it."""
    lifts = [f for f in facts if f.kind == "lift"]
    for fact in facts:
        if fact.kind != "hold":
            yield fact
            continue
        ends = [f.at for f in lifts if f.of in {None, fact.id} and f.at >= fact.at]
        until = min([*ends, *([fact.until] if fact.until is not None else [])], default=None)
        yield replace(fact, until=until)


def _closed(lifecycle: Sequence[LifecycleChange]) -> tuple[Closed, ...]:
    """Return the intervals in which no new award or renewal is made.

    A certification that was disabled and is no longer makes up for the decisions it did not make (cert#2.2).
    """
    found: list[Closed] = []
    for index, change in enumerate(lifecycle):
        until = lifecycle[index + 1].at if index + 1 < len(lifecycle) else None
        if change.to in {"retired", "withdrawn"} or (change.to == "disabled" and until is None):
            found.append(Closed(change.at, until))
    return tuple(found)
