"""Who is asked to hold which certification, and how far each is (cert#5-8): for reports and rosters."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from lrs.analysis.audience import Audience, Membership
from lrs.analysis.award_states import tier_spans
from rules import calendar
from rules.catalogue.store import cache_of
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.programmes.learners import Needs, TiersOf, named_of, needs_of, orders_of, regions_of
from rules.programmes.targeted import targets_of
from rules.programmes.targets import Asked, Place, asked_of, is_overdue

Document = dict[str, Any]
FEW = 500  # people who are looked up one by one
NOT_STARTED = "not_started"
"""No statement or decision about the certification is known of the person."""


@dataclass(frozen=True, slots=True)
class AskedPerson:
    """A person of whom a certification is asked, with the state in it and whether its day is over."""

    membership: Membership
    certification: str
    asked: Asked
    state: str
    overdue: bool

    @property
    def held(self) -> bool:
        """Tell whether the person holds it, the time of grace included."""
        return self.state in HELD_STATES


def asked_people(
    db: Database[Document], whom: Audience, certifications: Collection[str], now: dt.datetime
) -> Iterator[AskedPerson]:
    """Yield everybody of the audience of whom one of these certifications is asked now."""
    rules = cache_of(db).get()
    wanted = [
        name
        for name in sorted(certifications)
        if any(version.document.targets for version in rules.certifications[name].versions)
    ]
    if not wanted:
        return
    members = whom.at(now)
    states = _states(db, wanted, set(members), now)
    needs = needs_of(target for name in wanted for target in targets_of(rules.certifications[name]))
    places, orders = _places(db, whom, needs), orders_of(rules)
    named = named_of(db, needs, list(members))
    for name in wanted:
        published = rules.certifications[name]
        today = calendar.local_date(now, published.in_order[-1].timezone)
        for person, membership in sorted(members.items()):
            asked = asked_of(published, places[person], orders, now, named[person])
            if asked is not None:
                state = states.get((person, name), NOT_STARTED)
                late = is_overdue(asked, today) and state not in HELD_STATES
                yield AskedPerson(membership, name, asked, state, late)


def recorded_tiers(db: Database[Document]) -> TiersOf:
    """Return what tells the tiers of an organization as they are on record."""
    return lambda org: tier_spans(db, [org]).get(org, {})


def _places(db: Database[Document], whom: Audience, needs: Needs) -> dict[str, list[Place]]:
    orgs = sorted({one.org for one in whom.memberships})
    tiers, regions = tier_spans(db, orgs), regions_of(db, orgs) if needs.regions else {}
    found: dict[str, list[Place]] = defaultdict(list)
    for one in whom.memberships:
        place = Place(
            one.org, one.role, one.start, one.end, tiers.get(one.org, {}), regions.get(one.org), one.hired
        )
        found[one.person].append(place)
    return found


def _states(
    db: Database[Document], certifications: Collection[str], people: set[str], now: dt.datetime
) -> dict[tuple[str, str], str]:
    """Return the states now of those who have a standing: (person, certification) -> state."""
    condition: Document = {"org": "vendor", "certification": {"$in": list(certifications)}}
    if len(people) <= FEW:  # of one person, or of one partner: not the standings of everybody
        condition["person"] = {"$in": sorted(people)}
    fields = {"person": 1, "certification": 1, "states": 1}
    return {
        (row["person"], row["certification"]): found.state
        for row in db.standings.find(condition, fields)
        if row["person"] in people and (found := state_at(row, now)) is not None and found.counts
    }
