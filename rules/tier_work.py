"""Which organizations' tiers have to be looked at: marks set in the transaction that moves a person."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

Document = dict[str, Any]

VENDOR: Final = "vendor"
FREE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NEVER: Final = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
LEASE: Final = dt.timedelta(seconds=60)

INDEXES: dict[str, list[IndexModel]] = {
    "tier_work": [IndexModel([("org", ASCENDING), ("due_at", ASCENDING)])],
}


def mark_people(
    db: Database[Document],
    persons: Collection[str],
    now: dt.datetime,
    session: ClientSession | None = None,
) -> None:
    """Make due the organizations that these persons count or counted for, with those above them (5-1).

    Called with every change of what people hold, and of their affiliations.
    """
    wanted = {"person": {"$in": list(persons)}, "primary": True}
    organizations = {row["org"] for row in db.affiliations.find(wanted, {"org": 1}, session=session)}
    above = db.orgs.find({"_id": {"$in": sorted(organizations)}}, {"ancestors": 1}, session=session)
    mark(db, organizations.union(*(row.get("ancestors", ()) for row in above)), now, session)


def mark(
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
                "$setOnInsert": {"org": VENDOR, "leased_until": FREE, "leased_by": None},
            },
            upsert=True,
        )
        for organization in sorted(set(organizations) - {VENDOR})
    ]
    if changes:
        db.tier_work.bulk_write(changes, ordered=False, session=session)


@dataclass(frozen=True, slots=True)
class Lease:
    """Organizations that one worker holds, with the marks they had when they were read."""

    token: str
    rows: Mapping[str, int] = field(default_factory=dict)


def lease(db: Database[Document], now: dt.datetime, limit: int) -> Lease:
    """Take up to `limit` organizations that are due and free."""
    free = {"org": VENDOR, "due_at": {"$lte": now}, "leased_until": {"$lte": now}}
    wanted = [
        row["_id"] for row in db.tier_work.find(free, {"_id": 1}).sort("due_at", ASCENDING).limit(limit)
    ]
    if not wanted:
        return Lease("")
    token = secrets.token_hex(8)
    db.tier_work.update_many(
        {"_id": {"$in": wanted}, "leased_until": {"$lte": now}},
        {"$set": {"leased_until": now + LEASE, "leased_by": token}},
    )
    held = db.tier_work.find({"_id": {"$in": wanted}, "leased_by": token})
    return Lease(token, {row["_id"]: row["marks"] for row in held})


def release(
    db: Database[Document], token: str, organization: str, marks: int, due: dt.datetime | None
) -> None:
    """Give an organization back, due again at an instant, or at once where it was marked meanwhile."""
    db.tier_work.update_one(
        {"_id": organization, "leased_by": token},
        [
            {
                "$set": {
                    "due_at": {"$cond": [{"$eq": ["$marks", marks]}, due or NEVER, "$due_at"]},
                    "leased_until": FREE,
                    "leased_by": None,
                }
            }
        ],
    )
