"""Tiers of organizations: from the people's standings to tier facts, events and the view that gates read.

tiers {_id: "<programme>/<organization>", org: "vendor", programme, organization, steps, digest, decided_at}

`steps` is the line of tiers, past and to come as far as it is known: what holds at an instant is read off
it, whether or not a worker runs (cert#5-4). Who fills the demands is in the timeline alone, which pages make
anew: kept with each step it would grow with the square of an organization, beyond what a document may hold.
"""

from __future__ import annotations

import datetime as dt
import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from rules.catalogue.rule_set import RuleSet
from rules.engine import facts
from rules.engine.queues import outbox, tier_queue
from rules.engine.queues.outbox import Event
from rules.programmes.partners import programme_ids, timeline_of
from rules.programmes.tier_timeline import TierEvent, TierSegment, TierTimeline
from rules.programmes.tiers import TierCheck
from rules.stored import VENDOR, Document

log = logging.getLogger("laurel.tiers")

BATCH: Final = 50
PAUSE: Final = dt.timedelta(minutes=1)  # an organization that cannot be decided is tried again after this

INDEXES: dict[str, list[IndexModel]] = {
    "tiers": [IndexModel([("org", ASCENDING), ("organization", ASCENDING)])],
}


@dataclass(frozen=True, slots=True)
class Step:
    """The tier of an organization at an instant, read off the view."""

    at: dt.datetime
    tier: str | None
    reached: str | None = None
    falls_at: dt.datetime | None = None
    version: str | None = None


def run_due(db: Database[Document], rules: RuleSet, now: dt.datetime, limit: int = BATCH) -> int:
    """Look at the tiers of up to `limit` organizations that are due; returns how many were."""
    done = 0
    while done < limit and (taken := tier_queue.take(db, now)) is not None:
        organization = taken["_id"]
        try:
            due = decide_organization(db, rules, organization, now)
        except PyMongoError:
            raise
        except Exception:
            log.exception("the tiers of %s could not be decided", organization)
            due = now + PAUSE
        tier_queue.give_back(db, taken, due)
        done += 1
    return done


def decide_organization(
    db: Database[Document], rules: RuleSet, organization: str, now: dt.datetime
) -> dt.datetime | None:
    """Bring record and view of an organization's tiers up to now; returns when they next change by clock."""
    due: list[dt.datetime] = []
    for programme in programme_ids(rules):
        timeline = timeline_of(db, rules, programme, organization)
        record(db, rules, programme, organization, timeline, now=now)
        following = timeline.next_change_after(now)
        if following is not None:
            due.append(following)
    return min(due, default=None)


# The record and the view


def record(
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    timeline: TierTimeline,
    *,
    now: dt.datetime,
) -> None:
    """Append the tier facts and events that are new, and replace the view where it differs."""
    view = view_of(programme, organization, timeline)
    known = db.tiers.find_one({"_id": view["_id"]}, {"digest": 1})
    rows, events = new_facts(db, rules, programme, organization, timeline, now=now)
    if not rows and known is not None and known["digest"] == view["digest"]:
        return

    def change(session: ClientSession) -> None:
        if rows:
            changes = [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows]
            db.facts.bulk_write(changes, session=session)
        outbox.append(db, events, now, session)
        db.tiers.replace_one({"_id": view["_id"]}, view | {"decided_at": now}, upsert=True, session=session)

    with db.client.start_session() as session:
        session.with_transaction(change)


def view_of(programme: str, organization: str, timeline: TierTimeline) -> Document:
    """Return the view of an organization's tier in a programme."""
    steps: list[Document] = []
    for step in map(_step, timeline.segments):
        if not steps or step | {"at": None} != steps[-1] | {"at": None}:
            steps.append(step)
    return {
        "_id": f"{programme}/{organization}",
        "org": VENDOR,
        "programme": programme,
        "organization": organization,
        "steps": steps,
        "digest": sha256(repr(steps).encode()).hexdigest()[:32],
    }


def _step(segment: TierSegment) -> Document:
    fields: Document = {
        "at": segment.at,
        "tier": segment.tier,
        "reached": segment.reached,
        "version": segment.version,
        "falls_at": segment.falls_at,
        "unmet": [_check(one) for one in segment.unmet] or None,
    }
    return {name: value for name, value in fields.items() if value is not None or name == "tier"}


def _check(check: TierCheck) -> Document:
    return {
        "tier": check.tier,
        "demands": [
            {"key": one.key, "label": one.label, "required": one.required, "observed": one.observed}
            for one in check.unmet
        ],
    }


def new_facts(
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    timeline: TierTimeline,
    *,
    now: dt.datetime,
) -> tuple[list[Document], list[Event]]:
    """Return the tier facts up to now that are not on record, retractions included, with their events."""
    wanted = {
        "org": VENDOR,
        "organization": organization,
        "programme": programme,
        "kind": {"$in": list(facts.TIER_KINDS)},
    }
    recorded = list(db.facts.find(wanted))
    gone = {row["of"] for row in recorded if row["kind"] == "tier_retraction"}
    standing = {
        row["key"]: row for row in recorded if row["kind"] != "tier_retraction" and row["_id"] not in gone
    }
    uses: dict[str, int] = defaultdict(int)
    for row in recorded:
        uses[row.get("key", "")] += 1
    present = {tier_key(event): event for event in timeline.events if event.effective_at <= now}
    rows = [_retraction(row, now) for key, row in standing.items() if key not in present]
    events = []
    silent = rules.documents["PartnerTiers", programme][-1].mode == "evaluate"
    for key, event in present.items():
        if key not in standing:
            row = _fact(programme, organization, event, key=key, use=uses[key], now=now)
            rows.append(row)
            if not silent:
                events.append(_event(programme, organization, event, row, str(uses[key] or "")))
    if not silent and not events:
        events += corrected(programme, organization, list(standing.values()), timeline, now=now)
    return rows, events


