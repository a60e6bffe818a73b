"""Decide a certification for one person: the pure function of section 4."""

from __future__ import annotations

import datetime as dt

from rules.course import Course, Segment
from rules.history import BEGINNING, PersonHistory
from rules.published import PublishedCertification


def decide(certification: PublishedCertification, history: PersonHistory, known_at: dt.datetime) -> Course:
    """Return the course of a certification for one person, as known at an instant (section 4).

    Pure and deterministic; the order of statements, facts and versions does not matter.
    """
    nothing = Segment(at=BEGINNING, state="in_progress", reason="nothing yet")
    return Course(certification=certification.id, known_at=known_at, segments=(nothing,))
