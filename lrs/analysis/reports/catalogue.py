"""All reports by name, and their forms: rows, CSV, picture."""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from lrs.analysis.audience import ReportRequest
from lrs.analysis.figures.csv_cells import csv_cell
from lrs.analysis.prediction.reports import PREDICTIONS
from lrs.analysis.reports import awards, content, funnel, learning, people, qualifying, recall, targets
from lrs.analysis.reports.report import Report
from lrs.foundation.errors import InvalidField

REPORTS: Final[dict[str, Callable[[ReportRequest], Report]]] = {
    "certified": people.certified,
    "awards": awards.awards,
    "expiring": people.expiring,
    "funnel": funnel.funnel,
    "time-to-certify": people.time_to_certify,
    "attempts": content.attempts,
    "items": content.items,
    "content": content.content,
    "due": targets.due,
    "targets": targets.targets,
    "inactive": people.inactive,
    "partner-health": people.partner_health,
    "leaderboard": people.leaderboard,
    "heatmap": content.heatmap,
    "recall": recall.recall,
}
"""Of MongoDB."""
LAKE_REPORTS: Final[dict[str, Callable[[ReportRequest], Report]]] = {
    "retention": qualifying.retention,
    "time-to-competency": qualifying.time_to_competency,
    "item-history": learning.item_history,
    "paths": learning.paths,
    "training-and-deals": qualifying.training_and_deals,
    "health-score": qualifying.health_score,
}
EVERY_REPORT: Final[dict[str, Callable[[ReportRequest], Report]]] = {
    **REPORTS,
    **LAKE_REPORTS,
    **PREDICTIONS,
}


def offered(*, has_lake: bool, predicts: bool) -> list[str]:
    """Return the names of the reports that an installation can answer."""
    return [*REPORTS, *(LAKE_REPORTS if has_lake else ()), *(PREDICTIONS if has_lake and predicts else ())]


def arranged(report: Report, sort: str | None, limit: int | None) -> Report:
    """Return a report with its rows sorted by a column (`-` before it falls), at most so many.

    Rows without a value come last. Raises InvalidField for a column that it does not have.
    """
    rows = list(report.rows)
    if sort:
        column = sort.removeprefix("-")
        if column not in report.columns:
            raise InvalidField("sort", f"{column!r} is no column; one of {', '.join(report.columns)}")
        present = [row for row in rows if row.get(column) is not None]
        absent = [row for row in rows if row.get(column) is None]
        rows = (
            sorted(present, key=lambda row: _comparable(row[column]), reverse=sort.startswith("-")) + absent
        )
    return replace(report, rows=rows[:limit])


def _comparable(value: Any) -> Any:
    return value if isinstance(value, int | float | str | dt.date) else str(value)


def about(name: str) -> str:
    """Return what a report counts, in one line."""
    text = EVERY_REPORT[name].__doc__ or ""
    return text.partition("\n")[0]


def as_csv(report: Report) -> bytes:
    """Return the rows of a report as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(report.columns)
    for row in report.rows:
        writer.writerow([csv_cell(row.get(column)) for column in report.columns])
    return out.getvalue().encode()


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as the API answers it."""
    return {
        "name": report.name,
        "title": report.title,
        "about": report.about,
        "columns": list(report.columns),
        "rows": [dict(row) for row in report.rows],
        "notes": list(report.notes),
        "beside": [as_json(one) for one in report.beside],
    }


def as_picture(report: Report, form: str) -> bytes:
    """Return a report as SVG or PNG."""
    picture: bytes = importlib.import_module("lrs.analysis.figures.charts").draw(report, form)
    return picture
