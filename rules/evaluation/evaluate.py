"""Decide a certification for one person: the pure function of cert#4.

status(facts, t, d) = decide(certification, history, d).status_at(t)
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt

from rules.evaluation import states
from rules.evaluation.as_of import know
from rules.evaluation.award_history import AwardHistory
from rules.evaluation.replay import replay
from rules.evaluation.reviews import add_late_evidence
from rules.evaluation.timeline import AwardTimeline
from rules.evaluation.voiding import voiding_outcome
from rules.evidence.history import PersonHistory
from rules.evidence.published import PublishedCertification


def decide(
    certification: PublishedCertification, history: PersonHistory, known_at: dt.datetime
) -> AwardTimeline:
    """Return the timeline of a certification for one person, as known at an instant (cert#4).

    Pure and deterministic; the order of statements, facts and versions does not matter. Statements taken away
    (voided, split off) and late disqualifiers leave behind what `on_voided` says (cert#4.9).
    """
    return states.award_timeline(replayed_history(certification, history, known_at))


def replayed_history(
    certification: PublishedCertification, history: PersonHistory, known_at: dt.datetime
) -> AwardHistory:
    """Return the award history behind a timeline: periods and awards with the statements behind them."""
    knowledge = know(certification, history, known_at)
    outcome = voiding_outcome(certification, history, knowledge)
    award_history = replay(knowledge, outcome.pins, outcome.facts)
    award_history.reviews.extend(outcome.reviews)
    award_history.settles_at = min(outcome.settles, default=None)
    add_late_evidence(award_history, outcome)
    return award_history
