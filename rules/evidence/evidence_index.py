"""The statements of one person by selector, and which ones count where (cert#4.2, cert#4.5)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rules import calendar
from rules.evidence import cmi5
from rules.evidence.attempts import AttemptLog, attempt_log
from rules.evidence.history import END_OF_TIME, Evidence, Fact, Held, Number
from rules.evidence.published import PublishedVersion
from rules.evidence.selectors import (
    VOIDED,
    CompiledSelector,
    Groups,
    compile_selector,
    is_contradictory,
    is_member,
)
from rules.language.durations import Duration, Unit
from rules.language.model import Attempts


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What requirements read beside statements: person, groups, prerequisites, versions' order, grants."""

    person: str
    groups: Groups
    holds: Mapping[str, Sequence[Held]]
    version_order: Mapping[str, Sequence[str]]
    grants: Sequence[Fact] = ()


class SelectorMatches:
    """The matching statements of one selector in order of (effective time, stored, id)."""

    __slots__ = ("_usable_until", "_within", "ats", "beside", "items")

    def __init__(self, items: list[Evidence], beside: Mapping[str, Evidence] | None = None) -> None:
        self.items = items
        self.ats = [e.at for e in items]
        self.beside = beside or {}
        self._within: Duration | None = None  # of which `_usable_until` are the ends
        self._usable_until: list[dt.datetime] = []

    def usable_until(self, within: Duration, timezone: str) -> list[dt.datetime]:
        """Return for each statement the exclusive end of its use: the end of date(e) + W (cert#4.5)."""
        if within is not self._within:
            n, unit = within.n, within.unit
            self._usable_until = [
                _usable_until(calendar.local_date(at, timezone), n, unit, timezone) for at in self.ats
            ]
            self._within = within
        return self._usable_until


_NO_ROWS = SelectorMatches([])


def usable_until(at: dt.datetime, within: Duration, timezone: str) -> dt.datetime:
    """Return the exclusive end of the last local day of a statement's use: date(e) + W (cert#4.5)."""
    return _usable_until(calendar.local_date(at, timezone), within.n, within.unit, timezone)


@lru_cache(maxsize=65536)
def _usable_until(day: dt.date, n: int, unit: Unit, timezone: str) -> dt.datetime:
    return calendar.end_of(calendar.add(day, Duration(n, unit)), timezone)


class EvidenceIndex:
    """The countable statements of a person that match the selectors of one version.

    `statements` is sorted by (effective time, stored, id) and holds what counts for the version: known,
    standing, not late (or accepted). Statements that never match (cert#2.4) are dropped here.
    """

    __slots__ = ("_of_release", "_rows", "_tried", "around", "statements", "version")

    def __init__(
        self, version: PublishedVersion, statements: Sequence[Evidence], around: Surroundings
    ) -> None:
        self.version = version
        self.around = around
        self.statements = [e for e in statements if is_countable(e)]
        if len(self.statements) < len(statements) and (practice := cmi5.practice_sessions(statements)):
            self.statements = [e for e in self.statements if not cmi5.in_session(e, practice)]
        self._tried: dict[str, list[Evidence]] = {}
        self._rows = self._match()
        self._of_release: dict[tuple[str, str], SelectorMatches] = {}

    def _match(self) -> dict[str, SelectorMatches]:
        compiled, around = self.version.compiled, self.around
        by_activity, by_prefix = compiled.by_activity, compiled.by_prefix
        found: dict[str, list[Evidence]] = {}
        for e in self.statements:
            for selector in by_activity.get(e.activity, ()):
                if selector.fits(e, around.person, around.groups):
                    found.setdefault(selector.name, []).append(e)
            for prefix, selector in by_prefix:
                if e.activity.startswith(prefix) and selector.fits(e, around.person, around.groups):
                    items = found.setdefault(selector.name, [])
                    if not items or items[-1] is not e:
                        items.append(e)
        for name, tries in compiled.limited.items():
            self._tried[name] = [e for e in self.statements if tries.matches(e, around.person, around.groups)]
            if name in found:
                found[name] = self._counting(tries, self._tried[name], found[name])
        rows = {name: SelectorMatches(items) for name, items in found.items()}
        for selector in compiled.cmi5:
            rows[selector.name] = self._moveon_rows(selector)
        return rows

    def _moveon_rows(self, selector: CompiledSelector) -> SelectorMatches:
        met = cmi5.met(selector, self.statements, self.around.person, self.around.groups)
        return SelectorMatches([m.by for m in met], {m.by.id: m.beside for m in met if m.beside is not None})

    def rows(self, name: str, release: str | None = None) -> SelectorMatches:
        """Return the statements of a selector; `release` replaces `{release}` (cert#2.3)."""
        if release is not None and name in self.version.compiled.of_release:
            return self._release_rows(name, release)
        return self._rows.get(name, _NO_ROWS)

    def _release_rows(self, name: str, release: str) -> SelectorMatches:
        if (name, release) not in self._of_release:
            selector = compile_selector(self.version.document.evidence[name], release)
            around = self.around
            items = [e for e in self.statements if selector.matches(e, around.person, around.groups)]
            if name in self.version.compiled.limited:
                tries = compile_selector(self.version.compiled.limited[name].selector, release)
                tried = [e for e in self.statements if tries.matches(e, around.person, around.groups)]
                items = self._counting(tries, tried, items)
            self._of_release[name, release] = SelectorMatches(items)
        return self._of_release[name, release]

    def _counting(
        self, tries: CompiledSelector, tried: Sequence[Evidence], matching: Iterable[Evidence]
    ) -> list[Evidence]:
        """Return those of the matching statements whose attempts count (cert#4.3-5)."""
        refused = self._log(tries, tried).refused
        return [e for e in matching if e.id not in refused]

    def _log(self, selector: CompiledSelector, tried: Sequence[Evidence]) -> AttemptLog:
        limits = selector.selector.attempts or Attempts()
        group, around = limits.granted_by, self.around
        grants = [
            fact.at
            for fact in around.grants
            if group is not None
            and fact.of in {None, selector.name}
            and (
                fact.by is None
                or group not in around.groups
                or is_member(around.groups, group, fact.by, fact.at)
            )
        ]
        return attempt_log(limits, tried, grants, self.version.timezone)

    def attempt_log(self, name: str, at: dt.datetime = END_OF_TIME) -> AttemptLog | None:
        """Return the attempts at a selector up to an instant; None where it does not limit them."""
        if name not in self.version.compiled.limited:
            return None
        tried = [e for e in self._tried.get(name, ()) if e.at <= at]
        return self._log(self.version.compiled.limited[name], tried)

    def matched(self, names: Iterable[str], releases: Iterable[str] = ()) -> list[Evidence]:
        """Return the statements of several selectors, each once, in order of effective time.

        Selectors with `{release}` match for the releases that are named.
        """
        listed = tuple(names)
        rows = [self.rows(name) for name in listed]
        rows += [self.rows(n, r) for r in releases for n in listed if n in self.version.compiled.of_release]
        return sorted({e.id: e for one in rows for e in one.items}.values(), key=order)

    def add_instants(self, found: set[dt.datetime]) -> None:
        """Add the effective times of all matching statements (cert#4.4-1)."""
        for rows in self._rows.values():
            found.update(rows.ats)


