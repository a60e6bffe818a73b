"""Drafts of rule files, kept for each author until they are discarded or planned.

rule_drafts {_id, org: "vendor", owner, title, text, created_at, updated_at}
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from lrs.foundation.errors import InvalidField, UnknownThing
from rules.evaluation.award_ids import encode
from rules.stored import VENDOR

Document = dict[str, Any]
MOST: Final = 100  # drafts of one author
LONGEST: Final = 262_144  # characters, as the API reads

INDEXES: dict[str, list[IndexModel]] = {
    "rule_drafts": [IndexModel([("org", ASCENDING), ("owner", ASCENDING), ("updated_at", DESCENDING)])],
}


def list_drafts(db: Database[Document], owner: str) -> list[Document]:
    """Return the drafts of an author without their texts, the newest first."""
    wanted = {"org": VENDOR, "owner": owner}
    return list(db.rule_drafts.find(wanted, {"text": 0}).sort("updated_at", DESCENDING).limit(MOST))


def get_draft(db: Database[Document], owner: str, draft: str) -> Document:
    """Return a draft of an author; raises UnknownThing, also for one of somebody else."""
    found = db.rule_drafts.find_one({"_id": draft, "org": VENDOR, "owner": owner})
    if found is None:
        raise UnknownThing("draft", draft)
    return found


def save_draft(
    db: Database[Document], owner: str, text: str, *, title: str, now: dt.datetime, draft: str | None = None
) -> str:
    """Keep a text as a draft, a new one without `draft`, and return its id; InvalidField, UnknownThing."""
    if len(text) > LONGEST:
        raise InvalidField("text", f"has more than {LONGEST:,} characters")
    if draft is not None:
        get_draft(db, owner, draft)
        changed = {"text": text, "title": title, "updated_at": now}
        db.rule_drafts.update_one({"_id": draft, "org": VENDOR, "owner": owner}, {"$set": changed})
        return draft
    if db.rule_drafts.count_documents({"org": VENDOR, "owner": owner}, limit=MOST) >= MOST:
        raise InvalidField("text", f"would be draft {MOST + 1}; discard one first")
    made = encode(int(now.timestamp() * 1000) << 80 | secrets.randbits(80))
    db.rule_drafts.insert_one(
        {
            "_id": made, "org": VENDOR, "owner": owner, "title": title, "text": text,
            "created_at": now, "updated_at": now,
        }
    )  # fmt: skip
    return made


def discard_draft(db: Database[Document], owner: str, draft: str) -> None:
    """Remove a draft; raises UnknownThing."""
    get_draft(db, owner, draft)
    db.rule_drafts.delete_one({"_id": draft, "org": VENDOR, "owner": owner})
