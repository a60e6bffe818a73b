"""Consistent-Through is honest with several processes and machines, and recent when nothing is written."""

import datetime as dt
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import worker_database
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lrs.foundation.context import utc_now
from lrs.xapi import consistent_through
from lrs.xapi.consistent_through import EPOCH, LONGEST_WRITE, Board, Consistency, header_text, microseconds

MILLISECOND = dt.timedelta(milliseconds=1)
SECOND = dt.timedelta(seconds=1)


OTHER_PROCESS = """
import sys
from pathlib import Path
from lrs.xapi.consistent_through import Board
board = Board(Path(sys.argv[1]))
ticket = board.enter(5_000_000)
print("begun", flush=True)
sys.stdin.readline()
board.leave(ticket)
print("ended", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def db(mongo_client: MongoClient[dict[str, Any]], tmp_path: Path) -> Iterator[Database[dict[str, Any]]]:
    """A database of its own: in the usual one, applications of earlier tests still tell of themselves."""
    database = mongo_client[worker_database(f"_{tmp_path.name}")]
    yield database
    mongo_client.drop_database(database.name)


@pytest.fixture
def other_writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with a write that has begun; a line to it ends the write."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "board")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def test_a_write_in_another_process_holds_the_promise_back(
    tmp_path: Path, other_writer: subprocess.Popen[str]
) -> None:
    board = Board(tmp_path / "board")
    assert board.oldest(9_000_000) == 5_000_000
    ticket = board.enter(6_000_000)
    assert board.oldest(9_000_000) == 5_000_000
    other_writer.stdin.write("\n")
    other_writer.stdin.flush()
    assert other_writer.stdout.readline() == "ended\n"
    assert board.oldest(9_000_000) == 6_000_000
    board.leave(ticket)
    assert board.oldest(9_000_000) == 9_000_000


def test_a_killed_writer_is_forgotten(tmp_path: Path, other_writer: subprocess.Popen[str]) -> None:
    other_writer.kill()
    other_writer.wait()
    later = 5_000_000 + LONGEST_WRITE
    assert Board(tmp_path / "board").oldest(later - 1) == later - 1, "its place was taken over and wiped"


def test_a_mark_older_than_any_write_can_be_is_ignored(
    tmp_path: Path, other_writer: subprocess.Popen[str]
) -> None:
    board = Board(tmp_path / "board")
    assert board.oldest(5_000_000 + LONGEST_WRITE) == 5_000_000 + LONGEST_WRITE


def test_several_writes_of_one_process_end_in_any_order(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    first, second, third = board.enter(1), board.enter(2), board.enter(3)
    board.leave(second)
    assert board.oldest(9) == 1
    board.leave(first)
    assert board.oldest(9) == 3
    board.leave(third)
    assert board.oldest(9) == 9


def test_idle_is_recent_and_a_write_is_never_promised(db: Database[dict[str, Any]], tmp_path: Path) -> None:
    one = Consistency(db, Board(tmp_path / "board"), utc_now)
    before = utc_now()
    assert before - 2 * MILLISECOND < one.through() < utc_now()
    with one.writing() as stored:
        time.sleep(0.02)
        assert one.through() < stored
    assert one.through() > stored


def test_a_failed_write_does_not_hold_the_promise_for_ever(
    db: Database[dict[str, Any]], tmp_path: Path
) -> None:
    one = Consistency(db, Board(tmp_path / "board"), utc_now)
    with pytest.raises(ValueError, match="lost"), one.writing():
        raise ValueError("lost")
    assert utc_now() - one.through() < SECOND


def test_another_machine_holds_the_promise_back(
    db: Database[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistent_through, "SETTLE", 0.05)
    services = Consistency(db, Board(tmp_path / "here"), utc_now)
    services.beat()
    there = Consistency(db, Board(tmp_path / "there"), utc_now)
    with there.writing() as stored:
        there.beat()
        services.beat()
        assert services.through() < stored
    there.beat()
    services.beat()
    assert services.through() > stored
    assert db.hosts.count_documents({}) == 2


def test_a_machine_that_joins_waits_until_the_others_know_it(
    db: Database[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(Consistency, "sleep", staticmethod(waits.append))
    monkeypatch.setattr(consistent_through, "_keep_beating", lambda _: None)
    alone = Consistency(db, Board(tmp_path / "alone"), utc_now)
    with alone.writing():
        pass
    assert waits == [], "a single machine never waits"
    joined = Consistency(db, Board(tmp_path / "joined"), utc_now)
    with joined.writing():
        pass
    assert len(waits) == 1
    assert consistent_through.STALE < waits[0] <= consistent_through.SETTLE


def test_without_news_of_the_others_nothing_later_is_promised(
    db: Database[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistent_through, "_keep_beating", lambda _: None)
    one = Consistency(db, Board(tmp_path / "board"), utc_now)
    one.beat()
    known = utc_now()
    monkeypatch.setattr(consistent_through, "STALE", -1.0)
    assert one.through() <= known


def test_nothing_is_promised_while_mongodb_is_away(
    db: Database[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Consistency(db, Board(tmp_path / "board"), utc_now)

    def fail() -> None:
        raise PyMongoError("away")

    monkeypatch.setattr(one, "beat", fail)
    assert one.through() == EPOCH


def test_the_header_is_cut_to_milliseconds_and_never_rounded_up() -> None:
    assert header_text(EPOCH + dt.timedelta(microseconds=1_999)) == "1970-01-01T00:00:00.001Z"
    assert header_text(EPOCH) == "1970-01-01T00:00:00.000Z"
    assert microseconds(EPOCH + SECOND) == 1_000_000
