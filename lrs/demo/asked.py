"""The living example's saved questions, and the dashboard that shows them side by side."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.analysis.questions import dashboards, saved
from lrs.analysis.readable_stores import whole_scope

Document = dict[str, Any]
DAILY: Final = "0 6 * * *"
MONTH: Final = {"bucket": "month", "field": "timestamp", "timezone": "UTC"}
QUESTIONS: Final[tuple[tuple[str, str, Document], ...]] = (
    (
        "People who learn, by month", "lines",
        {"group": [MONTH], "measures": {"people": {"distinct": "person"}}},
    ),
    (
        "What people do", "bars",
        {"group": ["verb"], "measures": {"count": {"count": True}}, "sort": "-count", "limit": 8},
    ),
    (
        "Share of exams passed, by partner", "bars",
        {"filter": {"field": "success", "exists": True}, "group": ["person.organization"],
         "measures": {"avg_success": {"avg": "success"}}, "sort": "-avg_success"},
    ),
    (
        "Statements by partner and month", "stacked",
        {"group": [MONTH, "person.organization"], "measures": {"count": {"count": True}}},
    ),
)  # fmt: skip


def ask(db: Database[Document], now: dt.datetime) -> None:
    """Save the vendor's questions as its administrator's, answer each, and put them on one dashboard."""
    (owner,) = db.users.distinct("_id", {"org": VENDOR, "role": "vendor_admin"})
    board = dashboards.create(db, VENDOR, owner, "The programme at a glance", now)
    for name, shown_as, expression in QUESTIONS:
        one = saved.create(
            db, name=name, owner=owner, org=VENDOR, scope=whole_scope(db), expression=expression,
            schedule=DAILY, now=now, shown_as=shown_as,
        )  # fmt: skip
        saved.run(db, one, now)
        dashboards.put(db, dashboards.get(db, VENDOR, board["_id"]), one["_id"], now)
