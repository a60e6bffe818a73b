"""Credentials of other issuers over HTTP: bring one for a person, look at them, take one back."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.programme import answers
from lrs.api.programme.credentials import MAX_TOKEN
from lrs.api.programme.rules import visible
from lrs.api.rights import directory, editor, vendor_only
from lrs.credentials.recognising.importing import Importer
from lrs.credentials.recognising.rechecking import take_back_by_hand
from lrs.credentials.recognising.store import RecognitionStore, listed
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.context import current_services
from lrs.foundation.fetching import Fetcher
from lrs.people.records import get_person
from rules.catalogue.store import cache_of

blp = Blueprint(
    "recognitions",
    __name__,
    url_prefix="/people",
    description="Credentials of other issuers that count here.",
)
Document = dict[str, Any]


class Brought(Schema):
    """A copy of a credential or of a learner record."""

    credential = fields.String(
        required=True,
        validate=validate.Length(1, MAX_TOKEN),
        metadata={"description": "A compact JWS, JSON, or an https address."},
    )


class TakenBack(Schema):
    """Why somebody takes an import back."""

    reason = fields.String(required=True, validate=validate.Length(1, 500))


@blp.get("/<person>/recognised-credentials", scope="people")
@blp.response(200, answers.RecognisedCredentials)
def list_recognised(person: str) -> Response:
    """List what a person brought from other issuers, the newest first, also what was taken back."""
    whom = visible(person)
    rows = list(RecognitionStore(current_services().db).of_person(whom))
    left = directory().left_at(whom)
    if left is not None:  # whose person it was knows what was true then (cert#5-5)
        rows = [as_of(row, left) for row in rows if row["imported_at"] < left]
    found = listed(rows)
    return jsonify({"items": [written(row) for row in found], "total": len(found)})


@blp.post("/<person>/recognised-credentials", scope="people")
@blp.arguments(Brought)
@blp.response(201, answers.RecognisedCredentials)
def bring(body: Document, person: str) -> tuple[Response, int]:
    """Import a person's credential of another issuer; it counts where a rule in force recognises it."""
    vendor_only()
    services = current_services()
    whom = get_person(services.db, visible(person))
    found = importer().bring(whom, body["credential"].encode())
    return jsonify({"items": [written(row) for row in found], "total": len(found)}), 201


@blp.post("/<person>/recognised-credentials/<recognised>/take-back", scope="people")
@blp.arguments(TakenBack)
@blp.response(200, answers.RecognisedCredential)
def take_back(body: Document, person: str, recognised: str) -> Response:
    """Take an import back: it counts no more, and what follows from that is decided."""
    vendor_only()
    url = current_services().settings.public_url
    return jsonify(written(take_back_by_hand(editor(), url, visible(person), recognised, body["reason"])))


def as_of(row: Document, at: dt.datetime) -> Document:
    """Return an import without what became of it later."""
    later = row["taken_back_at"] is not None and row["taken_back_at"] >= at
    return row | {"taken_back_at": None, "reason": None} if later else row


def importer() -> Importer:
    """Return what imports in the name of the present principal."""
    services = current_services()
    fetcher = Fetcher(allow_private=services.settings.allow_private_addresses)
    ask = Inquiry(fetcher.get, services.now())
    return Importer(editor(), cache_of(services.db).get(fresh=True), ask, services.settings.public_url)


def written(row: Document) -> Document:
    """Return an import with its instants as text."""
    return {
        name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in row.items()
    }