def is_countable(e: Evidence) -> bool:
    """Tell whether a statement can match any selector at all (cert#2.4)."""
    contradictory = is_contradictory(e.verb, e.success, e.completion)
    return not (e.practice or e.beyond_launch or e.verb == VOIDED or contradictory)


def order(e: Evidence) -> tuple[dt.datetime, dt.datetime, str]:
    """Return the key by which statements are ordered; ties by `stored`, then by id (cert#4.3-1)."""
    return e.at, e.stored, e.id


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The part of an index that counts for a decision (cert#4.2): a span of time and `award.within`.

    `after` is exclusive, `since` inclusive, `until` exclusive; `release` replaces `{release}` in selectors;
    `last` are the statements behind the period before (cert#4.7-5).
    """

    evidence_index: EvidenceIndex
    after: dt.datetime | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    within: Duration | None = None
    release: str | None = None
    last: tuple[str, ...] = ()

    def behind_last(self, name: str) -> list[Evidence]:
        """Return the statements of a selector behind the period before."""
        if not self.last:
            return []
        return [e for e in self.evidence_index.rows(name, self.release).items if e.id in self.last]

    def rows(self, name: str, at: dt.datetime) -> list[Evidence]:
        """Return the statements of a selector that are usable at an instant, oldest first."""
        rows = self.evidence_index.rows(name, self.release)
        if not rows.items:
            return rows.items
        low, high = self._low(rows), bisect_right(rows.ats, at)
        if self.until is not None:
            high = min(high, bisect_left(rows.ats, self.until))
        if self.within is not None:
            low = max(
                low, bisect_right(rows.usable_until(self.within, self.evidence_index.version.timezone), at)
            )
        items = rows.items[low:high]
        return [e for e in items if self._admits_beside(rows, e)] if rows.beside else items

    def _admits_beside(self, rows: SelectorMatches, e: Evidence) -> bool:
        beside = rows.beside.get(e.id)
        return beside is None or (
            (self.after is None or beside.at > self.after) and (self.since is None or beside.at >= self.since)
        )

    def beside(self, name: str, e: Evidence) -> tuple[str, ...]:
        """Return the id of the statement that a cmi5 meeting needs beside `e`, if any (cert#2.6)."""
        beside = self.evidence_index.rows(name, self.release).beside.get(e.id)
        return () if beside is None else (beside.id,)

    def first_at(self, name: str, nth: int = 1) -> dt.datetime:
        """Return the effective time of the nth statement of a selector in this view, else END_OF_TIME."""
        rows = self.evidence_index.rows(name, self.release)
        index = self._low(rows) + nth - 1
        return rows.ats[index] if index < len(rows.ats) else END_OF_TIME

    def first_scored(self, name: str, at_least: Number) -> dt.datetime:
        """Return when the first statement of a selector in this view reaches a score, else END_OF_TIME."""
        rows = self.evidence_index.rows(name, self.release)
        for index in range(self._low(rows), len(rows.items)):
            score = rows.items[index].score
            if score is not None and score >= at_least:
                return rows.ats[index]
        return END_OF_TIME

    def _low(self, rows: SelectorMatches) -> int:
        """Return the index of the first statement that the span of this view admits."""
        low = bisect_right(rows.ats, self.after) if self.after is not None else 0
        return max(low, bisect_left(rows.ats, self.since)) if self.since is not None else low

    def ever(self, name: str, at: dt.datetime) -> bool:
        """Tell whether a selector has a statement of any time <= `at`, admitted or not (cert#10-2)."""
        ats = self.evidence_index.rows(name, self.release).ats
        return bool(ats) and ats[0] <= at
