"""Figures over everybody: made when asked for first, shown while they are made anew, never too old."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest

from lrs.foundation import figures
from lrs.foundation.figures import Figures


class Clock:
    """Services of which figures need the database and the time alone."""

    def __init__(self) -> None:
        self.db: Any = None
        self.at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self.at


def test_slow_figures_are_shown_while_a_thread_makes_them_anew_and_too_old_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "QUICK", -1.0)  # every making is slow
    monkeypatch.setattr(figures, "SHARE", 10**9)  # good for a whole minute
    clock, made, go = Clock(), [], threading.Event()

    def make(_: Any, now: dt.datetime) -> int:
        if made:
            go.wait(10)
        made.append(now)
        return len(made)

    found = Figures(clock, make)  # type: ignore[arg-type]
    assert found.get() == (1, clock.at)
    clock.at += dt.timedelta(seconds=59)
    assert found.get()[0] == 1
    clock.at += dt.timedelta(seconds=2)
    assert [found.get()[0], found.get()[0]] == [1, 1], "nobody waits"
    go.set()
    for thread in [one for one in threading.enumerate() if one.name == "figures"]:
        thread.join(10)
    assert (found.get()[0], len(made)) == (2, 2), "made anew once, not by each who asked"
    clock.at += figures.OLDEST
    assert found.get() == (3, clock.at)
    clock.at -= dt.timedelta(days=1)
    assert found.get() == (4, clock.at), "a clock that was set back"


def test_quick_figures_are_made_for_whoever_asks() -> None:
    clock = Clock()
    counts = iter(range(100))
    found = Figures(clock, lambda _db, _now: next(counts))  # type: ignore[arg-type]
    assert [found.get()[0], found.get()[0]] == [0, 0]
    clock.at += dt.timedelta(seconds=30)
    assert found.get()[0] == 1


def test_figures_that_cannot_be_made_beside_stay_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    from pymongo.errors import AutoReconnect

    monkeypatch.setattr(figures, "QUICK", -1.0)
    clock, fails = Clock(), iter([False, True, False])

    def make(_: Any, now: dt.datetime) -> dt.datetime:
        if next(fails):
            raise AutoReconnect("gone")
        return now

    found = Figures(clock, make)  # type: ignore[arg-type]
    first = found.get()
    for expected in (first, first):
        clock.at += dt.timedelta(seconds=61)
        assert found.get() == expected
        for thread in [one for one in threading.enumerate() if one.name == "figures"]:
            thread.join(10)
    assert found.get()[0] > first[0], "the next try worked"
