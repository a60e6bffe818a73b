"""Every numbered requirement has a test that bears its number."""

import re
from pathlib import Path

import pytest

SOURCES = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize(("kind", "count"), [("trap", 40), ("edge", 90)])
def test_every_numbered_row_has_a_test(kind: str, count: int) -> None:
    found = {int(number) for number in re.findall(rf"def test_{kind}_(\d\d)_", SOURCES)}
    assert found == set(range(1, count + 1))


@pytest.mark.parametrize("part", ["r1", "s2", "q3", "d4", "c5", "v6"])
def test_every_part_has_tests(part: str) -> None:
    assert len(re.findall(rf"def test_{part}_", SOURCES)) >= 3
