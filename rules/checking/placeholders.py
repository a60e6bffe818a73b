"""`{release}` in activities: only where a release rule gives it a meaning (E306; cert#2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.checking.load import Loaded
from rules.checking.names import Known
from rules.checking.nodes import Node, activities, award_roots, below, path_roots, release_roots, selectors
from rules.errors import Problem
from rules.language.forms import FRAGMENT, walk
from rules.language.positions import Path

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_RELEASE = "{release}"


def check_placeholders(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield placeholders that stand for nothing; a fragment's are judged where it is used."""
    anywhere = loaded.data["kind"] == "Fragment"
    released, elsewhere = _named(release_roots(loaded.data)), _named(_without_release(loaded.data))
    for selector_path, name, selector in selectors(loaded.data):
        for path, activity in _activities(selector, selector_path, known):
            for found in _PLACEHOLDER.findall(activity):
                reason = _misplaced(found, anywhere or name in released, name in elsewhere)
                if reason is not None:
                    hint = _RELEASE if found != _RELEASE and name in released else None
                    yield loaded.positions.problem(path, "E306", reason, hint)
    yield from _used_elsewhere(loaded, known)


def _without_release(data: Mapping[str, Any]) -> list[Node]:
    return [*award_roots(data), *path_roots(data)]


def _named(roots: Sequence[Node]) -> set[str]:
    return {name for root in roots for each in below(root) for _, name in each.selectors()}


def _activities(selector: Mapping[str, Any], path: Path, known: Known) -> Iterator[tuple[Path, str]]:
    """Yield the activities of a selector, those of a fragment's selector at its `use`."""
    yield from activities(selector, path)
    if "use" not in selector:
        return
    fragment_id, _, name = str(selector.get("use")).partition("/")
    fragment = known.fragments().get(fragment_id)
    if fragment is not None and name in fragment.evidence:
        yield from (((*path, "use"), activity) for activity in fragment.evidence[name].activities)


def _misplaced(placeholder: str, released: bool, elsewhere: bool) -> str | None:
    if placeholder != _RELEASE:
        return f"{placeholder} is not a placeholder of activities; only {_RELEASE} is"
    if elsewhere:
        return f"{_RELEASE} stands for nothing outside release_rules, where this selector is used"
    return None if released else f"{_RELEASE} is only allowed in selectors used by release_rules"


def _used_elsewhere(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield uses of a fragment's requirement outside release rules that needs a release."""
    for root in _without_release(loaded.data):
        for each in below(root):
            for path, reference in each.named(FRAGMENT):
                if _needs_release(reference, known):
                    message = f"{reference} needs {_RELEASE}, which stands for nothing outside release_rules"
                    yield loaded.positions.problem(path, "E306", message)


def _needs_release(reference: str, known: Known) -> bool:
    fragment_id, _, name = reference.partition("/")
    fragment = known.fragments().get(fragment_id)
    if fragment is None or name not in fragment.requirements:
        return False
    needed = {each for part in walk(fragment.requirements[name]) for each in part.all_selectors()}
    found = [fragment.evidence[each] for each in needed if each in fragment.evidence]
    return any(_RELEASE in activity for selector in found for activity in selector.activities)
