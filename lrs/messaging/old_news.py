"""What is too old to be told: history that is imported, or found late, is no news to anybody.

quiet_imports {_id: identifier, org: "vendor", before}: what happened to its owner up to `before` is not told

Decided 2026-11-29: an event is told only where it happened within the notice's `max_age` (31 days unless the
rule says otherwise), or where somebody decided about the award since. Worker downtime of a month loses no
notice; importing years of history sends none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pymongo import UpdateOne
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from rules.calendar import add
from rules.engine.standings import state_at
from rules.language.durations import Duration, Unit

Document = dict[str, Any]
MAX_AGE: Final = Duration(31, Unit.DAYS)


def silence(db: Database[Document], ifis: Iterable[str], before: dt.datetime) -> None:
    """Let nothing be told of what happened to the owners of these identifiers up to an instant."""
    changes = [
        UpdateOne({"_id": ifi}, {"$max": {"before": before}, "$setOnInsert": {"org": VENDOR}}, upsert=True)
        for ifi in dict.fromkeys(ifis)
    ]
    if changes:
        db.quiet_imports.bulk_write(changes, ordered=False)


def why_untold(
    db: Database[Document], event: Mapping[str, Any], max_age: Duration | None, now: dt.datetime
) -> str | None:
    """Return why an event is not told, or not any more; None where it is news."""
    at = happened_at(db, event, now)
    if _is_silenced(db, event["data"].get("person"), at):
        return "imported quietly"
    longest = max_age or MAX_AGE
    oldest = earliest(now, longest)
    if at >= oldest or _decided_since(db, event["data"], oldest):
        return None
    return f"older than {longest}"


def earliest(now: dt.datetime, max_age: Duration | None) -> dt.datetime:
    """Return the first instant that is not too old."""
    return dt.datetime.combine(add(now.date(), max_age or MAX_AGE, -1), dt.time(), dt.UTC)


def happened_at(db: Database[Document], event: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """Return when it happened; with a credential, when its award came into the state that it tells of."""
    at: dt.datetime = event["data"]["effective_at"]
    if event["type"].startswith("credential.") and event["data"].get("award"):
        award = db.awards.find_one({"_id": event["data"]["award"]}, {"states": 1})
        held = state_at(award, now) if award and award.get("states") else None
        return min(at, held.since) if held else at
    return at


def _is_silenced(db: Database[Document], person: str | None, at: dt.datetime) -> bool:
    if person is None or db.quiet_imports.find_one({}, {"_id": 1}) is None:
        return False
    found = db.people.find_one({"_id": person}, {"ifis.ifi": 1}) or {}
    owned = [row["ifi"] for row in found.get("ifis", ())]
    return db.quiet_imports.find_one({"_id": {"$in": owned}, "before": {"$gte": at}}, {"_id": 1}) is not None


def _decided_since(db: Database[Document], data: Mapping[str, Any], since: dt.datetime) -> bool:
    """Tell whether people decided about the award since: what follows from that is news at any age."""
    if not data.get("person") or not data.get("certification"):
        return False
    wanted = {
        "org": VENDOR,
        "person": data["person"],
        "by_people": True,
        "certification": {"$in": [None, data["certification"]]},
        "decided_at": {"$gte": since},
    }
    return db.facts.find_one(wanted, {"_id": 1}) is not None
