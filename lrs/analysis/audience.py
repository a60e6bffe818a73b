"""Whom a report is about: people by their confirmed primary affiliation, within what the asker may see."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from lrs.access.clients import OWN_CLIENT
from lrs.analysis.award_states import tier_spans
from lrs.analysis.readable_stores import Scope
from lrs.analysis.tiers import Tiers, read_tier
from lrs.foundation.errors import InvalidField
from rules.catalogue.store import cache_of
from rules.engine.affiliations import span_of
from statements.query.mongo_filter import STANDING

Document = dict[str, Any]
MAX_ACTORS = 100_000


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """What narrows a report: an organization with those below it, tier, region, role, product, days."""

    organization: str | None = None
    tier: str | None = None  # `PROGRAMME:TIER`, or a tier that one programme alone has
    region: str | None = None
    role: str | None = None
    product: str | None = None
    certification: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    timezone: str | None = None  # of days and months; None is the zone of the programme
    unit: str | None = None  # of what is followed over time: month, quarter, year
    activity: str | None = None  # the content from which paths begin
    days: int | None = None  # within which something is to happen


@dataclass(frozen=True, slots=True)
class Membership:
    """A person counts for an organization from `start` until `end` (None is open)."""

    person: str
    org: str
    role: str | None
    start: dt.datetime
    end: dt.datetime | None
    hired: dt.datetime | None = None  # the first day, where the confirmation came later

    def holds(self, at: dt.datetime) -> bool:
        """Tell whether the person counts for the organization at an instant."""
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Audience:
    """The memberships a report counts, the organizations they are in, and people's names."""

    scope: Scope
    orgs: Mapping[str, Document]
    tiers: Mapping[str, Tiers]
    memberships: tuple[Membership, ...]
    everybody: bool  # nothing narrows the vendor's whole view

    def at(self, instant: dt.datetime) -> dict[str, Membership]:
        """Return who counts at an instant: person -> membership."""
        return {m.person: m for m in self.memberships if m.holds(instant)}

    def people(self) -> set[str]:
        """Return everybody who ever counts."""
        return {m.person for m in self.memberships}


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is made from: the database, whom it counts, what was wanted, and when.

    `lake_url` is where the lake is, `predicts` whether the operator wants predictions.
    """

    db: Database[Document]
    whom: Audience
    wanted: ReportFilter
    now: dt.datetime
    lake_url: str = ""
    predicts: bool = False


def audience(db: Database[Document], scope: Scope, wanted: ReportFilter, now: dt.datetime) -> Audience:
    """Return the people whom a report over `wanted` may count."""
    orgs = {org["_id"]: org for org in db.orgs.find({"_id": {"$in": list(scope.orgs)}})}
    if wanted.organization is not None:
        orgs = {
            name: org
            for name, org in orgs.items()
            if name == wanted.organization or wanted.organization in org.get("ancestors", ())
        }
    if wanted.region is not None:
        orgs = {name: org for name, org in orgs.items() if org.get("region") == wanted.region}
    tiers = tiers_at(db, list(orgs), now)
    if wanted.tier is not None:
        programme, tier = read_tier(cache_of(db).get(), wanted.tier)
        orgs = {name: org for name, org in orgs.items() if tiers.get(name, {}).get(programme) == tier}
    memberships = tuple(_memberships(db, list(orgs), wanted.role))
    narrowed = any((wanted.organization, wanted.region, wanted.tier, wanted.role))
    return Audience(scope, orgs, tiers, memberships, everybody=scope.whole and not narrowed)


def only(db: Database[Document], scope: Scope, person: str) -> Audience:
    """Return one person as an audience: their memberships within what may be read."""
    return Audience(
        scope, {}, {}, tuple(_memberships(db, list(scope.orgs), None, person=person)), everybody=False
    )


def alone(db: Database[Document], person: str) -> Audience:
    """Return one person as an audience for their own page: wherever they belong or belonged."""
    return Audience(Scope(()), {}, {}, tuple(_memberships(db, None, None, person=person)), everybody=False)


def tiers_at(db: Database[Document], orgs: list[str], at: dt.datetime) -> dict[str, Tiers]:
    """Return the tiers of each organization at an instant, as far as some were ever decided."""
    return {
        org: {
            programme: tier
            for programme, spans in programmes.items()
            for tier, start, end in spans
            if (start is None or start <= at) and (end is None or at < end)
        }
        for org, programmes in tier_spans(db, orgs).items()
    }


def _memberships(
    db: Database[Document], orgs: list[str] | None, role: str | None, *, person: str | None = None
) -> list[Membership]:
    wanted: Document = {"primary": True, "confirmed_at": {"$ne": None}}
    if orgs is not None:
        wanted["org"] = {"$in": orgs}
    if person is not None:
        wanted["person"] = person
    if role is not None:
        wanted["role"] = role
    found = []
    for row in db.affiliations.find(wanted):
        span = span_of(row)
        if span is not None:
            found.append(Membership(row["person"], row["org"], row.get("role"), *span, row.get("from")))
    return sorted(found, key=lambda m: (m.person, m.start))


def names_of(db: Database[Document], people: set[str]) -> dict[str, str]:
    """Return the name, or else the address, of each person."""
    found = db.people.find({"_id": {"$in": sorted(people)}}, {"name": 1, "email": 1})
    return {person["_id"]: person.get("name") or person.get("email") or person["_id"] for person in found}


def actors_of(db: Database[Document], people: set[str]) -> dict[str, str]:
    """Return the identifiers of these people: IFI -> person."""
    found: dict[str, str] = {}
    for person in db.people.find({"_id": {"$in": sorted(people)}}, {"ifis.ifi": 1}):
        found.update({owned["ifi"]: person["_id"] for owned in person.get("ifis", [])})
    return found


def statements_of(
    db: Database[Document], whom: Audience, wanted: ReportFilter
) -> tuple[Document, dict[str, str]]:
    """Return the MongoDB filter of the statements a report counts, and IFI -> person of its people.

    Statements of people who do not belong to the audience never count, also when they are in its stores;
    nor do those by which Laurel itself tells of awards: nobody did anything then.
    """
    people = whom.people()
    actors = actors_of(db, people)
    condition: Document = {**whom.scope.filter(), **STANDING, "client": {"$ne": OWN_CLIENT}}
    if not whom.everybody:
        if len(actors) > MAX_ACTORS:
            raise InvalidField("organization", f"has more than {MAX_ACTORS} identifiers; narrow the report")
        condition["actor"] = {"$in": sorted(actors)}
    period = {"$gte": wanted.since, "$lt": wanted.until}
    if given := {operator: instant for operator, instant in period.items() if instant is not None}:
        condition["timestamp"] = given
    return condition, actors


def by_org(members: Mapping[str, Membership]) -> dict[str, list[str]]:
    """Return the people of each organization."""
    found: dict[str, list[str]] = defaultdict(list)
    for person, membership in members.items():
        found[membership.org].append(person)
    return found
