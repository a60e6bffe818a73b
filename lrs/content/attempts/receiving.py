"""The use case "a commit comes in", pure: a SCO's record and a snapshot in, the new record and events out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from lrs.content.attempts.events import Ending, Event, Told, difference
from lrs.content.attempts.merging import Standing, judge, merge
from lrs.content.attempts.policy import Bars, Policy
from lrs.content.attempts.reading import read
from lrs.content.attempts.results.values import Edition, Exit, Reading, Refusal

Json = Mapping[str, Any]
End = Literal["terminate", "closed"]  # the SCO said goodbye; its page went away

SLACK: Final = 1.1  # a session may say that it lasted this much longer than our clock does
SLACK_SECONDS: Final = 5.0
RUNS_KEPT: Final = 20  # whose lengths are kept one by one; older ones are a sum


class UnknownRun(Exception):
    """A commit names a run that this SCO never had."""


@dataclass(frozen=True, slots=True)
class Run:
    """One delivery of a SCO to a browser; its number rises through the whole attempt."""

    number: int
    opened_at: dt.datetime
    last_at: dt.datetime
    sequence: int = 0  # newest commit that was accepted
    is_over: bool = False
    is_begun: bool = False
    is_closed: bool = False  # its page went away; its SCO may still say goodbye after that


@dataclass(frozen=True, slots=True)
class Sco:
    """What is known of one SCO in one attempt."""

    standing: Standing = field(default_factory=Standing)
    told: Told = field(default_factory=Told)
    run: Run | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)  # run number -> length; "" for all older ones
    exit: Exit = ""
    cmi: Json = field(default_factory=dict)  # as it came, without what was refused

    @property
    def total(self) -> float:
        """Return the seconds of all runs: ours, never the browser's."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Commit:
    """A snapshot as a browser sends it: `sequence` rises within a run."""

    run: int
    sequence: int
    cmi: Json
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What one SCO is measured by."""

    edition: Edition
    bars: Bars = field(default_factory=Bars)
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a commit."""

    sco: Sco
    events: tuple[Event, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    is_stale: bool = False  # a newer run has begun elsewhere: only what can rise was taken


def open_run(sco: Sco, number: int, now: dt.datetime) -> Received:
    """Begin a run; one that never said goodbye ends as suspended."""
    ended = end_silent(sco)
    run = Run(number, opened_at=now, last_at=now)
    return Received(replace(ended.sco, run=run), ended.events)


def end_silent(sco: Sco) -> Received:
    """End a run that was left without a word, at its last commit; one that never began leaves no trace."""
    run = sco.run
    if run is None or run.is_over:
        return Received(sco)
    closed = replace(sco, run=replace(run, is_over=True), exit="suspend" if run.is_begun else sco.exit)
    if not run.is_begun:
        return Received(closed)
    told, events = difference(
        sco.told,
        run.number,
        sco.standing,
        Reading(),
        ending="timeout",
        seconds=sco.seconds.get(str(run.number), 0.0),
    )
    return Received(replace(closed, told=told), tuple(events))


def receive(sco: Sco, commit: Commit, rules: Rules, now: dt.datetime) -> Received:
    """Take in a commit; the same one again changes nothing. Raises UnknownRun.

    1. read what it says, 2. judge it by manifest and policy, 3. merge it into what stands, 4. keep its data
    if it is the newest, 5. count its time, 6. tell what became different.
    """
    run = sco.run
    if run is None or commit.run > run.number or commit.run < 1 or commit.sequence < 1:
        raise UnknownRun(commit.run)
    is_stale = commit.run < run.number
    is_newest = not is_stale and commit.sequence > run.sequence
    reading, refusals = read(rules.edition, commit.cmi)
    judged = judge(reading, rules.edition, rules.bars, rules.policy, is_end=commit.end == "terminate")
    standing = merge(sco.standing, judged, (commit.run, commit.sequence), rules.policy.keep)
    after = replace(sco, standing=standing)
    if is_newest:
        newer = replace(
            run,
            sequence=commit.sequence,
            last_at=max(run.last_at, now),
            is_over=run.is_over or commit.end == "terminate",
            is_begun=True,
            is_closed=commit.end == "closed",
        )
        says: Exit = "suspend" if commit.end == "closed" else reading.exit
        after = replace(after, run=newer, exit=says, cmi=without(commit.cmi, refusals, sco.cmi))
    clock = max(0.0, (now - run.opened_at).total_seconds()) if is_newest else None
    after = replace(after, seconds=_lengths(sco.seconds, commit.run, reading.seconds, clock))
    ending = _ending(commit, reading)
    told, events = difference(
        sco.told,
        max(commit.run, sco.told.begun),
        standing,
        reading,
        ending=None if is_stale else ending,
        seconds=after.seconds.get(str(commit.run)),
    )
    return Received(replace(after, told=told), tuple(events), refusals, is_stale=is_stale)


def _ending(commit: Commit, reading: Reading) -> Ending | None:
    """Return how a run ends: a page that went away leaves that to its SCO for a moment, then to the sweep."""
    if commit.end != "terminate":
        return None
    return "suspend" if reading.exit == "suspend" else "exit"


def _lengths(
    seconds: Mapping[str, float], number: int, said: float | None, clock: float | None
) -> dict[str, float]:
    """Return the lengths of runs with that of one run, which never becomes shorter.

    The SCO's own word counts up to what our clock allows; without its word our clock counts. `clock` is None
    for a commit that comes late: it may add no more than a run's slack.
    """
    lengths, key = dict(seconds), str(number)
    known = lengths.get(key, 0.0)
    allowed = (known if clock is None else clock) * SLACK + SLACK_SECONDS
    length = clock if said is None else min(said, allowed)
    if length is not None and (clock is not None or key in lengths):
        lengths[key] = round(max(known, length), 2)
    numbered = sorted(int(one) for one in lengths if one)
    for old in numbered[:-RUNS_KEPT]:
        lengths[""] = round(lengths.get("", 0.0) + lengths.pop(str(old)), 2)
    return lengths


def without(cmi: Json, refusals: tuple[Refusal, ...], stored: Json) -> Json:
    """Return the data with what was refused as it was stored before, or gone."""
    if not refusals:
        return cmi
    made: dict[str, Any] = _copy(cmi)
    for refusal in refusals:
        path = refusal.element.split(".")[1:]
        if path:
            _put_back(made, path, stored)
    return made


def _put_back(made: dict[str, Any], path: list[str], stored: Json) -> None:
    target: Any = made
    older: Any = stored
    for name in path[:-1]:
        target = target.get(name) if isinstance(target, dict) else None
        older = older.get(name) if isinstance(older, Mapping) else None
    if not isinstance(target, dict):
        return
    if isinstance(older, Mapping) and path[-1] in older:
        target[path[-1]] = older[path[-1]]
    else:
        target.pop(path[-1], None)


def _copy(value: Any) -> Any:
    return {name: _copy(one) for name, one in value.items()} if isinstance(value, Mapping) else value
