"""An explanation as a page shows it: what is met folded, what is missing open, near misses apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lrs.words.engine import engine
from lrs.words.reader import t
from rules.explaining.explain import Explanation, Node


@dataclass(frozen=True, slots=True)
class Branch:
    """One requirement: its sentence, what was seen and needed, the statements that count or nearly do."""

    label: str
    ok: bool
    observed: str
    required: str
    evidence: tuple[tuple[str, dt.datetime], ...]
    near: tuple[tuple[str, str], ...]
    parts: tuple[Branch, ...]

    @property
    def has_more(self) -> bool:
        """Tell whether there is something to unfold."""
        return bool(self.evidence or self.near or self.parts)

    @property
    def is_open(self) -> bool:
        """Tell whether the branch is shown unfolded: something in it is missing, or nearly counted."""
        return not self.ok or bool(self.near) or any(part.is_open for part in self.parts)


@dataclass(frozen=True, slots=True)
class Told:
    """An explanation with the sentence above it."""

    verdict: str
    state: str
    version: str
    branches: tuple[Branch, ...]
    next: tuple[tuple[dt.date | None, str], ...]


def told(explanation: Explanation) -> Told:
    """Return an explanation as a page shows it."""
    return Told(
        verdict=verdict(explanation),
        state=explanation.state,
        version=explanation.version,
        branches=tuple(branch(node) for node in explanation.tree),
        next=tuple((step.at, engine(step.what)) for step in explanation.next),
    )


def verdict(explanation: Explanation) -> str:
    """Return the sentence that answers the question."""
    if not explanation.of:
        return t("Nothing was asked for yet then.")
    if explanation.met == explanation.of:
        return t("All %(of)s requirements are met.", of=explanation.of)
    return t("%(met)s of %(of)s requirements are met.", met=explanation.met, of=explanation.of)


def branch(node: Node) -> Branch:
    """Return one requirement of the tree with those below it."""
    return Branch(
        label=engine(node.label),
        ok=node.ok,
        observed=engine(node.observed),
        required=engine(node.required),
        evidence=tuple((one.id, one.at) for one in node.evidence),
        near=tuple((one.id, engine(one.why)) for one in node.ignored),
        parts=tuple(branch(part) for part in node.parts),
    )


def rows(branches: tuple[Branch, ...], depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the tree as rows, for the twins."""
    for one in branches:
        yield {
            "depth": depth, "requirement": one.label, "met": one.ok, "observed": one.observed,
            "required": one.required, "evidence": [each for each, _ in one.evidence],
        }  # fmt: skip
        yield from rows(one.parts, depth + 1)


def statement_ids(branches: tuple[Branch, ...]) -> set[str]:
    """Return the statements that count or nearly do, below these branches."""
    found: set[str] = set()
    for one in branches:
        found |= {each for each, _ in (*one.evidence, *one.near)} | statement_ids(one.parts)
    return found
