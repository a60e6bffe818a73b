"""Reminders about the day on which something is due: planned once a day for each (cert#5-8, cert#8-5).

consumers {_id: "due notices/CERTIFICATION", "due notices/Assignment/ASSIGNMENT", org, day, leased_until}

Nothing happens on the day something is due: who is asked follows from affiliations, tiers and versions. So
each morning somebody looks, and plans the nearest reminder whose time has come since it was asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.messaging.notices import AT_NINE, effect_id, insert, reminder_at
from lrs.messaging.old_news import earliest
from rules.catalogue.rule_set import RuleSet, timezone_of
from rules.catalogue.store import cache_of
from rules.engine.queues import lease
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.language.model import Assignment, Certification, Notice
from rules.programmes.assigned import Asking, standings_of
from rules.programmes.assignments import UNMET
from rules.programmes.targeted import asked_of_everybody
from rules.programmes.targets import Asked

Document = dict[str, Any]
LEASE: Final = dt.timedelta(minutes=10)
EFFECTS: Final = {"before_due": "due", "after_due": "after due"}


def plan(db: Database[Document], now: dt.datetime) -> int:
    """Plan the reminders of what was not looked at since nine; returns how many rows."""
    rules = cache_of(db).get()
    wanted = [one for one in _newest(rules) if any(each.before_due or each.after_due for each in one.notices)]
    return sum(_plan_for(db, rules, document, now) for document in wanted)


def _newest(rules: RuleSet) -> Iterator[Certification | Assignment]:
    for kind, name in sorted(rules.documents):
        record = rules.newest(kind, name)
        if record is not None and isinstance(record.document, Certification | Assignment):
            yield record.document


def _plan_for(
    db: Database[Document], rules: RuleSet, document: Certification | Assignment, now: dt.datetime
) -> int:
    taken = _take(db, document, now)
    if taken is None:
        return 0
    rows = [
        row
        for person, asked in _lacking(db, rules, document, now)
        for one in document.notices
        for row in _reminders(document, one, person, asked, now)
    ]
    insert(db, rows)
    lease.give_back(db.consumers, taken, {"day": _day_of(document, now)})
    return len(rows)


def _lacking(
    db: Database[Document], rules: RuleSet, document: Certification | Assignment, now: dt.datetime
) -> Iterator[tuple[str, Asked]]:
    """Yield of whom it is asked who does not have it: neither holds it, nor has met it, nor is exempt."""
    if isinstance(document, Assignment):
        for person, standing in standings_of(db, rules, Asking([document.id], None, now), now):
            if standing.state in UNMET and not standing.evaluated:
                yield person, standing.asked
        return
    held = _holders(db, document.id, now)
    for person, asked in asked_of_everybody(db, rules, document.id, now).items():
        if person not in held:
            yield person, asked


def _take(db: Database[Document], document: Certification | Assignment, now: dt.datetime) -> Document | None:
    """Lease what was not looked at since nine o'clock there; None where it was."""
    what = f"Assignment/{document.id}" if isinstance(document, Assignment) else document.id
    name, day = f"due notices/{what}", _day_of(document, now)
    found = db.consumers.find_one({"_id": name}, {"day": 1})
    if found is not None and found["day"] >= day:
        return None
    first = {"org": VENDOR, "day": "", "leased_until": lease.FREE}
    db.consumers.update_one({"_id": name}, {"$setOnInsert": first}, upsert=True)
    return lease.take(db.consumers, {"_id": name, "day": {"$lt": day}}, now, LEASE)


def _day_of(document: Certification | Assignment, now: dt.datetime) -> str:
    """Return the local day whose nine o'clock was the last one."""
    local = now.astimezone(ZoneInfo(timezone_of(document)))
    return (local.date() - dt.timedelta(days=local.time() < AT_NINE)).isoformat()


def _holders(db: Database[Document], certification: str, now: dt.datetime) -> set[str]:
    rows = db.standings.find({"org": VENDOR, "certification": certification}, {"person": 1, "states": 1})
    found = ((row["person"], state_at(row, now)) for row in rows)
    return {person for person, held in found if held and held.counts and held.state in HELD_STATES}


def _reminders(
    document: Certification | Assignment, notice: Notice, person: str, asked: Asked, now: dt.datetime
) -> Iterator[Document]:
    """Yield the nearest reminder whose time has come, for each who is told; none from before the asking."""
    if asked.due is None:
        return
    times = [(reminder_at(document, asked.due, offset), offset) for offset in notice.before_due]
    times += [(reminder_at(document, asked.due, offset, 1), offset) for offset in notice.after_due]
    zone, kind = ZoneInfo(timezone_of(document)), "after_due" if notice.after_due else "before_due"
    named, key = {"certification": document.id}, document.id
    if isinstance(document, Assignment):
        named, key = {"assignment": document.id}, f"Assignment/{document.id}"
    passed = [(at, offset) for at, offset in times if at <= now and at.astimezone(zone).date() >= asked.since]
    at, offset = max(passed, key=lambda one: one[0], default=(None, None))
    if at is None or at < earliest(now, notice.max_age):
        return
    for to in notice.to:
        yield {
            "_id": effect_id(EFFECTS[kind], key, person, asked.due, offset, to),
            "org": VENDOR,
            "kind": kind,
            "to": to,
            "person": person,
            **named,
            "award": None,
            "values": {"due": asked.due.isoformat()},
            "max_age": notice.max_age and str(notice.max_age),
            "due_at": at,
            "state": "planned",
        }
