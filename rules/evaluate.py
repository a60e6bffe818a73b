"""Decide a certification for one person: the pure function of section 4.

status(facts, t, d) = decide(certification, history, d).status_at(t)
"""

from __future__ import annotations

import datetime as dt

from rules import timeline
from rules.course import Course
from rules.history import PersonHistory
from rules.knowledge import know
from rules.life import Life
from rules.lifecycle import live
from rules.published import PublishedCertification
from rules.reviews import add_late_evidence
from rules.voiding import reactions


def decide(certification: PublishedCertification, history: PersonHistory, known_at: dt.datetime) -> Course:
    """Return the course of a certification for one person, as known at an instant (section 4).

    Pure and deterministic; the order of statements, facts and versions does not matter. Statements taken away
    (voided, split off) and late disqualifiers leave behind what `on_voided` says (4.9).
    """
    return timeline.course(lived(certification, history, known_at))


def lived(certification: PublishedCertification, history: PersonHistory, known_at: dt.datetime) -> Life:
    """Return the life behind a course: periods and awards with the statements they were decided from."""
    knowledge = know(certification, history, known_at)
    reaction = reactions(certification, history, knowledge)
    life = live(knowledge, reaction.pins, reaction.facts)
    life.reviews.extend(reaction.reviews)
    life.settles_at = min(reaction.settles, default=None)
    add_late_evidence(life, reaction)
    return life
