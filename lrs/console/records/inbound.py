"""The inbound log: what was refused at /xapi, where, and why."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from lrs.api.rights import org_filter, visible_org
from lrs.console.lists import Rows, Span, asked, cut, listed, seek
from lrs.console.models.refusals import as_curl, groups
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from lrs.xapi.inbound_log import newest as newest_refusals

Document = dict[str, Any]
COLUMNS: Final = (
    "_id", "at", "org", "client", "label", "method", "resource", "version", "status", "error", "path",
    "message", "size",
)  # fmt: skip
GROUPED: Final = (
    "count", "status", "error", "path", "message", "request", "org", "client", "label", "first", "last",
    "newest",
)  # fmt: skip
LATEST: Final = 5000  # refusals that are grouped, the newest

blueprint = Pages("console_inbound", __name__)


@listed(blueprint, "/console/inbound", scope="orgs", template="inbound.html")
def inbound(span: Span) -> Rows:
    """List what was refused of what the clients of visible organizations sent, the newest first."""
    filters, wanted = selection()
    found, last = seek(current_services().db.inbound, wanted, span, newest_first=True)
    return Rows(COLUMNS, found, last, {"filters": filters, "orgs": org_names()})


def selection() -> tuple[dict[str, str], Document]:
    """Return the filters that the address asks for, and the query of them inside what the user sees."""
    filters = asked("org", "error", "client")
    clauses: list[Document] = [org_filter()]
    if "org" in filters:
        clauses.append({"org": visible_org(filters["org"])})
    clauses += [{name: filters[name]} for name in ("error", "client") if name in filters]
    return filters, {"$and": clauses}


@listed(blueprint, "/console/inbound/groups", scope="orgs", template="inbound_groups.html")
def grouped(span: Span) -> Rows:
    """List what was refused by reason and client, the most frequent first."""
    filters, wanted = selection()
    newest = newest_refusals(current_services().db, wanted, LATEST)
    rows = groups(newest)
    items, last = cut(rows, span, lambda one: [f"{LATEST - one['count']:05}", one["newest"]])
    context = {
        "filters": filters, "orgs": org_names(), "total": len(rows), "refusals": len(newest),
        "is_all": len(newest) < LATEST, "latest": LATEST,
    }  # fmt: skip
    return Rows(GROUPED, items, last, context)


@blueprint.get("/console/inbound/<refusal>", scope="orgs")
def refusal(refusal: str) -> Response:
    """Show one refusal with the text that was refused."""
    found = current_services().db.inbound.find_one({"$and": [org_filter(), {"_id": refusal}]})
    if found is None:
        raise UnknownThing("refusal", refusal)
    command = as_curl(found, current_services().settings.public_url)
    return show("refusal.html", one=found, orgs=org_names(), command=command)
