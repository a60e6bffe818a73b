"""Webhook endpoints over HTTP: make, change, rotate secrets, see what did not arrive, send it again."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate
from pymongo import ReturnDocument

from lrs import webhooks
from lrs.api.contract import Blueprint, PageArgs, check_match, page, page_schema, tagged
from lrs.auth import requires
from lrs.context import laurel
from lrs.refusals import Outdated
from rules.outbox import EVENT_TYPES

Document = dict[str, Any]
blp = Blueprint("webhooks", __name__, url_prefix="/webhooks", description="Where events are delivered")
URL = validate.Length(8, 2000)


class WebhookBody(Schema):
    """An endpoint: its address and the events it wants (all without a list)."""

    url = fields.String(required=True, validate=URL)
    types = fields.List(
        fields.String(validate=validate.OneOf(EVENT_TYPES)), allow_none=True, load_default=None
    )


class WebhookChange(Schema):
    """What may change about an endpoint."""

    url = fields.String(validate=URL)
    types = fields.List(fields.String(validate=validate.OneOf(EVENT_TYPES)), allow_none=True)
    enabled = fields.Boolean()


class WebhookSchema(Schema):
    """An endpoint; `secret` is there once, when it was just made."""

    id = fields.String()
    url = fields.String()
    types = fields.List(fields.String(), allow_none=True)
    enabled = fields.Boolean()
    disabled_reason = fields.String(allow_none=True)
    secret = fields.String()
    waiting = fields.Integer()
    dead = fields.Integer()
    created_at = fields.DateTime()


class SecretSchema(Schema):
    """A new secret; the old one signs beside it for a day."""

    secret = fields.String()


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


def _shown(endpoint: Document, **more: Any) -> Document:
    counts = {
        state: laurel().db.deliveries.count_documents({"endpoint": endpoint["_id"], "state": state})
        for state in ("waiting", "dead")
    }
    return {**endpoint, "id": endpoint["_id"], **counts, **more}


@blp.get("")
@blp.arguments(PageArgs, location="query")
@blp.response(200, page_schema(WebhookSchema))
@requires("orgs")
def list_endpoints(args: Document) -> Document:
    """List the endpoints of the organization."""
    return page(laurel().db.endpoints, {"org": g.principal.org}, args, _shown)


@blp.post("")
@blp.arguments(WebhookBody)
@blp.response(201, WebhookSchema)
@requires("orgs")
def create(body: Document) -> Any:
    """Make an endpoint; its secret is shown once. A partner gets the events of its own people only."""
    here = laurel()
    made, secret = webhooks.create(here.settings, here.db, org=g.principal.org, now=here.now(), **body)
    return tagged(_shown(made, secret=secret), made, 201)


@blp.get("/<endpoint>")
@blp.response(200, WebhookSchema)
@requires("orgs")
def show(endpoint: str) -> Any:
    """Show an endpoint with how much waits and how much is dead."""
    found = webhooks.get(laurel().db, g.principal.org, endpoint)
    return tagged(_shown(found), found)


@blp.patch("/<endpoint>")
@blp.arguments(WebhookChange)
@blp.response(200, WebhookSchema)
@requires("orgs")
def change(body: Document, endpoint: str) -> Any:
    """Change an endpoint; enabling it again sends what waited."""
    here = laurel()
    found = webhooks.get(here.db, g.principal.org, endpoint)
    version = check_match("webhook", found)
    if "url" in body:
        webhooks.check_url(here.settings, body["url"])
    if body.get("enabled"):
        body |= {"disabled_reason": None, "next_at": here.now(), "failures": 0}
    updated = here.db.endpoints.find_one_and_update(
        {"_id": endpoint, "org": g.principal.org, "version": version},
        {"$set": {**body, "updated_at": here.now()}, "$inc": {"version": 1}},
        return_document=ReturnDocument.AFTER,
    )
    if updated is None:
        raise Outdated("webhook")
    return tagged(_shown(updated), updated)


@blp.delete("/<endpoint>")
@blp.response(204)
@requires("orgs")
def delete(endpoint: str) -> None:
    """Delete an endpoint with what waits for it."""
    db = laurel().db
    found = webhooks.get(db, g.principal.org, endpoint)
    check_match("webhook", found)
    db.endpoints.delete_one({"_id": endpoint, "org": g.principal.org})
    db.deliveries.delete_many({"org": g.principal.org, "endpoint": endpoint})


@blp.post("/<endpoint>/secrets")
@blp.response(201, SecretSchema)
@requires("orgs")
def rotate(endpoint: str) -> Document:
    """Give the endpoint a new secret; both sign for a day."""
    here = laurel()
    found = webhooks.get(here.db, g.principal.org, endpoint)
    return {"secret": webhooks.rotate(here.settings, here.db, found, here.now())}


@blp.get("/<endpoint>/deliveries")
@blp.arguments(DeliveryArgs, location="query")
@blp.response(200, page_schema(DeliverySchema))
@requires("orgs")
def deliveries(args: Document, endpoint: str) -> Document:
    """List deliveries, for example the dead ones with the receiver's last answer."""
    db = laurel().db
    webhooks.get(db, g.principal.org, endpoint)
    wanted: Document = {"org": g.principal.org, "endpoint": endpoint}
    if "state" in args:
        wanted["state"] = args["state"]
    return page(db.deliveries, wanted, args, dict)


@blp.post("/<endpoint>/resend")
@blp.response(200, ResentSchema)
@requires("orgs")
def resend_dead(endpoint: str) -> Document:
    """Send all dead events of the endpoint again."""
    here = laurel()
    webhooks.get(here.db, g.principal.org, endpoint)
    return {"events": webhooks.resend(here.db, g.principal.org, endpoint, here.now())}


@blp.post("/<endpoint>/deliveries/<event>/resend")
@blp.response(200, ResentSchema)
@requires("orgs")
def resend_one(endpoint: str, event: str) -> Document:
    """Send one event again."""
    here = laurel()
    webhooks.get(here.db, g.principal.org, endpoint)
    return {"events": webhooks.resend(here.db, g.principal.org, endpoint, here.now(), event)}
