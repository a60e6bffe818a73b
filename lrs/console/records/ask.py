"""Questions to the statement history: a form over the query language, the answer drawn, and its files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from flask import Response, g, request

from lrs.analysis.figures.csv_cells import csv_cell
from lrs.analysis.readable_stores import Scope, scope_of
from lrs.analysis.reports.catalogue import as_picture
from lrs.analysis.run import Analyst, Answer, written
from lrs.api.rights import directory
from lrs.api.streams import answering
from lrs.console.lists import asked
from lrs.console.models import asked_statements
from lrs.console.models.chart import Drawing, drawing
from lrs.console.models.questions import form as question_form
from lrs.console.models.questions import picture as question_picture
from lrs.console.models.questions import words
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, may, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.engine import titles
from lrs.words.reader import mark
from statements.errors import InvalidQuery, QueryTimeout

Document = dict[str, Any]
SECONDS: Final = 5.0  # an answer for a page comes at once, or the filter has to be narrower
LONGEST: Final = 6000  # characters of a question in an address
ALL_ROWS: Final = 10_000
SAMPLE: Final = 300  # statements, the last stored, from which values and extensions are suggested
PEOPLE: Final = 500  # whose names stand in an answer
VALUES: Final = 12  # suggestions for one field
FORMS: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
PICTURES: Final = {"svg": "image/svg+xml", "png": "image/png"}
PICTURE_WORDS: Final = {
    "auto": mark("What fits"),
    "table": mark("Table only"),
    "bars": mark("Bars"),
    "stacked": mark("Stacked bars"),
    "lines": mark("Lines over time"),
    "heat": mark("Heat map"),
}
ORDER_WORDS: Final = {
    "": mark("As usual"),
    "largest": mark("Largest first"),
    "smallest": mark("Smallest first"),
    "group": mark("By the first group"),
}
EXAMPLES: Final[tuple[tuple[str, Document], ...]] = (
    (
        mark("Statements by month"),
        {"group": [{"bucket": "month", "field": "timestamp", "timezone": "UTC"}],
         "measures": {"count": {"count": True}, "people": {"distinct": "person"}}},
    ),
    (
        mark("What people do"),
        {"group": ["verb"], "measures": {"count": {"count": True}, "people": {"distinct": "person"}}},
    ),
    (
        mark("Share that succeeded, by partner"),
        {"filter": {"field": "success", "exists": True}, "group": ["person.organization"],
         "measures": {"avg_success": {"avg": "success"}, "count": {"count": True}}},
    ),
    (
        mark("Scores of each activity"),
        {"filter": {"field": "score.scaled", "exists": True}, "group": ["object.id"],
         "measures": {"avg_score_scaled": {"avg": "score.scaled"}, "people": {"distinct": "person"}},
         "sort": "avg_score_scaled"},
    ),
)  # fmt: skip
SUGGESTED: Final = ("verb", "object.id", "activity_type", "client_label", "platform", "language", "parent")

blueprint = Pages("console_ask", __name__)


@blueprint.get("/console/ask", scope="analytics")
def ask() -> Response:
    """Show the form of a question and its answer; the question stands in the address as the API has it."""
    if "field" in request.args or "function" in request.args or "group" in request.args:
        return redirected(of_form())
    wanted = asked("org", "as")
    text = request.args.get("q", "").strip()
    if not text:
        return show(
            "ask.html", **_around(None, wanted), form=question_form.Form(), shown=None, problem=None, text=""
        )
    body, problem, shown, answer = None, None, None, None
    analyst = _analyst(wanted)
    try:
        body = given(text)
        with answering():
            answer = analyst.ask(body)
        shown = shown_of(
            analyst, body, answer, wanted.get("as", "auto"), link=lambda one: statements_of(one, wanted)
        )
    except (InvalidField, InvalidQuery, QueryTimeout) as error:
        problem = str(error)
    context = _around(body, wanted)
    form = question_form.shown(body) if body is not None else None
    return show(
        "ask.html", 422 if problem else 200, **context,
        form=form, shown=shown, problem=problem, text=text, answer=answer,
        drawing=drawing(shown.report) if shown and shown.report else Drawing(),
        link=partial(statements_of, wanted=wanted),
        sentence=words.sentence(body, context["names"]) if body is not None and not problem else "",
        people=people_in(shown),
        pretty=json.dumps(body, indent=2, ensure_ascii=False) if body is not None else text,
    )  # fmt: skip


def of_form() -> str:
    """Return the address of the question that the form asks."""
    form = question_form.read({name: request.args.getlist(name) for name in request.args})
    kept = {"q": json.dumps(question_form.expression(form), ensure_ascii=False), **asked("org", "as")}
    return f"/console/ask?{urlencode(kept, errors='replace')}"


def given(text: str) -> Document:
    """Return the expression that an address or a form has; raises InvalidField."""
    if len(text) > LONGEST:
        raise InvalidField("q", f"is longer than {LONGEST} characters; save the question instead")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidField("q", f"is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidField("q", "is no object")
    return found


def _analyst(wanted: Mapping[str, str]) -> Analyst:
    services = current_services()
    scope = scope_of(services.db, g.principal, [wanted["org"]] if "org" in wanted else ())
    return Analyst(services.db, scope, services.now(), max_seconds=SECONDS)


def shown_of(
    analyst: Analyst, body: Document, answer: Answer, wanted: str, link: question_picture.Link = None
) -> question_picture.Shown | None:
    """Return what is shown of a grouped answer; a list of statements has no picture."""
    query = analyst.parse(body)
    return (
        question_picture.shown(query, body, answer.rows, wanted, names(), link=link)
        if query.is_grouped
        else None
    )


def names() -> dict[str, str]:
    """Return the titles of certifications and the names of organizations by their ids."""
    return {**titles(), **org_names()}


def _around(body: Document | None, wanted: Mapping[str, str]) -> Document:
    """Return what the form needs beside the question."""
    scope = scope_of(current_services().db, g.principal)
    known, seen = names(), _seen(scope)
    choices = [*_choices(seen, known)]
    return {
        "filters": wanted, "names": known, "seen": seen["values"], "choices": choices,
        "pictures": PICTURE_WORDS,
        "orders": ORDER_WORDS, "operators": words.OPERATOR_WORDS, "functions": words.FUNCTION_WORDS,
        "buckets": words.BUCKET_WORDS, "orgs": {one: known[one] for one in scope.orgs if one in known},
        "examples": [(title, "/console/ask?" + urlencode({"q": json.dumps(one)})) for title, one in EXAMPLES],
        "exports": exports(body, wanted) if body is not None else {}, "body": body,
        "field_words": lambda choice: words.field_words(choice, known), "named": dict(choices),
        "short": asked_statements.short, "short_actor": asked_statements.short_actor,
    }  # fmt: skip


def _choices(seen: Document, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what a condition, a group or a measure may be of: choices with their words."""
    for name in words.FIELD_WORDS:
        if name == "person.award":
            for one in titles():
                yield f"{name}|{one}", words.field_words(f"{name}|{one}", names)
        elif name.endswith(".extensions"):
            for key in sorted(seen["extensions"].get(name.partition(".")[0], ())):
                yield f"{name}|{key}", words.field_words(f"{name}|{key}", names)
        else:
            yield name, words.field_words(name, names)


