"""A rule file -> its document, all its problems and where everything stands (certification.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rules import load_yaml
from rules.check_shape import check_shape
from rules.errors import Problem
from rules.load_build import build
from rules.load_dump import document_hash, dump
from rules.load_positions import Positions, plain_data
from rules.model import AnyDocument

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
    """Read one rule file; never raises, whatever the bytes (3-1 to 3-4: E1xx, E2xx and E308)."""
    try:
        root = load_yaml.parse(text)
    except load_yaml.Refused as refused:
        return Loaded(file, None, (refused.problem(file),), Positions(file))
    data, positions, problems = plain_data(root, file)
    found = _once([*problems, *check_shape(data, positions)])
    document = None if found else build(data)
    return Loaded(file, document, found, positions, data, load_yaml.decode(text))


def _once(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of the file, one per place and path."""
    first: dict[tuple[int, int, str], Problem] = {}
    for problem in problems:
        first.setdefault((problem.line, problem.column, problem.path), problem)
    return tuple(sorted(first.values(), key=lambda each: (each.line, each.column, each.code)))
