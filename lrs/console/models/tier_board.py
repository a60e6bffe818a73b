"""A programme's partners in columns, one for each tier, as of a day: how each moved, and who falls when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Document = dict[str, Any]
CARDS: Final = 24  # of one column; the list has all


@dataclass(frozen=True, slots=True)
class Column:
    """One tier with how many partners have it, and the first of them: who falls first."""

    tier: str | None
    count: int
    cards: tuple[Document, ...]


def row_of(view: Mapping[str, Any], order: Sequence[str]) -> Document | None:
    """Return a partner's place of {organization, now, then, next}, or None for one without a tier at both.

    `now`, `then` and `next` are steps of `tiers` or None: at the day, at the day compared with, and the first
    after the day that has another tier.
    """
    now, then = view.get("now") or {}, view.get("then") or {}
    tier, before = now.get("tier"), then.get("tier")
    if tier is None and before is None:
        return None
    following = view.get("next") or {}
    return {
        "organization": view["organization"], "programme": view["programme"], "tier": tier, "before": before,
        "moved": moved(before, tier, order), "since": now.get("at"), "falls_at": now.get("falls_at"),
        "missing": [each for one in now.get("unmet") or () for each in one["demands"]],
        "next_at": following.get("at"), "next_tier": following.get("tier"),
    }  # fmt: skip


def moved(before: str | None, tier: str | None, order: Sequence[str]) -> str:
    """Return how a tier moved: up, down, or not at all (empty); one that is no more counts as the lowest."""
    ranks = {name: rank for rank, name in enumerate(order)}
    was, became = ranks.get(before or "", -1), ranks.get(tier or "", -1)
    return "" if was == became else "up" if became > was else "down"


def key(row: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """Return what rows are sorted by: the highest tier first, in it who falls first, then by id."""
    rank = order.index(row["tier"]) if row["tier"] in order else -1
    ends = row["falls_at"] or row["next_at"] or dt.datetime.max.replace(tzinfo=dt.UTC)
    return [f"{len(order) - rank:03}", ends.isoformat(), row["organization"]]


def columns(rows: Sequence[Document], order: Sequence[str]) -> list[Column]:
    """Return the columns from the highest tier down; partners that have none any more come last."""
    ordered = sorted(rows, key=lambda one: key(one, order))
    found = []
    for tier in (*reversed(order), None):
        of_tier = [one for one in ordered if one["tier"] == tier]
        if of_tier or tier is not None:
            found.append(Column(tier, len(of_tier), tuple(of_tier[:CARDS])))
    return found
