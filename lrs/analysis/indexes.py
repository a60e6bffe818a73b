"""The indexes of what analysts keep: saved queries, dashboards, deals, positions of imports."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from lrs.analysis.questions import dashboards

INDEXES: dict[str, list[IndexModel]] = {
    **dashboards.INDEXES,
    "saved_queries": [
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("next_at", ASCENDING)], sparse=True),
        IndexModel([("links.digest", ASCENDING)], sparse=True),
    ],
    "query_results": [
        IndexModel([("org", ASCENDING), ("query", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("at", ASCENDING)], expireAfterSeconds=400 * 24 * 3600),
    ],
    "deals": [
        IndexModel([("org", ASCENDING), ("id", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("created", ASCENDING)]),
    ],
    "imports": [IndexModel([("org", ASCENDING), ("source", ASCENDING)], unique=True)],
}
