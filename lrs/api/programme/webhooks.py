"""Webhook endpoints over HTTP: make, change, rotate secrets, see what did not arrive, send it again."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate
from pymongo import ReturnDocument

from lrs.api.contract import Blueprint, Flag, PageArgs, page, page_schema
from lrs.api.resource import Resource, chosen
from lrs.foundation.context import current_services
from lrs.foundation.errors import Outdated
from lrs.messaging import delivery, webhooks
from lrs.messaging.event_data import CONSENT, CONTACT
from rules.engine.event_types import EVENT_TYPES

Document = dict[str, Any]
blp = Blueprint("webhooks", __name__, url_prefix="/webhooks", description="Where events are delivered")
URL = validate.Length(8, 2000)


class WebhookBody(Schema):
    """An endpoint: its address and the events it wants (all without a list)."""

    url = fields.String(required=True, validate=URL)
    types = fields.List(
        fields.String(validate=validate.OneOf(EVENT_TYPES)), allow_none=True, load_default=None
    )
    contact = fields.List(
        fields.String(validate=validate.OneOf(CONTACT)),
        load_default=list,
        metadata={"description": "What the data says of the person, so that a CRM can match; nothing."},
    )
    consent = fields.String(
        load_default="needed",
        validate=validate.OneOf(CONSENT),
        metadata={"description": "`needed`: only of who agreed; `assumed`: of all but who refused."},
    )


class WebhookChange(Schema):
    """What may change about an endpoint."""

    url = fields.String(validate=URL)
    types = fields.List(fields.String(validate=validate.OneOf(EVENT_TYPES)), allow_none=True)
    enabled = Flag()
    contact = fields.List(fields.String(validate=validate.OneOf(CONTACT)))
    consent = fields.String(validate=validate.OneOf(CONSENT))


class WebhookSchema(Schema):
    """An endpoint; `secret` is there once, when it was just made."""

    id = fields.String()
    url = fields.String()
    types = fields.List(fields.String(), allow_none=True)
    contact = fields.List(fields.String())
    consent = fields.String()
    enabled = Flag()
    disabled_reason = fields.String(allow_none=True)
    secret = fields.String()
    waiting = fields.Integer()
    dead = fields.Integer()
    created_at = fields.DateTime()


class SecretSchema(Schema):
    """A new secret; the old one signs beside it for a day."""

    secret = fields.String()


class TestedSchema(Schema):
    """What the receiver answered to a test event; `status` is null where it gave no answer."""

    status = fields.Integer(allow_none=True)
    reason = fields.String()


class DeliveryArgs(PageArgs):
    """Which deliveries to list."""

    state = fields.String(validate=validate.OneOf(["waiting", "delivered", "dead"]))


class ReplySchema(Schema):
    """What the receiver last answered."""

    at = fields.DateTime()
    status = fields.Integer(allow_none=True)
    reason = fields.String()


class DeliverySchema(Schema):
    """One event on its way to an endpoint."""

    event = fields.String()
    state = fields.String()
    tries = fields.Integer()
    due_at = fields.DateTime()
    delivered_at = fields.DateTime(allow_none=True)
    last = fields.Nested(ReplySchema, allow_none=True)


class ResentSchema(Schema):
    """How many events go out again."""

    events = fields.Integer()


def find(endpoint: str) -> Document:
    """Return an endpoint of the principal's own organization; raises UnknownThing."""
    return webhooks.get(current_services().db, g.principal.org, endpoint)


def present(endpoint: Document) -> Document:
    """Return an endpoint with how much waits and how much is dead."""
    deliveries = current_services().db.deliveries
    counts = {
        state: deliveries.count_documents({"endpoint": endpoint["_id"], "state": state})
        for state in ("waiting", "dead")
    }
    return {**endpoint, "id": endpoint["_id"], **counts}


WEBHOOKS = Resource(
    blp, "webhook", WebhookSchema, collection="endpoints", path="/<endpoint>", scope="orgs",
    find=find, bounds=lambda: {"org": g.principal.org}, present=present,
)  # fmt: skip


@WEBHOOKS.lists()
def list_endpoints(_: Document) -> Document:
    """List the endpoints of the organization."""
    return {}


@WEBHOOKS.makes(WebhookBody)
def create(body: Document) -> Document:
    """Make an endpoint; its secret is shown once. A partner gets the events of its own people only."""
    services = current_services()
    made, secret = webhooks.create(
        services.settings, services.db, org=g.principal.org, now=services.now(), **body
    )
    return {**made, "secret": secret}


@WEBHOOKS.reads()
def get_one(endpoint: Document) -> Document:
    """Show an endpoint with how much waits and how much is dead."""
    return endpoint


@WEBHOOKS.changes(WebhookChange)
def change(body: Document, before: Document, version: int) -> Document:
    """Change an endpoint; enabling it again sends what waited."""
    services = current_services()
    if "url" in body:
        webhooks.check_url(services.settings, body["url"])
    if body.get("enabled"):
        body |= {"disabled_reason": None, "next_at": services.now(), "failures": 0}
    after: Document | None = services.db.endpoints.find_one_and_update(
        {"_id": before["_id"], "org": before["org"], "version": version},
        {"$set": {**body, "updated_at": services.now()}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
    )
    if after is None:
        raise Outdated("webhook")
    return after


@WEBHOOKS.deletes()
def delete(endpoint: Document) -> None:
    """Delete an endpoint with what waits for it."""
    db = current_services().db
    db.endpoints.delete_one({"_id": endpoint["_id"], "org": endpoint["org"]})
    db.deliveries.delete_many({"org": endpoint["org"], "endpoint": endpoint["_id"]})


@blp.post("/<endpoint>/secrets", scope="orgs")
@blp.response(201, SecretSchema)
def rotate(endpoint: str) -> Document:
    """Give the endpoint a new secret; both sign for a day."""
    services = current_services()
    return {"secret": webhooks.rotate(services.settings, services.db, find(endpoint), services.now())}


@blp.post("/<endpoint>/test", scope="orgs")
@blp.response(200, TestedSchema)
def test(endpoint: str) -> Document:
    """Send a signed event of the type `webhook.test` once, now, and answer what the receiver said."""
    services = current_services()
    reply = delivery.test(services.settings, services.db, find(endpoint), services.now())
    return {"status": reply.status, "reason": reply.reason}


@blp.get("/<endpoint>/deliveries", scope="orgs")
@blp.arguments(DeliveryArgs, location="query")
@blp.response(200, page_schema(DeliverySchema))
def deliveries(args: Document, endpoint: str) -> Document:
    """List deliveries, for example the dead ones with the receiver's last answer."""
    found = find(endpoint)
    wanted = {"org": found["org"], "endpoint": found["_id"], **chosen(args, "state")}
    return page(current_services().db.deliveries, wanted, args, dict)


@blp.post("/<endpoint>/resend", scope="orgs")
@blp.response(200, ResentSchema)
def resend_dead(endpoint: str) -> Document:
    """Send all dead events of the endpoint again."""
    services, found = current_services(), find(endpoint)
    return {"events": webhooks.resend(services.db, found["org"], endpoint, services.now())}


@blp.post("/<endpoint>/deliveries/<event>/resend", scope="orgs")
@blp.response(200, ResentSchema)
def resend_one(endpoint: str, event: str) -> Document:
    """Send one event again."""
    services, found = current_services(), find(endpoint)
    return {"events": webhooks.resend(services.db, found["org"], endpoint, services.now(), event)}
