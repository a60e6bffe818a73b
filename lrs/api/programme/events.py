"""Events over HTTP: the feed with a cursor (cert#8-2)."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, request, url_for
from marshmallow import Schema, fields, validate

from lrs.api.contract import Blueprint
from lrs.api.programme import answers
from lrs.api.programme.rules import answer
from lrs.api.rights import vendor_only
from lrs.foundation.context import current_services
from lrs.messaging.delivery import attributes
from lrs.messaging.event_data import in_words
from rules.engine.event_types import EVENT_TYPES
from rules.engine.queues import outbox

blp = Blueprint("events", __name__, url_prefix="/events", description="What happened, in order.")


BATCH = "application/cloudevents-batch+json"


class EventFilter(Schema):
    """Which events: after which cursor, of which types."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**62))
    limit = fields.Integer(load_default=100, validate=validate.Range(1, 1000))
    type = fields.List(fields.String(validate=validate.OneOf(EVENT_TYPES)), load_default=None)


@blp.get("", scope=("rules", "analytics"))
@blp.arguments(EventFilter, location="query")
@blp.response(200, answers.EventPage)
@blp.response(200, answers.CloudEvent(many=True), content_type=BATCH)
def read(args: dict[str, Any]) -> Response:
    """Read events after a cursor, oldest first; `cursor` of the answer is the next `after`.

    With `Accept: application/cloudevents-batch+json` as a list of CloudEvents; the next page is a Link.
    """
    vendor_only()
    db = current_services().db
    rows = [in_words(db, row) for row in outbox.read_after(db, args["after"], args["limit"], args["type"])]
    if request.accept_mimetypes.best_match(["application/json", BATCH]) == BATCH:
        return _batch(rows, args)
    items = [outbox.body(row) | {"id": row["_id"], "cursor": row["seq"]} for row in rows]
    return answer({"items": items, "cursor": rows[-1]["seq"] if rows else args["after"]})


def _batch(rows: list[dict[str, Any]], args: dict[str, Any]) -> Response:
    """Answer events as one JSON list (CloudEvents 1.0, JSON Batch Format); data is what webhooks deliver."""
    settings = current_services().settings
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
