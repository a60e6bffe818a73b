"""The files of tests that take longest begin first, so that at the end no process waits for another.

python tests/order.py var/junit.xml      # what `pytest --junitxml` wrote; writes tests/longest.txt anew
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

ROOT: Final = Path(__file__).parents[1]
LONGEST: Final = Path(__file__).with_name("longest.txt")
NAMED: Final = 60  # of the others it does not matter


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by their file, the longest ones first, and leave those of a file in their order."""
    place = {name: number for number, name in enumerate(LONGEST.read_text().split())}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def main() -> None:
    """Read what each test took, and name the longest files."""
    seconds = Counter[str]()
    for case in ET.parse(sys.argv[1]).iter("testcase"):
        parts = case.get("classname", "").split(".")
        while parts and not (file := Path(*parts).with_suffix(".py")).exists():
            parts.pop()  # a class of tests
        if parts:
            seconds[str(file)] += float(case.get("time", "0"))
    LONGEST.write_text("".join(f"{name}\n" for name, _ in seconds.most_common(NAMED)))


if __name__ == "__main__":
    main()
