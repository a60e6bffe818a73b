"""Partners in a programme: agreements, the people who count, and what these held when (cert#5-1)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine import identity
from rules.engine.identity import Interval
from rules.evaluation.timeline import HELD_STATES
from rules.evidence.history import BEGINNING, END_OF_TIME
from rules.language.model import Certification, PartnerTiers
from rules.programmes.tier_timeline import Held, Member, Programme, Span, TierTimeline, tier_timeline
from rules.programmes.tiers import Standing, Unmet, fits, holdings_of, reached
from rules.stored import VENDOR, Document

READ: Final = 5000  # standings of one answer of MongoDB
HOLDINGS: Final = {
    "person": 1, "certification": 1,
    "states.at": 1, "states.state": 1, "states.version": 1, "states.evaluated": 1,
}  # fmt: skip
"""What `held_spans` reads of a standing: many states have more to tell."""


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
    wanted = certifications_asked_for(rules, versions)
    everybody = members(db, rules, counted, replaced or {}, wanted)
    return Partner(versions, tuple(agreements(found)), tuple(everybody))


def certifications_asked_for(rules: RuleSet, versions: Sequence[Programme]) -> frozenset[str] | None:
    """Return the certifications that some demand of a programme can count; None where it may be any.

    A demand names certifications by their coordinates (cert#2.8), which may change from version to version.
    """
    asked = {holding for one in versions for holding in holdings_of(one.document)}
    if any(fits(holding, NOTHING_KNOWN) for holding in asked):
        return None
    found = {holding.certification for holding in asked if holding.certification is not None}
    for name, published in rules.certifications.items():
        held = [_standing(name, version.document) for version in published.versions]
        if any(fits(holding, standing) for holding in asked for standing in held):
            found.add(name)
    return frozenset(found)


def timeline_of(
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    replaced: Replaced | None = None,
) -> TierTimeline:
    """Return the tier of an organization at every instant."""
    one = partner(db, rules, programme, organization, replaced)
    return tier_timeline(one.versions, one.agreements, one.members)


def unmet_at(  # the question has as many parts
    db: Database[Document],
    rules: RuleSet,
    programme: str,
    organization: str,
    *,
    tier: str | None,
    at: dt.datetime,
    replaced: Replaced | None = None,
) -> tuple[Unmet, ...]:
    """Return what an organization lacks for a tier at an instant."""
    one = partner(db, rules, programme, organization, replaced)
    document = one.versions[-1].document
    if tier not in document.order:
        return ()
    return reached(document, held_at(one, at)).check(tier).unmet


def held_at(one: Partner, at: dt.datetime) -> dict[str, list[Standing]]:
    """Return what the people who count for a partner hold at an instant."""
    return {
        member.person: [held.standing for held in member.held if held.span.covers(at)]
        for member in one.members
        if any(span.covers(at) for span in member.affiliated)
    }


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
    wanted: Collection[str] | None = None,
) -> list[Member]:
    """Return everybody who counted or counts for these organizations, with what they held (cert#5-1).

    `wanted` are the certifications to look at; None looks at all.
    """
    rows = db.affiliations.find({"org": {"$in": list(organizations)}, "primary": True}, {"person": 1})
    persons = sorted({row["person"] for row in rows})
    affiliations = identity.affiliations_of(db, persons)
    standings: dict[str, list[Document]] = defaultdict(list)
    which: Document = {"org": VENDOR, "person": {"$in": persons}}
    if wanted is not None:
        which["certification"] = {"$in": sorted(wanted)}
    for row in db.standings.find(which, HOLDINGS, batch_size=READ):
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
    """Return when a standing was held, with coordinates; what is only evaluated does not count (cert#2.2).

    Who holds the same has the same Standing, without the award, so that a roster looks at each once.
    """
    certification, states, found = standing["certification"], standing["states"], []
    shared: dict[tuple[str, str, str | None], Standing] = rules.memo.setdefault("held", {})
    for i, one in enumerate(states):
        if one["state"] not in HELD_STATES or one.get("evaluated"):
            continue
        end = states[i + 1]["at"] if i + 1 < len(states) else None
        key = (certification, one["state"], one.get("version"))
        held = shared.get(key)
        if held is None:
            document = document_of(rules, certification, one.get("version"))
            held = shared[key] = _standing(certification, document, one["state"], one.get("version"))
        found.append(Held(held, Span(one["at"], end)))
    return found


def coordinates(rules: RuleSet, certification: str, state: Mapping[str, Any]) -> Standing:
    """Return a state of a standing with the coordinates of the version it is held under."""
    document = document_of(rules, certification, state.get("version"))
    return _standing(certification, document, state["state"], state.get("version"), state.get("award"))


def _standing(
    certification: str,
    document: Certification | None,
    state: str = "none",
    version: str | None = None,
    award: str | None = None,
) -> Standing:
    return Standing(
        certification=certification,
        role=document.role if document else None,
        product=document.product if document else None,
        level=document.level if document else None,
        state=state,
        version=version,
        award=award,
    )


NOTHING_KNOWN: Final = _standing("", None)
"""Only a holding that names no coordinate fits it."""


def document_of(rules: RuleSet, certification: str, version: str | None) -> Certification | None:
    """Return a version of a certification, its newest where that version is not known."""
    known = rules.certifications.get(certification)
    if known is None:
        return None
    exact = (one.document for one in known.versions if one.document.version == version)
    return next(exact, known.versions[-1].document)
