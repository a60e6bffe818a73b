"""Reports as pictures: SVG or PNG, drawn by matplotlib in one quiet style.

Values stand at their marks, so axes and grids stay away where they would only repeat them. Imported only by a
process that draws: matplotlib costs half a second and 50 MB.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import matplotlib as mpl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from lrs.analysis.figures.flows import NODE, flows
from lrs.analysis.reports.report import Chart, Report

Row = Mapping[str, Any]
DATES: Any = dates  # untyped there
INK, QUIET, PALE, LINE = "#1f2933", "#52606d", "#dfe7ee", "#e4e7eb"
ACCENT = "#c44536"
COLOURS = ("#2f6690", "#d17a22", "#3a7d44", "#8e4162", "#7a6c5d", "#16425b", "#c44536", "#81a4cd")
URGENT = ("#c44536", "#d17a22", "#e9c46a")  # the nearest first
STYLE: Any = {
    "font.size": 10, "axes.edgecolor": LINE, "axes.labelcolor": QUIET, "text.color": INK,
    "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": QUIET, "ytick.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": LINE,
    "axes.axisbelow": True, "svg.fonttype": "none", "svg.hashsalt": "laurel", "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
}  # fmt: skip
WIDTH, HEADER, EDGE = 9.0, 0.82, 0.16  # inches
MOST_BARS = 20
MOST_SERIES = len(COLOURS)
MOST_NAMED = 5
LABEL_LENGTH = 44
BAR = 0.62
SIDEWAYS = frozenset({"bars", "stacked", "funnel", "progress", "range"})


def draw(report: Report, form: Literal["svg", "png"]) -> bytes:
    """Return the picture of a report; one without rows says so."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, _height(report)), layout="constrained")
        axes = figure.add_subplot()
        _header(figure, report)
        if report.shown:
            DRAWERS[report.chart.kind](axes, report.chart, report.shown)
        else:
            axes.text(0.5, 0.5, "nothing to show", transform=axes.transAxes, ha="center", color=QUIET)
            axes.set_axis_off()
        out = io.BytesIO()
        told = {"Date": None, "Title": report.title} if form == "svg" else {"Title": report.title}
        figure.savefig(out, format=form, dpi=144, metadata=told)
        return out.getvalue()


def _header(figure: Figure, report: Report) -> None:
    """Write title and sentence at the left edge, above the room that is left to the chart."""
    width, height = figure.get_size_inches()
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(EDGE / width, EDGE / 2 / height, 1 - 2 * EDGE / width, 1 - HEADER / height))
    left = EDGE / width
    figure.text(left, 1 - 0.14 / height, report.title, fontsize=14, fontweight="bold", va="top")
    figure.text(left, 1 - 0.46 / height, report.about, fontsize=9, color=QUIET, va="top")


def _height(report: Report) -> float:
    if report.chart.kind in SIDEWAYS:
        bars = min(MOST_BARS, max(2, len(_distinct(report))))
        return HEADER + 0.45 + 0.33 * bars
    if report.chart.kind == "heat":
        return max(4.6, HEADER + 0.5 + 0.3 * len({row.get(report.chart.by or "") for row in report.shown}))
    return 4.6


def _distinct(report: Report) -> set[Any]:
    counted = report.chart.y == "count" or report.chart.kind == "stacked"
    return {row.get(report.chart.x) if counted else i for i, row in enumerate(report.shown)}


