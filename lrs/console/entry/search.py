"""Search for anything: a person, a partner, a certification, the id of a statement, a page, what one can do.

As a page, and as data for the palette under the search field, which without words offers pages and actions.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import flask
from flask import Response, g

from lrs.access.guard import AUTHENTICATED
from lrs.analysis.readable_stores import scope_of
from lrs.api.rights import directory, org_filter
from lrs.console import menu
from lrs.console.lists import asked
from lrs.console.organizations.partners import org_clause
from lrs.console.organizations.people import BY_NAME, by_words
from lrs.console.shell import Pages, may, show
from lrs.foundation.context import current_services
from lrs.words.engine import titles
from lrs.words.reader import mark, t
from rules.stored import VENDOR

Found = dict[str, Any]
EACH: Final = 8

blueprint = Pages("console_search", __name__)


@blueprint.get("/console/search", scope=AUTHENTICATED)
def search() -> Response:
    """Show what fits the words, in groups."""
    words = asked("q").get("q", "")
    return show("search.html", typed=words, groups=list(groups(words)) if words else [])


@blueprint.get("/console/search.json", scope=AUTHENTICATED)
def search_json() -> Response:
    """Answer what fits the words, for the list that opens under the search field."""
    words = asked("q").get("q", "")
    found = groups(words) if words else places(words)
    return flask.jsonify(items=[one for _, some in found for one in some])


def groups(words: str) -> Iterator[tuple[str, list[Found]]]:
    """Yield (kind, things found) of each kind that the user may look up."""
    if may("people"):
        yield mark("People"), list(_people(words))
    if may("orgs", "people", "analytics"):
        yield mark("Partners"), list(_partners(words))
    if may("rules", "people", "analytics"):
        yield mark("Certifications"), list(_certifications(words))
    if may("analytics"):
        yield mark("Statements"), list(_statements(words))
    yield from places(words)


def places(words: str) -> Iterator[tuple[str, list[Found]]]:
    """Yield (kind, found) of what somebody can do, and of the pages of the menu."""
    of_vendor = g.principal.org == VENDOR
    for kind, one_kind, entries in (
        (mark("Actions"), mark("Action"), menu.ACTIONS),
        (mark("Pages"), mark("Page"), [one for _, some in menu.MENU for one in some]),
    ):
        open_to = menu.fitting(words, entries, may, of_vendor=of_vendor)
        yield kind, [_found(one_kind, t(one.name), "", one.path) for one in islice(open_to, EACH)]


def _found(kind: str, title: str, detail: str, path: str) -> Found:
    return {"kind": t(kind), "title": title, "detail": detail, "path": path}


def _people(words: str) -> Iterator[Found]:
    db, (by, clause) = current_services().db, by_words(words)
    found = db.people.find({"$and": [directory().filter(), clause]}).limit(EACH)
    by_name = [("name", 1), ("_id", 1)]
    for one in found.sort(by_name).hint(BY_NAME) if by == "name" else found.sort("email", 1):
        shown = directory().present(one)
        name, email = shown.get("name"), shown.get("email")
        path = f"/console/people/{one['_id']}"
        yield _found(mark("Person"), name or email or one["_id"], email or "", path)


def _partners(words: str) -> Iterator[Found]:
    query = {"$and": [org_filter("_id"), org_clause({"q": words})]}
    for one in current_services().db.orgs.find(query, {"name": 1}).sort("_id", 1).limit(EACH):
        yield _found(mark("Partner"), one["name"], one["_id"], f"/console/partners/{one['_id']}")


def _certifications(words: str) -> Iterator[Found]:
    fitting = [one for one in sorted(titles().items()) if words.lower() in " ".join(one).lower()]
    for name, title in fitting[:EACH]:
        yield _found(mark("Certification"), title, name, f"/console/certifications/{name}")


def _statements(words: str) -> Iterator[Found]:
    try:
        statement = uuid.UUID(words)
    except ValueError:
        return
    db = current_services().db
    wanted = {**scope_of(db, g.principal).filter(), "id": statement}
    if db.statements.find_one(wanted, {"_id": 1}) is not None:
        yield _found(mark("Statement"), str(statement), "", f"/console/statements/{statement}")
