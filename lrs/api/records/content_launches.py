"""Opening kept content for learners: for portals, and what support does to what was opened."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import jsonify
from marshmallow import Schema, fields, validate

from lrs.access.auth import Principal, current_principal
from lrs.access.organizations import VENDOR, get_org
from lrs.api.contract import Blueprint, Flag
from lrs.api.records.content import seen_item
from lrs.api.records.launches import check_agent, check_launcher
from lrs.api.rights import directory, editor, visible_orgs
from lrs.content.cmi5.registrations import Registrations
from lrs.content.cmi5.sessions import Course
from lrs.content.opening import actor_of, check_return, open_content, principal_of
from lrs.content.player.launches import Wanted
from lrs.content.player.records import attempts_of, raw_of
from lrs.content.player.shelf import Shelf
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, InvalidField, UnknownThing

Document = dict[str, Any]

blp = Blueprint(
    "content_launches", __name__, url_prefix="/content", description="Kept content opened for learners."
)


class OpenArgs(Schema):
    """For whom an item is opened: a person of ours or an Agent."""

    person = fields.String()
    actor = fields.Dict(validate=check_agent)
    name = fields.String(load_default="", validate=validate.Length(max=200))
    language = fields.String(load_default="en", validate=validate.Length(1, 35))
    part = fields.String(metadata={"description": "The part to open; default: where the learner goes on."})
    menu = Flag(
        load_default=False,
        metadata={"description": "A cmi5 course of several units opens at the list of them."},
    )
    return_url = fields.String(validate=validate.Length(max=4000))
    new_attempt = Flag(load_default=False)
    mode = fields.String(load_default="normal", validate=validate.OneOf(("normal", "browse", "review")))


class OpenedSchema(Schema):
    """An item that was opened; the address holds the right to run it, so it is for the learner alone."""

    url = fields.String()
    kind = fields.String(attribute="kind.value")
    registration = fields.UUID()
    version = fields.String()
    mode = fields.String()
    reason = fields.String()


class WaiveArgs(Schema):
    """Why a unit needs not be run."""

    unit = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.Length(1, 500))


class AbandonArgs(Schema):
    """Which session is abandoned; without one all that are open."""

    session = fields.String()


class AttemptSchema(Schema):
    """An attempt as support sees it."""

    id = fields.String(attribute="_id")
    item = fields.String()
    version = fields.String()
    person = fields.String(allow_none=True)
    registration = fields.String()
    number = fields.Integer()
    begun_at = fields.AwareDateTime()
    last_at = fields.AwareDateTime()
    over_at = fields.AwareDateTime(allow_none=True)
    course = fields.Dict(attribute="course.standing")
    parts = fields.List(fields.Dict())
    refused = fields.List(fields.Dict())


class AttemptList(Schema):
    """The attempts of a registration, the first one first."""

    attempts = fields.List(fields.Nested(AttemptSchema))


def _check_opener(principal: Principal, org: str) -> None:
    """Refuse who could not write by itself what the content will: in that store, with that trust."""
    check_launcher(principal)
    if org != principal.org and not principal.vendor_wide:
        raise Forbidden("opens content of its own organization only")
    if org == VENDOR and principal.controlled_by != "vendor":
        raise Forbidden("the vendor's content is opened by clients that the vendor controls")


@blp.route("/<item>/launches", methods=["POST"], scope="statements/write")
@blp.arguments(OpenArgs)
@blp.response(201, OpenedSchema)
def open_item(body: Document, item: str) -> Any:
    """Open an item for a learner; answer the address to send the learner's browser to."""
    here, kept, who = current_services(), seen_item(item), editor()
    _check_opener(current_principal(), kept["org"])
    if ("person" in body) == ("actor" in body):
        raise InvalidField("person", "give a person or an actor, one of them")
    found = directory().get(body["person"]) if "person" in body else None
    person = found["_id"] if found else None
    known_as = None
    if found and visible_orgs() is not None:  # nobody is told the identifiers that others know somebody by
        known_as = tuple(row["ifi"] for row in directory().present(found)["ifis"])
    check_return(here.settings, get_org(here.db, kept["org"]), body.get("return_url"))
    wanted = Wanted(
        org=kept["org"],
        item=item,
        actor=actor_of(who, person, here.settings.public_url, known_as) if person else body["actor"],
        person=person,
        name=body["name"],
        language=body["language"],
        return_url=body.get("return_url"),
        wants_new=body["new_attempt"],
        mode=body["mode"],
    )
    return open_content(here.settings, who, wanted, body.get("part"), menu=body["menu"])


@blp.route("/<item>/registrations/<registration>/waive", methods=["POST"], scope="content/write")
@blp.arguments(WaiveArgs)
@blp.response(204)
def waive(body: Document, item: str, registration: str) -> None:
    """Take a unit of a cmi5 course as met for one learner."""
    course = _course(item, registration)
    course.waive(course.unit(body["unit"]), body["reason"])


@blp.route("/<item>/registrations/<registration>/abandon", methods=["POST"], scope="content/write")
@blp.arguments(AbandonArgs)
@blp.response(204)
def abandon(body: Document, item: str, registration: str) -> None:
    """End open sessions of a cmi5 course for one learner."""
    course = _course(item, registration)
    course.abandon(Registrations(current_services().db).get(course.registration), body.get("session"))


def _course(item: str, registration: str) -> Course:
    """Return the registration's course; raises UnknownThing where it is not of that item."""
    here, kept = current_services(), seen_item(item)
    known = _uuid(registration)
    found = Registrations(here.db).get(known)
    if found["item"] != item:
        raise UnknownThing("registration", registration)
    wanted = Wanted(kept["org"], item, found["actor"])
    version = Shelf(here.db).version(found["version"])
    return Course(here.settings, editor(), principal_of(here.settings, wanted), version, known)


@blp.route("/<item>/registrations/<registration>/attempts", methods=["GET"], scope="content/read")
@blp.response(200, AttemptList)
def list_attempts(item: str, registration: str) -> Any:
    """List the attempts of a learner at a SCORM course: what stands, part by part, and what was refused."""
    seen_item(item)
    return {"attempts": attempts_of(current_services().db, item, _uuid(registration))}


@blp.route(
    "/<item>/registrations/<registration>/attempts/<attempt>/cmi", methods=["GET"], scope="content/read"
)
@blp.response(200, {"type": "object"}, description="{part: the data of its SCO, as it came}")
def raw_data(item: str, registration: str, attempt: str) -> Any:
    """Answer the raw CMI data of an attempt."""
    seen_item(item)
    return jsonify(raw_of(current_services().db, item, _uuid(registration), attempt))


def _uuid(registration: str) -> UUID:
    """Return the registration that a path names; raises UnknownThing for what is none."""
    try:
        return UUID(registration)
    except ValueError as error:
        raise UnknownThing("registration", registration) from error
