"""Where bands of flows between two columns of names lie, in a field of 100 by 100 from the top left. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrs.analysis.reports.report import Chart

GAPS = 50.0  # of the height, between names: room for a line of text at each, however small
NODE = 1.6  # width of a name's bar


@dataclass(frozen=True, slots=True)
class Node:
    """A name at one side: its place from the top, its height and its amount."""

    name: str
    top: float
    height: float
    amount: float


@dataclass(frozen=True, slots=True)
class Band:
    """A flow from the left to the right: where it begins and ends from the top, its height, its left node."""

    left: float
    right: float
    height: float
    node: int
    said: str

    @property
    def path(self) -> str:
        """Return the outline of the band as SVG draws it."""
        (a, b), (c, d) = ((round(top, 2), round(top + self.height, 2)) for top in (self.left, self.right))
        return f"M0 {a}C50 {a} 50 {c} 100 {c}V{d}C50 {d} 50 {b} 0 {b}Z"


@dataclass(frozen=True, slots=True)
class Flows:
    """Both columns of names, the bands between them, and what lies between names."""

    left: tuple[Node, ...]
    right: tuple[Node, ...]
    bands: tuple[Band, ...]
    gap: float


def flows(chart: Chart, rows: Sequence[Mapping[str, Any]]) -> Flows:
    """Return the places of flows from `x` to `by`, each as high as its `y`; the largest names come first."""
    pairs = [(str(row[chart.x]), str(row[str(chart.by)]), float(row[str(chart.y)])) for row in rows]
    whole = sum(amount for *_, amount in pairs) or 1.0
    sides = [_amounts(pairs, side) for side in (0, 1)]
    gap = GAPS / max(map(len, sides))
    scale = (100.0 - GAPS) / whole
    left, right = (_nodes(amounts, scale, gap) for amounts in sides)
    places = [{node.name: node.top for node in side} for side in (left, right)]
    order = [{node.name: i for i, node in enumerate(side)} for side in (left, right)]
    bands = []
    for source, target, amount in sorted(pairs, key=lambda one: (order[0][one[0]], order[1][one[1]])):
        height = amount * scale
        said = f"{source} \N{RIGHTWARDS ARROW} {target}: {amount:,.0f}"
        bands.append(Band(places[0][source], places[1][target], height, order[0][source], said))
        places[0][source] += height
        places[1][target] += height
    return Flows(left, right, tuple(bands), gap)


def _amounts(pairs: Sequence[tuple[str, str, float]], side: int) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for *ends, amount in pairs:
        name = str(ends[side])
        amounts[name] = amounts.get(name, 0.0) + amount
    return dict(sorted(amounts.items(), key=lambda one: (-one[1], one[0])))


def _nodes(amounts: Mapping[str, float], scale: float, gap: float) -> tuple[Node, ...]:
    nodes, top = [], gap / 2
    for name, amount in amounts.items():
        nodes.append(Node(name, top, amount * scale, amount))
        top += amount * scale + gap
    return tuple(nodes)
