"""A rule file -> its document, all its problems and where everything stands (cert#3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rules.checking.shape import check_shape
from rules.errors import Problem
from rules.language import yaml_tree
from rules.language.build import build
from rules.language.dump import document_hash, dump
from rules.language.model import AnyDocument
from rules.language.positions import Positions, plain_data

__all__ = ["Loaded", "document_hash", "dump", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one rule file says.

    `document` is None while `problems` holds an error; its fragment references are not resolved yet. `data`
    is the plain data as far as it could be read, `text` the source.
    """

    file: str
    document: AnyDocument | None
    problems: tuple[Problem, ...]
    positions: Positions
    data: Any = None
    text: str = field(default="", repr=False, compare=False)


def load(text: bytes | str, file: str) -> Loaded:
    """Read one rule file; never raises, whatever the bytes (cert#3-1 to cert#3-4: E1xx, E2xx and E308)."""
    try:
        root = yaml_tree.parse(text)
    except yaml_tree.Refused as refused:
        return Loaded(file, None, (refused.problem(file),), Positions(file))
    data, positions, problems = plain_data(root, file)
    found = _once([*problems, *check_shape(data, positions)])
    document = None if found else build(data)
    return Loaded(file, document, found, positions, data, yaml_tree.decode(text))


def _once(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of the file, one per place and path."""
    first: dict[tuple[int, int, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.line, problem.column, problem.path), problem)
    return tuple(sorted(first.values(), key=lambda each: (each.line, each.column, each.code)))
