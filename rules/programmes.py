"""Tiers of organizations: from the people's standings to tier facts, events and the view that gates read.

tiers {_id: "<programme>/<organization>", org: "vendor", programme, organization, steps, next_change_at, digest}

`steps` is the whole line of tiers, past and to come as far as it is known: what holds at an instant is read off
it, whether or not a worker runs (5-4).
"""

from __future__ import annotations

import datetime as dt
import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, cast

from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from rules import facts, outbox, people, tier_work
from rules.history import BEGINNING, END_OF_TIME
from rules.model import Certification, PartnerTiers
from rules.outbox import Event
from rules.people import Interval
from rules.store import RuleSet
from rules.tier_course import Held, Member, Programme, Span, TierCourse, TierEvent, TierSegment, tier_course
from rules.tiers import Standing, TierCheck, Unmet, reached

Document = dict[str, Any]

log = logging.getLogger("laurel.tiers")

VENDOR: Final = "vendor"
HELD_STATES: Final = frozenset({"active", "renewal_open", "grace"})
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
    taken = tier_work.lease(db, now, limit)
    for organization, marks in taken.rows.items():
        try:
            due = decide_organization(db, rules, organization, now)
        except PyMongoError:
            raise
        except Exception:
            log.exception("the tiers of %s could not be decided", organization)
            due = now + PAUSE
        tier_work.release(db, taken.token, organization, marks, due)
    return len(taken.rows)


def decide_organization(
    db: Database[Document], rules: RuleSet, organization: str, now: dt.datetime
) -> dt.datetime | None:
    """Bring record and view of an organization's tiers up to now; returns when the clock next changes them."""
    due: list[dt.datetime] = []
    for programme in programme_ids(rules):
        course = course_of(db, rules, programme, organization)
        record(db, rules, programme, organization, course, now)
        following = course.next_change_after(now)
        if following is not None:
            due.append(following)
    return min(due, default=None)


def programme_ids(rules: RuleSet) -> list[str]:
    """Return the ids of the published programmes."""
    return sorted(rule_id for kind, rule_id in rules.documents if kind == "PartnerTiers")


@dataclass(frozen=True, slots=True)
class Partner:
    """An organization in a programme: its agreement and the people who count for it."""

    versions: tuple[Programme, ...]
    agreements: tuple[Span, ...] = ()
    members: tuple[Member, ...] = ()


Replaced = Mapping[str, Sequence[Document]]
"""Other standings for some persons than those stored: plans ask "what if"."""


def partner(
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    replaced: Replaced | None = None,
) -> Partner:
    """Return an organization in a programme, from what is stored."""
    versions = tuple(
        Programme(cast("PartnerTiers", one.document), one.effective_at)
        for one in rules.documents["PartnerTiers", programme]
    )
    found = db.orgs.find_one({"_id": organization})
    if found is None:
        return Partner(versions)
    counted = [organization]
    if any(one.document.organizations == "subtree" for one in versions):
        counted += [row["_id"] for row in db.orgs.find({"ancestors": organization}, {"_id": 1})]
    return Partner(versions, tuple(agreements(found)), tuple(members(db, rules, counted, replaced or {})))


def course_of(
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    replaced: Replaced | None = None,
) -> TierCourse:
    """Return the tier of an organization at every instant."""
    one = partner(db, rules, programme, organization, replaced)
    return tier_course(one.versions, one.agreements, one.members)


def unmet_at(  # the question has as many parts
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    tier: str | None,
    at: dt.datetime,
    replaced: Replaced | None = None,
) -> tuple[Unmet, ...]:
    """Return what an organization lacks for a tier at an instant."""
    one = partner(db, rules, programme, organization, replaced)
    document = one.versions[-1].document
    if tier not in document.order:
        return ()
    who = {
        member.person: [held.standing for held in member.held if held.span.covers(at)]
        for member in one.members
        if any(span.covers(at) for span in member.affiliated)
    }
    return reached(document, who).check(tier).unmet


def agreements(organization: Mapping[str, Any]) -> list[Span]:
    """Return when the partner agreement of an organization ran."""
    listed = organization.get("agreements")
    if listed:
        return [Span(one.get("from") or BEGINNING, one.get("until")) for one in listed]
    if organization.get("status", "active") == "active":
        return [Span()]
    return [Span(BEGINNING, organization.get("updated_at"))]


