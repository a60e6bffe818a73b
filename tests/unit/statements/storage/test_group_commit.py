"""Writes of several callers are gathered, and nobody waits who is alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from statements.storage import group_commit
from statements.storage.group_commit import GroupCommit

LONG = 30.0  # seconds that a test waits for what it does to come about
FOREVER = 10 * LONG  # a pause that no test waits for


class Server:
    """A collection that notes how many documents came together, and answers when it is told to."""

    def __init__(self) -> None:
        self.writes: list[int] = []
        self.answer = threading.Semaphore(0)

    def insert_one(self, document: Any) -> None:
        self.insert_many([document])

    def insert_many(self, documents: Sequence[Any], **_: Any) -> None:
        self.writes.append(len(documents))
        assert self.answer.acquire(timeout=LONG)


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.001)


class Callers:
    """Threads that bring one document each."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue
        self.threads: list[threading.Thread] = []

    def come(self, count: int) -> None:
        for _ in range(count):
            self.threads.append(threading.Thread(target=self.queue.insert, args=([{}],), daemon=True))
            self.threads[-1].start()

    def gone(self) -> int:
        return sum(not thread.is_alive() for thread in self.threads)


def one_is_written_and_three_wait(server: Server, callers: Callers) -> None:
    callers.come(1)
    until(lambda: server.writes == [1])
    callers.come(3)
    until(lambda: len(callers.queue._waiting) == 3)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def callers(server: Server) -> Callers:
    return Callers(GroupCommit(server))  # type: ignore[arg-type]  # a stand-in


def test_callers_that_come_back_are_written_together(
    server: Server, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PAUSE", FOREVER)
    one_is_written_and_three_wait(server, callers)
    server.answer.release()
    until(lambda: callers.gone() == 1)
    assert server.writes == [1], "the fourth of a moment ago is waited for"
    callers.come(1)
    until(lambda: server.writes == [1, 4])
    server.answer.release()
    until(lambda: callers.gone() == 5)


def test_a_lone_caller_is_written_at_once(
    server: Server, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PAUSE", FOREVER)
    for number in range(1, 4):
        callers.come(1)
        until(lambda number=number: len(server.writes) == number)
        server.answer.release()
        until(lambda number=number: callers.gone() == number)
    assert server.writes == [1, 1, 1]


def test_who_does_not_come_back_is_not_waited_for_twice(
    server: Server, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_is_written_and_three_wait(server, callers)
    server.answer.release()
    until(lambda: server.writes == [1, 3])
    server.answer.release()
    until(lambda: callers.gone() == 4)
    callers.come(1)
    until(lambda: server.writes == [1, 3, 1])
    server.answer.release()
    until(lambda: callers.gone() == 5)
    monkeypatch.setattr(group_commit, "PAUSE", FOREVER)
    callers.come(1)
    until(lambda: server.writes == [1, 3, 1, 1])
    server.answer.release()
    until(lambda: callers.gone() == 6)


def test_a_full_write_waits_for_nobody(
    server: Server, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PAUSE", FOREVER)
    monkeypatch.setattr(group_commit, "MAX_DOCUMENTS", 2)
    one_is_written_and_three_wait(server, callers)
    for number in range(2, 4):
        server.answer.release()
        if number == 3:
            callers.come(1)
        until(lambda number=number: len(server.writes) == number)
    assert server.writes == [1, 2, 2]
    server.answer.release()
    until(lambda: callers.gone() == 5)
