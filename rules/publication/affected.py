"""Whom a publication concerns, and whom it may change: only those are decided under both rules (cert#6).

A version that moves pass marks, and is in all else that decides as the one before it, decides as that one did
for whoever has no score between the old mark and the new one. Two things it may change all the same: what is
decided after its beginning bears its name, and its beginning is itself an instant at which decisions are made
(cert#4.4-1). Neither touches who was never awarded, nor who holds an award that was decided before, whose
renewal window opens later. `tests/integration/rules/publication` compares such plans with those that decide
everybody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from pymongo.database import Database

from rules.catalogue.relevance import compile_relevance
from rules.engine import identity
from rules.engine.identity import Admit, Sighting, no_affiliation
from rules.engine.queues import evaluation_queue, marks
from rules.evidence.from_statement import score_value
from rules.evidence.history import Number
from rules.evidence.published import PublishedCertification
from rules.language.forms import PARTS, walk
from rules.language.model import Badge, Certification, Release, Transition
from rules.language.requirements import Requirement, Score, Sum
from rules.publication import backfill, evidence_keys
from rules.publication.before_and_after import Sides, people_concerned, people_newly_matched
from rules.stored import VENDOR, Document

MOST_WAITING: Final = 5000  # with more marks or people that wait for the engine, everybody is decided
ROUNDED: Final = 1e-9  # by which a double may miss the decimal that was written
MILLISECOND: Final = dt.timedelta(milliseconds=1)
FIELDS: Final = dict.fromkeys(
    ("org", "actor", "actor_type", "verb", "object", "grouping", "category", "score"), 1
)


@dataclass(frozen=True, slots=True)
class Affected:
    """The people whom a publication concerns, and those of them whose history it may change."""

    concerned: frozenset[str]
    decided: frozenset[str]


@dataclass(frozen=True, slots=True)
class Band:
    """The scores from the lower mark of a selector to below the higher one: [low, high)."""

    selector: str
    low: Decimal
    high: Decimal

    def has(self, value: Number) -> bool:
        """Tell whether a score lies between the marks."""
        return self.low <= value < self.high


@dataclass(frozen=True, slots=True)
class MovedMarks:
    """A version that differs from the one before it in pass marks alone.

    `keeps` tells whether periods that run at its beginning stay as they are.
    """

    document: Certification
    begins_at: dt.datetime
    bands: tuple[Band, ...]
    keeps: bool


def affected_people(
    db: Database[Document], sides: Sides, now: dt.datetime, admit: Admit = no_affiliation
) -> Affected:
    """Return whom a publication concerns and whom it may change; everybody where that cannot be told."""
    moved = _moved_marks(sides)
    waiting = None if moved is None else _waiting(db, moved, now, admit)
    if moved is None or waiting is None:
        everybody = frozenset(
            people_newly_matched(db, sides, now, admit) | people_concerned(db, sides.concerned)
        )
        return Affected(everybody, everybody)
    concerned = people_concerned(db, sides.concerned) | waiting
    changed = {person for one in moved for person in _standing_otherwise(db, one)}
    return Affected(
        frozenset(concerned), frozenset((changed | waiting | _between(db, moved, now, admit)) & concerned)
    )


# What a version changes


def _moved_marks(sides: Sides) -> list[MovedMarks] | None:
    """Return the pass marks that each certification of a publication moves; None where it does more."""
    if sides.withdrawn is not None or any(isinstance(one, Release) for one in sides.documents):
        return None
    names = [one.id for one in sides.documents if isinstance(one, Certification)]
    known = sides.old.certifications
    found = [moved_marks(known[one], sides.new.certifications[one]) for one in names if one in known]
    moved = [one for one in found if one is not None]
    return moved if moved and len(moved) == len(names) else None


def moved_marks(old: PublishedCertification, new: PublishedCertification) -> MovedMarks | None:
    """Return the pass marks that a further version moves; None where it may change more than they do."""
    before, after = old.in_order[-1], new.in_order[-1]
    is_last = [one.document for one in new.in_order[:-1]] == [one.document for one in old.in_order]
    if not is_last or new.lifecycle or after.effective_at <= before.effective_at:
        return None
    if any(_decides_by_date(one.document) for one in new.versions):
        return None
    if _without_marks(before.document) != _without_marks(after.document):
        return None
    keeps = after.document.transition.existing == "keep"
    bands = tuple(_bands(before.document, after.document))
    return MovedMarks(after.document, after.effective_at, bands, keeps)


def _decides_by_date(document: Certification) -> bool:
    """Tell whether a further instant of decision may find satisfied what was not at the one before it.

    Where statements leave `within`, another attempt becomes the first, and a sum loses what was negative.
    What releases, people and voided statements do is not looked into.
    """
    by_date = document.award.within is not None and any(
        isinstance(one, Sum) or (isinstance(one, Score) and one.attempt == "first")
        for one in walk(document.award.when)
    )
    by_others = document.release_rules or document.award.approval_group
    return by_date or bool(by_others) or document.on_voided.action in {"suspend", "review"}


def _without_marks(document: Certification) -> Certification:
    """Return what decides of a document, without pass marks."""
    award, standing, renewal = document.award, document.validity.standing, document.renewal
    return replace(
        document,
        version="", title="", effective_from=None, tests=(), translations={}, notices=(), targets=(),
        role=None, product=None, level=None, badge=Badge(), transition=Transition(),
        award=replace(award, when=_unmarked(award.when)),
        validity=replace(document.validity, standing=standing and _unmarked(standing)),
        renewal=renewal and replace(renewal, when=_unmarked(renewal.when)),
    )  # fmt: skip


def _unmarked(requirement: Requirement) -> Requirement:
    if isinstance(requirement, Score):
        return replace(requirement, at_least=Decimal(0))
    return requirement.changed(lambda kind, value: tuple(map(_unmarked, value)) if kind is PARTS else value)


def _bands(before: Certification, after: Certification) -> Iterator[Band]:
    """Yield the band of each pass mark that moved; both documents are the same without marks."""
    pairs = zip(before.requirements(), after.requirements(), strict=True)
    for (_, old_root), (_, new_root) in pairs:
        for old, new in zip(walk(old_root), walk(new_root), strict=True):
            if isinstance(old, Score) and isinstance(new, Score) and old.at_least != new.at_least:
                low, high = sorted((old.at_least, new.at_least))
                yield Band(old.selector, low, high)


# Whom it may change


def _waiting(
    db: Database[Document], moved: Iterable[MovedMarks], now: dt.datetime, admit: Admit
) -> set[str] | None:
    """Return those concerned for whom the engine has work: their standings are not what they will be.

    None where much waits, or rules fail: then standings tell nothing of anybody.
    """
    if backfill.unfinished(db) or db.rule_failures.find_one({"org": VENDOR}, {"_id": 1}) is not None:
        return None
    relevant = compile_relevance([one.document for one in moved]).is_relevant
    marked = marks.marked(db, MOST_WAITING)
    due = _due(db, now)
    if max(len(marked), len(due)) == MOST_WAITING:
        return None
    sightings = [Sighting(one.actor, one.org) for one in marked if one.actor and relevant(one.document)]
    owners = identity.persons_for(db, sightings, now, admit)
    found = {owner.of for each in owners.values() for owner in each}
    return found | _with_evidence(db, due, relevant)


def _due(db: Database[Document], now: dt.datetime) -> list[str]:
    """Return the people that are due, whoever is at them."""
    every = [evaluation_queue.LIVE, evaluation_queue.BACKLOG, evaluation_queue.CLOCK]
    wanted = {"org": VENDOR, "priority": {"$in": every}, "due_at": {"$lte": now}}
    return [row["_id"] for row in db.work.find(wanted, {"_id": 1}).limit(MOST_WAITING)]


def _with_evidence(db: Database[Document], persons: Iterable[str], relevant: Any) -> set[str]:
    """Return those of some people who have a statement that is relevant."""
    rows = evaluation_queue.entries_of(db, list(persons))
    identities = identity.identities_of(db, rows)
    seen = {one.of: rows[person].stores for person, identity in identities.items() for one in identity.owned}
    documents = marks.evidence_documents(db, seen)
    return {
        person
        for person, own in identities.items()
        if any(relevant(row) for one in own.owned for row in documents[one.of])
    }


def _standing_otherwise(db: Database[Document], moved: MovedMarks) -> Iterator[str]:
    """Yield those who stand otherwise than the beginning of the version leaves alone.

    It leaves alone who was never awarded, and, where running periods stay, who holds the only award by a
    period that began before, whose renewal window opens later.
    """
    at = moved.begins_at
    alone: list[Document] = [{"awards": {"$size": 0}, "states": {"$size": 1}}]
    if moved.keeps:
        before = {"$filter": {"input": "$states", "as": "one", "cond": {"$lt": ["$$one.at", at]}}}
        holds = [{"$eq": [{"$last": "$$before.state"}, "active"]}]
        holds.append({"$eq": [{"$last": "$$before.period"}, {"$max": "$states.period"}]})
        then = {"$elemMatch": {"at": {"$gte": at, "$lt": at + MILLISECOND}}}
        runs = {"$let": {"vars": {"before": before}, "in": {"$and": holds}}}
        alone.append({"awards": {"$size": 1}, "states": {"$not": then}, "$expr": runs})
    wanted = {
        "org": VENDOR, "certification": moved.document.id,
        "$nor": [{"reviews": {"$exists": False}, **one} for one in alone],
    }  # fmt: skip
    for row in db.standings.find(wanted, {"_id": 0, "person": 1}):
        yield row["person"]


def _between(db: Database[Document], moved: Iterable[MovedMarks], now: dt.datetime, admit: Admit) -> set[str]:
    """Return the owners of statements with a score between an old mark and a new one."""
    bands = [band for one in moved for band in one.bands]
    scored = [
        replace(one.document, evidence={band.selector: evidence[band.selector] for band in one.bands})
        for one in moved
        for evidence in (one.document.evidence,)
    ]
    pairs = evidence_keys.ranges(db, evidence_keys.selector_keys(scored))
    relevance, where = compile_relevance(scored), where_between(bands)
    found: set[str] = set()
    for org, wanted in pairs if bands else ():
        rows = db.statements.find({"org": org, "keys": {"$in": list(wanted)}, **where}, FIELDS, hint="keys")
        sightings = [
            Sighting(row["actor"], org)
            for row in rows
            if relevance.is_relevant(row)
            and (value := score_value(row["score"])) is not None
            and any(band.has(value) for band in bands)
        ]
        owners = identity.persons_for(db, sightings, now, admit)
        found.update(owner.of for each in owners.values() for owner in each)
    return found


def where_between(bands: Iterable[Band]) -> Document:
    """Return a filter for the statements that may have a score in one of some bands."""
    scaled: list[Mapping[str, Any]] = [
        {"score.scaled": {"$gte": float(one.low) - ROUNDED, "$lt": float(one.high) + ROUNDED}}
        for one in bands
    ]
    return {"$or": [*scaled, {"score": {"$exists": True}, "score.scaled": {"$exists": False}}]}
