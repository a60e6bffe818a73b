"""Where everything in a rule file stands: its tree as plain data plus a place for each path (cert#3-1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rules.errors import Problem
from rules.language.yaml_tree import Node

Path = tuple[str | int, ...]
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column from 1, and the source text of a scalar."""

    line: int
    column: int
    text: str = ""


@dataclass(slots=True)
class Positions:
    """Places of the values and of the keys of one file, by path."""

    file: str
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def value(self, path: Path) -> Place:
        """Return the place of the value at `path`, or of the nearest value above that exists."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))

    def key(self, path: Path) -> Place:
        """Return the place of the key that `path` ends in, or that of the value where it is a list item."""
        return self.keys.get(path) or self.value(path)

    def problem(
        self,
        path: Path,
        code: str,
        message: str,
        suggestion: str | None = None,
        *,
        at_key: bool = False,
        warning: bool = False,
    ) -> Problem:
        """Return a problem at the value (or key) of `path`."""
        place = self.key(path) if at_key else self.value(path)
        return Problem(
            self.file,
            place.line,
            place.column,
            render(path),
            code,
            message,
            suggestion,
            "warning" if warning else "error",
        )

    def later(self, paths: Iterable[Path]) -> Path:
        """Return the path whose key stands last in the file."""
        return max(paths, key=lambda path: (self.key(path).line, self.key(path).column))


def render(path: Path) -> str:
    """Write a path as in `award.when.all[3].at_least`; a key that is no word is quoted in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _WORD.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def plain_data(root: Node, file: str) -> tuple[Any, Positions, list[Problem]]:
    """Expand a tree into plain data; also its places and the problems E103, E203, E204 of 3-2."""
    positions = Positions(file)
    problems: list[Problem] = []
    return _data(root, (), positions, problems), positions, problems


def _data(node: Node, path: Path, positions: Positions, problems: list[Problem]) -> Any:
    positions.values[path] = Place(node.line, node.column, node.text)
    if node.items is not None:
        return [_data(item, (*path, i), positions, problems) for i, item in enumerate(node.items)]
    if node.entries is not None:
        return _mapping(node.entries, path, positions, problems)
    if node.flaw is not None:
        problems.append(positions.problem(path, "E204", node.flaw))
    return node.value


def _mapping(
    entries: list[tuple[Node, Node]], path: Path, positions: Positions, problems: list[Problem]
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in entries:
        name = _key(key, path, positions.file, problems)
        if name is None:
            continue
        place, inner = Place(key.line, key.column, key.text), (*path, name)
        if name in data:
            first = positions.keys[inner]
            message = f"the key {name} is there already, in line {first.line}"
            problems.append(Problem(positions.file, place.line, place.column, render(inner), "E103", message))
            continue
        positions.keys[inner] = place
        data[name] = _data(value, inner, positions, problems)
        if data[name] is None and not value.text:
            positions.values[inner] = place  # an empty value has no place of its own
    return data


def _key(key: Node, path: Path, file: str, problems: list[Problem]) -> str | None:
    if isinstance(key.value, str) and key.items is None and key.entries is None:
        return key.value
    what = (
        "a list"
        if key.items is not None
        else "a mapping"
        if key.entries is not None
        else key.text or "nothing"
    )
    hint = f'"{key.text}"' if key.text else None
    message = f"keys are strings, not {what}"
    problems.append(Problem(file, key.line, key.column, render(path), "E203", message, hint))
    return None
