"""Reports as drawings of a page: bars, lines and heat, in units of the drawing, coloured by class."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lrs.analysis.figures.flows import Flows, flows
from lrs.analysis.reports.report import Chart, Report

Row = Mapping[str, Any]
MOST_BARS: Final = 20
MOST_LINES: Final = 6
WIDTH: Final = 100.0
NONE: Final = "\N{EN DASH}"
TO: Final = " \N{EN DASH} "
MOMENT: Final = re.compile(r"\d{4}(-(\d\d|W\d\d|Q\d))?(-\d\d)?([T ].*)?")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, what it says, and its parts (start, width, class) in percent of the longest.

    `link` is where it leads, empty where nowhere.
    """

    name: str
    said: str
    parts: tuple[tuple[float, float, str], ...]
    link: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """One upright strip of a field of lines that leads somewhere: place, width, address and what it says."""

    x: float
    width: float
    link: str
    said: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, its last value, and its points as SVG has them in a field of 100 by 100."""

    name: str
    last: str
    points: str
    tone: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn of a report: bars, or lines between two days, or cells, or flows between two columns."""

    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    edges: tuple[str, str, str] = ("", "", "")  # first day, last day, greatest value
    across: tuple[str, ...] = ()
    cells: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    told: bool = False  # whether cells say their value, or their colour alone does
    flows: Flows | None = None
    strips: tuple[Strip, ...] = ()
    left_out: int = 0
    legend: tuple[tuple[str, str], ...] = field(default=())


def drawing(report: Report) -> Drawing:
    """Return the drawing of a report; an empty one where there are no rows."""
    if not report.shown:
        return Drawing()
    return DRAW[report.chart.kind](report.chart, report.shown)


def _label(value: Any) -> str:
    text = NONE if value is None else str(value)
    return text if len(text) <= 48 else f"…{text[-47:]}" if "://" in text else f"{text[:47]}…"


def _said(value: float | None, unit: str) -> str:
    if value is None:
        return NONE
    if unit == "%":
        return f"{value:.0%}"
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    return f"{number} {unit}".strip()


def _share(value: float, whole: float) -> float:
    return round(WIDTH * max(0.0, value) / whole, 2) if whole > 0 else 0.0


def _bars(chart: Chart, rows: Sequence[Row]) -> Drawing:
    if chart.y == "count":
        counted = Counter(row.get(chart.x) for row in rows).most_common()
        pairs = [(name, float(count), "") for name, count in counted]
    else:
        y = chart.y if isinstance(chart.y, str) else chart.y[0]
        pairs = [
            (row.get(chart.x), float(row[y]), row.get("_link") or "")
            for row in rows
            if row.get(y) is not None
        ]
    whole = chart.most or max((value for _, value, _ in pairs), default=1.0)
    shown = pairs[:MOST_BARS]
    bars = tuple(
        Bar(_label(name), _said(value, chart.unit), ((0.0, _share(value, whole), "c0"),), link)
        for name, value, link in shown
    )
    return Drawing(bars=bars, left_out=len(pairs) - len(shown))


def _stacked(chart: Chart, rows: Sequence[Row]) -> Drawing:
    by, y = str(chart.by), str(chart.y)
    counts: dict[Any, Counter[Any]] = defaultdict(Counter)
    links: dict[Any, str] = {}
    for row in rows:
        counts[row.get(chart.x)][row.get(by)] += row.get(y, 1)
        links[row.get(chart.x)] = row.get("_first") or ""
    kinds = sorted({kind for one in counts.values() for kind in one}, key=str)
    ordered = _in_order(counts)
    whole = max(sum(one.values()) for one in counts.values())
    bars = []
    for name, parts in ordered[:MOST_BARS]:
        x, drawn = 0.0, []
        for i, kind in enumerate(kinds):
            width = _share(parts[kind], whole)
            drawn.append((round(x, 2), width, f"c{i % 6}"))
            x += width
        bars.append(Bar(_label(name), _said(sum(parts.values()), ""), tuple(drawn), links[name]))
    legend = tuple((f"c{i % 6}", f"{kind} {chart.unit}".strip()) for i, kind in enumerate(kinds))
    return Drawing(bars=tuple(bars), left_out=max(0, len(counts) - MOST_BARS), legend=legend)


def _in_order(counts: Mapping[Any, Counter[Any]]) -> list[tuple[Any, Counter[Any]]]:
    """Return the newest times in their order, or what there is most of first."""
    if all(isinstance(one, dt.date) or MOMENT.fullmatch(str(one)) for one in counts):
        return sorted(counts.items(), key=lambda one: str(one[0]))[-MOST_BARS:]
    return sorted(counts.items(), key=lambda one: -sum(one[1].values()))


def _progress(chart: Chart, rows: Sequence[Row]) -> Drawing:
    whole_of, part_of = (str(one) for one in tuple(chart.y)[:2])
    whole = max(float(row[whole_of] or 0) for row in rows) or 1.0
    bars = []
    for row in rows[:MOST_BARS]:
        every, some = float(row[whole_of] or 0), float(row[part_of] or 0)
        parts = ((0.0, _share(every, whole), "pale"), (0.0, _share(some, whole), "c0"))
        bars.append(Bar(_label(row.get(chart.x)), f"{some:,.0f} / {every:,.0f}", parts))
    legend = (("pale", whole_of.replace("_", " ")), ("c0", part_of.replace("_", " ")))
    return Drawing(bars=tuple(bars), left_out=max(0, len(rows) - MOST_BARS), legend=legend)


