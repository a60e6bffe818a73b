"""Taking an assignment off one of the own people for a while, as far as it lets managers, and back."""

from __future__ import annotations

import datetime as dt

from flask import Response, request

from lrs.api.rights import editor
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField, UnknownThing
from lrs.people import excuses
from lrs.portal.managing import own_org
from lrs.portal.partner.people import back, member
from rules.catalogue.store import cache_of
from rules.language.model import Assignment

blueprint = Pages("partner_excusing", __name__)


@blueprint.post("/partner/people/<person>/excuse", scope="people")
def excuse(person: str) -> Response:
    """Take an assignment off somebody who belongs to the organization, up to a day."""
    found, name = member(person), request.form.get("assignment", "")
    published = {one.id: one for one in cache_of(current_services().db).get(fresh=True).of_kind(Assignment)}
    if name not in published:
        raise UnknownThing("assignment", name[:100])
    try:
        until = dt.date.fromisoformat(request.form.get("until", ""))
    except ValueError as error:
        raise InvalidField("until", "is a day: 2026-12-31") from error
    reason = request.form.get("reason", "").strip()
    excuses.excuse(editor(), own_org()["_id"], found["_id"], published[name], until=until, reason=reason)
    return back(f"/partner/people/{found['_id']}", "excused")


@blueprint.post("/partner/people/<person>/excuse/<excuse>/back", scope="people")
def take_back(person: str, excuse: str) -> Response:
    """Ask it of them again."""
    found = member(person)
    excuses.take_back(editor(), own_org()["_id"], found["_id"], excuse)
    return back(f"/partner/people/{found['_id']}", "asked")
