"""What every report answers: columns and rows, and how to draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
Kind = Literal["bars", "lines", "stacked", "funnel", "heat", "points", "histogram"]


@dataclass(frozen=True, slots=True)
class Chart:
    """How to draw rows: `x` and `y` name columns, `by` the one that makes several series."""

    kind: Kind
    x: str
    y: str | tuple[str, ...]
    by: str | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One report: its title, one sentence on what is counted, rows of the named columns, a picture."""

    name: str
    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Row]
    chart: Chart