def _range(chart: Chart, rows: Sequence[Row]) -> Drawing:
    low, middle, high = (str(one) for one in tuple(chart.y)[:3])
    whole = chart.most or max(float(row[high]) for row in rows) or 1.0
    bars = []
    for row in rows[:MOST_BARS]:
        start, end, at = (_share(float(row[name]), whole) for name in (low, high, middle))
        unit = "%" if chart.unit == "%" else ""
        said = f"{_said(row[middle], chart.unit)} ({_said(row[low], unit)}{TO}{_said(row[high], unit)})"
        parts = ((start, round(max(end - start, 0.6), 2), "pale"), (round(max(0, at - 0.6), 2), 1.2, "c0"))
        bars.append(Bar(_label(row.get(chart.x)), said, parts))
    return Drawing(bars=tuple(bars), left_out=max(0, len(rows) - MOST_BARS))


def _lines(chart: Chart, rows: Sequence[Row]) -> Drawing:
    y = str(chart.y)
    series: dict[str, list[tuple[dt.date, float]]] = defaultdict(list)
    for row in rows:
        series[str(row.get(chart.by)) if chart.by else ""].append((row[chart.x], float(row[y])))
    days = sorted({day for points in series.values() for day, _ in points})
    first, span = days[0], max(dt.timedelta(hours=1), days[-1] - days[0])
    highest = max(value for points in series.values() for _, value in points)
    greatest = highest if chart.unit == "%" and highest > 0 else max(1.0, highest)
    ordered = sorted(series.items(), key=lambda one: -one[1][-1][1])

    def place(day: dt.date, value: float) -> str:
        return f"{_place(day, first, span)},{round(WIDTH - _share(value, greatest), 2)}"

    lines = tuple(
        Line(_label(name), _said(points[-1][1], chart.unit), " ".join(place(*one) for one in points), f"c{i}")
        for i, (name, points) in enumerate(ordered[:MOST_LINES])
    )
    edges = (first.isoformat(), days[-1].isoformat(), _said(greatest, chart.unit))
    strips = tuple(_strips(chart, rows, days))
    return Drawing(lines=lines, edges=edges, strips=strips, left_out=max(0, len(ordered) - MOST_LINES))


def _place(day: dt.date, first: dt.date, span: dt.timedelta) -> float:
    return round(WIDTH * ((day - first) / span), 2)


def _strips(chart: Chart, rows: Sequence[Row], days: Sequence[dt.date]) -> Iterator[Strip]:
    """Yield a strip for each day whose rows lead somewhere, reaching halfway to its neighbours."""
    first, span = days[0], max(dt.timedelta(hours=1), days[-1] - days[0])
    places = [_place(day, first, span) for day in days]
    for i, (day, at) in enumerate(zip(days, places, strict=True)):
        of_day = [row for row in rows if row[chart.x] == day]
        link = of_day[0].get("_time")
        if link:
            start = (places[i - 1] + at) / 2 if i else 0.0
            end = (at + places[i + 1]) / 2 if i + 1 < len(places) else WIDTH
            told = [
                f"{_label(row.get(chart.by))} {_said(row[str(chart.y)], chart.unit)}" if chart.by
                else _said(row[str(chart.y)], chart.unit)
                for row in of_day[:MOST_LINES]
            ]  # fmt: skip
            yield Strip(round(start, 2), round(end - start, 2), link, f"{day:%Y-%m-%d}: {', '.join(told)}")


def _heat(chart: Chart, rows: Sequence[Row]) -> Drawing:
    y, by = str(chart.y), str(chart.by)
    across = sorted({row[chart.x] for row in rows})
    down = list(dict.fromkeys(row[by] for row in rows))
    values = {(row[by], row[chart.x]): row[y] for row in rows}
    shares = chart.unit == "%"
    greatest = 1 if shares else 1 + max(1, *values.values())

    def cell(d: Any, a: Any) -> tuple[str, str]:
        value = values.get((d, a), None if shares else 0)
        if value is None:
            return ("", "") if (d, a) not in values else (NONE, "q0")
        return _said(value, chart.unit), f"q{0 if not value else 1 + min(5, int(value * 6 // greatest))}"

    cells = tuple((_label(d), tuple(cell(d, a) for a in across)) for d in down)
    return Drawing(across=tuple(map(str, across)), cells=cells, told=shares)


def _flows(chart: Chart, rows: Sequence[Row]) -> Drawing:
    return Drawing(flows=flows(chart, rows))


def _points(chart: Chart, rows: Sequence[Row]) -> Drawing:
    """Draw the first of two measures as bars, the lowest first: the table has the other."""
    shown = sorted((row for row in rows if row.get(chart.x) is not None), key=lambda row: row[chart.x])
    named = [key for key in ("title", "question", "name", "object") if shown and key in shown[0]]
    return _bars(Chart("bars", next(iter(named), chart.x), chart.x, unit="%", most=1.0), shown)


DRAW: Final[Mapping[str, Callable[[Chart, Sequence[Row]], Drawing]]] = {
    "bars": _bars,
    "funnel": _bars,
    "stacked": _stacked,
    "progress": _progress,
    "range": _range,
    "lines": _lines,
    "heat": _heat,
    "points": _points,
    "flows": _flows,
}
