"""A plan as a page shows it: the sentence above, the kinds of change by harm, whether it can be applied."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lrs.console.language import mark, n, t

KINDS: Final = {
    "lose": (mark("Lose"), "bad"),
    "change": (mark("Change"), "late"),
    "gain": (mark("Gain"), "good"),
    "asked": (mark("Asked"), "neutral"),
}
"""Kinds of change, the greatest harm first: title and tone."""


@dataclass(frozen=True, slots=True)
class PlanHead:
    """What stands above the rows of a plan."""

    sentence: str
    counts: tuple[tuple[str, str, str, int], ...]  # kind, title, tone, people
    lose: int
    chosen: str
    state: str  # open, applied or expired


def head(plan: Mapping[str, Any], chosen: str | None, now: dt.datetime) -> PlanHead:
    """Return the head of a plan; `chosen` is the kind of rows that is asked for, by default the worst."""
    summary = plan["summary"]
    people = {**summary, "asked": sum(plan.get("asked_summary", {}).values())}
    counts = tuple((kind, title, tone, people.get(kind, 0)) for kind, (title, tone) in KINDS.items())
    worst = next((kind for kind, _, _, count in counts if count), "lose")
    return PlanHead(
        sentence=sentence(plan),
        counts=counts,
        lose=summary.get("lose", 0),
        chosen=chosen if chosen in KINDS else worst,
        state=state(plan, now),
    )


def state(plan: Mapping[str, Any], now: dt.datetime) -> str:
    """Return whether a plan is open, applied or expired."""
    if plan.get("applied_at") is not None:
        return "applied"
    return "open" if plan["expires_at"] > now else "expired"


def sentence(plan: Mapping[str, Any]) -> str:
    """Return what a plan does, in one sentence: losses first."""
    summary, tiers = plan["summary"], len(plan["tiers"])
    asked = plan.get("asked_summary", {})
    if not any(summary.get(kind) for kind in KINDS) and not tiers and not any(asked.values()):
        same = summary.get("same", 0)
        return n(
            same,
            "This changes nobody; %(n)s person was looked at.",
            "This changes nobody; %(n)s people were looked at.",
        )
    parts = [
        n(summary.get("lose", 0), "%(n)s person loses", "%(n)s people lose"),
        n(summary.get("change", 0), "%(n)s changes", "%(n)s change"),
        n(summary.get("gain", 0), "%(n)s gains", "%(n)s gain"),
        n(tiers, "%(n)s tier moves", "%(n)s tiers move"),
    ]
    if new := asked.get("asked"):
        parts.append(n(new, "%(n)s is newly asked", "%(n)s are newly asked"))
    if moved := asked.get("due_changed"):
        parts.append(n(moved, "%(n)s gets another day", "%(n)s get another day"))
    if gone := asked.get("not_asked"):
        parts.append(n(gone, "%(n)s is no longer asked", "%(n)s are no longer asked"))
    return t("%(parts)s; %(same)s stay as they are.", parts=", ".join(parts), same=summary.get("same", 0))
