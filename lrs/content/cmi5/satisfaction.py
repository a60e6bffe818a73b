"""moveOn and satisfied: which units are met, and what that satisfies; pure (9.3.9, 10.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Final

from lrs.content.packages.model import Item, ItemType

Said = Mapping[
    str, Set[str]
]  # publisher id of a unit -> verbs that it said in the registration, and "waived"

MET: Final[Mapping[str, Callable[[Set[str]], bool]]] = {
    "Passed": lambda said: "passed" in said,
    "Completed": lambda said: "completed" in said,
    "CompletedAndPassed": lambda said: {"completed", "passed"} <= said,
    "CompletedOrPassed": lambda said: bool({"completed", "passed"} & said),
    "NotApplicable": lambda _: True,
}


def is_met(move_on: str, said: Set[str]) -> bool:
    """Tell whether a unit's moveOn is met by what was said of it; a waived unit is always."""
    return "waived" in said or bool(MET[move_on](said))


def satisfied(root: Item, said: Said, move_ons: Mapping[str, str]) -> list[Item]:
    """Return the blocks and the course that are satisfied, those inside before what holds them.

    `move_ons` are those that sessions were launched with, where they differ from the course structure.
    """
    return [item for item in _inner_first(root) if _is_satisfied(item, said, move_ons)]


def _inner_first(item: Item) -> Iterator[Item]:
    for child in item.children:
        yield from _inner_first(child)
    if item.type is ItemType.BLOCK:
        yield item


def _is_satisfied(item: Item, said: Said, move_ons: Mapping[str, str]) -> bool:
    if item.type is not ItemType.BLOCK:
        default = item.cmi5.move_on if item.cmi5 else "NotApplicable"
        return is_met(move_ons.get(item.id, default), said.get(item.id, frozenset()))
    return all(_is_satisfied(child, said, move_ons) for child in item.children)
