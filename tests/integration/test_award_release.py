"""Rows of `work` are given back as the decision leaves them, many in one update."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rules import work

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SOON = NOW + dt.timedelta(days=30)


def leased(db: Any, *persons: str) -> work.Lease:
    work.mark_stores(db, {person: ["north"] for person in persons}, NOW)
    return work.lease(db, persons, NOW)


def test_a_row_of_which_nothing_changes_is_free_again_and_due_as_it_was(db: Any) -> None:
    taken = leased(db, "p_a", "p_b")
    work.release(db, taken, {"p_a": None, "p_b": SOON}, NOW)
    rows = {row["_id"]: row for row in db.work.find()}
    assert rows["p_a"]["due_at"] == work.NEVER
    assert rows["p_b"]["due_at"] == SOON
    assert {row["leased_by"] for row in rows.values()} == {None}
    assert {row["decided_at"] for row in rows.values()} == {NOW}
    again = work.lease(db, ["p_a", "p_b"], NOW)
    work.release(db, again, {"p_a": None, "p_b": SOON}, NOW)
    assert {row["_id"]: row["due_at"] for row in db.work.find()} == {"p_a": work.NEVER, "p_b": SOON}


def test_a_mark_set_during_a_decision_that_changes_nothing_survives(db: Any) -> None:
    taken = leased(db, "p_a")
    work.mark(db, ["p_a"], NOW)
    work.release(db, taken, {"p_a": None}, NOW)
    row = db.work.find_one({"_id": "p_a"})
    assert (row["due_at"], row["priority"], row["leased_by"]) == (NOW, work.LIVE, None)
    assert work.due(db, NOW, 10) == ["p_a"]


def test_signers_that_are_new_are_noted_though_nothing_else_changes(db: Any) -> None:
    taken = leased(db, "p_a")
    work.release(db, taken, {"p_a": None}, NOW, {"p_a": frozenset({"mbox::mailto:i@x.example"})})
    assert work.rows_of(db, ["p_a"])["p_a"].signers == {"mbox::mailto:i@x.example"}


def test_a_row_that_another_took_over_stays_the_other_ones(db: Any) -> None:
    taken = leased(db, "p_a")
    other = work.lease(db, ["p_a"], NOW + 2 * work.LEASE)
    assert set(other.rows) == {"p_a"}
    work.release(db, taken, {"p_a": None}, NOW)
    assert db.work.find_one({"_id": "p_a"})["leased_by"] == other.token
