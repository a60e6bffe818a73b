"""Partners: the list with tiers, and one partner with its ladder, its gates and its people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response

from lrs.access.organizations import VENDOR, get_org
from lrs.api.rights import directory, org_filter, visible_org
from lrs.console.lists import Rows, Span, asked, listed, seek
from lrs.console.models.partner import GateView, Ladder, gate_view, ladder, title_of
from lrs.console.models.tier_board import moved
from lrs.console.organizations.holders import count_people, ending
from lrs.console.organizations.people import org_names
from lrs.console.shell import Pages, may, show
from lrs.foundation.context import current_services
from lrs.words.engine import titles
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.engine.standings import state_at
from rules.language.model import Gate, PartnerTiers
from rules.programmes import gate_checks, partners
from rules.programmes.tier_recording import steps_at
from rules.programmes.tier_timeline import TierTimeline, tier_timeline
from rules.programmes.tiers import Standing, reached

Document = dict[str, Any]
COLUMNS: Final = ("organization", "name", "kind", "parent", "region", "status", "people", "tiers")
ROSTER: Final = ("person", "name", "email", "role", "states")
ENDING: Final = 90  # days ahead

blueprint = Pages("console_partners", __name__)


@listed(blueprint, "/console/partners", scope=("orgs", "people", "analytics"), template="partners.html")
def organizations(span: Span) -> Rows:
    """List the organizations that the user sees, with people and tiers."""
    services, filters = current_services(), asked("q", "region")
    found, last = seek(services.db.orgs, {"$and": [org_filter("_id"), org_clause(filters)]}, span)
    names = [one["_id"] for one in found]
    counts, tiers = count_people(services.db, names, services.now()), tiers_now(names, services.now())
    items = [
        {
            "organization": one["_id"], "name": one["name"], "kind": one["kind"], "parent": one.get("parent"),
            "region": one.get("region"), "status": one["status"], "domains": one.get("domains") or [],
            "people": counts.get(one["_id"], 0), "tiers": tiers.get(one["_id"], []),
        }
        for one in found
    ]  # fmt: skip
    pairs = [(one, one) for one in regions()]
    return Rows(COLUMNS, items, last, {"filters": filters, "region_pairs": pairs, "all_orgs": org_names()})


def org_clause(filters: Mapping[str, str]) -> Document:
    """Return the filter of a search among organizations."""
    clauses: list[Document] = []
    if "q" in filters:
        words = {"$regex": _literal(filters["q"]), "$options": "i"}
        clauses.append({"$or": [{"name": words}, {"_id": words}]})
    if "region" in filters:
        clauses.append({"region": filters["region"]})
    return {"$and": clauses} if clauses else {}


def _literal(text: str) -> str:
    return "".join(f"\\{one}" if not one.isalnum() and one.isascii() else one for one in text)


def regions() -> list[str]:
    """Return the regions of the organizations that the user sees."""
    rows = current_services().db.orgs.find(org_filter("_id"), {"region": 1})
    return sorted({row["region"] for row in rows if row.get("region")})


def tiers_now(orgs: Collection[str], now: dt.datetime) -> dict[str, list[Document]]:
    """Return the tiers of organizations: programme, its title, tier, and when a demotion is due.

    `next_at` and `next_tier` say when it falls, and to which, if nobody renews what ends.
    """
    services = current_services()
    programmes = {one.id: one for one in cache_of(services.db).get().of_kind(PartnerTiers)}
    found: dict[str, list[Document]] = {}
    wanted = {"org": VENDOR, "organization": {"$in": sorted(orgs)}}
    for row in steps_at(services.db, wanted, now, now):
        known, step = programmes.get(row["programme"]), row.get("now") or {}
        if known is not None and step.get("tier") is not None:
            order, following = list(known.order), row.get("next") or {}
            is_lower = moved(step["tier"], following.get("tier"), order) == "down"
            found.setdefault(row["organization"], []).append({
                "programme": row["programme"], "title": title_of(known), "tier": step["tier"],
                "falls_at": step.get("falls_at"), "next_at": following.get("at") if is_lower else None,
                "next_tier": following.get("tier") if is_lower else None,
                "rank": order.index(step["tier"]) if step["tier"] in order else 0,
            })  # fmt: skip
    return found


@blueprint.get("/console/partners/<org>", scope=("orgs", "people", "analytics"))
def partner(org: str) -> Response:
    """Show one organization: where it stands in each programme, which gates are open, what ends soon."""
    services = current_services()
    found = get_org(services.db, visible_org(org))
    rules, now = cache_of(services.db).get(), services.now()
    members = directory().members_of(org)
    ladders = [] if org == VENDOR else ladders_of(rules, org, now)
    soon = sorted(
        ending(services.db, now, now.date() + dt.timedelta(days=ENDING), persons=members),
        key=lambda one: (one["expires"], one["person"]),
    )
    return show(
        "partner.html",
        org=found, ladders=ladders, gates=[] if org == VENDOR else gates_of(rules, members, ladders, now),
        soon=soon[:8], soon_count=len(soon), people=len(members), titles=titles(), now=now,
        names=names_of({one["person"] for one in soon[:8]} | _fillers(ladders)),
        below=list(services.db.orgs.find({"parent": org, **org_filter("_id")}, {"name": 1}).limit(100)),
        may_see_people=may("people"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where an organization stands in a programme: as pages show it, over time, and its people."""

    ladder: Ladder
    programme: PartnerTiers
    timeline: TierTimeline
    partner: partners.Partner


