"""What is asked of a person, from what is stored (cert#5-8)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine.affiliations import span_of
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.evidence.published import PublishedCertification
from rules.language.model import PartnerTiers
from rules.programmes import partners
from rules.programmes.targets import Asked, Place, TierSpan, asked_of
from rules.stored import Document

COUNTS: Final = {"person": 1, "org": 1, "role": 1, "from": 1, "until": 1, "confirmed_at": 1}
"""What `span_of` and a place read of an affiliation."""


def asked_of_person(
    db: Database[Document], rules: RuleSet, person: str, certification: str, at: dt.datetime
) -> Asked | None:
    """Return what is asked of a person in a certification at an instant, None for nothing."""
    published = rules.certifications[certification]
    if not any(version.document.targets for version in published.versions):
        return None
    programmes = programmes_of([published])
    places = []
    for row in db.affiliations.find({"person": person, "primary": True}):
        span = span_of(row)
        if span is not None:
            tiers = {name: tier_spans(db, rules, name, row["org"]) for name in programmes}
            places.append(Place(row["org"], row.get("role"), *span, tiers=tiers))
    return asked_of(published, places, orders_of(rules), at)


def asked_of_everybody(
    db: Database[Document], rules: RuleSet, certification: str, at: dt.datetime
) -> dict[str, Asked]:
    """Return of whom a certification is asked at an instant, and what."""
    published = rules.certifications[certification]
    if not any(version.document.targets for version in published.versions):
        return {}
    programmes, orders = programmes_of([published]), orders_of(rules)
    tiers: dict[str, dict[str, list[TierSpan]]] = {}
    places: dict[str, list[Place]] = defaultdict(list)
    for row in db.affiliations.find({"primary": True}, COUNTS):
        span, org = span_of(row), row["org"]
        if span is None:
            continue
        if org not in tiers:
            tiers[org] = {name: tier_spans(db, rules, name, org) for name in programmes}
        places[row["person"]].append(Place(org, row.get("role"), *span, tiers=tiers[org]))
    found = {person: asked_of(published, where, orders, at) for person, where in places.items()}
    return {person: asked for person, asked in found.items() if asked is not None}


def due_of(
    db: Database[Document], rules: RuleSet, person: str, certification: str, at: dt.datetime
) -> dt.date | None:
    """Return by which day a certification is due of a person, None where none is or the person holds it."""
    asked = asked_of_person(db, rules, person, certification, at)
    standing = db.standings.find_one({"_id": f"{person}/{certification}"})
    held = state_at(standing, at) if standing else None
    if asked is None or (held is not None and held.counts and held.state in HELD_STATES):
        return None
    return asked.due


def programmes_of(certifications: Iterable[PublishedCertification]) -> frozenset[str]:
    """Return the programmes whose tiers the targets of these certifications name."""
    targets = (t for one in certifications for v in one.versions for t in v.document.targets)
    return frozenset(target.programme for target in targets if target.programme is not None)


def orders_of(rules: RuleSet) -> dict[str, tuple[str, ...]]:
    """Return the tiers of each programme, lowest first."""
    return {one.id: one.order for one in rules.of_kind(PartnerTiers)}


def tier_spans(db: Database[Document], rules: RuleSet, programme: str, organization: str) -> list[TierSpan]:
    """Return the tiers of an organization over time; none where the programme is not published."""
    if programme not in partners.programme_ids(rules):
        return []
    segments = partners.timeline_of(db, rules, programme, organization).segments
    ends = [following.at for _, following in pairwise(segments)] + [None]
    return [(one.tier, one.at, end) for one, end in zip(segments, ends, strict=True) if one.tier is not None]
