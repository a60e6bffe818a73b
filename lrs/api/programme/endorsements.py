"""Endorsements over HTTP: a partner, or an assessor in the vendor's words, stands behind a credential."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields, validate

from lrs.access.auth import current_principal
from lrs.access.organizations import VENDOR, get_org
from lrs.api.contract import Blueprint
from lrs.api.programme import answers
from lrs.api.programme.credentials import find_record, view
from lrs.api.rights import directory, editor
from lrs.credentials.endorsements import endorse, endorsements_of, withdraw
from lrs.foundation.context import current_services
from lrs.foundation.errors import Forbidden, InvalidField, UnknownThing
from lrs.people.records import get_person

blp = Blueprint(
    "endorsements-api", __name__, url_prefix="/credentials", description="Who stands behind a credential."
)
Document = dict[str, Any]


class NewEndorsement(Schema):
    """What is said of a credential, and by whom."""

    comment = fields.String(required=True, validate=validate.Length(1, 2000))
    assessor = fields.String(
        load_default=None,
        metadata={"description": "A person in a group, by whom the vendor says it; else who asks says it."},
    )


@blp.get("/<award>/endorsements", scope=("people", "rules"))
@blp.response(200, answers.Endorsements)
def list_endorsements(award: str) -> Response:
    """List the endorsements of a credential."""
    found = endorsements_of(current_services().db, find_record(award).award)
    return jsonify({"items": [shown(row) for row in found], "total": len(found)})


@blp.post("/<award>/endorsements", scope="people")
@blp.arguments(NewEndorsement)
@blp.response(201, answers.Endorsement)
def add_endorsement(body: Document, award: str) -> tuple[Response, int]:
    """Endorse a credential, as the organization that asks, or as an assessor; it is signed at once."""
    record, services = find_record(award), current_services()
    if directory().left_at(record.person) is not None:
        raise Forbidden("the person belongs to another organization by now")
    about = {"award": record.award, "person": record.person, "title": view(record).title}
    row = endorse(editor(), services.settings, about, endorser(body["assessor"]), body["comment"])
    return jsonify(shown(row)), 201


@blp.delete("/<award>/endorsements/<endorsement>", scope="people")
@blp.response(204)
def remove_endorsement(award: str, endorsement: str) -> None:
    """Remove an endorsement: the vendor any, a partner its own."""
    found = next(
        (one for one in endorsements_of(current_services().db, find_record(award).award)
         if one["_id"] == endorsement), None,
    )  # fmt: skip
    org = current_principal().org
    if found is None or org not in {VENDOR, found["by_org"]}:
        raise UnknownThing("endorsement", endorsement)
    withdraw(editor(), award, endorsement)


def endorser(assessor: str | None) -> Document:
    """Return who endorses {name, of_org or of_person}; raise Forbidden or InvalidField."""
    services, org = current_services(), current_principal().org
    if assessor is None:
        return {"name": get_org(services.db, org)["name"], "of_org": org}
    if org != VENDOR:
        raise Forbidden("only the vendor names an assessor")
    person = get_person(services.db, assessor)
    now = services.now()
    groups = services.db.groups.find({"org": VENDOR, "members.person": person["_id"]}, {"members": 1})
    if not any(is_now(one, person["_id"], now) for group in groups for one in group["members"]):
        raise InvalidField("assessor", "is in no group now")
    if not person.get("name"):
        raise InvalidField("assessor", "has no name that could be shown")
    return {"name": person["name"], "of_person": person["_id"]}


def is_now(member: Document, person: str, now: Any) -> bool:
    """Say whether a membership is that of a person, and holds."""
    begun = member["from"] is None or member["from"] <= now
    return member["person"] == person and begun and (member["until"] is None or now < member["until"])


def shown(row: Document) -> Document:
    """Return an endorsement with what was signed."""
    told = {name: row[name] for name in ("award", "name", "comment")}
    return {"id": row["_id"], **told, "at": row["at"].isoformat(), "credential": json.loads(row["document"])}
