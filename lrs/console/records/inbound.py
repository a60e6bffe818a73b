"""The inbound log: what was refused at /xapi, where, and why."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from lrs.api.rights import org_filter, visible_org
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, show
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]
COLUMNS: Final = (
    "_id", "at", "org", "client", "label", "method", "resource", "version", "status", "error", "path",
    "message", "size",
)  # fmt: skip

blueprint = Pages("console_inbound", __name__)


@listed(blueprint, "/console/inbound", scope="orgs", template="inbound.html")
def inbound(span: Span) -> Rows:
    """List what was refused of what the clients of visible organizations sent, the newest first."""
    filters = asked("org", "error", "client")
    clauses: list[Document] = [org_filter()]
    if "org" in filters:
        clauses.append({"org": visible_org(filters["org"])})
    clauses += [{name: filters[name]} for name in ("error", "client") if name in filters]
    found, last = seek(current_services().db.inbound, {"$and": clauses}, span, newest_first=True)
    return Rows(COLUMNS, found, last, {"filters": filters, "orgs": org_names()})


@blueprint.get("/console/inbound/<refusal>", scope="orgs")
def refusal(refusal: str) -> Response:
    """Show one refusal with the text that was refused."""
    found = current_services().db.inbound.find_one({"$and": [org_filter(), {"_id": refusal}]})
    if found is None:
        raise UnknownThing("refusal", refusal)
    return show("refusal.html", one=found, orgs=org_names())
