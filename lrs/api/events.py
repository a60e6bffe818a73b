"""Events over HTTP: the feed with a cursor (8-2)."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.rights import vendor_only
from lrs.api.rules import answer
from lrs.auth import requires
from lrs.context import laurel
from rules import outbox

blp = Blueprint("events", __name__, url_prefix="/events", description="What happened, in order.")


class EventFilter(Schema):
    """Which events: after which cursor, of which types."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**62))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    type = fields.List(fields.String(validate=validate.OneOf(outbox.EVENT_TYPES)), load_default=None)


@blp.route("", methods=["GET"])
@requires("rules", "analytics")
@blp.arguments(EventFilter, location="query")
def read(args: dict[str, Any]) -> Response:
    """Read events after a cursor, oldest first; `cursor` of the answer is the next `after`."""
    vendor_only()
    rows = outbox.read_after(laurel().db, args["after"], args["limit"], args["type"])
    items = [outbox.body(row) | {"id": row["_id"], "cursor": row["seq"]} for row in rows]
    return answer({"items": items, "cursor": rows[-1]["seq"] if rows else args["after"]})
