"""/partner/due: who is late, who has a day ahead, and what ends soon; and the way to the reports."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response

from lrs.analysis.assignments import assigned, row_of, titles_of
from lrs.analysis.reports.catalogue import offered
from lrs.console.lists import Rows, Span, asked, cut, listed
from lrs.console.organizations.holders import ending
from lrs.console.organizations.partners import names_of
from lrs.console.records.reports import TITLES
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.portal.managing import frame, own_org, page
from lrs.portal.partner.asked import asked_now
from lrs.portal.partner.overview import roles_of
from lrs.words.engine import named, titles
from rules.catalogue.store import cache_of
from rules.programmes.assignments import UNMET

Document = dict[str, Any]
COLUMNS: Final = ("day", "what", "person", "name", "certification", "assignment", "title", "state")
CHOICES: Final = ("30", "90", "180", "365")
NO_DAY: Final = "9999-12-31"  # asked for without a day: last

blueprint = Pages("partner_due", __name__)


@listed(blueprint, "/partner/due", scope="people", template="portal/due.html")
def due(span: Span) -> Rows:
    """List what is late, due or ending, the most urgent first."""
    filters = asked("days")
    days = filters.get("days", "90")
    if days not in CHOICES:
        raise InvalidField("days", f"is one of {', '.join(CHOICES)}")
    org, now = own_org()["_id"], current_services().now()
    rows = rows_of(org, now, int(days))
    names, known = names_of({one["person"] for one in rows}), titles()
    paths = named(titles_of(cache_of(current_services().db).get()))
    told = [
        {
            **one, "name": names.get(one["person"], one["person"]),
            "title": known.get(one.get("certification", ""), paths.get(one.get("assignment", ""), "")),
        }
        for one in rows
    ]  # fmt: skip
    shown, last = cut(told, span, lambda one: [one["day"] or NO_DAY, one["person"], what(one)])
    late = sum(one["what"] == "late" for one in told)
    context = {**frame(), "days": days, "choices": CHOICES, "late": late, "total": len(told)}
    return Rows(COLUMNS, shown, last, context)


def what(row: Document) -> str:
    """Return what a row is about: the id of a certification, or `a/` and that of an assignment."""
    return str(row.get("certification") or f"a/{row['assignment']}")


def assignment_rows(org: str, now: dt.datetime) -> list[Document]:
    """Return what of assignments the people have not met, as rows."""
    found = assigned(current_services().db, now, list(roles_of(org, now)))
    return [
        {
            "day": row["due"], "what": "late" if row["late"] else "due", "person": person,
            "assignment": row["assignment"], "state": row["state"],
        }
        for person, one in found
        if one.state in UNMET
        for row in [row_of(person, one)]
    ]  # fmt: skip


def rows_of(org: str, now: dt.datetime, days: int) -> list[Document]:
    """Return what is asked of the people and not held, and what they hold that ends within some days."""
    until = now.date() + dt.timedelta(days=days)
    missing = [one for one in asked_now(org, now) if not one.held]
    rows = [
        {
            "day": one.asked.due.isoformat() if one.asked.due else None,
            "what": "late" if one.overdue else "due", "person": one.membership.person,
            "certification": one.certification, "state": one.state,
        }
        for one in missing
    ]  # fmt: skip
    rows += assignment_rows(org, now)
    held = ending(current_services().db, now, until, persons=list(roles_of(org, now)))
    return rows + [
        {
            "day": one["expires"], "what": "ended" if one["days"] < 0 else "ends", "person": one["person"],
            "certification": one["certification"], "state": one["state"],
        }
        for one in held
    ]  # fmt: skip


@blueprint.get("/partner/reports", scope="people")
def reports() -> Response:
    """List the ready reports over the own people."""
    settings = current_services().settings
    names = offered(has_lake=bool(settings.lake_url), predicts=settings.prediction)
    return page("reports.html", reports=[(name, TITLES.get(name, name)) for name in names])
