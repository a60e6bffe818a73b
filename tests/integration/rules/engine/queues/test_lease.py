"""A lease on one document: one holder at a time, and who lost it changes nothing."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from rules.engine.queues import lease

NOW = dt.datetime(2026, 3, 1, 9, 0, 0, 123_456, tzinfo=dt.UTC)
LASTS = dt.timedelta(seconds=60)
Rows = Collection[dict[str, Any]]


@pytest.fixture
def rows(db: Database[dict[str, Any]]) -> Rows:
    return db.leased_in_tests


def take(rows: Rows, now: dt.datetime = NOW) -> dict[str, Any]:
    taken = lease.take(rows, {"_id": "a"}, now, LASTS)
    assert taken is not None
    return taken


@pytest.mark.parametrize(
    "free", [{}, {"leased_until": None}, {"leased_until": lease.FREE}, {"leased_until": NOW}]
)
def test_a_document_that_nobody_holds_is_taken_by_one_of_many(rows: Rows, free: dict[str, Any]) -> None:
    rows.insert_one({"_id": "a", **free})
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: lease.take(rows, {"_id": "a"}, NOW, LASTS), range(8)))
    assert len([one for one in taken if one is not None]) == 1


def test_the_first_in_order_is_taken_of_those_that_are_wanted(rows: Rows) -> None:
    rows.insert_many([{"_id": n, "at": 9 - n, "wanted": n != 3} for n in range(4)])
    taken = [lease.take(rows, {"wanted": True}, NOW, LASTS, [("at", 1)]) for _ in range(4)]
    assert [one and one["_id"] for one in taken] == [2, 1, 0, None]


def test_a_renewed_lease_lasts_and_one_that_is_over_is_taken_over(rows: Rows) -> None:
    rows.insert_one({"_id": "a"})
    mine = take(rows)
    assert lease.renew(rows, mine, NOW + LASTS / 2, LASTS, sets={"n": 1})
    assert lease.renew(rows, mine, NOW + LASTS, LASTS, sets={"n": 2})
    assert lease.take(rows, {"_id": "a"}, NOW + LASTS * 1.9, LASTS) is None
    theirs = take(rows, NOW + LASTS * 2)
    assert not lease.renew(rows, mine, NOW + LASTS * 2, LASTS, sets={"n": 3})
    assert not lease.give_back(rows, mine, {"n": 4})
    assert rows.find_one() == theirs
    assert theirs["n"] == 2


def test_what_is_renewed_can_depend_on_the_document(rows: Rows) -> None:
    rows.insert_one({"_id": "a", "enabled": False})
    mine = take(rows)
    assert not lease.renew(rows, mine, NOW, LASTS, where={"enabled": True})
    assert lease.give_back(rows, mine)


def test_what_is_given_back_is_free_and_changed(rows: Rows) -> None:
    rows.insert_one({"_id": "a", "done": 1})
    assert lease.give_back(rows, take(rows), {"state": "sent"}, {"done": 2})
    assert rows.find_one() == {"_id": "a", "done": 3, "state": "sent", "leased_until": lease.FREE}
    take(rows)
