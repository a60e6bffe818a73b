"""Every text that is to be translated, by the room that says it: read from templates and modules.

A text is what `t`, `n`, `mark` and `say` are given; of what is counted it is the singular.
"""

from __future__ import annotations

import ast
import functools
import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, nodes

ROOT: Final = Path(str(importlib.resources.files("lrs")))
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "console": ("templates/console", "console", "words"),
    "portal": ("templates/portal", "portal"),
    "credentials": (
        "templates/credentials", "templates/registry", "templates/house", "templates/lti",
        "templates/content", "templates/notices", "credentials", "content", "http", "messaging", "people",
    ),
}  # fmt: skip
"""Folders by the catalogue that has their texts; what several say is in the first."""
LEARNERS: Final = (
    *PLACES["portal"], *PLACES["credentials"], "words", "console/shell.py", "console/entry/sign_in.py",
    "console/entry/start.py", "console/models/states.py", "console/models/explained.py",
    "console/records/reports.py",
    "templates/console/base.html", "templates/console/pieces.html",
    "templates/console/preferences.html", "templates/console/login.html",
    "templates/console/join.html", "templates/console/link.html", "templates/console/welcome.html",
    "templates/console/start.html", "templates/console/error.html",
)  # fmt: skip
"""What people see who hold credentials."""
POSITION: Final = {"t": 0, "n": 1, "mark": 0, "say": 1, "told": 0}
"""Which argument of a function is the text; `told` is what modules call a `say` that knows its language."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is said somewhere; `many` is the plural of one that counts."""

    text: str
    many: str | None = None


@functools.cache
def said(*places: str) -> dict[str, Text]:
    """Return the texts that these folders and files say."""
    found: dict[str, Text] = {}
    for place in places:
        paths = sorted((ROOT / place).rglob("*")) if (ROOT / place).is_dir() else [ROOT / place]
        for path in paths:
            texts = _READERS.get(path.suffix, lambda _: iter(()))(path)
            found |= {one.text: one for one in texts if one.many or one.text not in found}
    return found


def texts() -> dict[str, Text]:
    """Return the texts of all places."""
    return said(*(place for places in PLACES.values() for place in places))


def home(text: str) -> str:
    """Return the catalogue that a text belongs to."""
    return next(room for room, places in PLACES.items() if text in said(*places))


def _of_template(path: Path) -> Iterator[Text]:
    for call in Environment(autoescape=True).parse(path.read_text("utf-8")).find_all(nodes.Call):
        name = getattr(call.node, "name", None)
        if name == "t" and isinstance(call.args[0], nodes.CondExpr):
            raise ValueError(f"{path.name}: a text chosen inside t(...) is not found: {call}")
        if name in {"t", "n"}:
            given = [one.value if isinstance(one, nodes.Const) else None for one in call.args]
            yield from _text(name, given)


def _of_module(path: Path) -> Iterator[Text]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in POSITION:
            given = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
            yield from _text(node.func.id, given)


def _text(name: str, given: Sequence[object]) -> Iterator[Text]:
    """Yield the text of a call, where it is written there."""
    said, many = (*given[POSITION[name] :], None, None)[:2]
    if isinstance(said, str):
        yield Text(said, many if name == "n" and isinstance(many, str) else None)


_READERS: Final = {".html": _of_template, ".py": _of_module}
