"""What the public registry lists: people who agreed, and partners with what their people hold, at an instant.

Of people only what each agreed to be shown; of partners only counts.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrs.credentials.consent import DisplayStore, shown_name
from lrs.credentials.issuer import issuer_of
from lrs.foundation.context import Services
from lrs.foundation.figures import Figures, Kept
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.engine import identity as persons
from rules.engine.standings import state_at
from rules.evaluation.timeline import ACTIVE_STATES
from rules.language.model import Certification, PartnerTiers, Skill
from rules.programmes.tier_recording import steps_at, tier_at, views_of
from rules.wording.phrases import spoken

Document = dict[str, Any]
UNNAMED = "A certified professional"


@dataclass(frozen=True, slots=True)
class Held:
    """A certification that somebody holds now; `award` is the id of the credential."""

    award: str
    certification: str
    title: str
    role: str | None
    product: str | None
    expires: dt.date | None
    skills: tuple[Skill, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """Somebody who agreed to be listed."""

    name: str
    partner: str | None
    region: str | None
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class ListedPartner:
    """A partner with its tiers (programme, tier), and how many of its people hold what."""

    id: str
    name: str
    region: str | None
    tiers: tuple[tuple[str, str], ...]
    certified: int
    counts: tuple[tuple[str, int], ...]
    roles: frozenset[str]
    products: frozenset[str]
    skills: frozenset[Skill] = frozenset()
    website: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for; empty fields match everything."""

    q: str = ""
    role: str = ""
    product: str = ""
    region: str = ""
    tier: str = ""
    skill: str = ""

    def finds_text(self, *texts: str | None) -> bool:
        """Say whether every word is found in one of the texts."""
        whole = " ".join(text.casefold() for text in texts if text)
        return all(word in whole for word in self.q.casefold().split())


def find_people(services: Services, search: Search) -> list[ListedPerson]:
    """Return those who agreed to be listed and hold something that fits; consent is read each time."""
    listed = DisplayStore(services.db).listed_people()
    if not listed:
        return []
    rules, now = cache_of(services.db).get(), services.now()
    names = {
        row["_id"]: row.get("name")
        for row in services.db["people"].find({"_id": {"$in": listed}}, {"name": 1})
    }
    orgs = organizations(services)
    homes = homes_of(services, listed, now)
    awards = held_by_award(services, rules, listed, now)
    displays = DisplayStore(services.db).of(
        [(one.award, person) for person, held in awards.items() for one in held]
    )
    found = []
    for person, held in awards.items():
        open_ones = [one for one in held if displays[one.award].shown and displays[one.award].registry]
        fitting = tuple(one for one in open_ones if fits(one, search))
        if not fitting:
            continue
        name = next(
            (shown for one in open_ones if (shown := shown_name(names.get(person), displays[one.award]))),
            None,
        )
        org = orgs.get(homes.get(person, ""), {})
        row = ListedPerson(name or UNNAMED, org.get("name"), org.get("region"), tuple(open_ones))
        titles = [one.title for one in open_ones]
        titles += [skill.name for one in open_ones for skill in one.skills]
        if search.finds_text(row.name, row.partner, *titles) and search.region in {"", row.region}:
            found.append(row)
    return sorted(found, key=lambda row: (row.name == UNNAMED, row.name.casefold()))


def fits(held: Held, search: Search) -> bool:
    """Say whether a certification has the role, the product and the skill that are looked for."""
    shows = not search.skill or is_shown(search.skill, held.skills)
    return shows and search.role in {"", held.role} and search.product in {"", held.product}


def is_shown(skill: str, skills: Iterable[Skill]) -> bool:
    """Say whether a skill, named by its address or its name, is one of these."""
    return any(skill == one.url or skill.casefold() == one.name.casefold() for one in skills)


def held_by_award(
    services: Services, rules: RuleSet, people: Sequence[str], now: dt.datetime
) -> dict[str, list[Held]]:
    """Return what these persons hold now with a credential, by person."""
    records = {
        one.award: one for one in issuer_of(services.settings, services.db).store.current(people=people)
    }
    found: dict[str, list[Held]] = defaultdict(list)
    for award in services.db["awards"].find({"org": "vendor", "person": {"$in": list(people)}}):
        state = state_at(award, now) if award.get("states") else None
        if state is None or state.state not in ACTIVE_STATES or award["_id"] not in records:
            continue
        found[award["person"]].append(to_held(rules, award, state.version or award["version"], state.expires))
    return found


