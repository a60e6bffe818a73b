"""The statements of one person by selector, and which ones count where (certification.md 4.2, 4.5)."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rules import calendar, cmi5
from rules.history import END_OF_TIME, Evidence, Held, Number
from rules.model import Duration, Unit
from rules.published import PublishedVersion
from rules.selectors import VOIDED, CompiledSelector, Groups, compile_selector, is_contradictory


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What requirements read beside statements: who the person is, groups, prerequisites, versions' order."""

    person: str
    groups: Groups
    holds: Mapping[str, Sequence[Held]]
    version_order: Mapping[str, Sequence[str]]


class Rows:
    """The matching statements of one selector in order of (effective time, stored, id)."""

    __slots__ = ("_usable_until", "_within", "ats", "beside", "items")

    def __init__(self, items: list[Evidence], beside: Mapping[str, Evidence] | None = None) -> None:
        self.items = items
        self.ats = [e.at for e in items]
        self.beside = beside or {}
        self._within: Duration | None = None  # of which `_usable_until` are the ends
        self._usable_until: list[dt.datetime] = []

    def usable_until(self, within: Duration, timezone: str) -> list[dt.datetime]:
        """Return for each statement the exclusive end of its use: the end of date(e) + W (4.5)."""
        if within is not self._within:
            n, unit = within.n, within.unit
            self._usable_until = [
                _usable_until(calendar.local_date(at, timezone), n, unit, timezone) for at in self.ats
            ]
            self._within = within
        return self._usable_until


_NO_ROWS = Rows([])


def usable_until(at: dt.datetime, within: Duration, timezone: str) -> dt.datetime:
    """Return the exclusive end of the last local day on which a statement is usable: date(e) + W (4.5)."""
    return _usable_until(calendar.local_date(at, timezone), within.n, within.unit, timezone)


@lru_cache(maxsize=65536)
def _usable_until(day: dt.date, n: int, unit: Unit, timezone: str) -> dt.datetime:
    return calendar.end_of(calendar.add(day, Duration(n, unit)), timezone)


class Book:
    """The countable statements of a person that match the selectors of one version.

    `statements` is sorted by (effective time, stored, id) and holds what counts for the version: known,
    standing, not late (or accepted). Statements that never match (2.4) are dropped here.
    """

    __slots__ = ("_of_release", "_rows", "around", "statements", "version")

    def __init__(
        self, version: PublishedVersion, statements: Sequence[Evidence], around: Surroundings
    ) -> None:
        self.version = version
        self.around = around
        self.statements = [e for e in statements if is_countable(e)]
        if len(self.statements) < len(statements) and (practice := cmi5.practice_sessions(statements)):
            self.statements = [e for e in self.statements if not cmi5.in_session(e, practice)]
        self._rows = self._match()
        self._of_release: dict[tuple[str, str], Rows] = {}

    def _match(self) -> dict[str, Rows]:
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
        rows = {name: Rows(items) for name, items in found.items()}
        for selector in compiled.cmi5:
            rows[selector.name] = self._moveon_rows(selector)
        return rows

    def _moveon_rows(self, selector: CompiledSelector) -> Rows:
        met = cmi5.met(selector, self.statements, self.around.person, self.around.groups)
        return Rows([m.by for m in met], {m.by.id: m.beside for m in met if m.beside is not None})

    def rows(self, name: str, release: str | None = None) -> Rows:
        """Return the statements of a selector; `release` is the string that replaces `{release}` (2.3)."""
        if release is not None and name in self.version.compiled.of_release:
            return self._release_rows(name, release)
        return self._rows.get(name, _NO_ROWS)

    def _release_rows(self, name: str, release: str) -> Rows:
        if (name, release) not in self._of_release:
            selector = compile_selector(self.version.document.evidence[name], release)
            around = self.around
            items = [e for e in self.statements if selector.matches(e, around.person, around.groups)]
            self._of_release[name, release] = Rows(items)
        return self._of_release[name, release]

    def matched(self, names: Iterable[str], releases: Iterable[str] = ()) -> list[Evidence]:
        """Return the statements of several selectors, each once, in order of effective time.

        Selectors with `{release}` match for the releases that are named.
        """
        listed = tuple(names)
        rows = [self.rows(name) for name in listed]
        rows += [self.rows(n, r) for r in releases for n in listed if n in self.version.compiled.of_release]
        return sorted({e.id: e for one in rows for e in one.items}.values(), key=order)

    def add_instants(self, found: set[dt.datetime]) -> None:
        """Add the effective times of all matching statements (4.4-1)."""
        for rows in self._rows.values():
            found.update(rows.ats)


