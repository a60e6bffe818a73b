"""The page of a cmi5 course of units: what is met, begun, done; the same as what is told as satisfied."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lrs.content.cmi5.menu import MOVE_ON, Row, menu, next_unit
from lrs.content.cmi5.satisfaction import satisfied
from lrs.content.packages.model import Cmi5Item, Item, ItemType


def unit(name: str, move_on: str) -> Item:
    return Item(name, ItemType.AU, {"en": name}, {}, launch="a.html", cmi5=Cmi5Item(move_on))


def block(name: str, *children: Item) -> Item:
    return Item(name, ItemType.BLOCK, {"en": name}, {}, children=children)


COURSE = block(
    "course", unit("a", "Passed"), block("b", unit("c", "Completed"), block("d", unit("e", "NotApplicable")))
)


def registered(units: dict[str, list[str]], begun: tuple[str, ...] = (), **move_ons: str) -> dict[str, Any]:
    rows = [
        {"id": one, "said": dict.fromkeys(said, "x"), "move_on": move_ons.get(one)}
        for one, said in units.items()
    ]
    return {"units": rows, "sessions": [{"unit": one, "said": {"initialized": "x"}} for one in begun]}


def every(row: Row) -> list[Row]:
    return [row, *(below for each in row.rows for below in every(each))]


def test_a_fresh_course_shows_what_asks_for_nothing_as_met() -> None:
    found = menu(COURSE, registered({}))
    assert (found.met, found.units, found.is_met) == (1, 3, False)
    assert {row.id: row.is_met for row in every(found)} == {
        "course": False, "a": False, "b": False, "c": False, "d": True, "e": True,
    }  # fmt: skip
    assert next_unit(found) == "a"


def test_a_unit_shows_the_word_that_matters_most() -> None:
    found = menu(COURSE, registered({"a": ["failed", "passed"], "c": ["completed"]}, ("a", "c", "e")))
    assert {row.id: row.state for row in every(found) if row.is_unit} == {
        "a": "passed",
        "c": "completed",
        "e": "begun",
    }
    assert (found.is_met, next_unit(found)) == (True, None)
    waived = menu(COURSE, registered({"a": ["waived", "failed"]}))
    assert [(row.state, row.is_met) for row in every(waived) if row.id == "a"] == [("waived", True)]


def test_the_move_on_of_the_launch_counts_not_that_of_the_structure() -> None:
    found = menu(COURSE, registered({"a": ["completed"]}, a="CompletedOrPassed"))
    assert [(row.is_met, row.move_on) for row in every(found) if row.id == "a"] == [
        (True, "CompletedOrPassed")
    ]


TREES = st.recursive(
    st.tuples(st.integers(), st.sampled_from(MOVE_ON)),
    lambda inside: st.lists(inside, min_size=1, max_size=3),
    max_leaves=8,
)


@given(TREES, st.lists(st.lists(st.sampled_from(["passed", "failed", "completed", "waived"]))), st.data())
def test_what_shows_as_done_is_what_is_told_as_satisfied(
    tree: Any, said: list[list[str]], data: st.DataObject
) -> None:
    names = iter(range(1000))

    def build(node: Any) -> Item:
        if isinstance(node, tuple):
            return unit(f"u{next(names)}", node[1])
        return block(f"b{next(names)}", *map(build, node))

    root = block("root", build(tree))
    units = [item.id for item in root.walk() if item.type is ItemType.AU]
    told = dict(zip(units, said, strict=False))
    found = menu(root, registered(told))
    keys = {one: dict.fromkeys(words).keys() for one, words in told.items()}
    done = {item.id for item in satisfied(root, keys, {})}
    assert {row.id for row in every(found) if not row.is_unit and row.is_met} == done
    assert (found.met == found.units) == found.is_met
    assert [row.id for row in every(found) if row.is_unit] == units
