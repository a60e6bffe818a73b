"""Events over HTTP: the feed with a cursor (8-2)."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request, url_for
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.rights import vendor_only
from lrs.api.rules import answer
from lrs.auth import requires
from lrs.context import laurel
from lrs.courier import attributes
from rules import outbox

blp = Blueprint("events", __name__, url_prefix="/events", description="What happened, in order.")


BATCH = "application/cloudevents-batch+json"


class EventFilter(Schema):
    """Which events: after which cursor, of which types."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**62))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    type = fields.List(fields.String(validate=validate.OneOf(outbox.EVENT_TYPES)), load_default=None)


@blp.route("", methods=["GET"])
@requires("rules", "analytics")
@blp.arguments(EventFilter, location="query")
def read(args: dict[str, Any]) -> Response:
    """Read events after a cursor, oldest first; `cursor` of the answer is the next `after`.

    With `Accept: application/cloudevents-batch+json` as a list of CloudEvents; the next page is a Link.
    """
    vendor_only()
    rows = outbox.read_after(laurel().db, args["after"], args["limit"], args["type"])
    if request.accept_mimetypes.best_match(["application/json", BATCH]) == BATCH:
        return _batch(rows, args)
    items = [outbox.body(row) | {"id": row["_id"], "cursor": row["seq"]} for row in rows]
    return answer({"items": items, "cursor": rows[-1]["seq"] if rows else args["after"]})


def _batch(rows: list[dict[str, Any]], args: dict[str, Any]) -> Response:
    """Answer events as one JSON list (CloudEvents 1.0, JSON Batch Format); data is what webhooks deliver."""
    settings = laurel().settings
    events = [
        {
            **attributes(settings, row),
            "datacontenttype": "application/json",
            "sequence": str(row["seq"]),
            "data": outbox.body(row),
        }
        for row in rows
    ]
    following = {**args, "after": rows[-1]["seq"] if rows else args["after"]}
    path = url_for("events.read", **{name: value for name, value in following.items() if value is not None})
    return Response(
        orjson.dumps(events, option=orjson.OPT_UTC_Z), content_type=BATCH,
        headers={"Link": f'<{settings.public_url.rstrip("/")}{path}>; rel="next"', "Vary": "Accept"},
    )  # fmt: skip
