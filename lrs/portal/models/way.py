"""The shortest way to a certification: of all that is missing, the fewest things that would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lrs.words.engine import engine
from rules.explaining.explanation import Node


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that still has to be done: what was seen of it, what is needed, by which activities."""

    key: str
    label: str
    observed: str
    required: str
    activities: tuple[str, ...] = ()


def shortest_way(nodes: Sequence[Node]) -> tuple[Step, ...]:
    """Return the steps left in these requirements; where there is a choice, of its shortest branches."""
    return tuple(step for node in nodes if not node.ok for step in _way(node))


def _way(node: Node) -> tuple[Step, ...]:
    ways = [_way(part) for part in node.parts if not part.ok]
    if not ways:
        label, observed, required = map(engine, (node.label, node.observed, node.required))
        return (Step(node.key, label, observed, required, node.activities),)
    wanted = node.lacking if 0 < node.lacking < len(ways) else len(ways)
    shortest = sorted(range(len(ways)), key=lambda at: (len(ways[at]), at))[:wanted]
    return tuple(step for at in sorted(shortest) for step in ways[at])
