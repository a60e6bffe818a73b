"""Every text of the console and the portal that is to be translated: from its templates and its modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jinja2 import Environment, nodes
from places import ROOT

ROOMS = ("console", "portal")
TEMPLATES = [ROOT / "lrs" / "templates" / room for room in ROOMS]
MODULES = [ROOT / "lrs" / room for room in ROOMS]


def texts() -> set[str]:
    """Return the texts of `t`, `n` and `mark`; of what is counted the singular."""
    return {*_of_templates(), *_of_modules()}


def counted() -> set[str]:
    """Return the singulars of what is counted."""
    return {*_of_templates("n"), *_of_modules("n")}


def _of_templates(*wanted: str) -> Iterator[str]:
    environment = Environment(autoescape=True)
    for path in (path for room in TEMPLATES for path in room.rglob("*.html")):
        for call in environment.parse(path.read_text("utf-8")).find_all(nodes.Call):
            name = getattr(call.node, "name", None)
            if name in (wanted or ("t", "n")):
                place = 1 if name == "n" else 0
                if len(call.args) > place and isinstance(call.args[place], nodes.Const):
                    yield call.args[place].value
                elif name == "t" and isinstance(call.args[0], nodes.CondExpr):
                    raise AssertionError(f"{path.name}: a text chosen inside t(...) is not found: {call}")


def _of_modules(*wanted: str) -> Iterator[str]:
    for path in (path for room in MODULES for path in room.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name = node.func.id
                place = 1 if name == "n" else 0
                if name in (wanted or ("t", "n", "mark")) and len(node.args) > place:
                    found = node.args[place]
                    if isinstance(found, ast.Constant) and isinstance(found.value, str):
                        yield found.value
