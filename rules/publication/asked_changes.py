"""Of whom a publication asks something anew, no longer, or by another day (cert#5-8, cert#6-1)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet, effective_instant
from rules.language.model import Assignment, Certification, PartnerTiers
from rules.programmes.assigned import asked_of_everybody_assigned, assignment_ids, targets_of
from rules.programmes.learners import needs_of
from rules.programmes.targeted import asked_of_everybody, programmes_of
from rules.programmes.targets import Asked
from rules.publication.before_and_after import Sides
from rules.stored import Document

ASKED_CHANGES: Final = ("asked", "due_changed", "not_asked")
"""The kinds of rows, as they are listed."""


def asked_changes(db: Database[Document], sides: Sides, now: dt.datetime) -> Iterator[Document]:
    """Yield a row for each person of whom something else would be asked once it applies.

    Tiers that would move because people gain or lose are not followed further: a plan says them by itself.
    """
    for name, at in sorted(_concerned(sides, now).items()):
        old, new = (_asked(db, rules, name, at) for rules in (sides.old, sides.new))
        yield from _changed({"certification": name}, at, old, new)
    for name, at in sorted(_assignments_concerned(sides, now).items()):
        old, new = (_assigned(db, rules, name, at) for rules in (sides.old, sides.new))
        yield from _changed({"assignment": name}, at, old, new)


def _changed(
    named: Document, at: dt.datetime, old: Mapping[str, Asked], new: Mapping[str, Asked]
) -> Iterator[Document]:
    for person in sorted({*old, *new}):
        before, after = old.get(person), new.get(person)
        if before != after:
            change = "not_asked" if after is None else "asked" if before is None else "due_changed"
            told = {"before": _as_data(before), "after": _as_data(after)}
            yield {"person": person, **named, "change": change, "at": at, **told}


def _concerned(sides: Sides, now: dt.datetime) -> dict[str, dt.datetime]:
    """Return the certifications whose targets a plan may change, with the instant from which it would."""
    programmes = {one.id for one in sides.documents if isinstance(one, PartnerTiers)}
    found = {
        name: now
        for name, published in sides.new.certifications.items()
        if programmes & programmes_of([published]) or name == sides.withdrawn
    }
    for one in sides.documents:
        if isinstance(one, Certification):
            found[one.id] = max(now, effective_instant(one, now)[1])
    return found


def _assignments_concerned(sides: Sides, now: dt.datetime) -> dict[str, dt.datetime]:
    """Return the assignments that a plan may change, with the instant from which it would."""
    programmes = {one.id for one in sides.documents if isinstance(one, PartnerTiers)}
    found = {
        name: now
        for name in assignment_ids(sides.new)
        if programmes & needs_of(targets_of(sides.new, name)).programmes
    }
    for one in sides.documents:
        if isinstance(one, Assignment):
            found[one.id] = max(now, effective_instant(one, now)[1])
    return found


def _assigned(db: Database[Document], rules: RuleSet, name: str, at: dt.datetime) -> dict[str, Asked]:
    """Return of whom an assignment would be asked, those who are exempt left out."""
    return asked_of_everybody_assigned(db, rules, name, at) if name in assignment_ids(rules) else {}


def _asked(db: Database[Document], rules: RuleSet, name: str, at: dt.datetime) -> dict[str, Asked]:
    return asked_of_everybody(db, rules, name, at) if name in rules.certifications else {}


def _as_data(asked: Asked | None) -> Document | None:
    if asked is None:
        return None
    return {"since": asked.since.isoformat(), "due": asked.due and asked.due.isoformat()}
