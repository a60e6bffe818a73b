"""Migration 1: statements of before 2026-11-22 hold a related search key beside each direct one.

Related queries ask for either since then, so the second only costs index entries (`search_keys`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bson import Binary
from pymongo import UpdateOne
from pymongo.database import Database

from statements.parsing.search_keys import key

Document = dict[str, Any]
PAGE = 1000
FIELDS = {"keys": 1, "actor": 1, "object": 1}


def count_statements(db: Database[Document]) -> int:
    """Return about how many statements there are to look at."""
    return db.statements.estimated_document_count()


def drop_doubled_keys(
    db: Database[Document], position: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], int, int]]:
    """Yield (position, looked at, changed) page by page, one organization after the other."""
    begun, after = position.get("org", ""), position.get("after", b"")
    for org in sorted(row["_id"] for row in db.orgs.find({"_id": {"$gte": begun}}, {"_id": 1})):
        seen = Binary(after if org == begun else b"")
        while page := list(
            db.statements.find({"org": org, "_id": {"$gt": seen}}, FIELDS).sort("_id", 1).limit(PAGE)
        ):
            changes = [
                UpdateOne({"org": org, "_id": row["_id"]}, {"$pull": {"keys": {"$in": doubled}}})
                for row in page
                if (doubled := doubled_keys(row))
            ]
            if changes:
                db.statements.bulk_write(changes, ordered=False)
            seen = page[-1]["_id"]
            yield {"org": org, "after": seen}, len(page), len(changes)


def doubled_keys(row: Document) -> list[int]:
    """Return the related keys of a statement whose direct key it has too."""
    keys = set(row.get("keys", ()))
    target = row.get("object") or {}
    pairs = [("a", "A", row.get("actor"))]
    pairs += [("a", "A", target.get("id")), ("o", "O", target.get("id"))]
    return [
        key(related, value)
        for direct, related, value in pairs
        if value and {key(direct, value), key(related, value)} <= keys
    ]
