"""Requirements, selectors and demands in the plain data of rule files, sound or not, each with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rules.language.demands import Demand
from rules.language.forms import (
    CERTIFICATION,
    DISQUALIFIERS,
    FRAGMENT,
    PARTS,
    SELECTOR,
    SELECTOR_LIST,
    Form,
    Kind,
)
from rules.language.positions import Path
from rules.language.requirements import Done, Requirement


@dataclass(frozen=True, slots=True)
class Node:
    """One requirement with its path; a bare name stands as `{done: name}` with `bare` True."""

    path: Path
    form: type[Requirement]
    data: Mapping[str, Any]
    bare: bool = False

    def at(self, key: str) -> Path:
        """Return the path of one of its keys; of the requirement itself where it is a bare name."""
        return self.path if self.bare else (*self.path, key)

    def parts(self) -> list[Node]:
        """Return the requirements listed in it."""
        found = [node(part, path) for path, part in _parts(self.form, self.data, self.path)]
        return [each for each in found if each is not None]

    def selectors(self) -> Iterator[tuple[Path, str]]:
        """Yield the selectors it names itself, disqualifiers included."""
        return self.named(SELECTOR, SELECTOR_LIST, DISQUALIFIERS)

    def named(self, *kinds: Kind) -> Iterator[tuple[Path, str]]:
        """Yield the names in keys of these kinds, each with its path."""
        for key in self.form.keys:
            if key.kind in kinds:
                value = self.data.get(key.word)
                if isinstance(value, str) and key.kind is not SELECTOR_LIST:
                    yield self.at(key.word), value
                for i, name in enumerate(items(value) if key.kind in {SELECTOR_LIST, DISQUALIFIERS} else ()):
                    if isinstance(name, str):
                        yield (*self.path, key.word, i), name


def node(data: Any, path: Path) -> Node | None:
    """Return a requirement as a node, or None where it has no form."""
    if isinstance(data, str):
        return Node(path, Done, {Done.form: data}, bare=True)
    form = Requirement.form_of(data) if isinstance(data, dict) else None
    return None if form is None else Node(path, form, data)


def _parts(form: type[Form], data: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield what is listed in a condition, each with its path."""
    for key in form.keys:
        if key.kind is PARTS:
            yield from (((*path, key.word, i), part) for i, part in enumerate(items(data.get(key.word))))


def below(root: Node) -> Iterator[Node]:
    """Yield a requirement and everything listed below it, in document order."""
    yield root
    for part in root.parts():
        yield from below(part)


def award_roots(data: Mapping[str, Any]) -> list[Node]:
    """Return the requirements of awards, validity and renewals of a certification."""
    found = [
        node(_get(data, "award", "when"), ("award", "when")),
        node(_get(data, "validity", "while"), ("validity", "while")),
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


def path_roots(data: Mapping[str, Any]) -> list[Node]:
    """Return the steps of an assignment's path."""
    found = [node(each, ("path", i)) for i, each in enumerate(items(data.get("path")))]
    return [each for each in found if each is not None]


def roots(data: Mapping[str, Any]) -> list[Node]:
    """Return all requirements a certification, a fragment or an assignment consists of."""
    return [*award_roots(data), *release_roots(data), *fragment_roots(data), *path_roots(data)]


def selectors(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, Mapping[str, Any]]]:
    """Yield path, name and data of each selector."""
    for name, selector in mapping(data.get("evidence")).items():
        if isinstance(selector, dict):
            yield ("evidence", name), name, selector


def targets(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield whom a certification or an assignment is asked of, and who is exempt, each with its path."""
    for where in ("targets", "exempt"):
        for i, target in enumerate(items(data.get(where))):
            yield (where, i), mapping(target)


def activities(selector: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the activities of a selector, or the achievements that it recognises, with their paths."""
    for place, value in (
        ((*path, "activity"), selector.get("activity")),
        ((*path, "recognises", "achievement"), mapping(selector.get("recognises")).get("achievement")),
    ):
        if isinstance(value, str):
            yield place, value
        for i, each in enumerate(items(value)):
            if isinstance(each, str):
                yield (*place, i), each


def demands(data: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the nodes of a tier's or gate's conditions with their paths, in document order."""
    if not isinstance(data, dict):
        return
    yield path, data
    for form in Demand.forms.values():
        for inner, part in _parts(form, data, path):
            yield from demands(part, inner)


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
            yield from each.named(CERTIFICATION)


def used(data: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Yield path, reference and section of each `use` of a document."""
    for path, _, selector in selectors(data):
        if isinstance(selector.get("use"), str):
            yield (*path, "use"), selector["use"], "evidence"
    for root in roots(data):
        for each in below(root):
            yield from ((path, reference, "requirements") for path, reference in each.named(FRAGMENT))


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
