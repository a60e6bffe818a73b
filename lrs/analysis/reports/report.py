"""What every report answers: columns and rows, and how to draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
Kind = Literal["bars", "stacked", "progress", "range", "lines", "funnel", "heat", "points", "flows"]


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
    """One report: its title, one sentence on what is counted, rows of the named columns, a picture.

    `notes` are sentences that must be said with it, `drawn` the rows of the picture where they are not all,
    `beside` tables that belong to it, `empty` says why there are no rows.
    """

    name: str
    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Row]
    chart: Chart
    notes: Sequence[str] = ()
    drawn: Sequence[Row] | None = None
    beside: Sequence[Report] = ()
    empty: str = ""

    @property
    def shown(self) -> Sequence[Row]:
        """Return the rows of the picture."""
        return self.rows if self.drawn is None else self.drawn
