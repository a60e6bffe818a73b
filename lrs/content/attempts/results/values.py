"""What one SCO says of its learner: values that are the same for SCORM 1.2 and SCORM 2004."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

Edition = Literal["1.2", "2004"]
Completion = Literal["unknown", "incomplete", "completed"]
Success = Literal["unknown", "failed", "passed"]
Exit = Literal["", "suspend", "normal", "logout", "time-out"]

COMPLETIONS: Final[tuple[Completion, ...]] = ("unknown", "incomplete", "completed")  # each beats those before
SUCCESSES: Final[tuple[Success, ...]] = ("unknown", "failed", "passed")


@dataclass(frozen=True, slots=True)
class Score:
    """A score as xAPI can hold it: `scaled` within -1 to 1, `raw` between `min` and `max` where known."""

    raw: float | None = None
    min: float | None = None
    max: float | None = None
    scaled: float | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """One answer; responses and patterns in the spelling of xAPI (`a[,]b`)."""

    id: str
    type: str  # an xAPI interaction type
    response: str
    success: bool | None = None
    correct: tuple[str, ...] = ()
    description: str = ""
    weighting: float | None = None
    latency: float | None = None  # seconds
    at: dt.datetime | None = None  # 2004 only; without a zone it is taken for UTC


@dataclass(frozen=True, slots=True)
class Objective:
    """What the SCO says of one of its objectives."""

    id: str
    completion: Completion = "unknown"
    success: Success = "unknown"
    score: Score | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One snapshot of a SCO's data, as far as it is possible."""

    completion: Completion = "unknown"
    success: Success = "unknown"
    score: Score | None = None
    progress: float | None = None  # 0 to 1
    exit: Exit = ""
    seconds: float | None = None  # session time; None where none, or nothing but zero, was reported
    is_browsed: bool = False  # 1.2: looked through, which never counts
    interactions: tuple[Interaction, ...] = ()
    objectives: tuple[Objective, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An element that cannot be what it says; what was stored of it before stays."""

    element: str  # "cmi.core.score.raw"
    code: int  # error code of the edition
    reason: str
