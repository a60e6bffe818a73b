"""What an organization decides about one content item, with defaults that lose nothing a learner did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Keep = Literal["best", "last", "first"]
Completes = Literal["reported", "passed", "visited"]
Override = Literal["unset", "always", "never"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How what a SCO says is taken, and how often a learner may try."""

    keep: Keep = "best"  # which verdict and score stand; `first`: those of the first session that has any
    completes: Completes = "reported"  # what completes: the SCO's word, a pass, or an orderly end
    override: Override = (
        "unset"  # when a mastery score outdoes the SCO: if it gives no verdict, always, never
    )
    failed_completes: bool = True  # 1.2: `failed` is an end like `passed`; false: it stays incomplete
    attempts: int | None = None  # new attempts a learner may begin; None: as many as wanted
    cool_down_hours: float = 0.0  # between a failed attempt and the next

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Policy:
        """Return the policy that an item's document keeps; members it lacks have their defaults.

        Raises ValueError for a member or a word that there is none of.
        """
        given = dict(stored or {})
        if unknown := set(given) - {one.name for one in fields(cls)}:
            raise ValueError(f"{min(unknown)}: no such policy")
        made = cls(**given)
        for name, words in (("keep", Keep), ("completes", Completes), ("override", Override)):
            if getattr(made, name) not in get_args(words):
                raise ValueError(f"{name}: must be one of {', '.join(get_args(words))}")
        if made.attempts is not None and made.attempts < 1:
            raise ValueError("attempts: must be 1 or more")
        if not 0 <= made.cool_down_hours <= 24 * 366:
            raise ValueError("cool_down_hours: must be 0 to 8,784")
        return made

    @property
    def is_limited(self) -> bool:
        """Tell whether a failed attempt costs anything: one of few, or time."""
        return self.attempts is not None or self.cool_down_hours > 0


@dataclass(frozen=True, slots=True)
class Bars:
    """What the manifest asks of one SCO."""

    mastery: float | None = None  # 1.2: raw score, 0 to 100
    passing: float | None = None  # 2004: scaled score, -1 to 1
    completion: float | None = None  # 2004: progress, 0 to 1
