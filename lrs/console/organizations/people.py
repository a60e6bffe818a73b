"""People: the list, and one person with what they hold, where they belong, and what happened."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from flask import Response, g

from lrs.analysis.assignments import assigned_to
from lrs.analysis.audience import only
from lrs.analysis.readable_stores import scope_of
from lrs.analysis.timeline import person_timeline
from lrs.api.organizations import audit as audit_api
from lrs.api.rights import directory, org_filter, visible_org
from lrs.console.instants import asked_instant
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.shell import Pages, may, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from lrs.words.engine import titles
from rules import queries
from rules.engine.affiliations import holds
from rules.engine.standings import state_at
from rules.errors import RuleError
from rules.evaluation.timeline import HELD_STATES
from rules.explaining.explanation import Explanation
from rules.stored import VENDOR

Document = dict[str, Any]
COLUMNS: Final = ("person", "name", "email", "organizations", "role", "holds")
STANDINGS: Final = 60  # certifications of one person on a page
ENTRIES: Final = 40  # of the timeline
BY_NAME: Final = "org_1_name_1__id_1"

blueprint = Pages("console_people", __name__)


@listed(blueprint, "/console/people", scope="people", template="people.html")
def people(span: Span) -> Rows:
    """List or find the people whom the user sees, by name; an address is looked up by its beginning."""
    services, filters = current_services(), asked("q", "org")
    if "org" in filters:
        visible_org(filters["org"])
    query = directory().filter(org=filters.get("org"))
    by, clause = by_words(filters.get("q", ""))
    found, last = seek(
        services.db.people, {"$and": [query, clause]}, span, by, hint=BY_NAME if by == "name" else None
    )
    held = held_by(services.now(), [one["_id"] for one in found])
    items = [row_of(one, held, services.now()) for one in directory().present_each(found)]
    return Rows(COLUMNS, items, last, {"filters": filters, "orgs": org_names()})


def by_words(words: str) -> tuple[str, Document]:
    """Return by which field people are listed, and the filter of what somebody typed."""
    if "@" in words:
        return "email", {"email": {"$regex": f"^{re.escape(words.lower())}"}}
    return "name", {"name": {"$regex": re.escape(words), "$options": "i"}} if words else {}


def row_of(person: Document, held: Mapping[str, list[str]], now: dt.datetime) -> Document:
    """Return a person as a row of a list."""
    present = [one for one in person["affiliations"] if holds(one, now)]
    return {
        "person": person["_id"],
        "name": person.get("name"),
        "email": person.get("email"),
        "organizations": [one["org"] for one in present],
        "role": next((one["role"] for one in present if one.get("role")), None),
        "confirmed": bool(present),
        "holds": held.get(person["_id"], []),
    }


def held_by(now: dt.datetime, persons: Collection[str]) -> dict[str, list[str]]:
    """Return the certifications that each of these people holds now, of those whose state is seen."""
    members = directory().members()
    wanted = set(persons) if members is None else set(persons) & set(members)
    found: dict[str, list[str]] = {}
    for row in current_services().db.standings.find({"org": VENDOR, "person": {"$in": sorted(wanted)}}):
        state = state_at(row, now)
        if state is not None and state.counts and state.state in HELD_STATES:
            found.setdefault(row["person"], []).append(row["certification"])
    return found


def org_names() -> dict[str, str]:
    """Return the names of the organizations that the user sees."""
    rows = current_services().db.orgs.find(org_filter("_id"), {"name": 1}).sort("_id", 1)
    return {row["_id"]: row["name"] for row in rows}


def name_of(by: str) -> str:
    """Return what whoever changed rules is called: a user's address, else how the record names them."""
    user = current_services().db.users.find_one({"_id": by.removeprefix("user:")}, {"email": 1})
    return str(user["email"]) if user else by


@blueprint.get("/console/people/<person>", scope="people")
def person(person: str) -> Response:
    """Show one person, now or as of an instant."""
    services, found = current_services(), directory().get(person)
    at, is_past = asked_instant("at")
    rows = services.db.audit.find({"thing": found["_id"], **org_filter()}).sort("_id", -1).limit(10)
    return show(
        "person.html",
        person=directory().present(found),
        standings=standings_of(found["_id"], at, is_past=is_past),
        paths=[] if is_past else paths_of(found["_id"]),
        entries=timeline_of(found["_id"]),
        changes=[audit_api.present(row) for row in rows],
        orgs=org_names(), titles=titles(), at=at, is_past=is_past, now=services.now(),
    )  # fmt: skip


def standings_of(person: str, at: dt.datetime, *, is_past: bool) -> list[Document]:
    """Return how a person stands at an instant, or stood when they left, with how much is met."""
    services = current_services()
    try:
        left = directory().left_at(person)
    except UnknownThing:  # they have not begun yet
        return []
    seen = at if left is None else min(at, left)
    rows = queries.list_awards(services.db, seen, person=person, limit=STANDINGS)
    shown = [row for row in rows if not row["evaluated"]]
    told = (
        explained_then(person, shown, seen) if is_past or left is not None else explained_now(person, shown)
    )
    return [{**row, **missing_of(told.get(row["certification"]))} for row in shown]


def paths_of(person: str) -> list[tuple[str, Document]]:
    """Return the assignments of a person with their titles; none of somebody who left, or has not begun."""
    services = current_services()
    try:
        left = directory().left_at(person)
    except UnknownThing:
        return []
    return [] if left is not None else assigned_to(services.db, person, services.now())


def explained_now(person: str, rows: Collection[Document]) -> dict[str, Explanation]:
    """Return the explanations of what a person is listed with; what they did is read once for all."""
    services = current_services()
    names = [row["certification"] for row in rows]
    try:
        return queries.explain_each(services.db, person, names, services.now())
    except RuleError:
        return {}


def explained_then(person: str, rows: Collection[Document], at: dt.datetime) -> dict[str, Explanation]:
    """Return the explanations at an instant in the past, as known now."""
    services, found = current_services(), {}
    for row in rows:
        with contextlib.suppress(RuleError):
            name = row["certification"]
            found[name] = queries.explain(services.db, person, name, at, services.now())
    return found


def missing_of(told: Explanation | None) -> Document:
    """Return how much is met and the labels of what is missing; nothing where nothing is explained."""
    if told is None:
        return {"missing": [], "met": None, "of": None}
    return {"missing": [node.label for node in told.tree if not node.ok], "met": told.met, "of": told.of}


def timeline_of(person: str) -> list[Document]:
    """Return what happened to a person, the newest first, as far as the user may read it."""
    if not may("analytics", "people"):
        return []
    services = current_services()
    whom = only(services.db, scope_of(services.db, g.principal), person)
    try:
        told = person_timeline(services.db, whom, person, services.now())
    except UnknownThing:
        return []
    return list(reversed(told["entries"][-ENTRIES:]))
