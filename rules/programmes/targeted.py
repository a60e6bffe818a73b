"""What is asked of a person, from what is stored (cert#5-8)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine.standings import state_at
from rules.evaluation.timeline import HELD_STATES
from rules.evidence.published import PublishedCertification
from rules.language.model import Target
from rules.programmes.learners import learners_of, needs_of, orders_of
from rules.programmes.targets import Asked, asked_of
from rules.stored import Document


def asked_of_person(
    db: Database[Document], rules: RuleSet, person: str, certification: str, at: dt.datetime
) -> Asked | None:
    """Return what is asked of a person in a certification at an instant, None for nothing."""
    return _asked(db, rules, certification, at, [person]).get(person)


def asked_of_everybody(
    db: Database[Document], rules: RuleSet, certification: str, at: dt.datetime
) -> dict[str, Asked]:
    """Return of whom a certification is asked at an instant, and what."""
    return _asked(db, rules, certification, at, None)


def _asked(
    db: Database[Document], rules: RuleSet, certification: str, at: dt.datetime, persons: list[str] | None
) -> dict[str, Asked]:
    published = rules.certifications[certification]
    needs, orders = needs_of(targets_of(published)), orders_of(rules)
    if not targets_of(published):
        return {}
    learners = learners_of(db, rules, needs, persons)
    found = {name: asked_of(published, one.places, orders, at, one.named) for name, one in learners.items()}
    return {name: asked for name, asked in found.items() if asked is not None}


def due_of(
    db: Database[Document], rules: RuleSet, person: str, certification: str, at: dt.datetime
) -> dt.date | None:
    """Return by which day a certification is due of a person, None where none is or the person holds it."""
    asked = asked_of_person(db, rules, person, certification, at)
    standing = db.standings.find_one({"_id": f"{person}/{certification}"})
    held = state_at(standing, at) if standing else None
    if asked is None or (held is not None and held.counts and held.state in HELD_STATES):
        return None
    return asked.due


def targets_of(certification: PublishedCertification) -> list[Target]:
    """Return the targets of all versions of a certification."""
    return [target for version in certification.versions for target in version.document.targets]


def programmes_of(certifications: Iterable[PublishedCertification]) -> frozenset[str]:
    """Return the programmes whose tiers the targets of these certifications name."""
    return needs_of(target for one in certifications for target in targets_of(one)).programmes
