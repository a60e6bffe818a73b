"""Prerequisites: unknown ones (E302) and cycles through `holds`, across documents too (E305)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.checking.load import Loaded
from rules.checking.names import Known
from rules.checking.nodes import held, used
from rules.errors import Problem
from rules.language.forms import CERTIFICATION, walk
from rules.language.model import Fragment
from rules.language.positions import Path


def check_holds(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield unknown prerequisites of a certification, and those that lead back to it."""
    names = known.ids("Certification")
    graph = _graph(known)
    for path, name in _prerequisites(loaded.data, known):
        way = _way(graph, name, loaded.data.get("id"))
        if way is not None:
            circle = " -> ".join([str(loaded.data.get("id")), *way])
            yield loaded.positions.problem(path, "E305", f"prerequisites go in a circle: {circle}")
        elif name not in names and known.published is not None:
            hint = known.nearest(name, names)
            yield loaded.positions.problem(path, "E302", f"unknown certification {name}", hint)


def _graph(known: Known) -> dict[str, set[str]]:
    graph = {name: set(others) for name, others in known.store.holds.items()}
    for each in known.of("Certification"):
        graph[each.data["id"]] = {name for _, name in _prerequisites(each.data, known)}
    return graph


def _prerequisites(data: Mapping[str, Any], known: Known) -> list[tuple[Path, str]]:
    """Return the certifications a certification refers to, through fragments too."""
    found = list(held(data))
    fragments = known.fragments()
    for path, reference, where in used(data):
        fragment_id, _, name = reference.partition("/")
        fragment = fragments.get(fragment_id)
        if where == "requirements" and isinstance(fragment, Fragment) and name in fragment.requirements:
            inner = walk(fragment.requirements[name])
            found += [(path, held_name) for each in inner for held_name in each.named(CERTIFICATION)]
    return found


def _way(graph: Mapping[str, set[str]], start: str, end: Any) -> list[str] | None:
    """Return the shortest way from one certification to another, both included, or None."""
    ways: list[list[str]] = [[start]]
    seen = {start}
    for way in ways:
        if way[-1] == end:
            return way
        for name in sorted(graph.get(way[-1], set()) - seen):
            seen.add(name)
            ways.append([*way, name])
    return None
