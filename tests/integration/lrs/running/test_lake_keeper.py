"""The lake is kept by a process beside the worker: it follows, waits under load, and ends with the worker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import make_statement, make_store, send

pytest.importorskip("deltalake")

from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from lrs.lake import state, tending
from lrs.lake.filling import Filler
from lrs.running import lake_keeper
from lrs.running.lake_keeper import LakeKeeper


def never() -> bool:
    return False


@pytest.fixture
def url(db: Any, tmp_path: Path) -> str:
    filler = Filler(db, str(tmp_path / "lake"), lambda: True)
    filler.create()
    filler.build(lambda _count: True)
    filler.follow(utc_now)
    return str(tmp_path / "lake")


@pytest.fixture
def keeper(db: Any, url: str, mongod: str) -> Iterator[LakeKeeper]:
    settings = Settings(mongodb_uri=mongod, database=db.name, lake_url=url)
    made = LakeKeeper(settings, db)
    yield made
    made.close()
    assert made._process is None


def count(db: Any, url: str) -> int:
    return Filler(db, url, never).statements.count()


def store(db: Any, number: int) -> None:
    send(make_store(db, "north"), *(make_statement() for _ in range(number)))


def test_a_round_follows_the_store_in_a_process_of_lower_priority(
    db: Any, keeper: LakeKeeper, url: str
) -> None:
    store(db, 3)
    assert keeper.round(utc_now(), never)
    assert count(db, url) == 3
    assert keeper._process is not None
    stat = Path(f"/proc/{keeper._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert int(stat[16]) >= lake_keeper.NICE


def test_after_many_rows_the_next_round_waits_for_more(
    db: Any, keeper: LakeKeeper, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_keeper, "BUSY_ROWS", 3)
    store(db, 3)
    assert keeper.round(utc_now(), never)
    store(db, 2)
    assert not keeper.round(utc_now(), never)
    assert count(db, url) == 3
    keeper._due = 0.0
    assert keeper.round(utc_now(), never)
    assert count(db, url) == 5
    assert keeper.round(utc_now(), never)


def test_a_lake_far_behind_is_kept_at_the_priority_of_others(db: Any, keeper: LakeKeeper, url: str) -> None:
    assert keeper.round(utc_now(), never)
    first = keeper._process
    assert keeper.round(utc_now() + dt.timedelta(minutes=1), never)
    assert keeper._process is not first
    assert keeper._nice == 0


def test_a_process_that_was_killed_is_started_again(db: Any, keeper: LakeKeeper, url: str) -> None:
    keeper.round(utc_now(), never)
    assert keeper._process is not None
    keeper._process.kill()
    keeper._process.wait()
    store(db, 2)
    assert keeper.round(utc_now(), never)
    assert count(db, url) == 2


def test_a_worker_that_stops_waits_for_no_round(db: Any, keeper: LakeKeeper, url: str) -> None:
    taken = state.take(db, utc_now())
    assert taken is not None
    assert keeper.round(utc_now(), lambda: True)
    keeper.close()
    state.give_back(db, taken)
    assert tending.keep(db, url, utc_now) is not None
