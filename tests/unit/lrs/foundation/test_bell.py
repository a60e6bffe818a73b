"""The bell between processes of one machine: it wakes every worker that listens, and costs nobody a wait."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrs.foundation.bell import Bell, Noticed, listening


class Ear:
    """Counts what was heard, and can be waited for."""

    def __init__(self) -> None:
        self.heard = threading.Semaphore(0)

    def hears(self) -> bool:
        return self.heard.acquire(timeout=30)


@pytest.fixture
def bell(tmp_path: Path) -> Iterator[Bell]:
    with contextlib.closing(Bell(tmp_path / "bells")) as made:
        yield made


def test_who_listens_is_woken_also_again(bell: Bell, tmp_path: Path) -> None:
    ear = Ear()
    with listening(tmp_path / "bells", ear.heard.release):
        for _ in range(2):
            bell.ring()
            assert ear.hears()


def test_nobody_listens_and_nothing_happens(bell: Bell, tmp_path: Path) -> None:
    bell.ring()
    with listening(tmp_path / "bells", lambda: None):
        pass
    bell.ring()
    assert list((tmp_path / "bells").iterdir()) == []


def test_who_is_too_slow_to_listen_holds_nobody_up(bell: Bell, tmp_path: Path) -> None:
    go_on = threading.Event()
    with listening(tmp_path / "bells", go_on.wait):
        for _ in range(2000):  # more than a socket keeps
            bell.ring()
        go_on.set()


def test_the_place_of_a_worker_that_was_killed_is_given_up(bell: Bell, tmp_path: Path) -> None:
    ear, folder = Ear(), tmp_path / "bells"
    folder.mkdir()
    (folder / "99999999").touch()  # no process has such a number
    (folder / str(os.getpid())).touch()  # one had ours
    bell.ring()
    with listening(folder, ear.heard.release):
        assert [one.name for one in folder.iterdir()] == [str(os.getpid())]
        bell.ring()
        assert ear.hears()


def test_without_room_for_a_socket_the_worker_goes_on_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(tmp_path / ("long" * 40), lambda: None):
        pass
    assert "the worker looks by itself" in caplog.text


def test_it_is_noticed_that_one_of_several_is_relevant() -> None:
    noticed = Noticed(lambda number: number > 1)
    assert [noticed(1), noticed(2), noticed(1)] == [False, True, False]
    assert noticed.any