def corrected(
    programme: str,
    organization: str,
    standing: Collection[Document],
    timeline: TierTimeline,
    *,
    now: dt.datetime,
) -> list[Event]:
    """Return the `tier.changed` of a tier that is another one now because what led to it no longer holds."""
    changes = sorted((row for row in standing if row["kind"] == "tier"), key=lambda row: row["effective_at"])
    before = changes[-1]["tier"] if changes else None
    after = timeline.at(now).tier
    if before == after:
        return []
    row = {"tier": after, "unmet": [_check(one) for one in timeline.at(now).unmet]}
    return [_event(programme, organization, TierEvent("tier.changed", now, before, after), row, "corrected")]


def tier_key(event: TierEvent) -> str:
    """Return what makes a tier event the same one in the next look."""
    return f"{event.kind}:{event.before}>{event.after}@{event.effective_at.isoformat()}"


def _fact(
    programme: str, organization: str, event: TierEvent, *, key: str, use: int, now: dt.datetime
) -> Document:
    name = sha256(f"{programme}|{organization}|{key}|{use}".encode()).hexdigest()[:32]
    return {
        "_id": f"tier_{name}",
        "org": VENDOR,
        "by_people": False,
        "kind": "tier" if event.kind == "tier.changed" else "tier_at_risk",
        "programme": programme,
        "organization": organization,
        "key": key,
        "before": event.before,
        "after": event.after,
        "tier": event.after if event.kind == "tier.changed" else event.before,
        "falls_at": event.falls_at,
        "unmet": [_check(one) for one in event.unmet],
        "effective_at": event.effective_at,
        "decided_at": now,
    }


def _retraction(row: Mapping[str, Any], now: dt.datetime) -> Document:
    return {
        "_id": f"{row['_id']}_retracted",
        "org": VENDOR,
        "by_people": False,
        "kind": "tier_retraction",
        "of": row["_id"],
        "programme": row["programme"],
        "organization": row["organization"],
        "effective_at": row["effective_at"],
        "decided_at": now,
    }


def _event(programme: str, organization: str, event: TierEvent, row: Mapping[str, Any], again: str) -> Event:
    when = event.effective_at.isoformat().replace("+00:00", "Z")
    effect = (organization, programme, when, *((again,) if again else ()))
    data = {
        "organization": organization,
        "programme": programme,
        "tier": row["tier"],
        "previous_tier": event.before if event.kind == "tier.changed" else None,
        "falls_to": event.after if event.kind == "tier.at_risk" else None,
        "falls_at": event.falls_at,
        "missing": row["unmet"] or None,
    }
    return Event(event.kind, effect, event.effective_at, data)


# Reading


def step_at(view: Mapping[str, Any], at: dt.datetime) -> Step:
    """Return the tier that a view shows at an instant."""
    steps = view["steps"]
    found = steps[max(bisect_right(steps, at, key=lambda one: one["at"]) - 1, 0)]
    return Step(found["at"], found["tier"], found.get("reached"), found.get("falls_at"), found.get("version"))


def views_of(programmes: Iterable[str], organizations: Iterable[str]) -> Document:
    """Return the filter of the views of these organizations in these programmes."""
    orgs = sorted(organizations)
    return {"_id": {"$in": [f"{programme}/{org}" for programme in programmes for org in orgs]}, "org": VENDOR}


def steps_at(
    db: Database[Document], wanted: Document, at: dt.datetime, since: dt.datetime
) -> Iterator[Document]:
    """Yield, for each view that fits, {programme, organization, now, then, next}: steps of the line.

    `now` holds at an instant, `then` at `since`, `next` is the first after `at` with another tier. What a
    view keeps of years of steps stays in the database.
    """

    def last(until: dt.datetime) -> Document:
        return {"$last": {"$filter": {"input": "$steps", "cond": {"$lte": ["$$this.at", until]}}}}

    later = {"$and": [{"$gt": ["$$this.at", at]}, {"$ne": ["$$this.tier", "$now.tier"]}]}
    yield from db.tiers.aggregate([
        {"$match": wanted},
        {"$project": {"programme": 1, "organization": 1, "steps": 1, "now": last(at), "then": last(since)}},
        {"$set": {"next": {"$first": {"$filter": {"input": "$steps", "cond": later}}}}},
        {"$unset": "steps"},
    ])  # fmt: skip


def tier_at(
    db: Database[Document], rules: RuleSet, programme: str, organization: str, at: dt.datetime
) -> Step:
    """Return the tier of an organization at an instant; computed afresh where no worker has looked yet."""
    view = db.tiers.find_one({"_id": f"{programme}/{organization}"})
    if view is None:
        view = view_of(programme, organization, timeline_of(db, rules, programme, organization))
    return step_at(view, at)
