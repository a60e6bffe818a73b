"""Why somebody holds a certification, or why not yet: the tree in words, its evidence, states over time."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from flask import Response

from lrs.api.rights import directory
from lrs.console.instants import asked_instant
from lrs.console.models import explained as model
from lrs.console.models.state_line import state_line
from lrs.console.organizations.people import titles
from lrs.console.programme.deciding import KIND_WORDS
from lrs.console.shell import Pages, show
from lrs.foundation.context import current_services
from rules import queries
from rules.stored import VENDOR

Document = dict[str, Any]
CHANGES: Final = 30

blueprint = Pages("console_explained", __name__)


@blueprint.get("/console/people/<person>/certifications/<certification>", scope=("people", "rules"))
def explained(person: str, certification: str) -> Response:
    """Explain a person's state at an instant, as known at another (cert#6-3)."""
    services, found = current_services(), directory().get(person)
    left = directory().left_at(found["_id"])
    at, asks_at = asked_instant("at")
    known_at, asks_known = asked_instant("known")
    if left is not None:  # who left is seen as they were while they belonged (cert#5-5)
        at, known_at, asks_known = min(at, left), min(known_at, left), True
    told = queries.explain(
        services.db,
        found["_id"],
        certification,
        at,
        services.now(),
        known_at=known_at if asks_known else None,
    )
    states = states_of(found["_id"], certification, left)
    return show(
        "explained.html",
        person=directory().present(found), certification=certification,
        title=titles().get(certification, certification), told=model.told(told), explanation=told,
        line=state_line(states, at, services.now()), history=history_of(states, services.now()),
        at=at, asks_at=asks_at, known_at=known_at, asks_known=asks_known, now=services.now(), left=left,
        kinds=KIND_WORDS,
    )  # fmt: skip


def states_of(person: str, certification: str, left: dt.datetime | None) -> list[Document]:
    """Return the states of a person in a certification, of who left those until then."""
    row = current_services().db.standings.find_one(
        {"org": VENDOR, "person": person, "certification": certification}, {"states": 1}
    )
    states = row["states"] if row else []
    return [one for one in states if left is None or one["at"] < left]


def history_of(states: list[Document], now: dt.datetime) -> list[Document]:
    """Return the last changes of state up to now, the newest first."""
    past = [one for one in states if one["at"] <= now and one["at"].year > 1]
    return list(reversed(past[-CHANGES:]))
