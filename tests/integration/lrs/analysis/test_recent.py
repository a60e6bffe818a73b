"""Lists of statements that come at once: a filter without an index looks through the newest, and goes on."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories import make_statement
from factories_access import make_client, make_org, utc_now
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from lrs.analysis import recent, run
from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from statements.errors import QueryTimeout

Db = Database[dict[str, Any]]
RARE = {"field": "score.scaled", "lt": 0.5}
ASKED = {"select": ["id", "score.scaled"], "sort": "-stored", "limit": 5, "filter": RARE}


@pytest.fixture
def analyst(app: Flask, db: Db, monkeypatch: pytest.MonkeyPatch) -> Analyst:
    """Sixty statements, one in twelve with a low score, in a store that counts as large."""
    make_org(db, "north")
    monkeypatch.setattr(run, "LARGE_STORE", 1)
    header = make_client(db, "north") | {"X-Experience-API-Version": "1.0.3"}
    for number in range(60):
        score = 0.1 if number % 12 == 0 else 0.9
        body = make_statement(result={"score": {"scaled": score}})
        assert app.test_client().post("/xapi/statements", json=body, headers=header).status_code == 200
    return Analyst(db, Scope(("north",)), utc_now())


def every(analyst: Analyst, asked: dict[str, Any], window: int) -> tuple[list[str], int]:
    """Return the ids of all pages and how many pages there were."""
    ids, pages, cursor = [], 0, None
    while True:
        found = recent.ask_recent(analyst, {**asked, **({"cursor": cursor} if cursor else {})}, window)
        ids += [str(row["id"]) for row in found.answer.rows]
        pages, cursor = pages + 1, found.answer.cursor
        if cursor is None:
            return ids, pages


@pytest.mark.parametrize("window", [1, 7, 13, 59, 60, 500])
def test_pages_of_a_filter_without_an_index_give_what_the_whole_store_gives(
    analyst: Analyst, window: int
) -> None:
    whole = [str(row["id"]) for row in analyst.ask({**ASKED, "limit": 100}).rows]
    ids, _ = every(analyst, ASKED, window)
    assert ids == whole
    assert len(ids) == 5


def test_whoever_reads_every_store_gets_the_same_pages(analyst: Analyst) -> None:
    wide = Analyst(analyst.db, Scope(("north", "south"), whole=True, wide=True), utc_now())
    assert every(wide, ASKED, 7) == every(analyst, ASKED, 7)
    assert recent.ask_recent(wide, ASKED, 7).looked == 7


def test_what_was_looked_through_is_said(analyst: Analyst) -> None:
    found = recent.ask_recent(analyst, ASKED, 20)
    assert (found.looked, found.answer.cursor is not None) == (20, True)
    assert found.back_to is not None
    assert found.back_to < utc_now() + dt.timedelta(seconds=2)
    assert recent.ask_recent(analyst, ASKED, 500).back_to is None, "the whole store is less than the window"


@pytest.mark.parametrize(
    "asked",
    [
        {"all": [RARE, {"field": "actor", "eq": "mbox::mailto:a@b.example"}]},
        {"all": [RARE, {"field": "stored", "gte": (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).isoformat()}]},
        {"field": "id", "eq": "8f87ccde-bb56-4c2e-ab83-44982ef22df0"}, None,
    ],
)  # fmt: skip
def test_what_an_index_finds_is_asked_of_the_whole_store(analyst: Analyst, asked: Any) -> None:
    body = {name: one for name, one in ASKED.items() if name != "filter"} | (
        {"filter": asked} if asked else {}
    )
    assert recent.ask_recent(analyst, body, 5).looked is None


def test_a_look_that_takes_too_long_becomes_a_shorter_one(
    analyst: Analyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, slow = Analyst.ask, []

    def ask(self: Analyst, expression: Any, **more: Any) -> Any:
        if len(slow) < 2:
            slow.append(expression)
            raise QueryTimeout(5.0)
        return real(self, expression, **more)

    monkeypatch.setattr(Analyst, "ask", ask)
    indexed = {**ASKED, "filter": {"all": [RARE, {"field": "verb", "eq": "completed"}]}}
    assert recent.ask_recent(analyst, indexed, 1000).answer.rows is not None
    assert len(slow) == 2


@given(st.binary(min_size=16, max_size=16))
def test_a_cursor_leads_back_to_its_order_key(order: bytes) -> None:
    assert run.read_cursor(run.cursor_at(order)) == (None, order)
