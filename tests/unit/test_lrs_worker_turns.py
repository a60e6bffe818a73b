"""The turns of the worker's loop: live work first, the backlog not never."""

from __future__ import annotations

import datetime as dt
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from lrs import worker


def workshop(stop_after: int) -> tuple[Any, list[str]]:
    here: Any = SimpleNamespace(stop=threading.Event())
    told: list[str] = []

    def note(name: str) -> None:
        told.append(name)
        if len(told) >= stop_after:
            here.stop.set()

    here.note = note
    return here, told


def live(here: Any) -> bool:
    here.note("live")
    return True


def idle(here: Any) -> bool:
    here.note("idle")
    return False


def people(here: Any) -> bool:
    here.note("people")
    return True


def pages(here: Any) -> bool:
    here.note("pages")
    return True


def test_live_work_comes_before_the_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SHARE", 3600.0)
    here, told = workshop(5)
    worker.loop(here, [live], [people, pages])
    assert told == ["live"] * 5


def test_each_step_of_the_backlog_has_its_turn_beside_endless_live_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "SHARE", 0.0)
    here, told = workshop(6)
    worker.loop(here, [live], [people, pages])
    assert told == ["live", "people", "live", "pages", "live", "people"]


def test_the_backlog_works_while_nothing_is_live() -> None:
    here, told = workshop(4)
    worker.loop(here, [idle], [people])
    assert told == ["idle", "people", "idle", "people"]


def test_a_step_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE_AFTER_FAILURE", 0.0)

    def broken(here: Any) -> bool:
        here.note("broken")
        raise ValueError

    here, told = workshop(3)
    worker.loop(here, [broken, idle], [people])
    assert told == ["broken", "idle", "people"]


def test_credentials_and_mails_give_way_while_marks_wait_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace = worker.Pace()
    assert not pace.gives_way()
    pace.note(worker.BEHIND)
    assert not pace.gives_way()
    pace.note(2 * worker.BEHIND)
    assert pace.gives_way()
    monkeypatch.setattr(worker, "PATIENCE", 0.0)
    assert not pace.gives_way()
    monkeypatch.setattr(worker, "PATIENCE", 3600.0)
    assert pace.gives_way()
    pace.note(dt.timedelta())
    assert not pace.gives_way()


def test_tiers_rest_after_each_organization_while_marks_come_in() -> None:
    pace = worker.Pace()
    pace.note_tiers(3600.0)
    assert not pace.tiers_rest()  # nobody is waiting for the interpreter
    pace.note(dt.timedelta(), marks=1)
    assert pace.tiers_rest()
    pace.note_tiers(0.0)
    assert not pace.tiers_rest()
    pace.note(2 * worker.BEHIND, marks=1)
    assert pace.tiers_rest()
    pace.note(dt.timedelta(), marks=0)
    assert not pace.tiers_rest()


def test_tiers_are_looked_at_one_organization_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    def run_due(*_: Any, limit: int) -> int:
        limits.append(limit)
        return 1

    monkeypatch.setattr(worker.programmes, "run_due", run_due)
    cache = SimpleNamespace(get=lambda: None)
    here: Any = SimpleNamespace(
        db=None, engine=SimpleNamespace(cache=cache), now=lambda: None, pace=worker.Pace(busy=True)
    )
    here.pace.note_tiers(3600.0)
    assert not worker.decide_tiers(here)
    here.pace.busy = False
    assert worker.decide_tiers(here)
    assert limits == [1]
