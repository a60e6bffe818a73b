"""What ends soon: the list by day, and a calendar that tells how many end on each."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from urllib.parse import urlencode

from flask import request

from lrs.api.rights import directory, visible_org
from lrs.console.lists import Rows, Span, asked, cut, listed
from lrs.console.models.calendar import months
from lrs.console.organizations.holders import ending
from lrs.console.organizations.partners import names_of
from lrs.console.organizations.people import org_names, titles
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from rules.engine.affiliations import holding

Document = dict[str, Any]
COLUMNS: Final = ("expires", "days", "person", "name", "organization", "certification", "title", "state")
CHOICES: Final = ("30", "90", "180", "365")

blueprint = Pages("console_expiries", __name__)


@listed(blueprint, "/console/expiries", scope=("people", "analytics"), template="expiries.html")
def expiries(span: Span) -> Rows:
    """List the certifications that are held and end soon, the next first."""
    services, filters = current_services(), asked("days", "org", "certification", "on")
    days = filters.get("days", "90")
    if days not in CHOICES:
        raise InvalidField("days", f"is one of {', '.join(CHOICES)}")
    now = services.now()
    persons = directory().members()
    if "org" in filters:
        members = directory().members_of(visible_org(filters["org"]))
        persons = members if persons is None else sorted(set(persons) & set(members))
    until = now.date() + dt.timedelta(days=int(days))
    found = list(ending(services.db, now, until, persons=persons, certification=filters.get("certification")))
    shown = [one for one in found if one["expires"] == filters["on"]] if "on" in filters else found
    items, last = cut(shown, span, lambda one: [one["expires"], one["person"], one["certification"]])
    context = {
        "filters": filters, "days": days, "choices": CHOICES, "total": len(shown),
        "months": months([dt.date.fromisoformat(one["expires"]) for one in found], now.date(), until),
        "orgs": org_names(), "titles": titles(), "day_link": lambda one: _with_day(one.isoformat()),
        "here_without_day": _with_day(None),
    }  # fmt: skip
    return Rows(COLUMNS, dressed(items, now), last, context)


def dressed(items: list[Document], now: dt.datetime) -> list[Document]:
    """Return rows with names, titles and the organization that each person counts for."""
    persons, known = {one["person"] for one in items}, titles()
    names = names_of(persons)
    wanted = {"person": {"$in": sorted(persons)}, "primary": True, **holding(now)}
    orgs = {row["person"]: row["org"] for row in current_services().db.affiliations.find(wanted)}
    return [
        {
            **one, "name": names.get(one["person"], one["person"]), "organization": orgs.get(one["person"]),
            "title": known.get(one.get("certification", ""), one.get("certification")),
        }
        for one in items
    ]  # fmt: skip


def _with_day(day: str | None) -> str:
    """Return the address of this list on one day, or on all."""
    kept = [(name, one) for name, one in request.args.items() if name not in {"after", "on"} and one]
    return "/console/expiries?" + urlencode([*kept, *([("on", day)] if day else [])], errors="replace")
