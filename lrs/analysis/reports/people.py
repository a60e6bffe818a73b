"""Reports on people and their certifications: who is certified, whose ends soon, where people stop."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta
from pymongo.database import Database

from lrs.analysis.audience import (
    Asked,
    Audience,
    Membership,
    Wanted,
    actors_of,
    by_org,
    names_of,
    statements_of,
)
from lrs.analysis.award_states import HOLDING, holding_spans
from lrs.analysis.reports.report import Chart, Report
from rules.model import Certification
from rules.standings import state_at
from rules.store import cache_of

Document = dict[str, Any]
INACTIVE_DAYS = 60
PARTNER_COLUMNS = (
    "organization", "name", "tier", "people", "certified", "certifications", "active", "expiring", "health",
)  # fmt: skip
TREND_MONTHS = 12


def certifications(db: Database[Document], wanted: Wanted) -> dict[str, str]:
    """Return the certifications a report covers: id -> title of the newest version."""
    return {
        document.id: document.title
        for document in cache_of(db).get().of_kind(Certification)
        if wanted.certification in {None, document.id} and wanted.product in {None, document.product}
    }


def _standings(db: Database[Document], names: Iterable[str], people: set[str]) -> Iterable[Document]:
    condition = {"org": "vendor", "certification": {"$in": sorted(names)}}
    for standing in db.standings.find(condition, {"person": 1, "certification": 1, "states": 1}):
        if standing["person"] in people:
            yield standing


def certified(asked: Asked) -> Report:
    """Count the people who hold each certification at the end of each month, and now."""
    names = certifications(asked.db, asked.wanted)
    instants = _months(asked.wanted, asked.now)
    counts: Counter[tuple[dt.datetime, str]] = Counter()
    by_person: dict[str, list[Membership]] = defaultdict(list)
    for membership in asked.whom.memberships:
        by_person[membership.person].append(membership)
    for standing in _standings(asked.db, names, asked.whom.people()):
        held = holding_spans(standing["states"])
        for at in instants:
            if any(start <= at and (end is None or at < end) for start, end in held) and any(
                membership.holds(at) for membership in by_person[standing["person"]]
            ):
                counts[at, standing["certification"]] += 1
    rows = [
        {"at": at, "certification": name, "title": names[name], "people": counts[at, name]}
        for at in instants
        for name in sorted(names)
    ]
    return Report(
        "certified", "Certified people", "People who hold the certification at each month's end, and now.",
        ("at", "certification", "title", "people"), rows, Chart("lines", "at", "people", by="title"),
    )  # fmt: skip


def _months(wanted: Wanted, now: dt.datetime) -> list[dt.datetime]:
    """Return the first instants of the months of the period, and its end."""
    end = min(wanted.until or now, now)
    start = wanted.since or end - relativedelta(months=TREND_MONTHS)
    month = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while month < end:
        if month >= start:
            found.append(month)
        month += relativedelta(months=1)
    return [*found, end]


def expiring(asked: Asked) -> Report:
    """List the people whose certification ends within 90 days, the soonest first."""
    names, members = certifications(asked.db, asked.wanted), asked.whom.at(asked.now)
    called = names_of(asked.db, set(members))
    rows = []
    for standing in _standings(asked.db, names, set(members)):
        held = state_at(standing, asked.now)
        if held is None or held.state not in HOLDING or not held.expires or not held.counts:
            continue
        days = (dt.date.fromisoformat(held.expires) - asked.now.date()).days
        if 0 <= days <= 90:
            person = standing["person"]
            rows.append({
                "expires": held.expires, "within": next(n for n in (30, 60, 90) if days <= n), "days": days,
                "person": person, "name": called.get(person, person), "organization": members[person].org,
                "certification": standing["certification"], "title": names[standing["certification"]],
            })  # fmt: skip
    rows.sort(key=lambda row: (row["expires"], row["name"], row["certification"]))
    return Report(
        "expiring", "Certifications that end within 90 days", "Certifications held now, by their end date.",
        ("expires", "within", "days", "name", "organization", "certification", "title", "person"), rows,
        Chart("stacked", "title", "count", by="within", unit="days"),
    )  # fmt: skip


def time_to_certify(asked: Asked) -> Report:
    """Measure the days from a person's first evidence to the first award."""
    names = certifications(asked.db, asked.wanted)
    people = asked.whom.people()
    condition = {"org": "vendor", "certification": {"$in": sorted(names)}, "ordinal": 1}
    awards = [a for a in asked.db.awards.find(condition) if a["person"] in people and not a.get("annulled")]
    first = _first_evidence(asked.db, awards)
    days: dict[str, list[float]] = defaultdict(list)
    for award in awards:
        began = first.get(award["_id"])
        ended = award["awarded_at"]
        inside = (asked.wanted.since or ended) <= ended <= (asked.wanted.until or asked.now)
        if began is not None and inside and not award.get("evaluated"):
            days[award["certification"]].append((ended - began).total_seconds() / 86_400)
    rows = [
        {
            "certification": name, "title": names[name], "people": len(values),
            "median_days": round(statistics.median(values), 1), "fastest_days": round(min(values), 1),
            "slowest_days": round(max(values), 1),
        }
        for name, values in sorted(days.items())
    ]  # fmt: skip
    return Report(
        "time-to-certify", "Time to certify", "Days from the first piece of evidence to the first award.",
        ("certification", "title", "people", "median_days", "fastest_days", "slowest_days"), rows,
        Chart("range", "title", ("fastest_days", "median_days", "slowest_days"), unit="days"),
    )  # fmt: skip