def _bars(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw one horizontal bar per row; `count` counts the rows of each value instead."""
    pairs = Counter(row[chart.x] for row in rows).most_common() if chart.y == "count" else _pairs(chart, rows)
    shown = pairs[:MOST_BARS][::-1]
    bars = axes.barh(range(len(shown)), [value for _, value in shown], color=COLOURS[0], height=BAR)
    axes.bar_label(bars, [_value(value, chart.unit) for _, value in shown], padding=5, color=INK)
    _sideways(axes, [name for name, _ in shown], chart.unit, len(pairs))
    if chart.most is not None:
        axes.set_xlim(0, chart.most * 1.08)


def _pairs(chart: Chart, rows: Sequence[Row]) -> list[tuple[Any, Any]]:
    pairs = [(row[chart.x], row[str(chart.y)]) for row in rows]
    return [(name, value) for name, value in pairs if value is not None]


def _sideways(axes: Axes, names: Sequence[Any], unit: str, total: int) -> None:
    """Name the bars and take away the axis that their labels make needless."""
    axes.set_yticks(range(len(names)), [_label(name) for name in names])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.spines[["bottom"]].set_visible(False)
    axes.margins(x=0.14, y=0.02)
    axes.set_ylim(-0.6, max(1, len(names)) - 0.4)
    left_out = f"the first {MOST_BARS} of {total:,}" if total > MOST_BARS else ""
    axes.set_xlabel(", ".join(filter(None, ("" if unit == "%" else unit, left_out))), loc="left")


def _stacked(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw one horizontal bar per value of x, in parts by another column: its rows, or their `y` added up."""
    counts: Counter[Any] = Counter()
    totals: Counter[Any] = Counter()
    for row in rows:
        weight = row.get(str(chart.y), 1)
        counts[row[chart.x], row[str(chart.by)]] += weight
        totals[row[chart.x]] += weight
    names = [name for name, _ in totals.most_common(MOST_BARS)][::-1]
    parts = sorted({part for _, part in counts})
    colours = URGENT if len(parts) <= len(URGENT) and parts[0] in {30, 60, 90} else COLOURS
    chosen = {part: URGENT[(30, 60, 90).index(part)] for part in parts} if colours is URGENT else {}
    left = [0] * len(names)
    for colour, part in zip(COLOURS, parts, strict=False):
        widths = [counts[name, part] for name in names]
        label = f"within {part} {chart.unit}" if chosen else str(part)
        axes.barh(
            range(len(names)), widths, left=left, height=BAR, label=label, color=chosen.get(part, colour)
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, name in enumerate(names):
        axes.annotate(
            f"{totals[name]:,}", (left[place], place), (5, 0), textcoords="offset points", va="center"
        )
    _sideways(axes, names, "", len(totals))
    _legend(axes, len(parts))


def _legend(axes: Axes, columns: int) -> None:
    """Put the legend above the chart, outside of the data."""
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, fontsize=9, handlelength=1.1,
        borderaxespad=0.2, columnspacing=1.6, labelcolor=QUIET,
    )  # fmt: skip


def _progress(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw how many of all did it: a pale bar for all, a strong one inside; what somebody did comes first.

    Rows without such a part come last, with a pale bar alone.
    """
    whole, part = tuple(chart.y)
    ordered = sorted(rows, key=lambda row: (row[part] is None, not row[part], -row[whole]))
    shown = ordered[:MOST_BARS][::-1]
    places = range(len(shown))
    bars = axes.barh(places, [row[whole] for row in shown], color=PALE, height=BAR, label=whole)
    axes.barh(places, [row[part] or 0 for row in shown], color=COLOURS[0], height=BAR, label=part)
    texts = [
        f"{row[whole]:,}" if row[part] is None
        else f"{row[part]:,} of {row[whole]:,}  ({row[part] / row[whole]:.0%})"
        for row in shown
    ]  # fmt: skip
    axes.bar_label(bars, texts, padding=5)
    _sideways(axes, [row[chart.x] for row in shown], chart.unit, len(rows))
    axes.margins(x=0.2)
    _legend(axes, 2)


def _range(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw a dot for the middle value on a line from the least to the greatest."""
    low, middle, high = tuple(chart.y)
    shown = list(rows[:MOST_BARS])[::-1]
    places = range(len(shown))
    axes.hlines(places, [r[low] for r in shown], [r[high] for r in shown], color=COLOURS[7], lw=6, alpha=0.55)
    axes.scatter([row[middle] for row in shown], places, color=COLOURS[0], s=64, zorder=3, clip_on=False)
    for place, row in zip(places, shown, strict=True):
        told = [_value(row[one], chart.unit) for one in (low, middle, high)]
        text = told[1] if chart.unit == "%" else f"{told[1]} {chart.unit}"
        if row[high] > row[low]:
            text += f"  ({told[0]} to {told[2]})"
        axes.annotate(text, (row[high], place), (9, 0), textcoords="offset points", va="center")
    _sideways(axes, [row[chart.x] for row in shown], "", len(rows))
    axes.tick_params(axis="y", pad=9)
    axes.set_xlim(0, 1.35 * (chart.most or max(1.0, *(row[high] for row in shown))))


def _lines(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw one line per series over time, named at its end."""
    series: dict[str, list[tuple[Any, float]]] = {}
    for row in rows:
        point = (row[chart.x], row[str(chart.y)])
        series.setdefault(str(row[chart.by]) if chart.by else "", []).append(point)
    largest = sorted(series.items(), key=lambda one: -one[1][-1][1])[:MOST_SERIES]
    top = max(1.0, *(y for _, points in largest for _, y in points))
    heights = _apart([points[-1][1] for _, points in largest], top * 0.065)
    for colour, (name, points), height in zip(COLOURS, largest, heights, strict=False):
        days = [float(DATES.date2num(x)) for x, _ in points]
        axes.plot(days, [y for _, y in points], color=colour, lw=2.2, solid_capstyle="round")
        axes.plot(days[-1], points[-1][1], color=colour, marker="o", ms=5)
        text = f"{_number(points[-1][1])}  {_label(name)}".rstrip()
        axes.annotate(
            text, (days[-1], height), (9, 0), textcoords="offset points", va="center", color=colour,
            fontweight="bold", fontsize=9, annotation_clip=False,
        )  # fmt: skip
    locator = DATES.AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DATES.ConciseDateFormatter(locator))
    axes.set_ylim(0, top * 1.08)
    axes.set_ylabel(chart.unit or str(chart.y))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.grid(visible=False, axis="x")
    if len(series) > MOST_SERIES:
        axes.set_xlabel(f"the largest {MOST_SERIES} of {len(series):,}", loc="left")


def _apart(falling: Sequence[float], gap: float) -> list[float]:
    """Return falling heights moved apart, so that labels at them do not overlap; none below zero."""
    placed: list[float] = []
    for height in reversed(falling):
        placed.append(max(height, placed[-1] + gap) if placed else height)
    return placed[::-1]


def _funnel(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw the steps from top to bottom, each with its share of the first; the largest loss stands out."""
    steps = [(row[chart.x], int(row[str(chart.y)])) for row in rows][:MOST_BARS]
    counts = [count for _, count in steps]
    losses = [0, *(max(0, before - count) for before, count in pairwise(counts))]
    largest = losses.index(max(losses[:-1] or losses))  # the last step is what became of awards
    places = range(len(steps))[::-1]
    axes.barh(places, [c + lost for c, lost in zip(counts, losses, strict=True)], color=PALE, height=0.7)
    axes.barh(places, counts, color=COLOURS[0], height=0.7)
    for step, (place, count, lost) in enumerate(zip(places, counts, losses, strict=True)):
        share = f"{count:,}  ({count / (counts[0] or 1):.0%})"
        worst = step == largest and lost > 0
        text = f"{share}   {-lost:,}" if lost else share
        axes.annotate(
            text, (count + lost, place), (6, 0), textcoords="offset points", va="center",
            color=ACCENT if worst else INK, fontweight="bold" if worst else "normal",
        )  # fmt: skip
    _sideways(axes, [name for name, _ in steps][::-1], "people", len(rows))
    axes.set_xlim(0, 1.22 * max(1, *counts))


def _heat(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw a table of cells, darker where more happened."""
    across = sorted({row[chart.x] for row in rows})
    down = list(dict.fromkeys(row[str(chart.by)] for row in rows))
    cells = {(row[str(chart.by)], row[chart.x]): row[str(chart.y)] for row in rows}
    shares = chart.unit == "%"
    found = [[cells.get((d, a), None if shares else 0) for a in across] for d in down]
    grid = [[math.nan if value is None else value for value in line] for line in found]
    top = 1 if shares else max(1, *(value for line in grid for value in line))
    image = axes.pcolormesh(grid, cmap="Blues", vmin=0, vmax=top, edgecolors="white", linewidth=1.5)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    each = 1 if shares else 2
    axes.set_xticks([i + 0.5 for i in range(0, len(across), each)], [str(a) for a in across[::each]])
    axes.set_yticks([i + 0.5 for i in range(len(down))], [_label(d) for d in down])
    axes.set_xlabel(chart.x)
    if shares:
        _tell_cells(axes, grid)
        return
    bar: Any = axes.figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.locator = MaxNLocator(integer=True, nbins=5)
    bar.set_label(str(chart.y))


def _tell_cells(axes: Axes, grid: Sequence[Sequence[float]]) -> None:
    """Write the share into each cell that has one, and leave out the legend that it makes needless."""
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            if not math.isnan(value):
                colour = "white" if value > 0.55 else INK
                axes.text(
                    x + 0.5, y + 0.5, f"{value:.0%}", ha="center", va="center", color=colour, fontsize=8
                )


def _flows(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw bands from the names at the left to those at the right, as high as their amounts."""
    drawn = flows(chart, rows)
    for band in drawn.bands:
        steps = [i / 30 for i in range(31)]
        bend = [3 * s**2 - 2 * s**3 for s in steps]
        upper = [band.left + (band.right - band.left) * b for b in bend]
        axes.fill_between(
            [NODE + (100 - 2 * NODE) * s for s in steps], upper, [u + band.height for u in upper],
            color=COLOURS[band.node % len(COLOURS)], alpha=0.45, lw=0,
        )  # fmt: skip
    for x, side, nodes in ((0, "right", drawn.left), (100 - NODE, "left", drawn.right)):
        for node in nodes:
            axes.add_patch(Rectangle((x, node.top), NODE, node.height, color=QUIET, lw=0))
            axes.annotate(
                f"{_label(node.name)}  {node.amount:,.0f}",
                (0 if x == 0 else 100, node.top + node.height / 2),
                (-6 if x == 0 else 6, 0), textcoords="offset points", ha=side, va="center", fontsize=8,
                annotation_clip=False,
            )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_ylim(100, 0)
    axes.set_axis_off()


def _points(axes: Axes, chart: Chart, rows: Sequence[Row]) -> None:
    """Draw one point per row that has both values, larger where `by` is; the lowest ones are named."""
    y = str(chart.y)
    shown = [row for row in rows if row[chart.x] is not None and row[y] is not None]
    weights = [row[chart.by] if chart.by else 1 for row in shown]
    sizes = [18 + 180 * weight / max(weights) for weight in weights]
    colours = [ACCENT if row[y] < 0 else COLOURS[0] for row in shown]
    axes.scatter([r[chart.x] for r in shown], [r[y] for r in shown], c=colours, alpha=0.6, s=sizes, lw=0)
    heavy = [r for r, w in zip(shown, weights, strict=True) if r[y] < 0 and w >= max(weights, default=0) / 2]
    _name_points(axes, [(r[chart.x], r[y], r.get("title")) for r in sorted(heavy, key=lambda r: r[y])])
    axes.axhline(0, color=QUIET, lw=0.8)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-1.05, 1.05)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(chart.unit or chart.x.replace("_", " "))
    axes.set_ylabel(y.replace("_", " "))


def _name_points(axes: Axes, lowest: Sequence[tuple[float, float, Any]]) -> None:
    """Name the lowest points at the right edge, with a line to each."""
    named = sorted(lowest[:MOST_NAMED], key=lambda point: -point[1])
    for (x, y, name), height in zip(named, _apart([y for _, y, _ in named], 0.11), strict=True):
        axes.annotate(
            _label(name), (x, y), (1.05, height), fontsize=8, color=QUIET, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": QUIET, "lw": 0.5, "alpha": 0.7},
        )  # fmt: skip


def _label(value: Any) -> str:
    """Return a label of bearable length: the end of an address, the beginning of words."""
    text = "-" if value is None else str(value)
    if len(text) <= LABEL_LENGTH:
        return text
    return "…" + text[1 - LABEL_LENGTH :] if "://" in text else text[: LABEL_LENGTH - 1] + "…"


def _value(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "%" else _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


DRAWERS: dict[str, Callable[[Axes, Chart, Sequence[Row]], None]] = {
    "bars": _bars,
    "stacked": _stacked,
    "progress": _progress,
    "range": _range,
    "lines": _lines,
    "funnel": _funnel,
    "heat": _heat,
    "points": _points,
    "flows": _flows,
}
