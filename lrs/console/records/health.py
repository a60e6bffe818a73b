"""How the installation does: what waits, how long, what failed, and how much is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Response

from lrs.api.rights import vendor_only
from lrs.console.shell import Pages, show
from lrs.foundation.context import current_services
from lrs.words.reader import mark
from rules.stored import VENDOR

Document = dict[str, Any]
MANY: Final = 1000  # that are counted; beyond, it says so
LATE: Final = dt.timedelta(minutes=1)  # that something due may wait while the worker is well
STORED: Final = (
    ("statements", mark("Statements")),
    ("people", mark("People")),
    ("awards", mark("Awards")),
    ("attachments", mark("Attachments")),
    ("audit", mark("Entries of the audit")),
)

blueprint = Pages("console_health", __name__)


@dataclass(frozen=True, slots=True)
class Queue:
    """Something that the worker works off: how much waits, since when, and how much was given up."""

    title: str
    waiting: int
    since: dt.datetime | None
    failed: int = 0
    path: str | None = None

    def tone(self, now: dt.datetime) -> str:
        """Return how it stands: good, late, or bad."""
        if self.failed:
            return "bad"
        return "late" if self.since is not None and now - self.since > LATE else "good"


@blueprint.get("/console/health", scope="rules")
def health() -> Response:
    """Show the queues of the worker, and what is stored."""
    vendor_only()
    services = current_services()
    db, now = services.db, services.now()
    stats: Mapping[str, Any] = db.command("dbStats")
    counts = [(title, db[name].estimated_document_count()) for name, title in STORED]
    return show(
        "health.html", queues=list(queues()), now=now, counts=counts, many=MANY, stats=stats,
        free=stats["fsTotalSize"] - stats["fsUsedSize"] if "fsTotalSize" in stats else None,
    )  # fmt: skip


def queues() -> Iterator[Queue]:
    """Yield what waits for the worker."""
    services = current_services()
    db, now = services.db, services.now()
    due = {"due_at": {"$lte": now}}
    unseen = db.statements.find_one({"pending": True}, {"stored": 1}, sort=[("pending", 1), ("_id", 1)])
    yield Queue(
        mark("Statements to look at"),
        count("statements", {"pending": True}),
        unseen["stored"] if unseen else None,
    )
    yield Queue(mark("People to decide anew"), *waiting("work", {"org": VENDOR, **due}))
    yield Queue(mark("Tiers to decide anew"), *waiting("tier_work", {"org": VENDOR, **due}))
    mails = count("mails", {"state": {"$in": ["dead", "unconfirmed"]}})
    yield Queue(mark("Mail"), *waiting("mails", {"state": "waiting", **due}), mails)
    dead = count("deliveries", {"state": "dead"})
    yield Queue(
        mark("Deliveries to webhooks"),
        *waiting("deliveries", {"state": "waiting", **due}),
        dead,
        "/console/webhooks",
    )
    overdue = {"next_at": {"$lte": now}}
    yield Queue(
        mark("Saved questions"), *waiting("saved_queries", overdue, "next_at"), path="/console/questions"
    )
    to_read = {"lease_until": {"$exists": True}}
    unread = db.content_versions.find_one(to_read, {"created_at": 1}, sort=[("lease_until", 1)])
    yield Queue(
        mark("Content to read"), count("content_versions", to_read),
        unread["created_at"] if unread else None, path="/console/content",
    )  # fmt: skip


def count(collection: str, wanted: Document) -> int:
    """Return how many documents fit, up to MANY."""
    return current_services().db[collection].count_documents(wanted, limit=MANY)


def waiting(collection: str, wanted: Document, by: str = "due_at") -> tuple[int, dt.datetime | None]:
    """Return how many are due, up to MANY, and since when the first is."""
    first = current_services().db[collection].find_one(wanted, {by: 1}, sort=[(by, 1)])
    return count(collection, wanted), first[by] if first else None
