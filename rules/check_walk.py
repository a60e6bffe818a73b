"""Walks over the plain data of rule files, sound or not: requirements, selectors, demands, their paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.load_positions import Path

FORMS = ("all", "any", "of", "done", "score", "holds", "count", "sum", "in_order", "use")
_LISTS = ("all", "any", "of")
_BY_NAME = ("done", "score", "count", "sum")


@dataclass(frozen=True, slots=True)
class Node:
    """One requirement with its path; a bare name stands as `{done: name}` with `bare` True."""

    path: Path
    form: str
    data: Mapping[str, Any]
    bare: bool = False

    def at(self, key: str) -> Path:
        """Return the path of one of its keys; of the requirement itself where it is a bare name."""
        return self.path if self.bare else (*self.path, key)

    def parts(self) -> list[Node]:
        """Return the requirements listed in it."""
        listed = self.data.get(self.form) if self.form in _LISTS else None
        found = [node(each, (*self.path, self.form, i)) for i, each in enumerate(items(listed))]
        return [each for each in found if each is not None]

    def selectors(self) -> Iterator[tuple[Path, str]]:
        """Yield the selectors it names itself, disqualifiers included."""
        if self.form in _BY_NAME and isinstance(self.data.get(self.form), str):
            yield self.at(self.form), self.data[self.form]
        if self.form == "in_order":
            for i, name in enumerate(items(self.data["in_order"])):
                if isinstance(name, str):
                    yield (*self.path, "in_order", i), name
        spoilers = self.data.get("disqualified_by")
        if isinstance(spoilers, str):
            yield (*self.path, "disqualified_by"), spoilers
        for i, name in enumerate(items(spoilers)):
            if isinstance(name, str):
                yield (*self.path, "disqualified_by", i), name


def node(data: Any, path: Path) -> Node | None:
    """Return a requirement as a node, or None where it has no form."""
    if isinstance(data, str):
        return Node(path, "done", {"done": data}, bare=True)
    if not isinstance(data, dict):
        return None
    form = next((form for form in FORMS if form in data), None)
    return None if form is None else Node(path, form, data)


def below(root: Node) -> Iterator[Node]:
    """Yield a requirement and everything listed below it, in document order."""
    yield root
    for part in root.parts():
        yield from below(part)


def award_roots(data: Mapping[str, Any]) -> list[Node]:
    """Return the requirements of awards and renewals of a certification."""
    found = [
        node(_get(data, "award", "when"), ("award", "when")),
        node(_get(data, "renewal", "when"), ("renewal", "when")),
    ]
    return [each for each in found if each is not None]


def release_roots(data: Mapping[str, Any]) -> list[Node]:
    """Return the `unless` requirements of a certification's release rules."""
    rules = enumerate(items(data.get("release_rules")))
    found = [node(_get(rule, "unless"), ("release_rules", i, "unless")) for i, rule in rules]
    return [each for each in found if each is not None]


def fragment_roots(data: Mapping[str, Any]) -> list[Node]:
    """Return the requirements of a fragment."""
    named = mapping(data.get("requirements"))
    found = [node(each, ("requirements", name)) for name, each in named.items()]
    return [each for each in found if each is not None]


def roots(data: Mapping[str, Any]) -> list[Node]:
    """Return all requirements a certification or fragment consists of."""
    return [*award_roots(data), *release_roots(data), *fragment_roots(data)]


def selectors(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Yield path, name and data of each selector."""
    for name, selector in mapping(data.get("evidence")).items():
        if isinstance(selector, dict):
            yield ("evidence", name), name, selector


def activities(selector: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the activities of a selector with their paths."""
    value = selector.get("activity")
    if isinstance(value, str):
        yield (*path, "activity"), value
    for i, each in enumerate(items(value)):
        if isinstance(each, str):
            yield (*path, "activity", i), each


def demands(data: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the nodes of a tier's or gate's conditions with their paths, in document order."""
    if not isinstance(data, dict):
        return
    yield path, data
    for form in ("all", "any"):
        for i, each in enumerate(items(data.get(form))):
            yield from demands(each, (*path, form, i))


def texts(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield every string below a value with its path."""
    if isinstance(data, str):
        yield path, data
    for key, each in mapping(data).items():
        yield from texts(each, (*path, key))
    for i, each in enumerate(items(data)):
        yield from texts(each, (*path, i))


def held(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the certifications a certification or fragment refers to by `holds`."""
    for root in roots(data):
        for each in below(root):
            if each.form == "holds" and isinstance(each.data["holds"], str):
                yield each.at("holds"), each.data["holds"]


def used(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Yield path, reference and section of each `use` of a document."""
    for path, _, selector in selectors(data):
        if isinstance(selector.get("use"), str):
            yield (*path, "use"), selector["use"], "evidence"
    for root in roots(data):
        for each in below(root):
            if each.form == "use" and isinstance(each.data["use"], str):
                yield each.at("use"), each.data["use"], "requirements"


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping, or an empty one where there is something else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a list, or an empty one where there is something else."""
    return value if isinstance(value, list) else []


def _get(data: Any, *keys: str) -> Any:
    for key in keys:
        data = mapping(data).get(key)
    return data
