"""GET /partner: the tier with a meter for each demand, what breaks when, who can mend it soonest, gates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response

from lrs.analysis.assignments import assigned
from lrs.api.rights import directory, org_filter
from lrs.console.organizations.holders import ending
from lrs.console.organizations.partners import gates_of, names_of, places_of
from lrs.console.shell import Pages
from lrs.foundation.context import current_services
from lrs.portal.managing import own_org, page
from lrs.portal.models.mending import Break, Gap, breaks, candidates, fitting, gaps
from lrs.portal.models.way import Step, shortest_way
from lrs.portal.partner.asked import asked_now
from lrs.words.engine import titles
from rules import queries
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.engine.affiliations import holding
from rules.engine.standings import StateAt, state_at
from rules.language.model import Certification
from rules.programmes.assignments import LATE
from rules.stored import VENDOR

Document = dict[str, Any]
LOOKED_AT: Final = 12  # people who are looked at closely for one demand
SHOWN: Final = 5
SOON: Final = 90  # days

blueprint = Pages("partner", __name__)


@dataclass(frozen=True, slots=True)
class Mender:
    """Somebody who can come to count for a demand, and what they still have to do."""

    person: str
    certification: str
    state: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Mending:
    """A demand that lacks people, with who can mend it, the soonest first."""

    gap: Gap
    menders: tuple[Mender, ...]


@blueprint.get("/partner", scope="people")
def overview() -> Response:
    """Show where the organization stands and what its manager can do about it."""
    services, org = current_services(), own_org()["_id"]
    rules, now = cache_of(services.db).get(), services.now()
    roles = roles_of(org, now)
    places = list(places_of(rules, org, now))
    ladders = [one.ladder for one in places]
    broken = {one.ladder.programme: breaks(one.timeline, one.partner.members, now) for one in places}
    lacking = [each for one in ladders for each in gaps(one, broken[one.programme])]
    mendings = mendings_of(rules, roles, lacking, now)
    tiers: dict[tuple[str, bool], list[Mending]] = {(one.gap.tier, one.gap.is_held): [] for one in mendings}
    for one in mendings:
        tiers[one.gap.tier, one.gap.is_held].append(one)
    late = sum(not one.held and one.overdue for one in asked_now(org, now))
    late += sum(one.state in LATE for _, one in assigned(services.db, now, list(roles)))
    soon = list(ending(services.db, now, now.date() + dt.timedelta(days=SOON), persons=list(roles)))
    below = services.db.orgs.find({"parent": org, **org_filter("_id")}, {"name": 1}).sort("_id", 1)
    return page(
        "partner.html",
        ladders=ladders, broken=broken, tiers=tiers, gates=gates_of(rules, list(roles), ladders, now),
        names=names_of(shown_people(mendings, broken) | fillers(ladders)), titles=titles(), people=len(roles),
        late=late, soon=len(soon), waiting=waiting(org), below=list(below.limit(100)),
    )  # fmt: skip


def roles_of(org: str, now: dt.datetime) -> dict[str, str | None]:
    """Return who counts for an organization now, with their role."""
    rows = current_services().db.affiliations.find({"org": org, "primary": True, **holding(now)})
    return {row["person"]: row.get("role") for row in rows}


def waiting(org: str) -> int:
    """Return how many affiliations wait for confirmation."""
    return current_services().db.affiliations.count_documents(directory().waiting(org))


def mendings_of(
    rules: RuleSet, roles: Mapping[str, str | None], lacking: Sequence[Gap], now: dt.datetime
) -> list[Mending]:
    """Return who can mend each demand: who needs least comes first."""
    if not lacking:
        return []
    known = list(rules.of_kind(Certification))
    standings, found = standings_of(list(roles), now), []
    for gap in lacking:
        wanted = fitting(gap.holding, known)
        pairs = [(one.id, one.role) for one in known if one.id in wanted]
        near = candidates(roles, pairs, standings, gap.holds, LOOKED_AT)
        menders = [mender_of(*one, now) for one in near]
        found.append(Mending(gap, tuple(sorted(menders, key=lambda one: len(one.steps))[:SHOWN])))
    return found


def mender_of(person: str, certification: str, state: str, now: dt.datetime) -> Mender:
    """Return somebody with what they still have to do."""
    told = queries.explain_each(current_services().db, person, [certification], now)
    steps = shortest_way(told[certification].tree) if certification in told else ()
    return Mender(person, certification, state, steps)


def standings_of(persons: Sequence[str], now: dt.datetime) -> dict[str, dict[str, StateAt]]:
    """Return person -> certification -> state now."""
    found: dict[str, dict[str, StateAt]] = {}
    wanted = {"org": VENDOR, "person": {"$in": list(persons)}}
    fields = {"person": 1, "certification": 1, "states": 1}
    for row in current_services().db.standings.find(wanted, fields):
        state = state_at(row, now)
        if state is not None and state.counts:
            found.setdefault(row["person"], {})[row["certification"]] = state
    return found


def shown_people(mendings: Sequence[Mending], broken: Mapping[str, Sequence[Break]]) -> set[str]:
    """Return whose names the page says."""
    by_gap = {each.person for one in mendings for each in one.menders}
    return by_gap | {who for some in broken.values() for one in some for who in one.people}


def fillers(ladders: Sequence[Any]) -> set[str]:
    """Return who fills the demands, as far as the meters name them."""
    return {who for one in ladders for rung in one.rungs for meter in rung.meters for who in meter.people[:6]}
