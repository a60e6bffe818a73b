"""The answer to a question as rows that lead to their statements, and as a picture of the ready reports."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lrs.analysis.reports.report import Chart, Kind, Report
from lrs.console.models.asked_statements import short
from lrs.console.models.questions.form import node_of
from lrs.console.models.questions.words import Names, group_words, measure_words, sentence, value_words
from statements.query import fields
from statements.query.analyst_query import AnalystQuery, GroupKey
from statements.query.time_buckets import bucket_end

Document = dict[str, Any]
Row = Mapping[str, Any]
Link = Callable[[Document], str] | None  # the address of the statements that a filter selects
SHARES: Final = frozenset({"success", "score.scaled", "completion"})
ADDED: Final = frozenset({"count", "sum"})  # parts of these make a whole
SHARED: Final = frozenset({"avg", "min", "max", "percentile"})  # of a share these are shares
COUNTED: Final = frozenset({"count", "sum", "distinct"})
MISSING: Final = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown: words of the columns, rows, the filter under each row, the report that draws them."""

    heads: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    under: tuple[Document, ...]  # the filter of the statements of each row
    report: Report | None
    shares: frozenset[str]  # columns that are shares of one

    keys: tuple[GroupKey, ...]
    names: Names  # also of activities that would be called alike

    @property
    def groups(self) -> int:
        """Return how many of the columns are groups."""
        return len(self.keys)

    def spoken(self, column: int, value: Any) -> str:
        """Return the value of a group's column in words."""
        return group_value(self.keys[column], value, {})

    @property
    def figures(self) -> Sequence[tuple[str, Any]]:
        """Return what is told where nothing is grouped: words and values."""
        return (
            []
            if self.report or len(self.rows) != 1
            else [*zip(self.heads, self.rows[0].values(), strict=True)]
        )


def shown(
    query: AnalystQuery, asked: Document, rows: Sequence[Row], wanted: str, names: Names, *, link: Link = None
) -> Shown:
    """Return what a page shows of an answer; `wanted` is a kind of picture, `auto` or `table`.

    `link` turns the filter of some statements into an address; without it nothing in the picture leads on.
    """
    groups = query.group
    names = {**told_apart([row[one.name] for row in rows for one in groups]), **names}
    columns = (*(one.name for one in groups), *(one.name for one in query.measures))
    heads = tuple(
        [group_words(one, names) for one in asked.get("group", ())]
        + [measure_words(one, names) for one in (asked.get("measures") or {"count": "count"}).values()]
    )
    under = tuple(narrowed(asked, groups, row) for row in rows)
    shares = frozenset(
        one.name for one in query.measures
        if one.field is not None and one.field.name in SHARES and one.function in SHARED
    )  # fmt: skip
    kind = picture_of(query, rows, wanted)
    report = None
    if kind is not None:
        drawn = [
            {**_drawn(groups, heads, row, kind, names), heads[len(groups)]: row[query.measures[0].name],
             **(_links(asked, groups, row, link) if link else {})}
            for row in rows if row[query.measures[0].name] is not None
        ]  # fmt: skip
        report = _report(kind, query, heads, drawn, about=sentence(asked, names), shares=shares)
    return Shown(heads, columns, tuple(rows), under, report, shares, tuple(groups), names)


def told_apart(values: Sequence[Any]) -> dict[str, str]:
    """Return longer names of the addresses among values whose last parts are the same."""
    addresses = {one for one in values if isinstance(one, str) and "://" in one}
    ends = Counter(map(short, addresses))
    return {one: "/".join(one.rstrip("/").split("/")[-2:]) for one in addresses if ends[short(one)] > 1}


def picture_of(query: AnalystQuery, rows: Sequence[Row], wanted: str) -> Kind | None:
    """Return the picture that fits: the wanted one where it can be drawn, else the one that says most."""
    groups, measure = query.group, query.measures[0] if query.measures else None
    if not rows or not groups or measure is None or wanted == "table" or not _is_number(measure.name, rows):
        return None
    times = [one.name for one in groups if one.bucket]
    possible: list[Kind] = []
    if len(groups) <= 2 and times and len({row[times[0]] for row in rows} - {None}) > 1:
        possible.append("lines")
    if len(groups) == 2 and measure.function in ADDED:
        possible.append("stacked")
    possible.append("bars")
    if len(groups) == 2 and measure.function in COUNTED:
        possible.append("heat")
    return next((one for one in possible if one == wanted), possible[0])


