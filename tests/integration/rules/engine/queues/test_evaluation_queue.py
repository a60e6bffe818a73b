"""Rows of `work` are given back as the decision leaves them, many in one update."""

from __future__ import annotations

import datetime as dt
from typing import Any

from rules.engine.queues import evaluation_queue

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SOON = NOW + dt.timedelta(days=30)


def leased(db: Any, *persons: str) -> evaluation_queue.Lease:
    evaluation_queue.enqueue_stores(db, {person: ["north"] for person in persons}, NOW)
    return evaluation_queue.lease(db, persons, NOW)


def test_a_row_of_which_nothing_changes_is_free_again_and_due_as_it_was(db: Any) -> None:
    taken = leased(db, "p_a", "p_b")
    evaluation_queue.release(db, taken, {"p_a": None, "p_b": SOON}, NOW)
    rows = {row["_id"]: row for row in db.work.find()}
    assert rows["p_a"]["due_at"] == evaluation_queue.NEVER
    assert rows["p_b"]["due_at"] == SOON
    assert {row["leased_by"] for row in rows.values()} == {None}
    assert {row["decided_at"] for row in rows.values()} == {NOW}
    again = evaluation_queue.lease(db, ["p_a", "p_b"], NOW)
    evaluation_queue.release(db, again, {"p_a": None, "p_b": SOON}, NOW)
    assert {row["_id"]: row["due_at"] for row in db.work.find()} == {
        "p_a": evaluation_queue.NEVER,
        "p_b": SOON,
    }


def test_a_mark_set_during_a_decision_that_changes_nothing_survives(db: Any) -> None:
    taken = leased(db, "p_a")
    evaluation_queue.enqueue(db, ["p_a"], NOW)
    evaluation_queue.release(db, taken, {"p_a": None}, NOW)
    row = db.work.find_one({"_id": "p_a"})
    assert (row["due_at"], row["priority"], row["leased_by"]) == (NOW, evaluation_queue.LIVE, None)
    assert evaluation_queue.due(db, NOW, 10) == ["p_a"]


def test_of_people_given_back_together_only_who_was_marked_meanwhile_is_due_at_once(db: Any) -> None:
    taken = leased(db, "p_a", "p_b", "p_c")
    evaluation_queue.enqueue(db, ["p_b"], NOW)
    assert evaluation_queue.release(db, taken, dict.fromkeys(taken.rows, SOON), NOW)
    rows = {row["_id"]: row for row in db.work.find()}
    assert {one: row["due_at"] for one, row in rows.items()} == {"p_a": SOON, "p_b": NOW, "p_c": SOON}
    assert {row["leased_by"] for row in rows.values()} == {None}


def test_people_given_back_together_tell_that_one_of_them_was_taken_over(db: Any) -> None:
    taken = leased(db, "p_a", "p_b")
    other = evaluation_queue.lease(db, ["p_b"], NOW + 2 * evaluation_queue.LEASE)
    assert not evaluation_queue.release(db, taken, dict.fromkeys(taken.rows, SOON), NOW)
    assert db.work.find_one({"_id": "p_b"})["leased_by"] == other.token


def test_signers_that_are_new_are_noted_though_nothing_else_changes(db: Any) -> None:
    taken = leased(db, "p_a")
    evaluation_queue.release(db, taken, {"p_a": None}, NOW, {"p_a": frozenset({"mbox::mailto:i@x.example"})})
    assert evaluation_queue.entries_of(db, ["p_a"])["p_a"].signers == {"mbox::mailto:i@x.example"}


def test_a_row_that_another_took_over_stays_the_other_ones(db: Any) -> None:
    taken = leased(db, "p_a")
    other = evaluation_queue.lease(db, ["p_a"], NOW + 2 * evaluation_queue.LEASE)
    assert set(other.rows) == {"p_a"}
    evaluation_queue.release(db, taken, {"p_a": None}, NOW)
    assert db.work.find_one({"_id": "p_a"})["leased_by"] == other.token
