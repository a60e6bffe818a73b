"""A newer version on the data of an older one: indexes that changed are replaced, data stays."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, IndexModel

from lrs import indexes
from lrs.indexes import ensure_indexes


def test_an_index_with_other_options_is_replaced(db: Any, monkeypatch: Any) -> None:
    """The same name with other options, and the same keys under another name, both stop create_indexes."""
    db.drop_collection("upgraded")
    db.upgraded.create_index([("org", ASCENDING), ("a", ASCENDING)], sparse=True)
    db.upgraded.create_index([("org", ASCENDING), ("b", ASCENDING)], name="old")
    db.upgraded.insert_one({"org": "north", "a": 1})
    newer = [
        IndexModel([("org", ASCENDING), ("a", ASCENDING)], partialFilterExpression={"a": {"$exists": True}}),
        IndexModel([("org", ASCENDING), ("b", ASCENDING)], name="new"),
    ]
    monkeypatch.setattr(indexes, "INDEX_TABLES", [{"upgraded": newer}])
    for _ in range(2):
        ensure_indexes(db)
    found = db.upgraded.index_information()
    assert found["org_1_a_1"]["partialFilterExpression"] == {"a": {"$exists": True}}
    assert set(found) == {"_id_", "org_1_a_1", "new"}
    assert db.upgraded.count_documents({}) == 1
    db.drop_collection("upgraded")


def test_an_index_that_nothing_asks_by_any_more_is_dropped(db: Any) -> None:
    ensure_indexes(db)
    db.outbox.create_index([("org", ASCENDING), ("effect", ASCENDING)], unique=True)
    for _ in range(2):
        ensure_indexes(db)
        assert "org_1_effect_1" not in db.outbox.index_information()
