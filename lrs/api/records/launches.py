"""Launches: content opened for one learner, in the older style or as a cmi5 session."""

from __future__ import annotations

import uuid
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError, fields, validate

from lrs.access.auth import Principal, current_principal, forget
from lrs.access.guard import PUBLIC
from lrs.access.launch_tokens import LONGEST
from lrs.api.contract import Blueprint, Instant, PageArgs, page, page_schema
from lrs.api.rights import directory, editor, org_filter, visible_org, visible_orgs
from lrs.content import launching
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, InvalidField, UnknownThing
from lrs.xapi import protocol
from rules.catalogue.relevance import relevance
from statements.ingest import Writer
from statements.parsing.actor import ifi

blp = Blueprint("launches", __name__, url_prefix="/launches", description="Content opened for a learner.")

IRI = validate.Regexp(r"\A[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"\\^`{|}]+\Z")
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Accept",
    "Cache-Control": "no-store",
}


def check_agent(value: Any) -> None:
    """Accept an Agent with one identifier of the right form."""
    if not isinstance(value, dict) or value.get("objectType", "Agent") != "Agent":
        raise ValidationError("must be an Agent")
    given = set(value) - {"objectType", "name"}
    forms = {"mbox": str, "mbox_sha1sum": str, "openid": str, "account": dict}
    if len(given) != 1 or not isinstance(value[next(iter(given))], forms.get(next(iter(given)), type(None))):
        raise ValidationError("needs one of mbox, mbox_sha1sum, openid, account, and nothing else but a name")
    account = value.get("account")
    if account is not None and not all(isinstance(account.get(name), str) for name in ("homePage", "name")):
        raise ValidationError("account needs homePage and name")
    if not value.get("mbox", "mailto:a@b").startswith("mailto:") or ifi(value) is None:
        raise ValidationError("mbox must begin with mailto:")


class NewLaunch(Schema):
    """What to launch, and for whom: a person of ours or an Agent."""

    kind = fields.String(load_default="tincan", validate=validate.OneOf(("tincan", "cmi5")))
    url = fields.String(required=True, validate=validate.Length(1, 4000))
    activity = fields.String(required=True, data_key="activity_id", validate=[IRI, validate.Length(max=2000)])
    person = fields.String()
    actor = fields.Dict(validate=check_agent)
    registration = fields.UUID(load_default=uuid.uuid4)
    hours = fields.Float(load_default=8.0, validate=validate.Range(0.01, LONGEST.total_seconds() / 3600))
    activities = fields.List(
        fields.String(validate=IRI),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={"description": "Further activities whose statements the content sends."},
    )
    instructor = fields.Dict(validate=check_agent)
    publisher_id = fields.String(validate=IRI, metadata={"description": "cmi5: the AU's id in the course."})
    mode = fields.String(load_default="Normal", validate=validate.OneOf(("Normal", "Browse", "Review")))
    move_on = fields.String(
        load_default="NotApplicable",
        validate=validate.OneOf(
            ("Passed", "Completed", "CompletedAndPassed", "CompletedOrPassed", "NotApplicable")
        ),
    )
    mastery_score = fields.Float(validate=validate.Range(0, 1))
    parameters = fields.String(validate=validate.Length(max=4000))
    return_url = fields.String(validate=validate.Length(max=4000))
    entitlement_key = fields.String(validate=validate.Length(max=4000))
    preferences = fields.Dict(keys=fields.String(), values=fields.String())


class LaunchSchema(Schema):
    """A launch as it is answered; its address is in the answer that made it, and nowhere else."""

    id = fields.String(attribute="_id")
    org = fields.String()
    kind = fields.String()
    client = fields.String()
    actor = fields.Dict()
    registration = fields.String(attribute="limit.registration")
    activity_id = fields.String(attribute="limit.activity")
    created_at = Instant()
    expires_at = Instant()
    revoked_at = Instant(allow_none=True)
    fetched_at = Instant(attribute="fetch.used_at", allow_none=True)
    launch_url = fields.String()


class FetchedSchema(Schema):
    """The token of a launch, the first time; why there is none, ever after (cmi5 8.2)."""

    token = fields.String(data_key="auth-token")
    code = fields.String(data_key="error-code")
    text = fields.String(data_key="error-text")


LaunchPage = page_schema(LaunchSchema)


def wish_of(body: dict[str, Any]) -> launching.Wish:
    """Return what a body asks for; raises InvalidField."""
    if ("person" in body) == ("actor" in body):
        raise InvalidField("person", "give a person or an actor, one of them")
    if body["kind"] == "cmi5":
        if body.get("publisher_id") in {None, body["activity"]}:
            raise InvalidField("publisher_id", "is needed for cmi5, and is another than activity_id (8.1.5)")
        if "actor" in body and "account" not in body["actor"]:
            raise InvalidField("actor", "needs an account for cmi5 (9.2)")
    values = {**body, "registration": str(body["registration"]), "activities": tuple(body["activities"])}
    return launching.Wish(
        **{one.name: values[one.name] for one in fields_of(launching.Wish) if one.name in values}
    )


def check_launcher(principal: Principal) -> None:
    """Refuse whoever could not do by itself what the launch token may; raises Forbidden."""
    if principal.kind == "launch" or not principal.may("state"):
        raise Forbidden("a launch needs a client with the scopes statements/write and state")


@blp.post("", scope="statements/write")
@blp.arguments(NewLaunch)
@blp.response(201, LaunchSchema)
def make_launch(body: dict[str, Any]) -> Any:
    """Make a launch: a web address that opens the content with a token for this learner and activity only."""
    return launched(wish_of(body))


def launched(wish: launching.Wish) -> dict[str, Any]:
    """Make the launch that somebody wishes for, with its address; raises Forbidden or InvalidField."""
    services, principal = current_services(), current_principal()
    check_launcher(principal)
    if wish.person is not None:
        found = directory().get(wish.person)
        if (
            visible_orgs() is not None
        ):  # an organization is not told the addresses that others know somebody by
            wish = replace(wish, known_as=tuple(row["ifi"] for row in directory().present(found)["ifis"]))
    launch, url = launching.make_launch(editor(), principal, wish, services.settings.public_url)
    if wish.kind == "cmi5":
        writer = Writer(principal.id, principal.label, principal.controlled_by, principal.authority)
        with protocol.consistency(services).writing() as now:
            launching.open_session(
                services.db, launch, wish, writer=writer, now=now, is_relevant=relevance(services.db)
            )
    return {**launch, "launch_url": url}


@blp.get("", scope="statements/write")
@blp.arguments(PageArgs, location="query")
@blp.response(200, LaunchPage)
def list_launches(args: dict[str, Any]) -> Any:
    """List the launches of the organizations that the principal sees, the newest first."""
    check_launcher(current_principal())
    return page(current_services().db.launches, org_filter(), args, lambda launch: launch, newest_first=True)


@blp.delete("/<launch>", scope="statements/write")
@blp.response(200, LaunchSchema)
def end_launch(launch: str) -> Any:
    """End a launch: its token is refused from now on."""
    return ended(launch)


def ended(launch: str) -> dict[str, Any]:
    """End a launch that the principal sees; raises Forbidden or UnknownThing."""
    check_launcher(current_principal())
    found = current_services().db.launches.find_one({"_id": launch})
    if found is None:
        raise UnknownThing("launch", launch)
    visible_org(found["org"], "launch", launch)
    over = launching.end_launch(editor(), launch)
    forget()
    return over


# before the POST, with which Flask brings an answer of its own to OPTIONS
@blp.route("/<launch>/fetch", methods=["OPTIONS"], scope=PUBLIC)
@blp.response(204)
def fetch_preflight(launch: str) -> Response:  # noqa: ARG001 -- of the address
    """Let content on other origins call its fetch URL."""
    response = Response(status=204)
    response.headers.update(CORS)
    return response


@blp.post("/<launch>/fetch", scope=PUBLIC)
@blp.response(200, FetchedSchema)
def fetch(launch: str) -> Response:
    """Answer a cmi5 fetch URL: the token once, an error code ever after; needs no other authorization."""
    services = current_services()
    secret = request.args.get("k", "")
    answer = launching.take_token(services.db, launch, secret, services.settings.public_url, services.now())
    response: Response = jsonify(answer)
    response.headers.update(CORS)
    return response
