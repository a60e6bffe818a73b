"""Whom targets may concern, from what is stored: where people count when, and what names them (cert#5-8)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine import identity
from rules.engine.affiliations import span_of
from rules.evidence.history import END_OF_TIME
from rules.language.model import PartnerTiers, Target
from rules.programmes import partners
from rules.programmes.targets import Excuse, Learner, Named, Place, Span, TierSpan
from rules.stored import VENDOR, Document

COUNTS: Final = {"person": 1, "org": 1, "role": 1, "from": 1, "until": 1, "confirmed_at": 1}
"""What `span_of` and a place read of an affiliation."""
MAILBOX: Final = "mbox::mailto:"

TiersOf = Callable[[str], Mapping[str, Sequence[TierSpan]]]
"""From an organization to its tiers over time in each programme."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What some targets ask about people, so that nothing else is read."""

    programmes: frozenset[str]
    groups: frozenset[str]
    persons: frozenset[str]
    regions: bool


def needs_of(targets: Iterable[Target]) -> Needs:
    """Return what these targets ask about people."""
    listed = list(targets)
    return Needs(
        frozenset(one.programme for one in listed if one.programme is not None),
        frozenset(group for one in listed for group in one.groups),
        frozenset(person for one in listed for person in one.persons),
        any(one.regions for one in listed),
    )


def learners_of(
    db: Database[Document],
    rules: RuleSet,
    needs: Needs,
    persons: Collection[str] | None = None,
    tiers_of: TiersOf | None = None,
) -> dict[str, Learner]:
    """Return these people, or everybody whom targets with these needs may concern, as targets see them.

    `tiers_of` tells the tiers of an organization; by default they are computed from what is stored.
    """
    members = _memberships(db, needs.groups)
    wanted = {"primary": True} if persons is None else {"primary": True, "person": {"$in": sorted(persons)}}
    rows = list(db.affiliations.find(wanted, COUNTS))
    known = {row["person"] for row in rows} | set(members) if persons is None else set(persons)
    names = _names(db, needs.persons, None if persons is None else known)
    regions = regions_of(db, {row["org"] for row in rows}) if needs.regions else {}
    tiers_of = _remembered(tiers_of or (lambda org: tiers_over_time(db, rules, needs.programmes, org)))
    places: dict[str, list[Place]] = defaultdict(list)
    for row in rows:
        span, org = span_of(row), row["org"]
        if span is not None:
            hired = row.get("from")
            tiers = tiers_of(org) if needs.programmes else {}
            places[row["person"]].append(Place(org, row.get("role"), *span, tiers, regions.get(org), hired))
    excuses = _excuses(db, persons)
    return {
        person: Learner(
            person,
            tuple(places.get(person, ())),
            Named(members.get(person, {}), names.get(person, frozenset()) | {person}),
            excuses.get(person, ()),
        )
        for person in sorted(known | set(names))
    }


def _excuses(db: Database[Document], persons: Collection[str] | None) -> dict[str, list[Excuse]]:
    """Return what managers took off people, by person."""
    found: dict[str, list[Excuse]] = defaultdict(list)
    for row in db.excuses.find({} if persons is None else {"person": {"$in": sorted(persons)}}):
        until = dt.date.fromisoformat(row["until"])
        one = Excuse(row["assignment"], row["reason"], until, row["at"], row["withdrawn_at"])
        found[row["person"]].append(one)
    return found


def named_of(db: Database[Document], needs: Needs, persons: Collection[str]) -> dict[str, Named]:
    """Return what names these people, as far as targets with these needs ask."""
    members, names = _memberships(db, needs.groups), _names(db, needs.persons, persons)
    return {one: Named(members.get(one, {}), names.get(one, frozenset()) | {one}) for one in persons}


def orders_of(rules: RuleSet) -> dict[str, tuple[str, ...]]:
    """Return the tiers of each programme, lowest first."""
    return {one.id: one.order for one in rules.of_kind(PartnerTiers)}


def tiers_over_time(
    db: Database[Document], rules: RuleSet, programmes: Iterable[str], organization: str
) -> dict[str, list[TierSpan]]:
    """Return the tiers of an organization in these programmes, as they follow from what is stored."""
    return {name: tier_spans(db, rules, name, organization) for name in programmes}


def tier_spans(db: Database[Document], rules: RuleSet, programme: str, organization: str) -> list[TierSpan]:
    """Return the tiers of an organization over time; none where the programme is not published."""
    if programme not in partners.programme_ids(rules):
        return []
    segments = partners.timeline_of(db, rules, programme, organization).segments
    ends = [following.at for _, following in pairwise(segments)] + [None]
    return [(one.tier, one.at, end) for one, end in zip(segments, ends, strict=True) if one.tier is not None]


def _remembered(tiers_of: TiersOf) -> TiersOf:
    known: dict[str, Mapping[str, Sequence[TierSpan]]] = {}

    def remembered(org: str) -> Mapping[str, Sequence[TierSpan]]:
        if org not in known:
            known[org] = tiers_of(org)
        return known[org]

    return remembered


def _memberships(db: Database[Document], groups: Collection[str]) -> dict[str, dict[str, list[Span]]]:
    """Return who was a member of these groups when: person -> group -> spans."""
    found: dict[str, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    for group, members in identity.groups(db).items() if groups else ():
        for one in members if group in groups else ():
            until: dt.datetime = one.until_at or END_OF_TIME
            found[one.person][group].append((one.from_at, until))
    return found


def _names(
    db: Database[Document], listed: Collection[str], persons: Collection[str] | None
) -> dict[str, frozenset[str]]:
    """Return by which of the listed names people go: ids, identifiers and addresses that are identifiers.

    An identifier that somebody else has by now names that one alone.
    """
    if not listed:
        return {}
    forms = {form: name for name in listed for form in (name, f"{MAILBOX}{name}", f"{MAILBOX}{name.lower()}")}
    query: Document = {
        "org": VENDOR, "$or": [{"_id": {"$in": sorted(listed)}}, {"ifis.ifi": {"$in": sorted(forms)}}],
    }  # fmt: skip
    found: dict[str, frozenset[str]] = {}
    for row in db.people.find(query, {"ifis.ifi": 1, "ifis.until": 1, "merged_into": 1}):
        called = {row["_id"], *(owned["ifi"] for owned in row.get("ifis", ()) if owned.get("until") is None)}
        person: Any = row.get("merged_into") or row["_id"]
        if persons is None or person in persons:
            names = frozenset(forms[one] for one in called if one in forms)
            found[person] = found.get(person, frozenset()) | names
    return found


def regions_of(db: Database[Document], orgs: Iterable[str]) -> dict[str, str | None]:
    """Return the region of each of these organizations."""
    wanted = sorted(orgs)
    return {row["_id"]: row.get("region") for row in db.orgs.find({"_id": {"$in": wanted}}, {"region": 1})}