def _is_number(name: str, rows: Sequence[Row]) -> bool:
    values = [row[name] for row in rows if row[name] is not None]
    return bool(values) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def _report(
    kind: Kind,
    query: AnalystQuery,
    heads: Sequence[str],
    rows: list[Document],
    *,
    about: str,
    shares: frozenset[str],
) -> Report:
    """Return the report that draws rows, whose columns are called as they are said."""
    first, y = heads[0], heads[len(query.group)]
    second = heads[1] if len(query.group) > 1 else None
    unit = "%" if query.measures[0].name in shares else ""
    if kind == "lines":
        timed = next(i for i, one in enumerate(query.group) if one.bucket)
        x = heads[timed]
        rows = sorted((row for row in rows if row[x] is not None), key=lambda row: row[x])
        chart = Chart("lines", x, y, by=first if timed else second, unit=unit)
    elif kind == "bars":
        rows = [
            {**row, first: " · ".join(str(row[one]) for one in heads[: len(query.group)])} for row in rows
        ]
        chart = Chart("bars", first, y, unit=unit, most=1.0 if unit else None)
    elif kind == "stacked":
        chart = Chart("stacked", first, y, by=second)
    else:
        chart = Chart("heat", str(second), y, by=first)
    return Report("ask", y[:1].upper() + y[1:], about, heads, rows, chart)


def _drawn(groups: Sequence[GroupKey], heads: Sequence[str], row: Row, kind: Kind, names: Names) -> Document:
    return {
        head: row[one.name] if kind == "lines" and one.bucket else group_value(one, row[one.name], names)
        for one, head in zip(groups, heads, strict=False)
    }


def group_value(key: GroupKey, value: Any, names: Names) -> str:
    """Return the value of a group in words."""
    if value is None:
        return MISSING
    if isinstance(value, dt.datetime):
        if key.bucket == "hour":
            return f"{value:%Y-%m-%d %H:%M}"
        if key.bucket == "quarter":
            return f"{value.year} Q{(value.month + 2) // 3}"
        return (
            f"{value:%Y}"
            if key.bucket == "year"
            else f"{value:%Y-%m}"
            if key.bucket == "month"
            else f"{value:%Y-%m-%d}"
        )
    return value_words(value, names)


def _links(
    asked: Document, groups: Sequence[GroupKey], row: Row, link: Callable[[Document], str]
) -> Document:
    """Return where the row leads, where all of its first group, and where all of its span of time."""
    timed = [one for one in groups if one.bucket]
    return {
        "_link": link(narrowed(asked, groups, row)),
        "_first": link(narrowed(asked, groups[:1], row)),
        "_time": link(narrowed(asked, timed[:1], row)) if timed else None,
    }


def narrowed(asked: Document, groups: Sequence[GroupKey], row: Row) -> Document:
    """Return the filter of what a row counts: that of the question, and the values of its groups."""
    clauses = [asked["filter"]] if "filter" in asked else []
    for one in groups:
        clauses += _of_group(one, row[one.name])
    return clauses[0] if len(clauses) == 1 else {"all": clauses}


def _of_group(key: GroupKey, value: Any) -> list[Document]:
    name = key.field.name
    node = node_of(name if key.key is None and key.of is None else f"{name}|{key.key or key.of}")
    if isinstance(value, dt.datetime) and key.bucket:
        ends = {"gte": value, "lt": bucket_end(value, key.bucket)}
        return [{**node, operator: at.astimezone(dt.UTC).isoformat()} for operator, at in ends.items()]
    if key.field.kind is fields.Kind.PERSON:
        if value is None:  # the language has no word for whoever is nobody's
            return []
        if name == "person" and "::" in str(value):  # an identifier that nobody owns
            return [{"field": "actor", "eq": value}]
        return [{**node, "eq": value}]
    if value is None:
        return [{**node, "exists": False}]
    return [{**node, "contains" if key.field.kind is fields.Kind.IRIS else "eq": value}]
