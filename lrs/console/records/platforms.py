"""Learning systems that open our content by LTI 1.3: registered, deployed, and how their results go."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from flask import Response

from lrs.access.organizations import VENDOR
from lrs.api.rights import editor, vendor_only
from lrs.console.forms import sent
from lrs.console.lists import Rows, Span, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.records.content import title_of
from lrs.console.shell import Pages, redirected, show
from lrs.content.lti import platforms as registry
from lrs.content.lti.addresses import tool_addresses
from lrs.content.lti.platforms import Registration
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField

Document = dict[str, Any]
PLACE: Final = "/console/platforms"
COLUMNS: Final = ("id", "label", "issuer", "client_id", "deployments", "created_at")
NEEDED: Final = ("issuer", "client_id", "login_url", "token_url", "keys_url")
RESULTS: Final = 50

blueprint = Pages("console_platforms", __name__)


@listed(blueprint, PLACE, scope="orgs", template="platforms.html")
def platforms(span: Span) -> Rows:
    """List the learning systems, with what they need to know of us."""
    vendor_only()
    services = current_services()
    found, last = seek(services.db.lti_platforms, {"org": VENDOR}, span)
    rows = [{**one, "id": one["_id"]} for one in found]
    return Rows(COLUMNS, rows, last, {"addresses": tool_addresses(services.settings), "orgs": org_names()})


@blueprint.post(PLACE, scope="orgs")
def register() -> Response:
    """Register a learning system."""
    vendor_only()
    said = sent(*(one.name for one in fields(Registration)))
    if lacking := [name for name in NEEDED if name not in said]:
        raise InvalidField(lacking[0], "is needed")
    private = current_services().settings.allow_private_addresses
    made = registry.register(editor(), Registration(**said), plain_http=private)
    return redirected(f"{PLACE}/{made.id}")


@blueprint.get(f"{PLACE}/<platform>", scope="orgs")
def platform(platform: str) -> Response:
    """Show a learning system: its deployments, and the latest results on their way to it."""
    vendor_only()
    db, found = current_services().db, registry.get_platform(current_services().db, platform)
    results = list(db.lti_grades.find({"platform": found.id}).sort("launched_at", -1).limit(RESULTS))
    known = db.content_items.find({"_id": {"$in": [one["item"] for one in results]}}, {"title": 1})
    titles = {one["_id"]: title_of(one["title"]) for one in known}
    return show("platform.html", one=found, orgs=org_names(), results=results, titles=titles,
                addresses=tool_addresses(current_services().settings))  # fmt: skip


@blueprint.post(f"{PLACE}/<platform>", scope="orgs")
def change(platform: str) -> Response:
    """Add or withdraw a deployment, or remove the learning system: what the button says."""
    vendor_only()
    given = sent("action", "deployment", "org")
    action, deployment = given.get("action"), given.get("deployment", "")
    if action == "deploy":
        registry.deploy(editor(), platform, deployment, given.get("org", ""))
    elif action == "withdraw":
        registry.withdraw(editor(), platform, deployment)
    elif action == "remove":
        registry.remove(editor(), platform)
        return redirected(PLACE)
    else:
        raise InvalidField("action", "is one of deploy, withdraw, remove")
    return redirected(f"{PLACE}/{platform}")
