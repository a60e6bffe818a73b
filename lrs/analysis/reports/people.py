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
    Audience,
    Membership,
    ReportFilter,
    ReportRequest,
    actors_of,
    by_org,
    names_of,
    statements_of,
)
from lrs.analysis.award_states import holding_spans
from lrs.analysis.figures.zones import EARLIEST, months_before, zone_of
from lrs.analysis.reports.report import Chart, Report
from lrs.analysis.tiers import tier_text
from rules import calendar
from rules.catalogue.store import cache_of
from rules.engine.standings import state_at
from rules.evaluation.timeline import ACTIVE_STATES
from rules.language.model import Certification

Document = dict[str, Any]
INACTIVE_DAYS = 60
PARTNER_COLUMNS = (
    "organization", "name", "tiers", "people", "certified", "certifications", "active", "expiring", "health",
)  # fmt: skip
TREND_MONTHS = 12
MOST_MONTHS = 600
TICK = dt.timedelta(microseconds=1)


def certifications(db: Database[Document], wanted: ReportFilter) -> dict[str, str]:
    """Return the certifications a report covers: id -> title of the newest version."""
    return {
        document.id: document.title
        for document in cache_of(db).get().of_kind(Certification)
        if wanted.certification in {None, document.id} and wanted.product in {None, document.product}
    }


def standings(db: Database[Document], names: Iterable[str], people: set[str]) -> Iterable[Document]:
    """Yield the lines of states of these people in these certifications."""
    condition = {"org": "vendor", "certification": {"$in": sorted(names)}}
    for standing in db.standings.find(condition, {"person": 1, "certification": 1, "states": 1}):
        if standing["person"] in people:
            yield standing


def certified(asked: ReportRequest) -> Report:
    """Count the people who hold each certification at the end of each month, and now."""
    names = certifications(asked.db, asked.wanted)
    ends = {name: _month_ends(asked, name) for name in names}
    counts: Counter[tuple[dt.date, str]] = Counter()
    by_person: dict[str, list[Membership]] = defaultdict(list)
    for membership in asked.whom.memberships:
        by_person[membership.person].append(membership)
    for standing in standings(asked.db, names, asked.whom.people()):
        held = holding_spans(standing["states"])
        for day, at in ends[standing["certification"]]:
            if any(start <= at and (end is None or at < end) for start, end in held) and any(
                membership.holds(at) for membership in by_person[standing["person"]]
            ):
                counts[day, standing["certification"]] += 1
    rows = [
        {"day": day, "at": at, "certification": name, "title": names[name], "people": counts[day, name]}
        for name in sorted(names)
        for day, at in ends[name]
    ]
    rows.sort(key=lambda row: (row["day"], row["certification"]))
    return Report(
        "certified", "Certified people",
        "People who hold the certification at the end of each month's last day in its zone, and now.",
        ("day", "certification", "title", "people", "at"), rows, Chart("lines", "day", "people", by="title"),
    )  # fmt: skip


def _month_ends(asked: ReportRequest, certification: str) -> list[tuple[dt.date, dt.datetime]]:
    """Return each month's last day in the certification's zone with its last instant, and the end."""
    wanted, timezone = asked.wanted, _zone(asked, certification)
    end = asked.now if wanted.until is None else min(max(wanted.until, EARLIEST) - TICK, asked.now)
    start = max(wanted.since or months_before(end, TREND_MONTHS), months_before(end, MOST_MONTHS))
    start = min(start, end)
    following = calendar.local_date(start, timezone).replace(day=1) + relativedelta(months=1)
    found = []
    while (at := calendar.start_of(following, timezone) - TICK) < end:
        if at >= start:
            found.append((following - dt.timedelta(days=1), at))
        following += relativedelta(months=1)
    return [*found, (calendar.local_date(end, timezone), end)]


def _zone(asked: ReportRequest, certification: str) -> str:
    return zone_of(cache_of(asked.db).get(), certification, asked.wanted.timezone)


def _today(asked: ReportRequest, certification: str) -> dt.date:
    """Return which day it is where the dates of a certification are made."""
    return calendar.local_date(asked.now, _zone(asked, certification))


def expiring(asked: ReportRequest) -> Report:
    """List the people whose certification ends within 90 days, the soonest first."""
    names, members = certifications(asked.db, asked.wanted), asked.whom.at(asked.now)
    called = names_of(asked.db, set(members))
    today = {name: _today(asked, name) for name in names}
    rows = []
    for standing in standings(asked.db, names, set(members)):
        held = state_at(standing, asked.now)
        if held is None or held.state not in ACTIVE_STATES or not held.expires or not held.counts:
            continue
        days = (dt.date.fromisoformat(held.expires) - today[standing["certification"]]).days
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


def time_to_certify(asked: ReportRequest) -> Report:
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


def inactive(asked: ReportRequest) -> Report:
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
    condition, _ = statements_of(db, whom, ReportFilter())
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


def leaderboard(asked: ReportRequest) -> Report:
    """Rank partners by the certifications their people hold now; equals share a rank."""
    rows = [
        {k: row[k] for k in ("organization", "name", "tiers", "people", "certified", "certifications")}
        for row in partner_rows(asked)
    ]
    rows.sort(key=lambda row: (-row["certifications"], -row["certified"], row["organization"]))
    standing = [(row["certifications"], row["certified"]) for row in rows]
    ranked = [{"rank": 1 + standing.index(mine), **row} for mine, row in zip(standing, rows, strict=True)]
    return Report(
        "leaderboard", "Partners by certifications held", "Certifications held now by each partner's people.",
        ("rank", "organization", "name", "tiers", "people", "certified", "certifications"), ranked,
        Chart("bars", "name", "certifications", unit="certifications held"),
    )  # fmt: skip


def partner_health(asked: ReportRequest) -> Report:
    """Put what matters about each partner side by side, with a score of 0 to 100 made of its parts."""
    rows = sorted(partner_rows(asked), key=lambda row: (row["health"], row["organization"]))
    return Report(
        "partner-health", "Partner health",
        "Of 100: 50 for the share certified, 30 for active in 60 days, 20 for not ending within 90 days.",
        PARTNER_COLUMNS, rows, Chart("bars", "name", "health", unit="points of 100", most=100),
    )  # fmt: skip


def partner_rows(asked: ReportRequest) -> list[dict[str, Any]]:
    """Return one row of counts per partner."""
    members = asked.whom.at(asked.now)
    held, ending = _held(asked, set(certifications(asked.db, asked.wanted)), set(members))
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
            "organization": org, "name": asked.whom.orgs[org]["name"],
            "tiers": tier_text(asked.whom.tiers.get(org, {})),
            "people": count, "certified": len(sure), "certifications": total, "active": active,
            "expiring": soon, "health": round(health),
        })  # fmt: skip
    return rows


def _held(
    asked: ReportRequest, names: set[str], people: set[str]
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return how many certifications each person holds now, and how many of them end within 90 days."""
    held: Counter[str] = Counter()
    ending: Counter[str] = Counter()
    today = {name: _today(asked, name) for name in names}
    for standing in standings(asked.db, names, people):
        found = state_at(standing, asked.now)
        if found is None or found.state not in ACTIVE_STATES or not found.counts:
            continue
        held[standing["person"]] += 1
        if not found.expires:
            continue
        if (dt.date.fromisoformat(found.expires) - today[standing["certification"]]).days <= 90:
            ending[standing["person"]] += 1
    return held, ending
