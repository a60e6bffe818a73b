"""A question to the lake ends at its time, and when somebody stops it from another process."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from factories import make_statement, make_store, send

from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst, Cancelled, cancel
from lrs.foundation.context import utc_now
from lrs.lake import reading, tending
from lrs.lake.filling import Filler
from lrs.lake.questions import asking, stopping
from statements.errors import QueryTimeout

ENDLESS = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"


@pytest.fixture
def analyst(db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch) -> Analyst:
    """Somebody whose questions to the lake do not end."""
    send(make_store(db, "north"), make_statement())
    filler.build(lambda _count: True)
    url = filler.statements.uri.removesuffix("/statements")
    tending.keep(db, url, utc_now)
    counted = asking.LakeQuestion._view

    def endless(self: Any, lake: Any, where: Any) -> Any:
        lake.execute(ENDLESS).fetchall()
        return counted(self, lake, where)

    monkeypatch.setattr(asking.LakeQuestion, "_view", endless)
    monkeypatch.setattr(stopping, "LOOK_S", 0.05)
    return Analyst(db, Scope(("north",)), utc_now(), lake=url, query_id="me:one")


@pytest.fixture
def asked(analyst: Analyst) -> Iterator[list[Exception]]:
    """What came of asking, in a thread."""
    told: list[Exception] = []

    def ask() -> None:
        try:
            answer = analyst.ask({"group": ["verb"]})
        except Cancelled as error:
            told.append(error)
        else:
            told.append(RuntimeError(answer.engine.reason))

    thread = threading.Thread(target=ask)
    thread.start()
    yield told
    thread.join(20)
    assert not thread.is_alive()


def test_who_asked_stops_it_by_its_id(db: Any, asked: list[Exception]) -> None:
    deadline = time.monotonic() + 20
    while not cancel(db, "me:one"):
        assert time.monotonic() < deadline, asked
        assert not cancel(db, "somebody:one")
        time.sleep(0.01)
    while not asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert isinstance(asked[0], Cancelled)
    assert db.lake.count_documents({"_id": {"$regex": "^question:"}}) == 0
    with reading.connection() as lake:  # the next question is not touched
        assert lake.execute("SELECT 1").fetchall() == [(1,)]


def test_it_ends_at_its_time(db: Any, analyst: Analyst) -> None:
    analyst.max_seconds = 0.2
    with pytest.raises(QueryTimeout):
        analyst.ask({"group": ["verb"]})
    assert not cancel(db, "me:one")


def test_what_a_killed_process_left_is_forgotten(db: Any) -> None:
    now = utc_now()
    db.lake.insert_many(
        [
            {"_id": "question:old", "at": now - dt.timedelta(hours=2), "stop": False},
            {"_id": "question:new", "at": now, "stop": False},
        ]
    )
    one = stopping.Stopping(db, "me:two", now)
    assert not one.is_asked()
    assert sorted(db.lake.distinct("_id")) == ["question:me:two", "question:new"]
    assert stopping.stop(db, "me:two")
    assert one.is_asked()
    one.end()
    assert not stopping.stop(db, "me:two")
