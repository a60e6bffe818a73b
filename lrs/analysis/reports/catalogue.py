"""All reports by name, and their forms: rows, CSV, picture."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable
from typing import Any, Final

from lrs.analysis.audience import Asked
from lrs.analysis.export import csv_cell
from lrs.analysis.reports import content, funnel, people
from lrs.analysis.reports.report import Report

REPORTS: Final[dict[str, Callable[[Asked], Report]]] = {
    "certified": people.certified,
    "expiring": people.expiring,
    "funnel": funnel.funnel,
    "time-to-certify": people.time_to_certify,
    "attempts": content.attempts,
    "items": content.items,
    "content": content.content,
    "inactive": people.inactive,
    "partner-health": people.partner_health,
    "leaderboard": people.leaderboard,
    "heatmap": content.heatmap,
}


def about(name: str) -> str:
    """Return what a report counts, in one line."""
    text = REPORTS[name].__doc__ or ""
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
    }


def as_picture(report: Report, form: str) -> bytes:
    """Return a report as SVG or PNG."""
    picture: bytes = importlib.import_module("lrs.analysis.charts").draw(report, form)
    return picture
