"""How many people count for whom and are in which state of a certification, and what ends when."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.database import Database

from lrs.foundation.context import Services
from rules.engine.affiliations import holding
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.stored import VENDOR

Document = dict[str, Any]
Counts = Mapping[str, Mapping[str, int]]
MOST_GRACE: Final = dt.timedelta(days=400)  # after its end, something may still be held for so long
FRESH: Final = dt.timedelta(seconds=60)


def count_states(db: Database[Document], now: dt.datetime, persons: Collection[str] | None = None) -> Counts:
    """Return certification -> state -> people; of these persons, or of everybody."""
    wanted: Document = {"org": VENDOR}
    if persons is not None:
        wanted["person"] = {"$in": sorted(persons)}
    begun = {"$filter": {"input": "$states", "cond": {"$lte": ["$$this.at", now]}}}
    last = {"certification": 1, "last": {"$last": begun}}
    known = {"last.state": {"$exists": True}, "last.evaluated": {"$ne": True}}
    grouped = {"_id": {"of": "$certification", "state": "$last.state"}, "people": {"$sum": 1}}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in db.standings.aggregate(
        [{"$match": wanted}, {"$project": last}, {"$match": known}, {"$group": grouped}]
    ):
        found[row["_id"]["of"]][row["_id"]["state"]] = row["people"]
    return found


@dataclass(slots=True)
class Remembered:
    """The counts over everybody, made anew at most once a minute in a process."""

    services: Services
    made_at: dt.datetime | None = None
    counts: Counts = field(default_factory=dict)

    def get(self, now: dt.datetime) -> tuple[Counts, dt.datetime]:
        """Return the counts and when they were made."""
        if self.made_at is None or not dt.timedelta(0) <= now - self.made_at < FRESH:
            self.counts, self.made_at = count_states(self.services.db, now), now
        return self.counts, self.made_at


def remembered(services: Services) -> Remembered:
    """Return the part of an application that remembers counts."""
    return Remembered(services)


def count_people(db: Database[Document], orgs: Sequence[str], now: dt.datetime) -> dict[str, int]:
    """Return how many people count for each of these organizations."""
    wanted = {"org": {"$in": list(orgs)}, "primary": True, **holding(now)}
    grouped = {"$group": {"_id": "$org", "people": {"$sum": 1}}}
    rows = db.affiliations.aggregate([{"$match": wanted}, grouped])
    return {row["_id"]: row["people"] for row in rows}


def ending(
    db: Database[Document],
    now: dt.datetime,
    until: dt.date,
    *,
    persons: Collection[str] | None = None,
    certification: str | None = None,
) -> Iterator[Document]:
    """Yield what is held now and ends until a day: person, certification, state, expires, days left."""
    today = now.date()
    since = today - MOST_GRACE
    ends = {"$gte": since.isoformat(), "$lte": until.isoformat()}
    wanted: Document = {"org": VENDOR, "states": {"$elemMatch": {"expires": ends}}}
    if persons is not None:
        wanted["person"] = {"$in": sorted(persons)}
    if certification is not None:
        wanted["certification"] = certification
    fields = {"person": 1, "certification": 1, "states": 1}
    for row in db.standings.find(wanted, fields):
        held = state_at(row, now)
        if held is None or held.state not in HELD_STATES or not held.counts or not held.expires:
            continue
        if held.expires <= until.isoformat():
            yield {
                "person": row["person"], "certification": row["certification"], "state": held.state,
                "expires": held.expires, "days": (dt.date.fromisoformat(held.expires) - today).days,
            }  # fmt: skip
