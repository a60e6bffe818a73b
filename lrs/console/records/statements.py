"""Statements: the list with the filters of the query language, and one of them with all that hangs on it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import Response, g

from lrs.analysis import recent
from lrs.analysis.readable_stores import scope_of
from lrs.analysis.recent import ask_recent
from lrs.analysis.run import Analyst, Answer
from lrs.api.rights import directory
from lrs.console.instants import beginning
from lrs.console.lists import PAGE, Rows, Span, asked, listed
from lrs.console.models import asked_statements as model
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, may, show, wants_html
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.http.addresses import beside
from lrs.words.engine import titles
from lrs.words.reader import mark
from rules.stored import VENDOR
from statements.errors import QueryTimeout

Document = dict[str, Any]
FILTERS: Final = ("actor", "verb", "object", "client", "registration", "since", "until", "filter")
SECONDS: Final = 5.0  # an answer for a page comes at once, or the filter has to be narrower
FACET_ROWS: Final = 200  # statements of which values are counted
FACET_SECONDS: Final = 0.5
RELATED: Final = 20
ARRIVED: Final[Document] = {"stub": {"$exists": False}}  # not only spoken of by another statement
VERBS: Final = (
    "completed",
    "passed",
    "failed",
    "scored",
    "answered",
    "experienced",
    "initialized",
    "terminated",
)

blueprint = Pages("console_statements", __name__)


@listed(blueprint, "/console/statements", scope="analytics", template="statements.html")
def statements(span: Span) -> Rows:
    """List statements of the stores that the user reads, the last stored first.

    Where a filter would read a large store from end to end, only so far back as comes at once.
    """
    services, filters = current_services(), asked(*FILTERS, "org", "look", longest=2000)
    scope = scope_of(services.db, g.principal, [filters["org"]] if "org" in filters else ())
    if span.after is not None and (len(span.after) != 1 or span.after[0] is None):
        raise InvalidField("after", "is not a position of this list")
    cursor = span.after[0] if span.after else None
    lake = services.settings.lake_url
    analyst = Analyst(services.db, scope, services.now(), max_seconds=SECONDS, lake=lake)
    dated: dict[str, str] = {
        name: beginning(name, filters[name]) for name in ("since", "until") if name in filters
    }
    wide = filters.pop("look", "") == "far"
    found = ask_recent(
        analyst, model.expression(filters | dated, span.limit, cursor), recent.WIDE if wide else recent.WINDOW
    )
    answer = found.answer
    items = [{**row, "id": str(row["id"])} for row in answer.rows]
    context = {
        "filters": filters, "orgs": {name: one for name, one in org_names().items() if name in scope.orgs},
        "verbs": VERBS, "advice": answer.advice, "short": model.short, "short_actor": model.short_actor,
        "found": found, "further": beside(look="far"), "beside": beside, "wide": wide,
        "engine": answer.engine, "summarise": _summarise(filters | dated),
        "facets": _facets(analyst, filters, dated, answer) if span.after is None and wants_html() else None,
    }  # fmt: skip
    return Rows(model.SELECT, items, None if answer.cursor is None else [answer.cursor], context)


def _summarise(filters: dict[str, str]) -> str:
    """Return the address of the question how many statements these filters select in each week."""
    asked = model.expression(filters, PAGE, None)
    by_week = {"group": [{"bucket": "week", "field": "timestamp", "timezone": g.get("timezone") or "UTC"}]}
    body = {**by_week, "measures": {"count": {"count": True}}}
    if "filter" in asked:
        clauses = asked["filter"]["all"]
        body["filter"] = clauses[0] if len(clauses) == 1 else asked["filter"]
    of_org = {"org": filters["org"]} if "org" in filters else {}
    asked_as = {"q": json.dumps(body, ensure_ascii=False), **of_org}
    return f"/console/ask?{urlencode(asked_as, errors='replace')}"


def _facets(analyst: Analyst, filters: dict[str, str], dated: dict[str, str], answer: Answer) -> Document:
    """Return the values of the newest statements that the filters select, each with how many have it.

    Of the rows of the page where there are no more, else of some hundred, unless those take too long.
    """
    rows = answer.rows
    if answer.cursor is not None and len(rows) >= PAGE:
        try:
            quick = Analyst(analyst.db, analyst.scope, analyst.now, max_seconds=FACET_SECONDS)
            asked = model.expression(filters | dated, FACET_ROWS, None)
            rows = quick.ask({**asked, "select": [*model.FACETS.values()]}).rows
        except QueryTimeout:
            pass
    names = org_names()
    return {"of": len(rows), "more": answer.cursor is not None, "fields": model.facets(rows, filters, names)}


@blueprint.get("/console/statements/<statement>", scope="analytics")
def statement(statement: str) -> Response:
    """Show one statement: as it was sent, who sent it, what refers to it, and what it decided."""
    services = current_services()
    scope, wanted = scope_of(services.db, g.principal), read_id(statement)
    rows = list(services.db.statements.find({**scope.filter(), "id": wanted, **ARRIVED}).limit(RELATED))
    if not rows:
        raise UnknownThing("statement", statement)
    row = rows[0]
    return show(
        "statement.html",
        id=statement, row=row, others=rows[1:], text=pretty(row["raw"]), orgs=org_names(), titles=titles(),
        person=person_of(row["actor"]), decided=decided_by(row), chain=list(chain_of(row)),
        short=model.short, short_actor=model.short_actor,
    )  # fmt: skip


def chain_of(row: Document) -> Iterator[tuple[str, UUID, Document | None]]:
    """Yield what a statement hangs together with in its store: what voided it, what it speaks of, in turn.

    Each with how it does and its id; None for a statement that is not in the store.
    """
    statements = current_services().db.statements
    if "voided_by" in row:
        voider = statements.find_one({"org": row["org"], "id": row["voided_by"]})
        yield mark("Voided by"), row["voided_by"], voider
    seen, at = {row["id"]}, row
    while "target" in at and at["target"] not in seen and len(seen) <= RELATED:
        target: UUID = at["target"]
        found = statements.find_one({"org": row["org"], "id": target, **ARRIVED})
        yield mark("Voids") if "voids" in at else mark("Speaks of"), target, found
        if found is None:
            return
        seen.add(target)
        at = found


def read_id(text: str) -> uuid.UUID:
    """Return the id of a statement; raises UnknownThing for what is none."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise UnknownThing("statement", text) from error


def pretty(raw: bytes) -> str:
    """Return a statement with one member a line; the exact text is what the API answers."""
    return orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2).decode()


def person_of(ifi: str) -> Document | None:
    """Return the person who is the actor, where the user sees them."""
    if not may("people"):
        return None
    found = current_services().db.people.find_one({"$and": [directory().filter(ifi=ifi)]})
    return None if found is None else directory().present(found)


def decided_by(row: Document) -> list[Document]:
    """Return the awards of the actor that rest on a statement, of a person whose awards the user sees."""
    person = person_of(row["actor"])
    if person is None or not may("people", "rules"):
        return []
    rows = current_services().db.awards.find({"org": VENDOR, "person": person["_id"]})
    known = str(row["id"])
    return [
        one for one in rows if any(known in map(str, period["evidence"]) for period in one.get("periods", ()))
    ]
