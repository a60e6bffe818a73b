"""The turns of the worker's loop: live work first, the backlog not never."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lrs.foundation.bell import Bell, listening
from lrs.running import worker
from lrs.running.backpressure import Backpressure
from lrs.running.news import News
from lrs.xapi.consistent_through import Board


def workshop(stop_after: int) -> tuple[Any, list[str]]:
    free = SimpleNamespace(lack=lambda: None)
    services: Any = SimpleNamespace(stop=threading.Event(), news=News(), disk=free)
    told: list[str] = []

    def note(name: str) -> None:
        told.append(name)
        if len(told) >= stop_after:
            services.stop.set()

    services.note = note
    return services, told


def live(services: Any) -> bool:
    services.note("live")
    return True


def idle(services: Any) -> bool:
    services.note("idle")
    return False


def people(services: Any) -> bool:
    services.note("people")
    return True


def pages(services: Any) -> bool:
    services.note("pages")
    return True


def test_live_work_comes_before_the_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SHARE", 3600.0)
    services, told = workshop(5)
    worker.loop(services, [live], [people, pages])
    assert told == ["live"] * 5


def test_each_step_of_the_backlog_has_its_turn_beside_endless_live_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "SHARE", 0.0)
    services, told = workshop(6)
    worker.loop(services, [live], [people, pages])
    assert told == ["live", "people", "live", "pages", "live", "people"]


def test_the_backlog_works_while_nothing_is_live() -> None:
    services, told = workshop(4)
    worker.loop(services, [idle], [people])
    assert told == ["idle", "people", "idle", "people"]


def test_a_loop_without_work_rests_until_there_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "REST", 3600.0)
    services, told = workshop(2)
    resting = threading.Thread(target=worker.loop, args=[services, [idle]])
    resting.start()
    while not told:
        pass
    services.news.wake()  # without news it goes on resting
    assert told == ["idle"]
    services.news.note()
    resting.join()
    assert told == ["idle", "idle"]


def test_a_stream_of_writes_does_not_keep_a_loop_looking_and_the_bell_wakes_it_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lrs.running.news.PAUSE", 3600.0)
    services, told = workshop(2)
    services.news.board = Board(tmp_path / "board")
    resting = threading.Thread(target=worker.loop, args=[services, [idle]])
    resting.start()
    while not told:
        pass
    Board(tmp_path / "board").touch()
    services.news.wake()
    assert told == ["idle"], "another process wrote, and the pause is not over"
    with closing(Bell(tmp_path / "bells")) as bell, listening(tmp_path / "bells", services.news.note):
        bell.ring()
        resting.join()
    assert told == ["idle", "idle"]


def test_a_job_without_news_is_left() -> None:
    services, told = workshop(99)
    job = worker.WhenNews(lambda services: services.note("job"))
    job(services)
    job(services)
    assert told == ["job"]
    services.news.note()
    job(services)
    assert told == ["job", "job"]


def test_the_scheduler_rests_too_until_there_is_news_or_it_was_quiet_for_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each turn of the watch is a moment in seconds, and whether another process writes just before it."""
    services, _ = workshop(99)
    services.news.board = Board(tmp_path / "board")
    moments = iter([(1.0, False), (3.5, False), (4.0, True), (5.0, False), (15.0, False), (18.5, False)])
    clock, told = [0.0], []

    def wait(_pause: float) -> bool:
        clock[0], is_written = next(moments, (None, False))  # type: ignore[call-overload]
        if is_written:
            Board(tmp_path / "board").touch()
        return clock[0] is None

    services.stop = SimpleNamespace(wait=wait)
    scheduler: Any = SimpleNamespace(
        pause=lambda: told.append((clock[0], "rests")), resume=lambda: told.append((clock[0], "runs"))
    )
    moment = SimpleNamespace(monotonic=lambda: clock[0], time=lambda: clock[0])
    monkeypatch.setattr(worker, "time", moment)
    worker.watch(services, scheduler)
    assert told == [(3.5, "rests"), (4.0, "runs"), (15.0, "runs"), (18.5, "rests")]


def test_a_clock_that_is_set_back_makes_no_job_wait_for_its_former_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each turn of the watch is a second, and what the machine's clock says then."""
    services, _ = workshop(99)
    clock = iter([(0, 1000.0), (1, 1001.0), (2, 402.0), (3, 403.0), (4, 1004.0), (5, 1004.8)])
    now = [next(clock)]

    def wait(_pause: float) -> bool:
        now.append(next(clock, None))  # type: ignore[arg-type]  # the last one is none
        return now[-1] is None

    services.stop = SimpleNamespace(wait=wait)
    due: list[int] = []
    job = SimpleNamespace(modify=lambda next_run_time: due.append(now[-1][0]))
    scheduler: Any = SimpleNamespace(pause=lambda: None, resume=lambda: None, get_jobs=lambda: [job])
    moment = SimpleNamespace(monotonic=lambda: now[-1][0], time=lambda: now[-1][1])
    monkeypatch.setattr(worker, "time", moment)
    worker.watch(services, scheduler)
    assert due == [2], "one step back; a step on, and slewing, are none"


def test_what_a_write_finished_is_news(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    news = News(board)
    before = news.heard()
    ticket = board.enter(1)
    assert news.heard() == before, "it cannot be read yet"
    board.leave(ticket)
    assert news.heard() != before
    before = news.heard()
    Board(tmp_path / "board").touch()  # another process of the machine
    assert news.heard() != before


def test_a_step_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE_AFTER_FAILURE", 0.0)

    def broken(services: Any) -> bool:
        services.note("broken")
        raise ValueError

    services, told = workshop(3)
    worker.loop(services, [broken, idle], [people])
    assert told == ["broken", "idle", "people"]


def test_tiers_are_looked_at_one_organization_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []

    def run_due(*_: Any, limit: int) -> int:
        limits.append(limit)
        return 1

    monkeypatch.setattr(worker.tier_recording, "run_due", run_due)
    cache = SimpleNamespace(get=lambda: None)
    services: Any = SimpleNamespace(
        db=None, engine=SimpleNamespace(cache=cache), now=lambda: None, backpressure=Backpressure(busy=True)
    )
    services.backpressure.note_tiers(3600.0)
    assert not worker.decide_tiers(services)
    services.backpressure.busy = False
    assert worker.decide_tiers(services)
    assert limits == [1]
