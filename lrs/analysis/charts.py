"""Reports as pictures: SVG or PNG, drawn by matplotlib in one quiet style.

Imported only by a process that draws: matplotlib costs half a second and 50 MB.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lrs.analysis.reports.report import Chart, Report

INK, PALE = "#1f2933", "#e4e7eb"
COLOURS = ("#2f6690", "#d17a22", "#3a7d44", "#8e4162", "#7a6c5d", "#16425b", "#c44536", "#81a4cd")
STYLE: Any = {
    "font.size": 10, "axes.edgecolor": PALE, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": PALE, "axes.axisbelow": True, "svg.fonttype": "none", "svg.hashsalt": "laurel",
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"],
}  # fmt: skip
MOST_BARS = 20
MOST_SERIES = len(COLOURS)
LABEL_LENGTH = 44


def draw(report: Report, form: Literal["svg", "png"]) -> bytes:
    """Return the picture of a report; one without rows says so."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, _height(report)), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(report.title, loc="left", fontsize=13, fontweight="bold", pad=22)
        axes.text(0, 1.02, report.about, transform=axes.transAxes, fontsize=9, color="#52606d")
        if report.rows:
            DRAWERS[report.chart.kind](axes, report.chart, report.rows)
        else:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color="#7b8794")
            axes.set_axis_off()
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=144, metadata={"Date": None} if form == "svg" else None)
        return out.getvalue()


def _height(report: Report) -> float:
    if report.chart.kind in {"bars", "stacked", "funnel"}:
        return 2.0 + 0.32 * min(MOST_BARS, max(2, len({row.get(report.chart.x) for row in report.rows})))
    return 4.2


def _bars(axes: Axes, chart: Chart, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw one horizontal bar per row; `count` counts the rows of each value instead."""
    pairs = (
        _counted(chart, rows) if chart.y == "count" else [(row[chart.x], row[str(chart.y)]) for row in rows]
    )
    shown = [(_label(name), value) for name, value in pairs if value is not None][:MOST_BARS][::-1]
    places = range(len(shown))
    bars = axes.barh(places, [value for _, value in shown], color=COLOURS[0], height=0.62)
    axes.bar_label(bars, padding=4, fmt=_number)
    axes.set_yticks(places, [name for name, _ in shown])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(chart.unit)
    axes.margins(x=0.12)
    if len(pairs) > MOST_BARS:
        axes.set_xlabel(f"{chart.unit} (first {MOST_BARS} of {len(pairs)})".strip())


def _counted(chart: Chart, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, int]]:
    return Counter(row[chart.x] for row in rows).most_common()


def _stacked(axes: Axes, chart: Chart, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw one horizontal bar per value of x, in parts by another column, counting rows."""
    counts = Counter((row[chart.x], row[str(chart.by)]) for row in rows)
    names = [name for name, _ in Counter(row[chart.x] for row in rows).most_common(MOST_BARS)][::-1]
    left = [0] * len(names)
    for colour, part in zip(COLOURS, sorted({part for _, part in counts}), strict=False):
        widths = [counts[name, part] for name in names]
        axes.barh(
            range(len(names)), widths, left=left, color=colour, height=0.62, label=f"{part} {chart.unit}"
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(names)), [_label(name) for name in names])
    axes.grid(visible=False, axis="y")
    axes.legend(frameon=False, loc="lower right")


def _lines(axes: Axes, chart: Chart, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw one line per series over time."""
    series: dict[str, list[tuple[Any, float]]] = {}
    for row in rows:
        series.setdefault(str(row[chart.by]) if chart.by else "", []).append(
            (row[chart.x], row[str(chart.y)])
        )
    largest = sorted(series.items(), key=lambda one: -one[1][-1][1])[:MOST_SERIES]
    for colour, (name, points) in zip(COLOURS, largest, strict=False):
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            color=colour,
            lw=2,
            marker="o",
            ms=3.5,
            label=_label(name),
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel(chart.unit or str(chart.y))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if chart.by:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1), fontsize=9)


def _funnel(axes: Axes, chart: Chart, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the steps from top to bottom, each with its share of the first."""
    steps = [(_label(row[chart.x]), row[str(chart.y)]) for row in rows][:MOST_BARS][::-1]
    first = max(value for _, value in steps) or 1
    bars = axes.barh(range(len(steps)), [value for _, value in steps], color=COLOURS[0], height=0.7)
    axes.bar_label(bars, [f"{value:,}  ({value / first:.0%})" for _, value in steps], padding=4)
    axes.set_yticks(range(len(steps)), [name for name, _ in steps])
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.16)
    axes.set_xlabel("people")


def _heat(axes: Axes, chart: Chart, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw a table of cells, darker where more happened."""
    across = sorted({row[chart.x] for row in rows})
    down = list(dict.fromkeys(row[str(chart.by)] for row in rows))
    cells = {(row[str(chart.by)], row[chart.x]): row[str(chart.y)] for row in rows}
    grid = [[cells.get((d, a), 0) for a in across] for d in down]
    image = axes.imshow(grid, aspect="auto", cmap="Blues", vmin=0)
    axes.set_xticks(range(0, len(across), 2), [str(a) for a in across[::2]])
    axes.set_yticks(range(len(down)), down)
    axes.grid(visible=False)
    axes.set_xlabel(chart.x)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label(str(chart.y))


def _points(axes: Axes, chart: Chart, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw one point per row that has both values."""
    points = [(row[chart.x], row[str(chart.y)]) for row in rows]
    shown = [(x, y) for x, y in points if x is not None and y is not None]
    axes.scatter([x for x, _ in shown], [y for _, y in shown], color=COLOURS[0], alpha=0.75, s=36, lw=0)
    axes.set_xlabel(chart.x.replace("_", " "))
    axes.set_ylabel(str(chart.y).replace("_", " "))


def _label(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 1] + "…"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


DRAWERS: dict[str, Callable[[Axes, Chart, Sequence[Mapping[str, Any]]], None]] = {
    "bars": _bars,
    "stacked": _stacked,
    "lines": _lines,
    "funnel": _funnel,
    "heat": _heat,
    "points": _points,
}
