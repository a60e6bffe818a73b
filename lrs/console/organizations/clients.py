"""API keys of content, learning systems and partner systems: listed, made, rolled, revoked."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.access.organizations import VENDOR
from lrs.access.scopes import SCOPES
from lrs.api.organizations import clients as api
from lrs.api.rights import org_filter
from lrs.console.forms import once, read, sent
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services

Document = dict[str, Any]
COLUMNS: Final = (
    "_id", "label", "org", "controlled_by", "vendor_wide", "scopes", "last_used_at", "expires_at",
    "revoked_at",
)  # fmt: skip
USUAL: Final = ("statements/write", "statements/read", "state", "profile")

blueprint = Pages("console_clients", __name__)


@listed(blueprint, "/console/clients", scope="orgs", template="clients.html")
def clients(span: Span) -> Rows:
    """List the clients of the organizations that the user sees."""
    services, filters = current_services(), asked("org")
    found, last = seek(services.db.clients, {"$and": [org_filter(), filters]}, span)
    context = {
        "now": services.now(), "filters": filters, "orgs": org_names(), "usual": USUAL,
        "scopes": [one for one in SCOPES if g.principal.may(one)], "of_vendor": g.principal.org == VENDOR,
    }  # fmt: skip
    return Rows(COLUMNS, found, last, context)


@blueprint.post("/console/clients", scope="orgs")
def make() -> Response:
    """Make a client; its secret is on this page and nowhere else."""
    once("/console/clients")
    body: Document = dict(sent("org", "label")) | {"scopes": request.form.getlist("scopes")}
    made = api.add_client(read(api.NewClient, body))
    return secret_once(made, made["secret"])


@blueprint.get("/console/clients/<key>", scope="orgs")
def client(key: str) -> Response:
    """Show one client with what was refused of it lately."""
    services, found = current_services(), api.CLIENTS.find(key)
    wanted = {**org_filter(), "client": found["_id"]}
    refused = services.db.inbound.find({"$and": [wanted]}).sort("_id", -1).limit(10)
    return show("client.html", one=found, orgs=org_names(), now=services.now(), refused=list(refused))


@blueprint.post("/console/clients/<key>/rotate", scope="orgs")
def rotate(key: str) -> Response:
    """Give a client a new secret; the older ones stay valid for as long as the form says."""
    once(f"/console/clients/{key}")
    body = read(api.Rotation, sent("overlap_hours"))
    made = api.rotate(body, api.CLIENTS.find(key))
    return secret_once(made, made["secret"])


@blueprint.post("/console/clients/<key>/revoke", scope="orgs")
def revoke(key: str) -> Response:
    """Revoke a client for good."""
    api.revoke(api.CLIENTS.find(key))
    return redirected(f"/console/clients/{key}")


def secret_once(client: Document, secret: str) -> Response:
    """Return the page that shows a new secret."""
    return show("secret.html", one=client, secret=secret, url=current_services().settings.public_url)