def is_countable(e: Evidence) -> bool:
    """Tell whether a statement can match any selector at all (2.4)."""
    return not (e.practice or e.verb == VOIDED or is_contradictory(e.verb, e.success))


def order(e: Evidence) -> tuple[dt.datetime, dt.datetime, str]:
    """Return the key by which statements are ordered; ties by `stored`, then by id (4.3-1)."""
    return e.at, e.stored, e.id


@dataclass(frozen=True, slots=True)
class View:
    """The part of a book that counts for one decision (4.2): a span of effective time and `award.within`.

    `after` is exclusive, `since` inclusive, `until` exclusive; `release` replaces `{release}` in selectors.
    """

    book: Book
    after: dt.datetime | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    within: Duration | None = None
    release: str | None = None

    def rows(self, name: str, at: dt.datetime) -> list[Evidence]:
        """Return the statements of a selector that are usable at an instant, oldest first."""
        rows = self.book.rows(name, self.release)
        if not rows.items:
            return rows.items
        low, high = self._low(rows), bisect_right(rows.ats, at)
        if self.until is not None:
            high = min(high, bisect_left(rows.ats, self.until))
        if self.within is not None:
            low = max(low, bisect_right(rows.usable_until(self.within, self.book.version.timezone), at))
        items = rows.items[low:high]
        return [e for e in items if self._admits_beside(rows, e)] if rows.beside else items

    def _admits_beside(self, rows: Rows, e: Evidence) -> bool:
        beside = rows.beside.get(e.id)
        return beside is None or (
            (self.after is None or beside.at > self.after) and (self.since is None or beside.at >= self.since)
        )

    def beside(self, name: str, e: Evidence) -> tuple[str, ...]:
        """Return the id of the statement that a cmi5 meeting needs beside `e`, if any (2.6)."""
        beside = self.book.rows(name, self.release).beside.get(e.id)
        return () if beside is None else (beside.id,)

    def first_at(self, name: str, nth: int = 1) -> dt.datetime:
        """Return the effective time of the nth statement of a selector in this view, else END_OF_TIME."""
        rows = self.book.rows(name, self.release)
        index = self._low(rows) + nth - 1
        return rows.ats[index] if index < len(rows.ats) else END_OF_TIME

    def first_scored(self, name: str, at_least: Number) -> dt.datetime:
        """Return when the first statement of a selector in this view reaches a score, else END_OF_TIME."""
        rows = self.book.rows(name, self.release)
        for index in range(self._low(rows), len(rows.items)):
            score = rows.items[index].score
            if score is not None and score >= at_least:
                return rows.ats[index]
        return END_OF_TIME

    def _low(self, rows: Rows) -> int:
        """Return the index of the first statement that the span of this view admits."""
        low = bisect_right(rows.ats, self.after) if self.after is not None else 0
        return max(low, bisect_left(rows.ats, self.since)) if self.since is not None else low

    def ever(self, name: str, at: dt.datetime) -> bool:
        """Tell whether a selector has a statement of any effective time <= `at`, admitted or not (2.5)."""
        ats = self.book.rows(name, self.release).ats
        return bool(ats) and ats[0] <= at