def to_held(rules: RuleSet, award: Mapping[str, Any], version: str, expires: str | None) -> Held:
    """Return what an award says in the registry."""
    document = document_of(rules, award["certification"], version)
    return Held(
        award=award["_id"],
        certification=award["certification"],
        title=document.title if document else spoken(award["certification"]),
        role=document.role if document else None,
        product=document.product if document else None,
        expires=dt.date.fromisoformat(expires) if expires else None,
        skills=document.badge.skills if document else (),
    )


def document_of(rules: RuleSet, certification: str, version: str) -> Certification | None:
    """Return a version of a certification, None if it is not published."""
    known = rules.certifications.get(certification)
    return (
        next((one.document for one in known.versions if one.document.version == version), None)
        if known
        else None
    )


def organizations(services: Services) -> dict[str, Document]:
    """Return the partners that are listed: active, and not opted out by the attribute `listed: false`."""
    rows = services.db["orgs"].find({"kind": {"$ne": "vendor"}, "status": "active"})
    return {row["_id"]: row for row in rows if row.get("attributes", {}).get("listed") is not False}


def homes_of(services: Services, people: Iterable[str], now: dt.datetime) -> dict[str, str]:
    """Return the primary organization of each person at an instant."""
    wanted = list(people)
    affiliations = persons.affiliations_of(services.db, wanted)
    found = {person: persons.organization_at(affiliations, person, now) for person in wanted}
    return {person: org for person, org in found.items() if org is not None}


def find_partners(services: Services, search: Search) -> list[ListedPartner]:
    """Return the partners that fit, highest tier first, then by how many certified people they have."""
    partners = all_partners(services)
    rules = cache_of(services.db).get()
    order, tiers = tier_order(rules), tiers_meant(rules, search.tier)
    fitting = [
        one
        for one in partners
        if search.finds_text(
            one.name, *(title for title, _ in one.counts), *(skill.name for skill in one.skills)
        )
        and search.region in {"", one.region}
        and (not search.role or search.role in one.roles)
        and (not search.product or search.product in one.products)
        and (not search.skill or is_shown(search.skill, one.skills))
        and (not search.tier or not tiers.isdisjoint(one.tiers))
    ]
    return sorted(fitting, key=lambda one: (-highest(one, order), -one.certified, one.name.casefold()))


def highest(partner: ListedPartner, order: Mapping[tuple[str, str], int]) -> int:
    """Return the place of a partner's highest tier in its programme, from 0."""
    return max((order.get(held, 0) for held in partner.tiers), default=0)


def tier_order(rules: RuleSet) -> dict[tuple[str, str], int]:
    """Return the place of each tier in its programme, from the lowest."""
    return {(one.id, tier): place for one in programmes(rules) for place, tier in enumerate(one.order)}


def programmes(rules: RuleSet) -> list[PartnerTiers]:
    """Return the partner programmes that are shown."""
    return [one for one in rules.of_kind(PartnerTiers) if one.mode == "active"]


def title_of(programme: PartnerTiers) -> str:
    """Return what a programme is called where people read it."""
    return programme.title if programme.title != programme.id else spoken(programme.id)


def tiers_meant(rules: RuleSet, text: str) -> frozenset[tuple[str, str]]:
    """Return the (programme, tier) that a search names; a bare tier means the only programme that has it."""
    found = {held for held in tier_order(rules) if text in {held[1], tier_value(*held)}}
    return frozenset(found if len(found) == 1 else ())


def tier_value(programme: str, tier: str) -> str:
    """Return how a search names a tier: with its programme, since two may have tiers of one name."""
    return f"{programme}:{tier}"


def listed_partners(services: Services) -> Figures[tuple[ListedPartner, ...]]:
    """Return the part of an application that remembers every listed partner."""
    return Figures(
        services, lambda _db, now: compute_partners(services, now), Kept("registry", _partners_of_json)
    )


