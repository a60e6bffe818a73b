"""Two records of one human being made one, and one record of two parted: with the effect shown before."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request

from lrs.api.organizations import people as api
from lrs.api.rights import directory, editor, vendor_only
from lrs.console.forms import read, sent
from lrs.console.instants import beginning
from lrs.console.lists import asked
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import AccessError
from lrs.people import merge as people_merge
from lrs.words.engine import titles
from rules.engine.identity import find_person
from rules.errors import RuleError

Document = dict[str, Any]
LONGEST: Final = 2000  # characters of an identifier

blueprint = Pages("console_identities", __name__)


@blueprint.get("/console/people/<person>/merge", scope="people")
def merging(person: str) -> Response:
    """Show what merging another record into this one would do; nothing is changed."""
    found, filters = seen(person), asked("gone", longest=LONGEST)
    other, preview, problem = None, None, None
    if "gone" in filters:
        try:
            services = current_services()
            other = directory().get(find_person(services.db, filters["gone"], services.now()))
            preview = people_merge.preview_merge(services.db, found["_id"], other["_id"])
        except (AccessError, RuleError) as error:
            problem = str(error)
    return show(
        "merge.html", person=directory().present(found), other=directory().present(other) if other else None,
        preview=preview, problem=problem, typed=filters.get("gone", ""), orgs=org_names(), titles=titles(),
    )  # fmt: skip


@blueprint.post("/console/people/<person>/merge", scope="people")
def merge(person: str) -> Response:
    """Merge the other record into this one, if both are as they were when the effect was shown."""
    seen(person)
    body = read(api.Merge, {**sent("gone", "basis"), "dry_run": False})
    people_merge.merge(editor(), person, body["gone"], body["basis"] or "")
    return redirected(f"/console/people/{person}")


@blueprint.get("/console/people/<person>/split", scope="people")
def splitting(person: str) -> Response:
    """Show what giving some identifiers to a new person would do; nothing is changed."""
    found, filters = seen(person), asked("since", "name")
    chosen, preview, problem = request.args.getlist("ifis")[:100], None, None
    if chosen:
        try:
            body = split_body(chosen, filters)
            preview = people_merge.preview_split(
                current_services().db, found["_id"], body["ifis"], body["since"]
            )
        except AccessError as error:
            problem = str(error)
    return show(
        "split.html", person=directory().present(found), chosen=chosen, preview=preview, problem=problem,
        filters=filters,
    )  # fmt: skip


@blueprint.post("/console/people/<person>/split", scope="people")
def split(person: str) -> Response:
    """Give the identifiers to a new person, if this one is as it was when the effect was shown."""
    seen(person)
    body = split_body(request.form.getlist("ifis"), sent("since", "name", "basis"))
    made = people_merge.split(
        editor(), person, body["ifis"], since=body["since"], name=body["name"], expected=body["basis"] or ""
    )
    return redirected(f"/console/people/{made['_id']}")


def split_body(ifis: list[str], fields: dict[str, str]) -> Document:
    """Return what is split off, as the API reads it; a day means its beginning for the reader."""
    body: Document = {**fields, "ifis": ifis, "dry_run": False}
    if "since" in fields:
        body["since"] = beginning("since", fields["since"])
    return read(api.Split, body)


def seen(person: str) -> Document:
    """Return a person whom the user sees, for what is the vendor's right; raises UnknownThing, Forbidden."""
    found = directory().get(person)
    vendor_only()
    return found