def _seen(scope: Scope) -> Document:
    """Return values and extensions of the last statements in reach: what a form suggests."""
    wanted = [*SUGGESTED, "extensions.k", "extensions.where"]
    rows = current_services().db.statements.find(scope.filter(), wanted).sort("_id", -1).limit(SAMPLE)
    values: dict[str, dict[str, None]] = {name: {} for name in SUGGESTED}
    extensions: dict[str, set[str]] = {}
    for row in rows:
        for one in row.get("extensions") or ():
            extensions.setdefault(one["where"], set()).add(one["k"])
        for name in SUGGESTED:
            found: Any = row
            for part in name.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            for value in found if isinstance(found, list) else [found]:
                if isinstance(value, str) and len(values[name]) < VALUES:
                    values[name][value] = None
    return {"values": {name: list(found) for name, found in values.items()}, "extensions": extensions}


def statements_of(condition: Document, wanted: Mapping[str, str]) -> str:
    """Return the address of the list of the statements that a filter selects."""
    kept = {"filter": json.dumps(condition, ensure_ascii=False)} if condition != {"all": []} else {}
    return "/console/statements?" + urlencode({**kept, **({"org": wanted["org"]} if "org" in wanted else {})})


def exports(body: Document, wanted: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Return the addresses of the answer as files, and of the statements under it."""
    kept = urlencode({"q": json.dumps(body, ensure_ascii=False), **wanted}, errors="replace")
    under = {"filter": json.dumps(body["filter"], ensure_ascii=False)} if "filter" in body else {}
    of_org = {"organization": wanted["org"]} if "org" in wanted else {}
    return {
        "answer": [(form.upper(), f"/console/ask.{form}?{kept}") for form in (*FORMS, *PICTURES)],
        "statements": [
            (
                name,
                "/api/v1/statements/export?"
                + urlencode({"format": form, **under, **of_org}, errors="replace"),
            )
            for name, form in (("NDJSON", "ndjson"), ("CSV", "csv"), ("Parquet", "parquet"))
        ],
    }


def people_in(shown: question_picture.Shown | None) -> dict[str, str]:
    """Return the names of the people in the rows, where the user sees people."""
    if shown is None or not may("people"):
        return {}
    ids = sorted(
        {one for row in shown.rows for one in row.values() if isinstance(one, str) and one.startswith("p_")}
    )
    found = (
        current_services().db.people.find({"$and": [directory().filter(), {"_id": {"$in": ids[:500]}}]})
        if ids
        else ()
    )
    return {one["_id"]: one.get("name") or one.get("email") or one["_id"] for one in found}


@blueprint.get("/console/ask.json", scope="analytics")
def ask_json() -> Response:
    """Answer a question with all its rows, and what it says in words."""
    body, answer, _ = _all_rows()
    told = {"sentence": words.sentence(body, names()), "items": written(answer.rows), "next": None}
    return Response(orjson.dumps(told), content_type=FORMS["json"])


@blueprint.get("/console/ask.csv", scope="analytics")
def ask_csv() -> Response:
    """Answer a question with all its rows for a spreadsheet."""
    _, answer, columns = _all_rows()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([csv_cell(row.get(one)) for one in columns] for row in written(answer.rows) or ())
    return Response(out.getvalue(), content_type=FORMS["csv"], headers=_file("csv"))


@blueprint.get("/console/ask.svg", scope="analytics")
def ask_svg() -> Response:
    """Answer the picture of a question as SVG, as the ready reports have theirs."""
    return _picture("svg")


@blueprint.get("/console/ask.png", scope="analytics")
def ask_png() -> Response:
    """Answer the picture of a question as PNG."""
    return _picture("png")


def _picture(form: str) -> Response:
    wanted = asked("org", "as")
    body, analyst = given(request.args.get("q", "{}")), _analyst(wanted)
    with answering():
        shown = shown_of(analyst, body, analyst.ask(body), wanted.get("as", "auto"))
    if shown is None or shown.report is None:
        raise InvalidField("q", "has no picture: it has no group, or nothing that can be drawn")
    report = replace(
        shown.report, rows=[{k: v for k, v in row.items() if k[:1] != "_"} for row in shown.report.rows]
    )
    return Response(as_picture(report, form), content_type=PICTURES[form], headers=_file(form))


def _all_rows() -> tuple[Document, Answer, list[str]]:
    body, analyst = given(request.args.get("q", "{}")), _analyst(asked("org"))
    whole = {**body, "limit": ALL_ROWS}
    query = analyst.parse(whole)
    grouped = [*(one.name for one in query.group), *(one.name for one in query.measures)]
    with answering():
        answer = analyst.ask(whole)
    return body, answer, grouped if query.is_grouped else [one.name for one in query.select]


def _file(form: str) -> dict[str, str]:
    name = f"question-{current_services().now():%Y-%m-%d}.{form}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}