def places_of(rules: RuleSet, org: str, now: dt.datetime) -> Iterator[Place]:
    """Yield where an organization stands in each programme now, computed from what people hold."""
    db = current_services().db
    for programme in partners.programme_ids(rules):
        one = partners.partner(db, rules, programme, org)
        timeline = tier_timeline(one.versions, one.agreements, one.members)
        document = programme_now(rules, programme, now)
        if document is not None:
            held = reached(document, partners.held_at(one, now))
            yield Place(ladder(document, timeline, held, now), document, timeline, one)


def ladders_of(rules: RuleSet, org: str, now: dt.datetime) -> list[Ladder]:
    """Return where an organization stands in each programme now."""
    return [one.ladder for one in places_of(rules, org, now)]


def programme_now(rules: RuleSet, programme: str, now: dt.datetime) -> PartnerTiers | None:
    """Return the version of a programme that applies now; None where it only begins."""
    begun = [one for one in rules.documents["PartnerTiers", programme] if one.effective_at <= now]
    document = begun[-1].document if begun else None
    return document if isinstance(document, PartnerTiers) else None


def gates_of(
    rules: RuleSet, members: Sequence[str], ladders: Sequence[Ladder], now: dt.datetime
) -> list[GateView]:
    """Return how each gate stands for an organization."""
    people = gate_checks.standings_at(current_services().db, rules, members, now)
    tiers = {one.programme: one.tier for one in ladders}
    views = []
    for gate in rules.of_kind(Gate):
        programme = gate_checks.programme_of(rules, gate)
        standings: Mapping[str, Sequence[Standing]] = people
        views.append(gate_view(gate, programme.order, tiers.get(programme.id), standings))
    return views


def _fillers(ladders: Sequence[Ladder]) -> set[str]:
    return {who for one in ladders for rung in one.rungs for meter in rung.meters for who in meter.people[:6]}


def names_of(persons: Collection[str]) -> dict[str, str]:
    """Return what people are called, for those whom the user sees."""
    known = directory().known()
    seen = set(persons) if known is None else set(persons) & set(known)
    rows = current_services().db.people.find({"_id": {"$in": sorted(seen)}}, {"name": 1, "email": 1})
    return {row["_id"]: row.get("name") or row.get("email") or row["_id"] for row in rows}


@listed(blueprint, "/console/partners/<org>/roster", scope="people", template="roster.html")
def grid(span: Span, org: str) -> Rows:
    """List an organization's people with the state of each certification: people by certifications."""
    services = current_services()
    found = get_org(services.db, visible_org(org))
    now = services.now()
    query = directory().filter(org=org)
    rows, last = seek(services.db.people, query, span, "name", hint="org_1_name_1__id_1")
    states = states_of([one["_id"] for one in rows], now)
    items = []
    for one in rows:
        shown = directory().present(one)
        role = next(
            (each["role"] for each in shown["affiliations"] if each["org"] == org and each.get("role")), None
        )
        items.append({
            "person": one["_id"], "name": shown.get("name"), "email": shown.get("email"), "role": role,
            "states": states.get(one["_id"], {}),
        })  # fmt: skip
    known = titles()
    columns = sorted({name for one in items for name in one["states"]})
    flat = [
        {**one, **{name: (one["states"].get(name) or {}).get("state") for name in columns}} for one in items
    ]
    context = {"org": found, "columns": columns, "titles": known}
    return Rows((*ROSTER[:-1], *columns), flat, last, context)


def states_of(persons: Sequence[str], now: dt.datetime) -> dict[str, dict[str, Document]]:
    """Return person -> certification -> state and end, of those whose state is seen."""
    members = directory().members()
    wanted = set(persons) if members is None else set(persons) & set(members)
    found: dict[str, dict[str, Document]] = {}
    for row in current_services().db.standings.find({"org": VENDOR, "person": {"$in": sorted(wanted)}}):
        state = state_at(row, now)
        if state is not None and state.counts:
            found.setdefault(row["person"], {})[row["certification"]] = {
                "state": state.state, "expires": state.expires,
            }  # fmt: skip
    return found
