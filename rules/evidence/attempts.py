"""How often somebody may try: which attempts of a selector count, and from when on (cert#4.3-5)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules import calendar
from rules.evidence.history import END_OF_TIME, Evidence
from rules.evidence.selectors import FAILED, PASSED
from rules.language.durations import Duration
from rules.language.model import Attempts


@dataclass(slots=True)
class Attempt:
    """An attempt that counts: when it began, and when it failed as far as its statements say."""

    began_at: dt.datetime
    failed_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Barrier:
    """Why an attempt would not count, and from when on one would; END_OF_TIME for never."""

    why: str
    until: dt.datetime


@dataclass(slots=True)
class AttemptLog:
    """The attempts of one selector in order of their first statements; `refused` says why others count not.

    Statements have to be added in their order; what came before one decides about its attempt for good.
    """

    limits: Attempts
    timezone: str
    grants: list[dt.datetime]
    counted: list[Attempt] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    _known: dict[str, Attempt | None] = field(default_factory=dict)
    _why: dict[str, str] = field(default_factory=dict)

    def add(self, e: Evidence) -> None:
        """Add a statement to its attempt, or begin one with it."""
        key = e.registration or e.id
        if key not in self._known:
            barrier = self.barrier(e.at)
            self._known[key] = None if barrier is not None and not self._granted(e.at) else Attempt(e.at)
            self._why[key] = barrier.why if barrier is not None else ""
            attempt = self._known[key]
            if attempt is not None:
                self.counted.append(attempt)
        attempt = self._known[key]
        if attempt is None:
            self.refused[e.id] = self._why[key]
        elif e.verb == FAILED or e.success is False:
            attempt.failed_at = e.at
        elif e.verb == PASSED or e.success is True:
            attempt.failed_at = None

    def barrier(self, at: dt.datetime) -> Barrier | None:
        """Return what keeps an attempt that begins at an instant from counting; None where nothing does."""
        recent = self._recent(at)
        found = [one for one in (self._full(recent), self._waiting(recent)) if one and at < one.until]
        return max(found, key=lambda one: one.until, default=None)

    def is_granted(self, at: dt.datetime) -> bool:
        """Tell whether a grant is left that an attempt at an instant could use."""
        return any(granted_at <= at for granted_at in self.grants)

    def _granted(self, at: dt.datetime) -> bool:
        """Use up the oldest grant made by an instant, if there is one."""
        if not self.is_granted(at):
            return False
        self.grants.remove(min(self.grants))
        return True

    def _recent(self, at: dt.datetime) -> list[Attempt]:
        """Return the attempts that lie within the span of `at_most`, of all time where it has none."""
        within = self.limits.within
        if within is None:
            return self.counted
        return [one for one in self.counted if at < self._end(one, within)]

    def _end(self, attempt: Attempt, within: Duration) -> dt.datetime:
        """Return the exclusive end of the span after an attempt: its last day counts, as in cert#4.5."""
        day = calendar.add(calendar.local_date(attempt.began_at, self.timezone), within)
        return calendar.end_of(day, self.timezone)

    def _full(self, recent: Sequence[Attempt]) -> Barrier | None:
        most, within = self.limits.at_most, self.limits.within
        if most is None or len(recent) < most:
            return None
        why = f"more than {most} attempt{'s' if most > 1 else ''}"
        if within is None:
            return Barrier(why, END_OF_TIME)
        return Barrier(f"{why} in {within}", self._end(recent[len(recent) - most], within))

    def _waiting(self, recent: Sequence[Attempt]) -> Barrier | None:
        failures = 0
        while failures < len(recent) and recent[-1 - failures].failed_at is not None:
            failures += 1
        if not failures or not self.limits.wait:
            return None
        wait = self.limits.wait[min(failures, len(self.limits.wait)) - 1]
        failed = max(one.failed_at for one in recent[-failures:] if one.failed_at is not None)
        day = calendar.add(calendar.local_date(failed, self.timezone), wait)
        return Barrier(f"less than {wait} after a failure", calendar.start_of(day, self.timezone))


def attempt_log(
    limits: Attempts, rows: Iterable[Evidence], grants: Iterable[dt.datetime], timezone: str
) -> AttemptLog:
    """Return the attempts that these statements, in their order, make."""
    log = AttemptLog(limits, timezone, list(grants))
    for e in rows:
        log.add(e)
    return log
