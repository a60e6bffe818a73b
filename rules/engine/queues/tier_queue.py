"""Which organizations' tiers have to be looked at: marks set in the transaction that moves a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Final

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.engine.queues import lease
from rules.stored import VENDOR, Document

NEVER: Final = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
LEASE: Final = dt.timedelta(seconds=60)

INDEXES: dict[str, list[IndexModel]] = {
    "tier_work": [IndexModel([("org", ASCENDING), ("due_at", ASCENDING)])],
}


def enqueue_people(
    db: Database[Document],
    persons: Collection[str],
    now: dt.datetime,
    session: ClientSession | None = None,
) -> None:
    """Make due the organizations that these persons count or counted for, with those above them (cert#5-1).

    Called with every change of what people hold, and of their affiliations.
    """
    wanted = {"person": {"$in": list(persons)}, "primary": True}
    organizations = {row["org"] for row in db.affiliations.find(wanted, {"org": 1}, session=session)}
    above = db.orgs.find({"_id": {"$in": sorted(organizations)}}, {"ancestors": 1}, session=session)
    enqueue(db, organizations.union(*(row.get("ancestors", ()) for row in above)), now, session)


def enqueue(
    db: Database[Document],
    organizations: Iterable[str],
    now: dt.datetime,
    session: ClientSession | None = None,
) -> None:
    """Make the tiers of organizations due; called with every change of their tree or of a status."""
    changes = [
        UpdateOne(
            {"_id": organization},
            {
                "$min": {"due_at": now},
                "$inc": {"marks": 1},
                "$setOnInsert": {"org": VENDOR, "leased_until": lease.FREE},
            },
            upsert=True,
        )
        for organization in sorted(set(organizations) - {VENDOR})
    ]
    if changes:
        db.tier_work.bulk_write(changes, ordered=False, session=session)


def take(db: Database[Document], now: dt.datetime) -> Document | None:
    """Take an organization that is due and free, with the marks that it has."""
    wanted = {"org": VENDOR, "due_at": {"$lte": now}}
    return lease.take(db.tier_work, wanted, now, LEASE, [("due_at", ASCENDING)])


def give_back(db: Database[Document], taken: Document, due: dt.datetime | None) -> None:
    """Give an organization back, due again at an instant, or at once where it was marked meanwhile."""
    unmarked = {"$eq": ["$marks", taken["marks"]]}
    fields = {"due_at": {"$cond": [unmarked, due or NEVER, "$due_at"]}, "leased_until": lease.FREE}
    db.tier_work.update_one(lease.held(taken), [{"$set": fields}])
