"""Dashboards: saved questions of the organization side by side, in an order, each with its last answer."""

from __future__ import annotations

import time
from typing import Any, Final

from flask import Response, g

from lrs.analysis.questions import dashboards as service
from lrs.analysis.questions import saved
from lrs.api.rights import visible_org
from lrs.console.forms import sent
from lrs.console.instants import beginning, read_instant
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.models.questions.narrowing import Narrowing
from lrs.console.organizations.people import org_names
from lrs.console.records.ask import names
from lrs.console.records.questions import told_of
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.words.engine import titles

Document = dict[str, Any]
PLACE: Final = "/console/dashboards"
COLUMNS: Final = ("id", "name", "questions", "owner", "updated_at")
PATIENCE: Final = 5.0  # seconds for all questions of a narrowed dashboard
LEAST: Final = 0.2  # seconds for each, when the others took it all
TO_CHOOSE: Final = 200  # questions that may be put on a dashboard

blueprint = Pages("console_dashboards", __name__)


@listed(blueprint, PLACE, scope="analytics", template="dashboards.html")
def dashboards(span: Span) -> Rows:
    """List the dashboards of the organization, by name."""
    db, org = current_services().db, g.principal.org
    found, last = seek(db.dashboards, {"org": org}, span, "name")
    rows = [{**one, "id": one["_id"], "questions": len(one["questions"])} for one in found]
    owners = db.users.find({"org": org, "_id": {"$in": sorted({one["owner"] for one in found})}})
    called = {one["_id"]: one.get("name") or one["email"] for one in owners}
    return Rows(COLUMNS, rows, last, {"owners": called, "longest": service.LONGEST_NAME})


@blueprint.post(PLACE, scope="analytics")
def make() -> Response:
    """Make a dashboard that everybody of the organization sees."""
    services = current_services()
    name = sent("name").get("name", "")
    made = service.create(services.db, g.principal.org, g.principal.id, name, services.now())
    return redirected(f"{PLACE}/{made['_id']}")


@blueprint.get(f"{PLACE}/<dashboard>", scope="analytics")
def dashboard(dashboard: str) -> Response:
    """Show a dashboard: its questions in order, those that the reader may read, each with its last answer.

    Narrowed to a partner, a certification or days, each is asked anew.
    """
    db = current_services().db
    found, known = service.get(db, g.principal.org, dashboard), names()
    readable = saved.readable(g.principal.org, wide=g.principal.vendor_wide)
    rows = {
        one["_id"]: one for one in db.saved_queries.find({**readable, "_id": {"$in": found["questions"]}})
    }
    filters, narrowing = asked("organization", "certification", "since", "until"), _narrowing()
    ends = time.monotonic() + PATIENCE
    tiles = [
        told_of(
            rows[one], known, leads=True, narrowing=narrowing,
            seconds=max(LEAST, ends - time.monotonic()),
        )
        for one in found["questions"]
        if one in rows
    ]  # fmt: skip
    others = db.saved_queries.find({**readable, "_id": {"$nin": found["questions"]}}, {"name": 1})
    return show(
        "dashboard.html",
        board=found, tiles=tiles, filters=filters, orgs=org_names(), titles=titles(),
        hidden_count=len(found["questions"]) - len(rows), changing="change" in asked("change"),
        others=list(others.sort("_id", 1).limit(TO_CHOOSE)), most=service.MOST, longest=service.LONGEST_NAME,
    )  # fmt: skip


def _narrowing() -> Narrowing:
    """Return what the address narrows every question to; raises InvalidField, UnknownThing or Forbidden."""
    given = asked("organization", "certification", "since", "until")
    org, certification = given.get("organization"), given.get("certification")
    if certification is not None and certification not in titles():
        raise UnknownThing("certification", certification)
    return Narrowing(
        None if org is None else visible_org(org),
        certification,
        read_instant("since", beginning("since", given["since"])) if "since" in given else None,
        read_instant("until", given["until"]) if "until" in given else None,
    )


@blueprint.post(f"{PLACE}/<dashboard>", scope="analytics")
def change(dashboard: str) -> Response:
    """Rename a dashboard, put, move or take off a question, or delete it: what the button says."""
    services, form = current_services(), sent("action", "name", "question")
    db, now = services.db, services.now()
    found = service.get(db, g.principal.org, dashboard)
    action, question = form.get("action"), form.get("question", "")
    if action == "delete":
        service.delete(db, found)
        return redirected(PLACE)
    if action == "rename":
        service.rename(db, found, form.get("name", ""), now)
    elif action == "put":
        one = saved.get(db, g.principal.org, question, wide=g.principal.vendor_wide)
        service.put(db, found, one["_id"], now)
    elif action in {"up", "down"}:
        service.move(db, found, question, -1 if action == "up" else 1, now)
    elif action == "off":
        service.take_off(db, found, question, now)
    else:
        raise InvalidField("action", "is one of rename, put, up, down, off, delete")
    return redirected(f"{PLACE}/{dashboard}?change=1")
