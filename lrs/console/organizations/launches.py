"""Launch links: content elsewhere, opened for one learner with a token of its own; listed, made, ended."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from lrs.api.records import launches as api
from lrs.api.rights import org_filter
from lrs.console.forms import once, read, sent
from lrs.console.lists import Rows, Span, listed, seek
from lrs.console.models import asked_statements
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected, show
from lrs.content.launching import Wish
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from rules.engine.identity import find_person
from statements.parsing.actor import ifi

Document = dict[str, Any]
PLACE: Final = "/console/launches"
COLUMNS: Final = (
    "id", "org", "kind", "who", "activity", "created_at", "expires_at", "revoked_at", "fetched_at",
)  # fmt: skip

blueprint = Pages("console_launches", __name__)


@listed(blueprint, PLACE, scope="statements/write", template="launches.html")
def launches(span: Span) -> Rows:
    """List the launches of the organizations that are seen, the newest first."""
    services = current_services()
    found, last = seek(services.db.launches, org_filter(), span, newest_first=True)
    rows = [
        {
            **{name: one.get(name) for name in COLUMNS}, "id": one["_id"], "who": ifi(one["actor"]),
            "activity": one["limit"]["activity"], "fetched_at": (one.get("fetch") or {}).get("used_at"),
        }
        for one in found
    ]  # fmt: skip
    context = {"orgs": org_names(), "now": services.now(), "short_actor": asked_statements.short_actor}
    return Rows(COLUMNS, rows, last, context)


@blueprint.post(PLACE, scope="statements/write")
def make() -> Response:
    """Make a launch link for somebody whom we know, and show it once."""
    once(PLACE)
    form = sent("url", "activity_id", "person", "hours")
    named = form.pop("person", "")
    if not named:
        raise InvalidField("person", "name somebody by mail address, identifier or id")
    whom = find_person(current_services().db, named, current_services().now())
    wish: Wish = api.wish_of(read(api.NewLaunch, {**form, "person": whom}))
    return show("launch.html", one=api.launched(wish), who=named)


@blueprint.post(f"{PLACE}/<launch>/end", scope="statements/write")
def end(launch: str) -> Response:
    """End a launch: its token is refused from now on."""
    api.ended(launch)
    return redirected(PLACE)
