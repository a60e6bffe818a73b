"""The shortest way: the fewest steps that would do, in the order of the rule."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from lrs.portal.models.learned import outcome
from lrs.portal.models.standing import overview
from lrs.portal.models.way import shortest_way
from rules.engine.standings import StateAt
from rules.explaining.explanation import Node

AT = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
DAY = dt.date(2026, 4, 1)


def leaf(name: str, *, ok: bool = False) -> Node:
    return Node(name, name, ok, "nothing yet", "done")


def choice(name: str, lacking: int, *parts: Node) -> Node:
    return dataclasses.replace(leaf(name), parts=parts, lacking=lacking)


def labels(*nodes: Node) -> list[str]:
    return [step.label for step in shortest_way(nodes)]


def test_what_is_met_is_no_step() -> None:
    assert labels(leaf("a", ok=True), leaf("b"), leaf("c")) == ["b", "c"]
    assert labels(leaf("a", ok=True)) == []


def test_of_a_choice_the_shortest_branch_is_taken_and_the_first_of_equals() -> None:
    long = choice("long", 2, leaf("a"), leaf("b"))
    assert labels(choice("any", 1, long, leaf("c"), leaf("d"))) == ["c"]
    assert labels(choice("two", 2, long, leaf("c"), leaf("d"))) == ["c", "d"]
    assert labels(choice("two", 2, leaf("c"), long)) == ["c", "a", "b"]


def test_parts_that_are_met_count_for_nothing_and_a_group_without_open_parts_is_a_step_itself() -> None:
    assert labels(choice("n", 1, leaf("a", ok=True), leaf("b"), leaf("c"))) == ["b"]
    assert labels(choice("in order", 0, leaf("a", ok=True))) == ["in order"]
    assert labels(choice("all", 0, leaf("a"), leaf("b"))) == ["a", "b"]


def standing(state: str, expires: str | None = None) -> StateAt:
    return StateAt(state, AT, expires=expires)


def test_the_most_urgent_comes_first() -> None:
    standings = {
        "begun": standing("in_progress"), "renew": standing("renewal_open", "2026-03-20"),
        "late": standing("grace", "2026-02-20"), "held": standing("active", "2027-01-01"),
        "gone": standing("revoked"), "old": standing("expired"), "lost": standing("expired"),
    }  # fmt: skip
    asked = {
        "due": (DAY, False),
        "over": (dt.date(2026, 2, 1), True),
        "old": (None, False),
        "held": (DAY, False),
    }
    found = overview(standings, asked)
    assert [one.certification for one in found.next] == ["over", "late", "renew", "due", "begun", "old"]
    assert [one.certification for one in found.held] == ["late", "renew", "held"]
    assert [one.certification for one in found.past] == ["gone", "lost"]
    assert overview({}, {}).next == ()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ([("initialized", None), ("passed", True), ("terminated", None)], "passed"),
        ([("answered", True), ("completed", False)], "not passed"),
        ([("answered", False), ("completed", None)], "completed"),
        ([("completed", None), ("terminated", None)], "completed"),
        ([("initialized", None)], "begun"),
    ],
)
def test_an_attempt_is_told_by_what_says_most(said: list[tuple[str, bool | None]], word: str) -> None:
    assert outcome([{"verb": verb, "success": success} for verb, success in said]) == word
