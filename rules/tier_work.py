"""Which organizations' tiers have to be looked at: durable marks, set in the transaction that moves a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.store import RuleSet

Document = dict[str, Any]

VENDOR: Final = "vendor"
FREE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

INDEXES: dict[str, list[IndexModel]] = {
    "tier_work": [IndexModel([("org", ASCENDING), ("due_at", ASCENDING)])],
}


def mark_organizations(
    db: Database[Document],
    rules: RuleSet,
    persons: Collection[str],
    now: dt.datetime,
    session: ClientSession | None = None,
) -> None:
    """Make due the organizations that these persons count or counted for, with those above them (5-1)."""
    if not any(kind == "PartnerTiers" for kind, _ in rules.documents):
        return
    rows = db.affiliations.find(
        {"person": {"$in": list(persons)}, "primary": True}, {"org": 1}, session=session
    )
    organizations = {row["org"] for row in rows}
    above = db.orgs.find({"_id": {"$in": sorted(organizations)}}, {"ancestors": 1}, session=session)
    mark(db, organizations.union(*(row.get("ancestors", ()) for row in above)), now, session)


def mark(
    db: Database[Document],
    organizations: Iterable[str],
    now: dt.datetime,
    session: ClientSession | None = None,
) -> None:
    """Make the tiers of organizations due; called with every change of affiliations or of the tree of `parent`."""
    changes = [
        UpdateOne(
            {"_id": organization},
            {
                "$min": {"due_at": now},
                "$inc": {"marks": 1},
                "$setOnInsert": {"org": VENDOR, "leased_until": FREE, "leased_by": None},
            },
            upsert=True,
        )
        for organization in sorted(set(organizations) - {VENDOR})
    ]
    if changes:
        db.tier_work.bulk_write(changes, ordered=False, session=session)
