"""Documents that award nothing: questions that come back, seasons, milestones (cert#2.12, cert#2.13)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rules.language.document import Document
from rules.language.durations import Duration, Unit

Counted = Literal["certification", "renewal", "content", "question"]
"""What brings points: an award, its renewal, a course that was finished, a question answered right."""
Reached = Literal["certifications", "contents", "products", "questions"]
"""What milestones count."""

INTERVALS: Final = (
    Duration(2, Unit.DAYS),
    Duration(1, Unit.WEEKS),
    Duration(3, Unit.WEEKS),
    Duration(2, Unit.MONTHS),
    Duration(4, Unit.MONTHS),
)


@dataclass(frozen=True, slots=True)
class Question:
    """A short question: `right` is one of `answers`, `because` is shown once it is answered."""

    id: str
    ask: str
    answers: tuple[str, ...]
    right: str
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall(Document):
    """Questions that come back at growing intervals to who holds a certification (cert#2.12)."""

    certification: str
    questions: tuple[Question, ...]
    intervals: tuple[Duration, ...] = INTERVALS
    a_day: int = 3
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Season:
    """The days, first and last included, on which things bring points."""

    id: str
    title: str
    first: dt.date
    last: dt.date
    points: Mapping[Counted, int]


@dataclass(frozen=True, slots=True)
class Milestone:
    """So many things of a kind, once and for good; `needed` None is one of each product that there is."""

    id: str
    title: str
    counts: Reached
    needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement(Document):
    """Seasons with their points, what boards show, and milestones (cert#2.13)."""

    seasons: tuple[Season, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    top: int = 10
    fewest: int = 5
    timezone: str = "UTC"
