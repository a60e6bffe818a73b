"""Sign-off over HTTP: a whole group by one rubric; each becomes a statement in the instructor's name."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from uuid import uuid4

from flask import Response, jsonify
from marshmallow import Schema, fields, validate

from lrs.access.auth import current_principal
from lrs.api.contract import Blueprint, Instant
from lrs.api.instruction.sessions import Stored
from lrs.api.instruction.signer import orgs_of, people_of, signer
from lrs.api.rights import visible_orgs
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.instruction import bookings, rubrics, sessions, signing
from lrs.instruction.evidence_files import LARGEST, MOST, read_file
from statements.intake.attachments import Part

blp = Blueprint("sign-offs", __name__, url_prefix="/sign-offs", description="What instructors sign off.")

Document = dict[str, Any]
WHO: dict[str, Any] = {"metadata": {"description": "The person who saw it; left out, who is logged in."}}
IN_BASE64 = LARGEST * 4 // 3 + 100  # characters


class EvidenceFile(Schema):
    """A picture, PDF or film."""

    name = fields.String(required=True, validate=validate.Length(1, 200))
    content = fields.String(
        required=True, validate=validate.Length(1, IN_BASE64), metadata={"description": "In base64."}
    )


class Seen(Schema):
    """What was seen of one person; one with an id that is sent again is written once."""

    person = fields.String(required=True)
    id = fields.UUID(metadata={"description": "Of the statement to be."})
    levels = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True,
        metadata={"description": "The id of a level by the id of each criterion."},
    )  # fmt: skip
    note = fields.String(load_default="", validate=validate.Length(max=signing.LONGEST_NOTE))
    files = fields.List(fields.Nested(EvidenceFile), load_default=list, validate=validate.Length(max=MOST))


class SignOff(Schema):
    """A group, by one rubric."""

    rubric = fields.String(required=True)
    number = fields.Integer(
        validate=validate.Range(1, 1_000_000_000),
        metadata={"description": "Its version; left out, the newest."},
    )
    session = fields.String(metadata={"description": "The session in which it was seen."})
    instructor = fields.String(**WHO)
    at = Instant(metadata={"description": "When it was seen; left out, now."})
    people = fields.List(fields.Nested(Seen), required=True, validate=validate.Length(1, signing.MOST))


class Whose(Schema):
    """Whose signatures."""

    instructor = fields.String(**WHO)


class SignOffList(Schema):
    """Statements as they are kept, the newest first, 50 at most."""

    items = fields.List(fields.Dict())


@blp.get("", scope="assess")
@blp.arguments(Whose, location="query")
@blp.response(200, SignOffList)
def list_signed(args: Document) -> Response:
    """List what an instructor signed last and did not take back."""
    found = signing.signed_by(current_services().db, signer(args.get("instructor")))
    return jsonify(items=found)


@blp.post("", scope="assess")
@blp.arguments(SignOff)
@blp.response(201, Stored)
def sign(body: Document) -> Document:
    """Write what was seen of each, all of them or none."""
    services, who = current_services(), signer(body.get("instructor"))
    rubric = rubrics.get_rubric(services.db, who.org, body["rubric"], body.get("number"))
    of = sessions.get_session(services.db, body["session"], visible_orgs()) if "session" in body else None
    people_of([one["person"] for one in body["people"]], orgs_of(who))
    findings = [
        signing.Finding(
            one.get("id") or uuid4(), one["person"], one["levels"], one["note"].strip(),
            files_of(one["files"]),
        )
        for one in body["people"]
    ]  # fmt: skip
    ids = signing.observe(services.db, who, rubric, findings, at=body.get("at"), now=services.now(), of=of)
    return {"statements": ids}


def files_of(sent: list[Document]) -> list[tuple[str, Part]]:
    """Return the files of one person; raises InvalidField."""
    read = [(one["name"], read_file("files", decoded(one["content"]))) for one in sent]
    return list({part.sha2: (name, part) for name, part in read}.values())


def decoded(text: str) -> bytes:
    """Return what base64 says; raises InvalidField."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField("files", "have their content in base64") from error


@blp.delete("/<statement>", scope="assess")
@blp.arguments(Whose, location="query")
@blp.response(204)
def take_back(args: Document, statement: str) -> None:
    """Take a signature back; it stays on record as voided, and counts no more."""
    services, who = current_services(), signer(args.get("instructor"))
    may_any = current_principal().may("people")
    found = signing.void(services.db, who, statement, services.now(), may_any=may_any)
    bookings.forget_attendance(services.db, who.org, found["id"])