def _first_evidence(db: Database[Document], awards: list[Document]) -> dict[str, dt.datetime]:
    """Return when the oldest statement of each award's first period happened."""
    evidence = {a["_id"]: a["periods"][0]["evidence"] for a in awards if a.get("periods")}
    ids = sorted({UUID(statement) for each in evidence.values() for statement in each})
    times: dict[str, dt.datetime] = {}
    orgs = [org["_id"] for org in db.orgs.find({}, {"_id": 1})]
    for i in range(0, len(ids), 5000):
        part = {"org": {"$in": orgs}, "id": {"$in": ids[i : i + 5000]}}
        for row in db.statements.find(part, {"id": 1, "timestamp": 1, "stored": 1}):
            times[str(row["id"])] = min(row["timestamp"], row["stored"])
    known = {award: [times[s] for s in each if s in times] for award, each in evidence.items()}
    return {award: min(each) for award, each in known.items() if each}


def inactive(asked: Asked) -> Report:
    """List the people who have sent nothing for 60 days, the longest silent first."""
    members = asked.whom.at(asked.now)
    last = last_seen(asked.db, asked.whom)
    called = names_of(asked.db, set(members))
    rows: list[dict[str, Any]] = []
    for person, membership in members.items():
        seen = last.get(person)
        silent = None if seen is None else (asked.now - seen).days
        if silent is None or silent >= INACTIVE_DAYS:
            rows.append({
                "name": called.get(person, person), "organization": membership.org, "role": membership.role,
                "last_seen": seen, "days": silent, "person": person,
            })  # fmt: skip
    rows.sort(key=lambda row: (-(row["days"] if row["days"] is not None else 10**6), row["name"]))
    return Report(
        "inactive", "Inactive learners", f"People without a statement for {INACTIVE_DAYS} days or more.",
        ("name", "organization", "role", "last_seen", "days", "person"), rows,
        Chart("bars", "organization", "count", unit="people"),
    )  # fmt: skip


def last_seen(db: Database[Document], whom: Audience) -> dict[str, dt.datetime]:
    """Return when each person of the audience last did something."""
    condition, _ = statements_of(db, whom, Wanted())
    actors = actors_of(db, whom.people())
    if whom.everybody:
        condition["actor"] = {"$ne": None}
    group = {"$group": {"_id": "$actor", "at": {"$max": "$timestamp"}}}
    found: dict[str, dt.datetime] = {}
    for row in db.statements.aggregate([{"$match": condition}, group], allowDiskUse=True):
        person = actors.get(row["_id"])
        if person is not None:
            found[person] = max(found.get(person, row["at"]), row["at"])
    return found


def leaderboard(asked: Asked) -> Report:
    """Rank partners by the certifications their people hold now."""
    rows = [
        {k: row[k] for k in ("organization", "name", "tier", "people", "certified", "certifications")}
        for row in partner_rows(asked)
    ]
    rows.sort(key=lambda row: (-row["certifications"], -row["certified"], row["organization"]))
    ranked = [{"rank": rank, **row} for rank, row in enumerate(rows, 1)]
    return Report(
        "leaderboard", "Partners by certifications held", "Certifications held now by each partner's people.",
        ("rank", "organization", "name", "tier", "people", "certified", "certifications"), ranked,
        Chart("bars", "name", "certifications", unit="certifications held"),
    )  # fmt: skip


def partner_health(asked: Asked) -> Report:
    """Put what matters about each partner side by side, with a score of 0 to 100 made of its parts."""
    rows = sorted(partner_rows(asked), key=lambda row: (row["health"], row["organization"]))
    return Report(
        "partner-health", "Partner health",
        "Of 100: 50 for the share certified, 30 for active in 60 days, 20 for not ending within 90 days.",
        PARTNER_COLUMNS, rows, Chart("bars", "name", "health", unit="points of 100", most=100),
    )  # fmt: skip


def partner_rows(asked: Asked) -> list[dict[str, Any]]:
    """Return one row of counts per partner."""
    members = asked.whom.at(asked.now)
    held, ending = _held(asked.db, set(certifications(asked.db, asked.wanted)), set(members), asked.now)
    seen = last_seen(asked.db, asked.whom)
    rows = []
    for org, people in sorted(by_org(members).items()):
        count = len(people)
        sure = [person for person in people if held[person]]
        active = sum(1 for p in people if p in seen and (asked.now - seen[p]).days < INACTIVE_DAYS)
        soon = sum(ending[person] for person in people)
        total = sum(held[person] for person in people)
        health = 50 * len(sure) / count + 30 * active / count + 20 * (1 - soon / total if total else 0)
        rows.append({
            "organization": org, "name": asked.whom.orgs[org]["name"], "tier": asked.whom.tiers.get(org),
            "people": count, "certified": len(sure), "certifications": total, "active": active,
            "expiring": soon, "health": round(health),
        })  # fmt: skip
    return rows


def _held(
    db: Database[Document], names: set[str], people: set[str], now: dt.datetime
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return how many certifications each person holds now, and how many of them end within 90 days."""
    held: Counter[str] = Counter()
    ending: Counter[str] = Counter()
    for standing in _standings(db, names, people):
        found = state_at(standing, now)
        if found is None or found.state not in HOLDING or not found.counts:
            continue
        held[standing["person"]] += 1
        if found.expires and (dt.date.fromisoformat(found.expires) - now.date()).days <= 90:
            ending[standing["person"]] += 1
    return held, ending
