"""The feed of events: what webhooks and readers of the API are told, the newest first."""

from __future__ import annotations

from typing import Any, Final

from lrs.api.rights import vendor_only
from lrs.console.lists import Rows, Span, asked, listed
from lrs.console.organizations.partners import names_of
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.engine import titles
from rules.engine.event_types import EVENT_TYPES
from rules.engine.queues.outbox import newest

Document = dict[str, Any]
COLUMNS: Final = ("id", "cursor", "type", "timestamp", "person", "organization", "certification", "data")

blueprint = Pages("console_events", __name__)


@listed(blueprint, "/console/events", scope=("rules", "analytics"), template="events.html")
def events(span: Span) -> Rows:
    """List the events of the feed, the newest first."""
    vendor_only()
    filters = asked("type")
    if filters.get("type", EVENT_TYPES[0]) not in EVENT_TYPES:
        raise InvalidField("type", f"is one of {', '.join(EVENT_TYPES)}")
    found = newest(current_services().db, span.limit + 1, filters.get("type"), _before(span))
    rows = [row_of(one) for one in found[: span.limit]]
    context = {
        "filters": filters, "type_pairs": [(one, one) for one in EVENT_TYPES], "orgs": org_names(),
        "titles": titles(), "names": names_of({one["person"] for one in rows if one["person"]}),
    }  # fmt: skip
    return Rows(COLUMNS, rows, [str(rows[-1]["cursor"])] if len(found) > span.limit else None, context)


def _before(span: Span) -> int | None:
    """Return the place in the feed before which a page begins; raises InvalidField."""
    if span.after is None:
        return None
    text = span.after[0] if len(span.after) == 1 else None
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidField("after", "is not a position of this list")
    return int(text)


def row_of(event: Document) -> Document:
    """Return an event as a row: what it is about apart from the rest of its data."""
    data = event["data"]
    about = {name: data.get(name) for name in ("person", "organization", "certification")}
    rest = {name: one for name, one in data.items() if name not in {*about, "effective_at", "decided_at"}}
    return {
        "id": event["_id"], "cursor": event["seq"], "type": event["type"], "timestamp": event["timestamp"],
        **about, "data": rest,
    }  # fmt: skip
