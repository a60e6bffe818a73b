"""GET /me/progress: my points and milestones, and the boards of who agreed to be on them."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response

from lrs.access.guard import AUTHENTICATED
from lrs.engagement import leaderboards
from lrs.engagement.happened import happenings
from lrs.engagement.published import engagements, name_of, products, seasons
from lrs.foundation.context import current_services
from lrs.people.directory import Directory
from lrs.portal.mine import Mine, me, page
from lrs.portal.models.effort import OwnSeason, own_milestones, own_seasons
from lrs.words.engine import titles
from lrs.words.reader import mark
from rules.catalogue.store import cache_of
from rules.engagement.boards import place_of
from rules.engagement.happenings import Happening

Document = dict[str, Any]
LISTED: Final = 20  # things that brought points, of each season
WORDS: Final = {
    "certification": mark("Certified"),
    "renewal": mark("Certification renewed"),
    "content": mark("Course finished"),
    "question": mark("Question answered right"),
}

blueprint = Mine("me_progress", __name__)


@blueprint.get("/me/progress", scope=AUTHENTICATED)
def progress() -> Response:
    """Show what the own person reached, and how boards stand."""
    services, person = current_services(), me()
    rules, now = cache_of(services.db).get(), services.now()
    happened = happenings(services.db, rules, [person["_id"]]).get(person["_id"], [])
    own = own_seasons(seasons(rules, now), happened, now)
    org = Directory(services.db, now).organization_of(person["_id"])
    return page(
        "progress.html",
        seasons=[(one, board_of(one, org)) for one in own], words=WORDS, most=LISTED,
        milestones=own_milestones(engagements(rules, now), happened, products(rules), now),
        things=names_of(happened), agreed=(person.get("engagement") or {}).get("board"),
        orgs=partner_names(own), org=org, person=person["_id"],
    )  # fmt: skip


def board_of(one: OwnSeason, org: str | None) -> Document | None:
    """Return the board of a season, with the place of the own partner."""
    db = current_services().db
    found = leaderboards.shown(db, one.document, one.season, one.points)
    if found is None:
        return None
    averages = found.pop("averages")
    mine = averages.get(org) if org is not None else None
    place = None if mine is None else place_of(list(averages.values()), mine)
    return {**found, "partner_place": place, "partner_points": mine}


def partner_names(own: list[OwnSeason]) -> dict[str, str]:
    """Return the names of organizations on the boards of some seasons."""
    if not own:
        return {}
    names = [name_of(one.document, one.season) for one in own]
    db = current_services().db
    rows = db.leaderboards.find({"_id": {"$in": names}}, {"partners.org": 1})
    orgs = sorted({one["org"] for row in rows for one in row["partners"]})
    return {row["_id"]: row["name"] for row in db.orgs.find({"_id": {"$in": orgs}}, {"name": 1})}


def names_of(happened: list[Happening]) -> dict[tuple[str, str], str]:
    """Return what things that happened are called: certifications and courses; questions have no name."""
    known = titles()
    items = sorted({one.what for one in happened if one.kind == "content"})
    rows = current_services().db.content_items.find({"_id": {"$in": items}}, {"title": 1}) if items else ()
    courses = {row["_id"]: next(iter(row["title"].values()), row["_id"]) for row in rows}
    return {
        (one.kind, one.what): courses.get(one.what, "") if one.kind == "content" else known.get(one.what, "")
        for one in happened
    }


def strip_of(person: Document, now: dt.datetime) -> Document | None:
    """Return what the overview says: running seasons, milestones; None where nothing is published."""
    db = current_services().db
    rules = cache_of(db).get()
    documents = engagements(rules, now)
    if not documents:
        return None
    happened = happenings(db, rules, [person["_id"]]).get(person["_id"], [])
    own = own_seasons(seasons(rules, now), happened, now)
    reached = own_milestones(documents, happened, products(rules), now)
    return {
        "seasons": [one for one in own if one.is_running],
        "milestones": [one for one in reached if one.at is not None],
        "next": next((one for one in reached if one.at is None), None),
    }
