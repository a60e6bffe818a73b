"""What ends soon: the list by day, and a calendar that tells how many end on each."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from typing import Any, Final

from lrs.api.rights import directory, visible_org
from lrs.console.lists import Rows, Span, asked, listed
from lrs.console.models.calendar import months
from lrs.console.organizations.holders import all_ending, row_of_end
from lrs.console.organizations.partners import names_of
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.http.addresses import beside
from lrs.words.engine import titles
from rules.engine.affiliations import holding
from rules.stored import VENDOR

Document = dict[str, Any]
COLUMNS: Final = (
    "expires", "days", "person", "name", "organization", "certification", "title", "state", "told_at",
    "planned_at",
)  # fmt: skip
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
    found = all_ending(services, now, until, persons, filters.get("certification"))
    shown = [one for one in found if one[0] == filters["on"]] if "on" in filters else found
    page = shown[bisect_right(shown, _position(span), key=lambda one: one[:3]) :][: span.limit + 1]
    items = [row_of_end(one, now) for one in page[: span.limit]]
    last = list(page[span.limit - 1][:3]) if len(page) > span.limit else None
    context = {
        "filters": filters, "days": days, "choices": CHOICES, "total": len(shown),
        "months": months((dt.date.fromisoformat(one[0]) for one in found), now.date(), until),
        "orgs": org_names(), "titles": titles(), "beside": beside,
    }  # fmt: skip
    return Rows(COLUMNS, dressed(with_notices(items), now), last, context)


def _position(span: Span) -> tuple[str, ...]:
    """Return the place after which a page begins; raises InvalidField."""
    after = span.after or []
    if len(after) not in {0, 3} or any(one is None for one in after):
        raise InvalidField("after", "is not a position of this list")
    return tuple(after)


def with_notices(items: list[Document]) -> list[Document]:
    """Return rows with when their people were last reminded of that end, and will be next."""
    wanted = {
        "org": VENDOR, "person": {"$in": sorted({one["person"] for one in items})}, "kind": "before_expiry",
        "state": {"$in": ["told", "planned"]},
    }  # fmt: skip
    times: dict[tuple[str, str, str, str], dt.datetime] = {}
    for row in current_services().db.notices.find(wanted):
        key = row["person"], row["certification"], row["valid_until"], row["state"]
        latest = max if row["state"] == "told" else min
        times[key] = latest(times.get(key, row["due_at"]), row["due_at"])

    def at(one: Document, state: str) -> dt.datetime | None:
        return times.get((one["person"], one["certification"], one["expires"], state))

    return [{**one, "told_at": at(one, "told"), "planned_at": at(one, "planned")} for one in items]


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
