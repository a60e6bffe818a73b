"""Webhooks of one's own organization: endpoints, what did not arrive, sending it again."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, g, request

from lrs.api.programme import webhooks as api
from lrs.console.forms import once, read, sent
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.shell import Pages, redirected, show
from lrs.foundation.context import current_services
from lrs.messaging.webhooks import resend as resend_events
from rules.engine.event_types import EVENT_TYPES

Document = dict[str, Any]
COLUMNS: Final = ("id", "url", "types", "enabled", "disabled_reason", "waiting", "dead", "created_at")
DELIVERIES: Final = ("event", "state", "tries", "due_at", "delivered_at", "last")

blueprint = Pages("console_webhooks", __name__)


@listed(blueprint, "/console/webhooks", scope="orgs", template="webhooks.html")
def webhooks(span: Span) -> Rows:
    """List the endpoints of the user's organization with what waits and what is dead."""
    found, last = seek(current_services().db.endpoints, {"org": g.principal.org}, span)
    return Rows(COLUMNS, [api.present(one) for one in found], last, {"types": EVENT_TYPES})


@blueprint.post("/console/webhooks", scope="orgs")
def make() -> Response:
    """Make an endpoint; its secret is on this page and nowhere else."""
    once("/console/webhooks")
    body = read(api.WebhookBody, {**sent("url"), "types": request.form.getlist("types") or None})
    made = api.create(body)
    return show("webhook_secret.html", one=made, secret=made["secret"])


@listed(blueprint, "/console/webhooks/<endpoint>", scope="orgs", template="webhook.html")
def webhook(span: Span, endpoint: str) -> Rows:
    """Show an endpoint with its deliveries, the newest first."""
    found, filters = api.find(endpoint), asked("state")
    wanted = {"org": found["org"], "endpoint": found["_id"], **filters}
    rows, last = seek(current_services().db.deliveries, wanted, span, newest_first=True)
    return Rows(DELIVERIES, rows, last, {"one": api.present(found), "filters": filters})


@blueprint.post("/console/webhooks/<endpoint>/resend", scope="orgs")
def resend(endpoint: str) -> Response:
    """Send all dead events again, or the one that the form names."""
    services, found = current_services(), api.find(endpoint)
    resend_events(services.db, found["org"], endpoint, services.now(), sent("event").get("event"))
    return redirected(f"/console/webhooks/{endpoint}")


@blueprint.post("/console/webhooks/<endpoint>/test", scope="orgs")
def test(endpoint: str) -> Response:
    """Send a test event now; the page tells what the receiver answered."""
    api.test(endpoint)
    return redirected(f"/console/webhooks/{endpoint}#tested")
