"""How far somebody is to a milestone, and since when it is reached: no day that is missed takes it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from rules.engagement.happenings import Happening
from rules.language.engagement import Counted, Milestone, Reached

KINDS: Final[dict[Reached, Counted]] = {
    "certifications": "certification",
    "contents": "content",
    "products": "certification",
    "questions": "question",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """So many of so many; `at` is when the last that was needed happened, None while some are missing."""

    milestone: Milestone
    have: int
    need: int
    at: dt.datetime | None


def progress(
    milestone: Milestone, happenings: Iterable[Happening], at: dt.datetime, products: Collection[str]
) -> Progress:
    """Return how far somebody is by an instant; `products` are those that certifications are about now.

    Where one of each product is needed, a product that comes later takes back what was reached before.
    """
    firsts: dict[object, dt.datetime] = {}
    for one in sorted(set(happenings)):
        if one.kind == KINDS[milestone.counts] and one.at <= at:
            thing = _thing(milestone, one, products)
            if thing is not None:
                firsts.setdefault(thing, one.at)
    need = len(set(products)) if milestone.needed is None else milestone.needed
    reached = sorted(firsts.values())
    is_there = 0 < need <= len(reached)
    return Progress(milestone, min(len(reached), need), need, reached[need - 1] if is_there else None)


def _thing(milestone: Milestone, one: Happening, products: Collection[str]) -> object | None:
    """Return what of a happening counts once."""
    match milestone.counts:
        case "products":
            return one.product if one.product in products else None
        case "questions":
            return one
        case _:
            return one.what
