"""What a plan says beside bare differences: names, reasons in the document's places, tier effects (6-1)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pymongo.database import Database

from rules import explain, partners
from rules.decisions import full_history
from rules.explain import Explanation, Node
from rules.model import Certification, Requirement
from rules.plan_sides import Compared, Sides
from rules.requirements import key_of
from rules.standings import standing_of
from rules.tier_course import TierCourse, TierSegment
from rules.tiers import Unmet

Document = dict[str, Any]

VENDOR: Final = "vendor"


def reason_of(sides: Sides, one: Compared, now: dt.datetime) -> str | None:
    """Return why somebody would lose: what is unmet under the new version, and where it stands there.

    None where nothing is unmet: then dates or versions differ.
    """
    name, known_at = one.certification, one.dossier.known_at(now)
    history = full_history(sides.new, one.dossier, one.shared, known_at, name)
    certification, at = sides.new.certifications[name], one.found.at
    if _missed_upgrade(one):
        newest = max(certification.versions, key=lambda version: version.effective_at)
        certification = replace(certification, versions=(newest,))
    found = explain.explain(certification, history, known_at, at)
    unmet = next((node for node in leaves(found.tree) if not node.ok), None)
    if unmet is None:
        return None
    place = place_of(sides, name, found, unmet)
    return f"{unmet.label}: {unmet.observed}, required {unmet.required}{place}"


def _missed_upgrade(one: Compared) -> bool:
    """Tell whether the person loses because the newer version is not met by its deadline (4.12-5)."""
    status = one.new.status_at(one.found.at)
    return status.period is not None and one.new.periods[status.period].ending == "must_upgrade"


def leaves(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield the requirements without parts, in document order."""
    for node in nodes:
        if node.parts:
            yield from leaves(node.parts)
        else:
            yield node


def place_of(sides: Sides, name: str, found: Explanation, node: Node) -> str:
    """Return where a requirement stands, as ` (v4 award.when.all[3])`; empty where it cannot be told."""
    versions = {one.document.version: one.document for one in sides.new.certifications[name].versions}
    document = versions.get(found.version)
    if document is None:
        return ""
    path = next((path for path, one in places(document) if key_of_leaf(one) == node.key), None)
    return f" (v{found.version} {path})" if path else ""


def key_of_leaf(requirement: Requirement) -> str | None:
    """Return the missing key of a requirement without parts."""
    return None if getattr(requirement, "parts", ()) else key_of(requirement)


def places(document: Certification) -> Iterator[tuple[str, Requirement]]:
    """Yield each requirement of a certification with its path in the document."""
    yield from _below("award.when", document.award.when)
    if document.renewal is not None:
        yield from _below("renewal.when", document.renewal.when)
    for i, rule in enumerate(document.release_rules):
        yield from _below(f"release_rules[{i}].unless", rule.unless)


WORDS: Final = {"AllOf": "all", "AnyOf": "any", "AtLeast": "of"}


def _below(path: str, requirement: Requirement) -> Iterator[tuple[str, Requirement]]:
    yield path, requirement
    word = WORDS.get(type(requirement).__name__)
    for i, part in enumerate(getattr(requirement, "parts", ())):
        yield from _below(f"{path}.{word}[{i}]", part)


def new_standings(sides: Sides, one: Compared, now: dt.datetime) -> Document:
    """Return the standing that a person would have."""
    return standing_of(sides.new, one.dossier.person, one.new, now)


def tier_effects(
    db: Database[Document],
    sides: Sides,
    moved: Mapping[str, Sequence[Document]],
    now: dt.datetime,
    *,
    everywhere: bool,
) -> list[Document]:
    """Return which organizations' tiers would differ, when and why.

    `moved` maps persons to the standings they would have in the certifications concerned; `everywhere` asks
    for all partners (a programme itself is in the plan).
    """
    rows = db.affiliations.find({"person": {"$in": list(moved)}, "primary": True}, {"org": 1})
    organizations = {row["org"] for row in rows}
    above = db.orgs.find({"_id": {"$in": sorted(organizations)}}, {"ancestors": 1})
    organizations = organizations.union(*(row.get("ancestors", ()) for row in above))
    if everywhere:
        organizations = {row["_id"] for row in db.orgs.find({"kind": {"$ne": "vendor"}}, {"_id": 1})}
    replaced = _whole(db, moved)
    found = []
    for programme in partners.programme_ids(sides.new):
        known = programme in partners.programme_ids(sides.old)
        for organization in sorted(organizations - {VENDOR}):
            new = partners.course_of(db, sides.new, programme, organization, replaced)
            old = partners.course_of(db, sides.old, programme, organization) if known else None
            effect = tier_effect(old, new, now)
            if effect is not None:
                at, before, after = effect
                wanted = before.tier if before else None
                unmet = partners.unmet_at(
                    db, sides.new, programme, organization, tier=wanted, at=at, replaced=replaced
                )
                found.append(_told(programme, organization, at, was=wanted, tier=after.tier, unmet=unmet))
    return found


def _whole(db: Database[Document], moved: Mapping[str, Sequence[Document]]) -> dict[str, list[Document]]:
    """Return all standings that these persons would have: the new ones, and those that stay."""
    whole: dict[str, list[Document]] = defaultdict(list)
    for person, standings in moved.items():
        whole[person] += standings
    replaced = {row["_id"] for rows in moved.values() for row in rows}
    for row in db.standings.find({"org": VENDOR, "person": {"$in": list(moved)}}):
        if row["_id"] not in replaced:
            whole[row["person"]].append(row)
    return whole


def tier_effect(
    old: TierCourse | None, new: TierCourse, now: dt.datetime
) -> tuple[dt.datetime, TierSegment | None, TierSegment] | None:
    """Return the first instant from now on at which the tiers differ, with both; None where they never do."""
    segments = [*new.segments, *(old.segments if old else ())]
    for at in [now, *sorted({one.at for one in segments if one.at > now})]:
        before, after = old.at(at) if old else None, new.at(at)
        if (before.tier if before else None) != after.tier:
            return at, before, after
    return None


def _told(
    programme: str,
    organization: str,
    at: dt.datetime,
    *,
    was: str | None,
    tier: str | None,
    unmet: Sequence[Unmet],
) -> Document:
    why = ", ".join(f"{one.key} {one.observed} of {one.required}" for one in unmet)
    text = f"{organization} is {tier or 'at no tier'} instead of {was or 'at no tier'} from {at:%Y-%m-%d} on"
    return {
        "programme": programme,
        "organization": organization,
        "before": was,
        "after": tier,
        "at": at,
        "missing": [{"key": one.key, "required": one.required, "observed": one.observed} for one in unmet],
        "text": f"{text} ({why})" if why else text,
    }
