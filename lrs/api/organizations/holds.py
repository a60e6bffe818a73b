"""Legal holds on people and organizations; the vendor's."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint, Flag, Instant, PageArgs
from lrs.api.resource import Resource
from lrs.api.rights import editor
from lrs.foundation.context import current_services
from lrs.people.privacy import legal_holds

blp = Blueprint("holds", __name__, url_prefix="/holds", description="Legal holds: what nobody removes.")

Document = dict[str, Any]


class HoldSchema(Schema):
    """A hold: it lasts until `lifted_at`."""

    id = fields.String(attribute="_id")
    org = fields.String()
    person = fields.String(allow_none=True)
    reason = fields.String()
    by = fields.String()
    at = Instant()
    lifted_at = Instant(allow_none=True)
    lifted_by = fields.String(allow_none=True)


class NewHold(Schema):
    """A hold on one person, or else on the store of one organization."""

    org = fields.String(load_default=None)
    person = fields.String(load_default=None)
    reason = fields.String(required=True, validate=validate.Length(1, 1000))


class HoldFilter(PageArgs):
    """Which holds."""

    lasting = Flag(load_default=False, metadata={"description": "Only those that last."})


HOLDS = Resource(
    blp, "hold", HoldSchema, collection="legal_holds", path="/<hold>", scope="orgs", vendor=True,
    find=lambda hold: legal_holds.get_hold(current_services().db, hold), bounds=dict,
)  # fmt: skip


@HOLDS.lists(HoldFilter)
def list_holds(args: Document) -> Document:
    """List the holds, also those that were lifted."""
    return dict(legal_holds.LASTING) if args["lasting"] else {}


@HOLDS.makes(NewHold)
def place_hold(body: Document) -> Document:
    """Hold a person in every store, or the whole store of an organization."""
    return legal_holds.hold(editor(), **body)


@HOLDS.ends()
def lift_hold(hold: Document) -> Document:
    """Lift a hold, which stays on record."""
    return legal_holds.lift(editor(), hold["_id"])