def members(
    db: Database[Document],
    rules: RuleSet,
    organizations: Collection[str],
    replaced: Replaced,
) -> list[Member]:
    """Return everybody who counted or counts for these organizations, with what they held (5-1)."""
    rows = db.affiliations.find({"org": {"$in": list(organizations)}, "primary": True}, {"person": 1})
    persons = sorted({row["person"] for row in rows})
    affiliations = people.affiliations_of(db, persons)
    standings: dict[str, list[Document]] = defaultdict(list)
    for row in db.standings.find({"org": VENDOR, "person": {"$in": persons}}):
        if row["person"] not in replaced:
            standings[row["person"]].append(row)
    return [
        Member(
            person,
            tuple(_span(one) for one in affiliations.get(person, ()) if one.of in organizations),
            tuple(
                held
                for row in (*standings[person], *replaced.get(person, ()))
                for held in held_spans(rules, row)
            ),
        )
        for person in persons
    ]


def _span(interval: Interval) -> Span:
    return Span(interval.start, None if interval.end == END_OF_TIME else interval.end)


def held_spans(rules: RuleSet, standing: Mapping[str, Any]) -> list[Held]:
    """Return when a standing was held, with its coordinates; what is only evaluated does not count (2.2)."""
    states, found = standing["states"], []
    for i, one in enumerate(states):
        if one["state"] not in HELD_STATES or one.get("evaluated"):
            continue
        end = states[i + 1]["at"] if i + 1 < len(states) else None
        found.append(Held(coordinates(rules, standing["certification"], one), Span(one["at"], end)))
    return found


def coordinates(rules: RuleSet, certification: str, state: Mapping[str, Any]) -> Standing:
    """Return a state of a standing with the coordinates of its certification, in the version it is held under."""
    document = document_of(rules, certification, state.get("version"))
    return Standing(
        certification=certification,
        role=document.role if document else None,
        product=document.product if document else None,
        level=document.level if document else None,
        state=state["state"],
        version=state.get("version"),
        award=state.get("award"),
    )


def document_of(rules: RuleSet, certification: str, version: str | None) -> Certification | None:
    """Return a version of a certification, its newest where that version is not known."""
    known = rules.certifications.get(certification)
    if known is None:
        return None
    exact = (one.document for one in known.versions if one.document.version == version)
    return next(exact, known.versions[-1].document)


# The record and the view


def record(
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    course: TierCourse,
    now: dt.datetime,
) -> None:
    """Append the tier facts and events that are new, and replace the view where it differs."""
    view = view_of(programme, organization, course)
    known = db.tiers.find_one({"_id": view["_id"]})
    rows, events = new_facts(db, rules, programme, organization, course, now)
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


def view_of(programme: str, organization: str, course: TierCourse) -> Document:
    """Return the view of an organization's tier in a programme."""
    steps = [_step(segment) for segment in course.segments]
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
        "matched": [{"demand": key, "people": list(who)} for key, who in sorted(segment.matched.items())]
        or None,
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
    course: TierCourse,
    now: dt.datetime,
) -> tuple[list[Document], list[Event]]:
    """Return the tier facts up to now that are not on record, with their events, and retractions of wrong ones."""
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
    present = {tier_key(event): event for event in course.events if event.effective_at <= now}
    rows = [_retraction(row, now) for key, row in standing.items() if key not in present]
    events = []
    silent = rules.documents["PartnerTiers", programme][-1].mode == "evaluate"
    for key, event in present.items():
        if key not in standing:
            row = _fact(programme, organization, key, uses[key], event, now)
            rows.append(row)
            if not silent:
                events.append(_event(programme, organization, event, row, uses[key]))
    return rows, events


def tier_key(event: TierEvent) -> str:
    """Return what makes a tier event the same one in the next look."""
    return f"{event.kind}:{event.before}>{event.after}@{event.effective_at.isoformat()}"


def _fact(
    programme: str, organization: str, key: str, use: int, event: TierEvent, now: dt.datetime
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


def _event(programme: str, organization: str, event: TierEvent, row: Mapping[str, Any], use: int) -> Event:
    when = event.effective_at.isoformat().replace("+00:00", "Z")
    effect = (organization, programme, when, *((str(use),) if use else ()))
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


def tier_at(
    db: Database[Document], rules: RuleSet, programme: str, organization: str, at: dt.datetime
) -> Step:
    """Return the tier of an organization at an instant; computed afresh where no worker has looked yet."""
    view = db.tiers.find_one({"_id": f"{programme}/{organization}"})
    if view is None:
        view = view_of(programme, organization, course_of(db, rules, programme, organization))
    return step_at(view, at)
