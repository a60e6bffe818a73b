"""Ready reports: each with its filters, its picture and its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from flask import Response, g, request

from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.figures.csv_cells import csv_cell
from lrs.analysis.readable_stores import scope_of
from lrs.analysis.reports.catalogue import EVERY_REPORT, REPORTS, offered
from lrs.analysis.reports.from_lake import UNITS
from lrs.analysis.reports.report import Report
from lrs.api.streams import answering
from lrs.console.instants import read_instant
from lrs.console.lists import asked
from lrs.console.models.chart import drawing
from lrs.console.models.states import state_of
from lrs.console.organizations.partners import regions
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.words.engine import titles
from lrs.words.reader import mark, t

Document = dict[str, Any]
FILTERS: Final = ("organization", "certification", "region", "role", "product", "tier")
OF_ONE: Final = frozenset({"funnel"})
OF_UNIT: Final = frozenset({"retention", "item-history"})  # which ask for months, quarters or years
OF_DAYS: Final = frozenset({"paths", "readiness", "tier-readiness"})
LONGEST_IRI: Final = 2000
SHOWN: Final = 300  # rows on a page; the twins have all
TITLES: Final = {
    "certified": mark("Certified people over time"),
    "awards": mark("Awards by month and region"),
    "due": mark("Certifications asked for and not held"),
    "targets": mark("How far those are who are asked"),
    "expiring": mark("What ends within 90 days"),
    "funnel": mark("Where people stop"),
    "time-to-certify": mark("How long it takes"),
    "attempts": mark("Attempts and passes"),
    "items": mark("Questions, the hardest first"),
    "content": mark("Courses: started and completed"),
    "inactive": mark("Who has gone quiet"),
    "partner-health": mark("Health of partners"),
    "leaderboard": mark("Who does most"),
    "heatmap": mark("When people learn"),
    "retention": mark("How long certifications are kept"),
    "time-to-competency": mark("How long partners take to the first award"),
    "item-history": mark("Questions over the years"),
    "paths": mark("Which content comes next"),
    "training-and-deals": mark("Training and deals"),
    "health-score": mark("Health of partners, part by part"),
    "readiness": mark("Who is likely to be certified"),
    "tier-readiness": mark("Which partners are likely to rise"),
    "recall": mark("What is remembered"),
}

UNIT_WORDS: Final = {"month": mark("Months"), "quarter": mark("Quarters"), "year": mark("Years")}

blueprint = Pages("console_reports", __name__)


@blueprint.get("/console/reports", scope="analytics")
def reports() -> Response:
    """List the ready reports."""
    settings = current_services().settings
    over_lake = [one for one in offered(has_lake=True, predicts=settings.prediction) if one not in REPORTS]
    return show(
        "reports.html",
        reports=[(name, TITLES.get(name, name)) for name in REPORTS],
        over_lake=[(name, TITLES.get(name, name)) for name in over_lake],
        has_lake=bool(settings.lake_url),
    )


@blueprint.get("/console/reports/<name>", scope="analytics")
def report(name: str) -> Response:
    """Show a report: its picture, its sentence and its rows."""
    made, filters = spoken(ask(name)), narrowing(name)
    return show(
        "report.html",
        name=name, title=TITLES.get(name, made.title), report=made, shown=SHOWN,
        total=len(made.rows), tables=[(one, drawing(one)) for one in (made, *made.beside)], filters=filters,
        orgs=org_names(), titles=titles(),
        region_pairs=[(one, one) for one in regions()], query=request.query_string.decode("utf-8", "replace"),
        over_lake=name not in REPORTS, picture_query=urlencode(filters),
        units=[(one, UNIT_WORDS[one]) for one in UNITS] if name in OF_UNIT else [], has_days=name in OF_DAYS,
        has_activity=name == "paths",
    )  # fmt: skip


@blueprint.get("/console/reports/<name>.json", scope="analytics")
def report_json(name: str) -> Response:
    """Answer the rows of a report."""
    made = ask(name)
    body = {
        "title": made.title, "about": made.about, "notes": list(made.notes),
        "items": [dict(row) for row in made.rows],
    }  # fmt: skip
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), content_type="application/json")


@blueprint.get("/console/reports/<name>.csv", scope="analytics")
def report_csv(name: str) -> Response:
    """Answer the rows of a report for a spreadsheet."""
    made, out = ask(name), io.StringIO()
    writer = csv.writer(out)
    writer.writerow(made.columns)
    writer.writerows([csv_cell(row.get(column)) for column in made.columns] for row in made.rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(out.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def spoken(made: Report) -> Report:
    """Return a report with states in the reader's words, as a page shows them; data keep their names."""

    def row(one: Mapping[str, Any]) -> Document:
        state = one.get("state")
        return {**one, "state": t(state_of(state).word)} if isinstance(state, str) else {**one}

    drawn = None if made.drawn is None else [*map(row, made.drawn)]
    return replace(made, rows=[*map(row, made.rows)], drawn=drawn)


def narrowing(name: str) -> dict[str, Any]:
    """Return the filters of the address; a report on one certification has the first where none is named."""
    filters: dict[str, Any] = dict(asked(*FILTERS, "since", "until", "unit", "days")) | asked(
        "activity", longest=LONGEST_IRI
    )
    if name in OF_ONE and "certification" not in filters and (known := titles()):
        filters["certification"] = min(known)
    return filters


def ask(name: str) -> Report:
    """Return a report over what the user reads, narrowed as the address says; raises UnknownThing."""
    if name not in EVERY_REPORT:
        raise UnknownThing("report", name)
    services, filters = current_services(), narrowing(name)
    days: dict[str, Any] = {
        key: read_instant(key, filters.pop(key)) for key in ("since", "until") if key in filters
    }
    if "days" in filters:
        filters["days"] = whole_number("days", filters["days"])
    wanted = ReportFilter(**filters, **days)
    narrowed = [wanted.organization] if wanted.organization is not None else []
    scope_of(services.db, g.principal, narrowed)
    whom = audience(services.db, scope_of(services.db, g.principal), wanted, services.now())
    settings = services.settings
    with answering():
        return EVERY_REPORT[name](
            ReportRequest(services.db, whom, wanted, services.now(), settings.lake_url, settings.prediction)
        )


def whole_number(name: str, text: str) -> int:
    """Return a number of the address; raises InvalidField."""
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise InvalidField(name, "is a whole number")
    return int(text)
