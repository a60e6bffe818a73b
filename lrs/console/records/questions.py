"""Saved questions: what an organization asks again and again, with answers on a schedule and by mail."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from bson import json_util
from flask import Response, g

from lrs.analysis.questions import alerts, dashboards, saved
from lrs.analysis.readable_stores import scope_of
from lrs.analysis.run import Analyst, Answer
from lrs.api.records import analytics as api
from lrs.console.forms import read, sent
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.models import asked_statements
from lrs.console.models.chart import Drawing, drawing
from lrs.console.models.questions import words
from lrs.console.models.questions.narrowing import Narrowing
from lrs.console.records.ask import SECONDS, exports, given, names, people_in, shown_of, statements_of
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.reader import language, mark
from statements.errors import StatementError
from statements.query.time_buckets import in_zone

Document = dict[str, Any]
BOARDS: Final = 50  # to choose from
COLUMNS: Final = (
    "id",
    "name",
    "owner",
    "sentence",
    "shown_as",
    "schedule",
    "next_at",
    "alerts",
    "beyond",
    "created_at",
)
SCHEDULES: Final = {
    "": mark("Only when somebody asks"),
    "0 * * * *": mark("Every hour"),
    "0 5 * * *": mark("Every day"),
    "0 5 * * 1": mark("Every Monday"),
    "0 5 1 * *": mark("Every month"),
}

EVERYTHING: Final = Narrowing()
SIDE_WORDS: Final = {"above": mark("is above"), "below": mark("is below")}

blueprint = Pages("console_questions", __name__)


@listed(blueprint, "/console/questions", scope="analytics", template="questions.html")
def questions(span: Span) -> Rows:
    """List the saved questions of the organization."""
    services, filters = current_services(), asked("mine")
    readable = saved.readable(g.principal.org, wide=g.principal.vendor_wide)
    wanted = {"$and": [readable, {"owner": g.principal.id} if filters else {}]}
    found, last = seek(services.db.saved_queries, wanted, span)
    known = names()
    return Rows(
        COLUMNS, [_row(one, known) for one in found], last,
        {"filters": filters, "owners": _owners(found), "schedules": SCHEDULES},
    )  # fmt: skip


@blueprint.post("/console/questions", scope="analytics")
def save() -> Response:
    """Save a question with a name for the organization, and answer it for the first time."""
    services, form = current_services(), sent("name", "q", "org", "as")
    body = read(
        api.SavedQueryBody,
        {
            "name": form.get("name", ""),
            "query": given(form.get("q", "")),
            "organizations": [form["org"]] if "org" in form else [],
        },
    )
    shown_as = form.get("as", "auto")
    if shown_as not in saved.PICTURES:
        raise InvalidField("as", f"is one of {', '.join(saved.PICTURES)}")
    made = saved.create(
        services.db,
        name=body["name"],
        owner=g.principal.id,
        org=g.principal.org,
        schedule=None,
        now=services.now(),
        scope=scope_of(services.db, g.principal, body["organizations"]),
        expression=body["query"],
        shown_as=shown_as,
    )
    saved.run(services.db, made, services.now())
    return redirected(f"/console/questions/{made['_id']}")


@blueprint.get("/console/questions/<query>", scope="analytics")
def question(query: str) -> Response:
    """Show a saved question with its last answer."""
    known, found = names(), api.find(query)
    told = told_of(found, known, leads=True)
    boards = list(current_services().db.dashboards.find({"org": found["org"]}).sort("name", 1).limit(BOARDS))
    return show(
        "question.html", **told, names=known, schedules=SCHEDULES, people=people_in(told["shown"]),
        short=asked_statements.short,
        readers=_readers(found), me=g.principal.id,
        owner=_owners([found]).get(found["owner"], found["owner"]),
        figures=figures(told["body"], known), sides=SIDE_WORDS,
        watchers=_users({one["user"] for one in found.get("alerts", ())}),
        boards=boards, stands=[one for one in boards if query in one["questions"]],
        exports=exports(told["body"], _narrow(found)),
    )  # fmt: skip


@blueprint.post("/console/questions/<query>", scope="analytics")
def change(query: str) -> Response:
    """Answer a question anew, put it on a dashboard, schedule or delete it: what the button says."""
    services, found, action = current_services(), api.find(query), sent("action").get("action")
    if action == "delete":
        saved.delete(services.db, found)
        return redirected("/console/questions")
    if action == "run":
        saved.run(services.db, found, services.now())
    elif action == "board":
        return redirected(_put_on_board(query))
    elif action in {"mail", "no-mail"}:
        saved.send_to(services.db, found, g.principal.id, language() if action == "mail" else None)
    elif action == "alert":
        form = sent("measure", "side", "bound")
        alerts.add(
            services.db, found, g.principal.id, language(), measure=form.get("measure", ""),
            side=form.get("side", ""), bound=form.get("bound", ""), latest=saved.latest(services.db, found),
        )  # fmt: skip
    elif action == "no-alert":
        alerts.remove(services.db, found, g.principal.id, sent("alert").get("alert", ""))
    elif action == "schedule":
        saved.change(services.db, found, services.now(), schedule=sent("schedule").get("schedule"))
    else:
        raise InvalidField("action", "is one of run, board, schedule, mail, no-mail, alert, no-alert, delete")
    return redirected(f"/console/questions/{query}")


def _put_on_board(query: str) -> str:
    """Put a question on the dashboard that the form chose, or on a new one; return its address."""
    services, form = current_services(), sent("dashboard", "name")
    if "name" in form:
        board = dashboards.create(services.db, g.principal.org, g.principal.id, form["name"], services.now())
    else:
        board = dashboards.get(services.db, g.principal.org, form.get("dashboard", ""))
    dashboards.put(services.db, board, query, services.now())
    return f"/console/dashboards/{board['_id']}"


def told_of(
    found: Document,
    names: Mapping[str, str],
    *,
    leads: bool = False,
    narrowing: Narrowing = EVERYTHING,
    seconds: float = SECONDS,
) -> Document:
    """Return what is shown of a saved question: its sentence, its last answer and the picture of that.

    Where it is narrowed it is asked anew, for so many seconds at most.
    """
    services = current_services()
    body: Document = json_util.loads(found["expression"])
    scope = saved.scope_now(services.db, found)
    analyst = Analyst(services.db, scope, services.now(), max_seconds=seconds)
    if narrowing:
        body = narrowing.of(body)
        result = _asked_now(analyst, body)
    else:
        result = saved.latest(services.db, found) or {"rows": [], "at": None}
    wanted = _narrow(found)
    shown, picture = None, Drawing()
    try:
        shown = shown_of(
            analyst, body, Answer(_zoned(analyst, body, result["rows"])), found.get("shown_as", "auto"),
            partial(statements_of, wanted=wanted) if leads else None,
        )  # fmt: skip
    except (StatementError, KeyError):  # asked in words of another version
        shown = None
    if shown is not None and shown.report is not None:
        picture = drawing(shown.report)
    kept = {"q": json.dumps(body, ensure_ascii=False), "as": found.get("shown_as", "auto"), **wanted}
    return {
        "question": found, "body": body, "result": result, "shown": shown, "drawing": picture,
        "link": partial(statements_of, wanted=wanted), "sentence": words.sentence(body, names),
        "again": f"/console/ask?{urlencode(kept, errors='replace')}",
    }  # fmt: skip


def _asked_now(analyst: Analyst, body: Document) -> Document:
    try:
        return {"rows": analyst.ask(body).rows, "at": analyst.now}
    except (StatementError, InvalidField) as error:
        return {"rows": [], "at": analyst.now, "error": str(error)}


def _zoned(analyst: Analyst, body: Document, rows: list[Document]) -> list[Document]:
    """Return kept rows with the instants of their buckets in the zone of the question."""
    keys = [one for one in analyst.parse(body).group if one.bucket]
    for row in rows:
        for one in keys:
            value = row.get(one.name)
            if isinstance(value, dt.datetime):
                row[one.name] = in_zone(value, one.timezone)
    return rows


def _narrow(found: Document) -> dict[str, str]:
    """Return the one store that a saved question was narrowed to, where it was."""
    names = found["organizations"]
    return {"org": names[0]} if len(names) == 1 and not found["whole"] else {}


def _row(found: Document, names: Mapping[str, str]) -> Document:
    alerts_of = found.get("alerts", ())
    return {
        **found, "id": found["_id"], "path": f"/console/questions/{quote(found['_id'])}",
        "sentence": words.sentence(json_util.loads(found["expression"]), names),
        "shown_as": found.get("shown_as", "auto"), "next_at": found.get("next_at"),
        "alerts": len(alerts_of), "beyond": sum(bool(one["passing"]) for one in alerts_of),
    }  # fmt: skip


def _owners(found: list[Document]) -> dict[str, str]:
    """Return the names of the users of one's own organization who saved these questions."""
    wanted = {"org": g.principal.org, "_id": {"$in": sorted({one["owner"] for one in found})}}
    rows = current_services().db.users.find(wanted, {"name": 1, "email": 1})
    return {one["_id"]: one.get("name") or one["email"] for one in rows}


def figures(body: Document, names: Mapping[str, str]) -> dict[str, str]:
    """Return what an alert may watch of a question: its measures, in words."""
    measures = body.get("measures") or ({"count": {"count": True}} if body.get("group") else {})
    return {name: words.measure_words(one, names) for name, one in measures.items()}


def _readers(found: Document) -> dict[str, str]:
    """Return the addresses to which the scheduled answers go, by user."""
    return _users({one["user"] for one in found.get("readers", ())})


def _users(ids: set[str]) -> dict[str, str]:
    wanted = {"_id": {"$in": sorted(ids)}, "disabled_at": None}
    return {one["_id"]: one["email"] for one in current_services().db.users.find(wanted, {"email": 1})}
