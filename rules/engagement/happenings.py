"""What somebody did that seasons and milestones count: a value with its instant, and nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from rules.language.engagement import Counted


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """One thing: `what` is a certification, a course, or a question (`recall/question`).

    `product` is that of a certification; `number` tells awards, periods and answers of one thing apart.
    """

    at: dt.datetime
    kind: Counted
    what: str
    number: int = 0
    product: str | None = None
