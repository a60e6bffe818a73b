"""How it goes with one course, asked in the query language of its activities alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import g

from lrs.analysis.readable_stores import scope_of
from lrs.analysis.run import Analyst
from lrs.console.models.asked_statements import short
from lrs.foundation.context import current_services
from lrs.foundation.errors import UnknownThing
from statements.errors import QueryTimeout

Document = dict[str, Any]
SECONDS: Final = 3.0  # a page does not wait longer for its figures
MOST: Final = 10_000
COMPLETED: Final = ("completed", "passed")
PASSED: Final = ("passed", "failed")
ANSWERED: Final = ("answered", "responded")  # the second in the profile of SCORM


@dataclass(frozen=True, slots=True)
class Figures:
    """Who started and completed, the median time in seconds, the share that passed, the worst question."""

    started: int
    completed: int
    median_s: float | None
    passed: float | None
    question: str | None
    question_failed: float | None


def figures(org: str, activities: Sequence[str]) -> Figures | None:
    """Return how it goes with activities; None where the store is not readable, or it takes too long."""
    services = current_services()
    try:
        analyst = Analyst(
            services.db, scope_of(services.db, g.principal, [org]), services.now(), max_seconds=SECONDS
        )
        return _figures(analyst, list(activities))
    except (QueryTimeout, UnknownThing):
        return None


def _figures(analyst: Analyst, activities: list[str]) -> Figures:
    at = {"field": "object.id", "in": activities}
    people = {"people": {"distinct": "person"}}
    started = _one(analyst, at, people)["people"]
    completed = _one(analyst, _all(at, _did(COMPLETED)), people)["people"]
    tried = _all(at, _did(PASSED), {"field": "success", "exists": True})
    spent = analyst.ask({
        "filter": _all(at, {"field": "duration_s", "exists": True}), "group": ["person"],
        "measures": {"longest": {"max": "duration_s"}}, "limit": MOST,
    }).rows  # fmt: skip
    times = [row["longest"] for row in spent if row["longest"]]
    around = [{"field": place, "contains": one} for place in ("parent", "grouping") for one in activities]
    asked = analyst.ask({
        "filter": _all(_did(ANSWERED), {"field": "success", "exists": True}, {"any": around}),
        "group": ["object.id"], "measures": {"right": {"avg": "success"}}, "sort": "right", "limit": 1,
    }).rows  # fmt: skip
    worst = asked[0] if asked and asked[0]["right"] is not None and asked[0]["right"] < 1 else None
    return Figures(
        started=started, completed=completed, median_s=statistics.median(times) if times else None,
        passed=_one(analyst, tried, {"share": {"avg": "success"}})["share"],
        question=short(worst["object.id"]) if worst else None,
        question_failed=1 - worst["right"] if worst else None,
    )  # fmt: skip


def _one(analyst: Analyst, condition: Document, measures: Document) -> Document:
    (row,) = analyst.ask({"filter": condition, "measures": measures}).rows
    return row


def _all(*conditions: Document) -> Document:
    return {"all": list(conditions)}


def _did(verbs: Sequence[str]) -> Document:
    return {"field": "verb", "in": list(verbs)}
