"""What every report answers: columns and rows, and how to draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
Kind = Literal["bars", "stacked", "progress", "range", "lines", "funnel", "heat", "points"]


@dataclass(frozen=True, slots=True)
class Chart:
    """How to draw rows: `x` and `y` name columns, `by` the one that makes series, or the size of points.

    `unit` stands behind values; `%` shows shares of 1 as percent. `most` is the end of the axis.
    """

    kind: Kind
    x: str
    y: str | tuple[str, ...]
    by: str | None = None
    unit: str = ""
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One report: its title, one sentence on what is counted, rows of the named columns, a picture."""

    name: str
    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Row]
    chart: Chart