def _partners_of_json(rows: list[Document]) -> tuple[ListedPartner, ...]:
    skills: dict[tuple[Any, ...], Skill] = {}

    def skill(row: Document) -> Skill:
        return skills.setdefault(tuple(row.values()), Skill(**row))

    return tuple(
        ListedPartner(**{
            **row, "tiers": _pairs(row["tiers"]), "counts": _pairs(row["counts"]),
            "roles": frozenset(row["roles"]), "products": frozenset(row["products"]),
            "skills": frozenset(map(skill, row["skills"])),
        })
        for row in rows
    )  # fmt: skip


def _pairs(rows: list[list[Any]]) -> tuple[Any, ...]:
    return tuple((one, other) for one, other in rows)


def all_partners(services: Services) -> tuple[ListedPartner, ...]:
    """Return every listed partner, as of a minute ago at most where they are many."""
    return services.part(listed_partners).get()[0]


def compute_partners(services: Services, now: dt.datetime) -> tuple[ListedPartner, ...]:
    """Compute every listed partner from standings, affiliations and tiers."""
    rules = cache_of(services.db).get()
    orgs = organizations(services)
    holders: dict[str, list[Held]] = defaultdict(list)
    for award in active_awards(services, now):
        state = award["last"]
        version = state.get("version") or award["version"]
        holders[award["person"]].append(to_held(rules, award, version, state.get("expires")))
    people_of: dict[str, list[str]] = defaultdict(list)
    for person, org in homes_of(services, holders, now).items():
        people_of[org].append(person)
    shown = [one.id for one in programmes(rules)]

    views = steps_at(services.db, views_of(shown, orgs), now, now)
    steps = {(one["programme"], one["organization"]): one["now"] for one in views}

    def tiers(org: str) -> tuple[tuple[str, str], ...]:
        held = (
            (one, steps[one, org]["tier"] if (one, org) in steps
             else tier_at(services.db, rules, one, org, now).tier)
            for one in shown
        )  # fmt: skip
        return tuple((one, tier) for one, tier in held if tier is not None)

    return tuple(
        to_partner(
            org,
            [holders[person] for person in people_of.get(name, ())],
            tiers(name),
        )
        for name, org in orgs.items()
    )


def active_awards(services: Services, now: dt.datetime) -> Iterator[Document]:
    """Yield {_id, person, certification, version, last} of awards held now, `last` being their state."""
    begun = {"$filter": {"input": "$states", "cond": {"$lte": ["$$this.at", now]}}}
    yield from services.db["awards"].aggregate(
        [
            {"$match": {"org": "vendor", "final": None, "evaluated": {"$ne": True}}},
            {"$project": {"person": 1, "certification": 1, "version": 1, "last": {"$last": begun}}},
            {"$match": {"last.state": {"$in": sorted(ACTIVE_STATES)}}},
        ],
        batchSize=10_000,
    )


def to_partner(
    org: Mapping[str, Any], holdings: Sequence[Sequence[Held]], tiers: tuple[tuple[str, str], ...]
) -> ListedPartner:
    """Return a partner with the counts of its people's certifications."""
    counts: dict[str, int] = defaultdict(int)
    for held in holdings:
        for title in {one.title for one in held}:
            counts[title] += 1
    every = [one for held in holdings for one in held]
    website = org.get("attributes", {}).get("website")
    return ListedPartner(
        id=org["_id"],
        name=org["name"],
        region=org.get("region"),
        tiers=tiers,
        certified=len(holdings),
        counts=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        roles=frozenset(one.role for one in every if one.role),
        products=frozenset(one.product for one in every if one.product),
        skills=frozenset(skill for one in every for skill in one.skills),
        website=website if isinstance(website, str) and website.startswith("https://") else None,
    )


def choices(services: Services) -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen in the search form: (value, words) for each field."""
    rules = cache_of(services.db).get()
    certifications = rules.of_kind(Certification)
    regions = sorted({one["region"] for one in organizations(services).values() if one.get("region")})
    return {
        "role": words({one.role for one in certifications if one.role}),
        "product": words({one.product for one in certifications if one.product}),
        "skill": sorted({(skill.url, skill.name) for one in certifications for skill in one.badge.skills}),
        "region": [(one, one) for one in regions],
        "tier": [
            (tier_value(one.id, tier), f"{title_of(one)}: {spoken(tier)}")
            for one in programmes(rules)
            for tier in reversed(one.order)
        ],
    }


def words(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return ids with their words, by words."""
    return sorted(((one, spoken(one)) for one in values), key=lambda pair: pair[1])
