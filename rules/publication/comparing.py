"""People under the old and the new rules, chunk by chunk: what a plan lists of them (cert#6-1)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pymongo.database import Database

from rules.engine.identity import affiliations_of, listed_names_of, organization_at
from rules.language.model import PartnerTiers
from rules.publication import effects
from rules.publication.affected import Affected
from rules.publication.asked_changes import asked_changes
from rules.publication.before_and_after import CHUNK, Sides, differences
from rules.publication.preview import line
from rules.stored import Document

REASONED: Final = 2000  # so many losses are listed with their reason; beyond, the explanation tells it

Progress = Callable[[int, int], None]
"""Takes how many comparisons are done, of how many."""


@dataclass(slots=True)
class ComparedChunk:
    """What a chunk of people shows: how many differ how, who does, and the standings that they would have."""

    counts: Counter[str] = field(default_factory=Counter)
    people: list[Document] = field(default_factory=list)
    standings: dict[str, list[Document]] = field(default_factory=dict)


Chunks = Sequence[Sequence[str]]
Compare = Callable[[Database[Document], Sides, Chunks, dt.datetime], Iterator[ComparedChunk]]
"""Compares chunks of people under both rules; yields them in their order."""


def compared_here(
    db: Database[Document], sides: Sides, chunks: Chunks, now: dt.datetime
) -> Iterator[ComparedChunk]:
    """Compare one chunk after the other in this process."""
    left = REASONED
    for persons in chunks:
        chunk = compared_chunk(db, sides, persons, now, left)
        left -= chunk.counts["lose"]
        yield chunk


def compared_chunk(
    db: Database[Document], sides: Sides, persons: Sequence[str], now: dt.datetime, reasoned: int = REASONED
) -> ComparedChunk:
    """Compare these people; the first losses, `reasoned` of them, are told with their reason."""
    chunk = ComparedChunk()
    for one in differences(db, sides, persons, now):
        chunk.counts[one.found.change] += 1
        if one.found.change == "same":
            continue
        person, missing = one.stored_history.person, one.new.status_at(one.found.at).missing
        entry = line(person, one.certification, one.found, missing)
        if one.found.change == "lose" and chunk.counts["lose"] <= reasoned:
            entry["reason"] = effects.reason_of(sides, one, now)
        chunk.people.append(entry)
        chunk.standings.setdefault(person, []).append(effects.new_standings(sides, one, now))
    chunk.counts["same"] += len(persons) * len(sides.concerned) - chunk.counts.total()
    return chunk


@dataclass(slots=True)
class PlannedChanges:
    """What a publication would change: counts, people, who is asked, tiers."""

    summary: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("gain", "change", "lose", "same"), 0)
    )
    people: list[Document] = field(default_factory=list)
    asked: list[Document] = field(default_factory=list)
    tiers: list[Document] = field(default_factory=list)


def planned_changes(
    db: Database[Document],
    sides: Sides,
    affected: Affected,
    now: dt.datetime,
    progress: Progress | None = None,
    *,
    compare: Compare = compared_here,
) -> PlannedChanges:
    """Return what would change for those affected, with reasons, and for the tiers of their organizations."""
    seen = PlannedChanges()
    seen.summary["same"] = len(affected.concerned - affected.decided) * len(sides.concerned)
    moved: dict[str, list[Document]] = {}
    persons = sorted(affected.decided)
    whole, done = len(persons) * len(sides.concerned), 0
    chunks = [persons[i : i + CHUNK] for i in range(0, len(persons), CHUNK)]
    for chunk in compare(db, sides, chunks, now):
        done += chunk.counts.total()
        if progress is not None:
            progress(done, max(whole, done))
        _add(seen, chunk)
        moved |= chunk.standings
    seen.asked = list(asked_changes(db, sides, now))
    _name(db, seen, now)
    everywhere = any(isinstance(one, PartnerTiers) for one in sides.documents)
    seen.tiers = effects.tier_effects(db, sides, moved, now, everywhere=everywhere)
    return seen


def _add(seen: PlannedChanges, chunk: ComparedChunk) -> None:
    """Add a chunk; of its losses as many keep their reason as are still to be told with one."""
    left = REASONED - seen.summary["lose"]
    for entry in chunk.people:
        if entry["change"] == "lose":
            left -= 1
            if left < 0:
                entry.pop("reason", None)
    seen.people += chunk.people
    for change, count in chunk.counts.items():
        seen.summary[change] += count


def _name(db: Database[Document], seen: PlannedChanges, now: dt.datetime) -> None:
    """Say of each person in a plan the name and the organization."""
    rows = (*seen.people, *seen.asked)
    told_of = list({one["person"] for one in rows})
    names, affiliations = listed_names_of(db, told_of, now), affiliations_of(db, told_of)
    for entry in rows:
        entry["name"] = names.get(entry["person"])
        entry["organization"] = organization_at(affiliations, entry["person"], now)
