"""A unified difference as lines of a page: what went, what came, and what is around it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

HEAD: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `kind` is gone, come or same; its number in the old and in the new text."""

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that stand together."""

    lines: list[Line] = field(default_factory=list)


def hunks(lines: Iterable[str]) -> list[Hunk]:
    """Return a unified difference, without its two lines of names, as groups of numbered lines."""
    found: list[Hunk] = []
    old = new = 0
    for line in lines:
        head = HEAD.match(line)
        if head:
            found.append(Hunk())
            old, new = int(head[1]), int(head[2])
        elif found:
            kind = {"-": "gone", "+": "come"}.get(line[:1], "same")
            found[-1].lines.append(
                Line(kind, None if kind == "come" else old, None if kind == "gone" else new, line[1:])
            )
            old += kind != "come"
            new += kind != "gone"
    return found
