"""Tests that take longest begin first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import order
from places import ROOT


def test_the_longest_files_that_are_named_are_there_once_each() -> None:
    named = order.LONGEST.read_text().split()
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert len(set(named)) == len(named) <= order.NAMED


def test_files_that_are_named_come_first_in_their_order_and_nothing_else_moves() -> None:
    first, second = order.LONGEST.read_text().split()[:2]
    names = [
        "tests/a.py::one",
        f"{second}::one",
        "tests/b.py::one",
        f"{first}::one",
        "tests/a.py::two",
        f"{first}::two",
    ]
    items: list[Any] = [SimpleNamespace(nodeid=name) for name in names]
    order.longest_first(items)
    assert [item.nodeid for item in items] == [names[3], names[5], names[1], names[0], names[2], names[4]]
