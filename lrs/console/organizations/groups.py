"""Groups that rules name: assessors, approvers; who belongs to each and since when."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response

from lrs.api.organizations import groups as api
from lrs.api.rights import editor, vendor_only
from lrs.console.forms import sent
from lrs.console.instants import beginning
from lrs.console.lists import Rows, Span, cut, listed, seek
from lrs.console.organizations.partners import names_of
from lrs.console.shell import Pages, redirected
from lrs.foundation.context import current_services
from lrs.foundation.errors import Collision, InvalidField
from lrs.people import groups as services_of_groups
from lrs.words.engine import titles
from rules.catalogue.store import cache_of
from rules.engine.histories import groups_of
from rules.engine.identity import find_person
from rules.language.model import Certification
from rules.stored import VENDOR

Document = dict[str, Any]
COLUMNS: Final = ("group", "members", "now", "named_by")
MEMBERS: Final = ("person", "name", "from", "until", "is_now")

blueprint = Pages("console_groups", __name__)


@listed(blueprint, "/console/groups", scope="people", template="groups.html")
def groups(span: Span) -> Rows:
    """List the groups with how many belong to each now, and the certifications that name it."""
    vendor_only()
    services = current_services()
    found, last = seek(services.db.groups, {"org": VENDOR}, span)
    naming: dict[str, list[str]] = {}
    for document in cache_of(services.db).get().of_kind(Certification):
        for name in groups_of(document):
            naming.setdefault(name, []).append(document.id)
    rows = [
        {
            "group": one["_id"], "members": len(one["members"]), "named_by": naming.pop(one["_id"], []),
            "now": sum(is_member(each, services.now()) for each in one["members"]),
        }
        for one in found
    ]  # fmt: skip
    missing = {} if last is not None or span.after is not None else naming
    return Rows(COLUMNS, rows, last, {"titles": titles(), "missing": missing})


def is_member(member: Document, now: dt.datetime) -> bool:
    """Tell whether a membership holds now."""
    return (member["from"] is None or member["from"] <= now) and (
        member["until"] is None or now < member["until"]
    )


@blueprint.post("/console/groups", scope="people")
def make() -> Response:
    """Make a group without members."""
    vendor_only()
    name = sent("name").get("name", "")
    if current_services().db.groups.find_one({"_id": name}, {"_id": 1}) is not None:
        raise Collision(f"there is a group {name} already")
    services_of_groups.put_group(editor(), name, [])
    return redirected(f"/console/groups/{name}")


@listed(blueprint, "/console/groups/<group>", scope="people", template="group.html")
def group(span: Span, group: str) -> Rows:
    """Show the members of a group, those of now first."""
    vendor_only()
    services, found = current_services(), api.find(group)
    names = names_of({one["person"] for one in found["members"]})
    rows = [
        {
            "person": one["person"], "name": names.get(one["person"], one["person"]), "from": one["from"],
            "until": one["until"], "is_now": is_member(one, services.now()),
        }
        for one in found["members"]
    ]  # fmt: skip
    items, last = cut(rows, span, _key)
    context = {
        "group": group, "total": len(rows), "titles": titles(),
        "named_by": services_of_groups.named_by(services.db, group), "today": services.now(),
    }  # fmt: skip
    return Rows(MEMBERS, items, last, context)


def _key(row: Document) -> list[str]:
    return ["0" if row["is_now"] else "1", row["name"].lower(), row["person"], str(row["from"] or "")]


@blueprint.post("/console/groups/<group>", scope="people")
def change(group: str) -> Response:
    """Let somebody be a member from a day on, or end it: what the button says; decisions follow anew."""
    vendor_only()
    services, form = current_services(), sent("action", "person", "day")
    api.find(group)
    if "person" not in form:
        raise InvalidField("person", "name somebody by mail address, identifier or id")
    whom = find_person(services.db, form["person"], services.now())
    day = form.get("day")
    at = services.now() if day is None else dt.datetime.fromisoformat(_instant(day))
    if form.get("action") == "add":
        services_of_groups.add_members(editor(), group, [whom], at)
    elif form.get("action") == "end":
        services_of_groups.remove_members(editor(), group, [whom], at)
    else:
        raise InvalidField("action", "is add or end")
    return redirected(f"/console/groups/{group}")


def _instant(day: str) -> str:
    found = beginning("day", day)
    if found == day:
        raise InvalidField("day", "is a day (2026-12-31)")
    return found
