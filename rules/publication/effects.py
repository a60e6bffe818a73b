"""What a plan says beside bare differences: names, reasons by place, tier effects (cert#6-1)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pymongo.database import Database

from rules.engine.decisions import full_history
from rules.engine.standings import standing_of
from rules.explaining import explain
from rules.explaining.explain import Explanation, Node
from rules.language.model import Certification
from rules.language.positions import Path, render
from rules.language.requirements import Requirement
from rules.programmes import partners
from rules.programmes.tier_timeline import TierSegment, TierTimeline
from rules.programmes.tiers import Unmet
from rules.publication.before_and_after import Compared, Sides
from rules.stored import VENDOR, Document


def reason_of(sides: Sides, one: Compared, now: dt.datetime) -> str | None:
    """Return why somebody would lose: what is unmet under the new version, and where it stands there.

    None where nothing is unmet: then dates or versions differ.
    """
    if one.certification == sides.withdrawn:
        return "the certification is withdrawn"
    name, known_at = one.certification, one.stored_history.known_at(now)
    history = full_history(sides.new, one.stored_history, one.shared, known_at, name)
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
    """Tell whether the person loses because the newer version is not met by its deadline (cert#4.12-5)."""
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
    paths = (path for path, one in places(document) if one.missing_key == node.key and not [*one.located()])
    path = next(paths, None)
    return f" (v{found.version} {render(path)})" if path else ""


def places(document: Certification) -> Iterator[tuple[Path, Requirement]]:
    """Yield each requirement of a certification with its path in the document."""
    for path, root in document.requirements():
        yield from _below(path, root)


def _below(path: Path, requirement: Requirement) -> Iterator[tuple[Path, Requirement]]:
    yield path, requirement
    for where, part in requirement.located():
        yield from _below((*path, *where), part)


def new_standings(sides: Sides, one: Compared, now: dt.datetime) -> Document:
    """Return the standing that a person would have."""
    return standing_of(sides.new, one.stored_history.person, one.new, now)


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
            new = partners.timeline_of(db, sides.new, programme, organization, replaced)
            old = partners.timeline_of(db, sides.old, programme, organization) if known else None
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
    old: TierTimeline | None, new: TierTimeline, now: dt.datetime
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
