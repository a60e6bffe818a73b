"""The first page: what needs somebody today, each with the way to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from flask import Response

from lrs.api.rights import directory, org_filter, visible_orgs
from lrs.console.entry.checklist import first_steps
from lrs.console.models.states import HELD
from lrs.console.organizations.holders import End, all_ending, row_of_end
from lrs.console.organizations.partners import names_of, tiers_now
from lrs.console.organizations.people import org_names
from lrs.console.programme.certifications import counts_now
from lrs.console.programme.expiries import dressed
from lrs.console.shell import Pages, may, show
from lrs.foundation.context import current_services
from lrs.words.reader import mark
from rules.catalogue.store import cache_of
from rules.engine.queues.outbox import newest
from rules.language.model import Certification
from rules.stored import VENDOR

Document = dict[str, Any]
READERS: Final = ("orgs", "people", "analytics", "rules")
SHOWN: Final = 6  # rows of a panel; the page behind it has all
SOON: Final = dt.timedelta(days=30)
AHEAD: Final = dt.timedelta(days=90)  # within which a tier that falls is told of
MANY: Final = 50  # a tile says that there are so many or more, and counts no further

blueprint = Pages("console_home", __name__)


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure with what it counts, where it leads, and whether it asks for somebody."""

    count: int
    title: str
    path: str
    tone: str = ""


@blueprint.get("/console", scope=READERS)
def home() -> Response:
    """Show what needs somebody today, and where everything stands."""
    services = current_services()
    now, soon = services.now(), ending_soon()
    certified = [one.id for one in cache_of(services.db).get().of_kind(Certification)]
    counts, counted_at = counts_now()
    chart = [
        (name, sum(counts.get(name, {}).get(one, 0) for one in HELD)) for name in certified
    ]  # fmt: skip
    return show(
        "home.html", steps=first_steps(),
        many=MANY, tiles=list(tiles(soon)), falling=falling(now), counted_at=counted_at,
        soon=dressed([row_of_end(one, now) for one in (soon or ())[:SHOWN]], now), awarded=awarded(),
        chart=sorted(chart, key=lambda one: -one[1])[:8], has_rules=bool(certified),
        titles={one.id: one.title for one in cache_of(services.db).get().of_kind(Certification)},
        has_people=services.db.people.find_one({"org": VENDOR}, {"_id": 1}) is not None, orgs=org_names(),
    )  # fmt: skip


def ending_soon() -> list[End] | None:
    """Return in order what ends soon, of the people whom the user sees; None for who sees nobody's."""
    if not may("people", "analytics"):
        return None
    services = current_services()
    now = services.now()
    return all_ending(services, now, (now + SOON).date(), directory().members())


def awarded() -> list[Document]:
    """Return the newest awards as rows, for the vendor's users."""
    if not may("people") or visible_orgs() is not None:
        return []
    rows = [
        {**one["data"], "at": one["timestamp"]}
        for one in newest(current_services().db, SHOWN, "award.issued")
    ]
    names = names_of({one["person"] for one in rows})
    return [{**one, "name": names.get(one["person"])} for one in rows]


def tiles(soon: list[End] | None) -> Iterator[Tile]:
    """Yield the figures that the user may see."""
    services = current_services()
    now = services.now()
    if soon is not None:
        yield Tile(len(soon), mark("end within 30 days"), "/console/expiries?days=30", "late" if soon else "")
    if may("people"):
        pending = services.db.affiliations.count_documents(directory().waiting(), limit=MANY)
        yield Tile(pending, mark("wait for confirmation"), "/console/people", "late" if pending else "")
    if may("rules") and visible_orgs() is None:
        open_reviews = services.db.standings.count_documents(
            {"org": VENDOR, "reviews": {"$exists": True}}, limit=MANY
        )
        yield Tile(
            open_reviews, mark("reviews are open"), "/console/certifications", "late" if open_reviews else ""
        )
        wanted = {"org": VENDOR, "applied_at": None, "expires_at": {"$gt": now}}
        waiting = services.db.plans.count_documents(wanted, limit=MANY)
        yield Tile(waiting, mark("plans wait"), "/console/rules", "late" if waiting else "")
    if may("orgs"):
        day = now - dt.timedelta(days=1)
        refused = services.db.inbound.count_documents({**org_filter(), "at": {"$gte": day}}, limit=MANY)
        yield Tile(refused, mark("refused in 24 hours"), "/console/inbound", "bad" if refused else "")


def falling(now: dt.datetime) -> list[Document]:
    """Return the partners whose tier falls soon, as due or if nobody renews, the next first."""
    names = org_names()
    rows = [
        {"organization": org, **one, "at": at}
        for org, some in tiers_now(names, now).items()
        for one in some
        if (at := one["falls_at"] or one["next_at"]) and at <= now + AHEAD
    ]
    return sorted(rows, key=lambda one: one["at"])[:SHOWN]
