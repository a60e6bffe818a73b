"""The states of a certification as pages say them: the same word, tone and sign everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lrs.words.reader import mark, t


@dataclass(frozen=True, slots=True)
class State:
    """What a page says of a state: its word, its tone (a class of the style sheet), its sign."""

    word: str
    tone: str
    sign: str


STATES: Final[dict[str, State]] = {
    "in_progress": State(mark("In progress"), "open", "◔"),
    "pending_review": State(mark("In review"), "late", "?"),
    "active": State(mark("Valid"), "good", "✓"),
    "renewal_open": State(mark("In renewal"), "good", "↻"),
    "grace": State(mark("In grace"), "late", "!"),
    "suspended": State(mark("Suspended"), "bad", "‖"),
    "expired": State(mark("Expired"), "late", "○"),
    "revoked": State(mark("Revoked"), "bad", "✕"),
    "withdrawn": State(mark("Withdrawn"), "bad", "✕"),
}
ASSIGNED: Final[dict[str, State]] = {
    "not_started": State(mark("Not begun"), "open", "○"),
    "overdue": State(mark("Overdue"), "bad", "!"),
    "missed": State(mark("Missed"), "bad", "✕"),
    "upcoming": State(mark("Upcoming"), "open", "…"),
    "met": State(mark("Met"), "good", "✓"),
    "exempt": State(mark("Exempt"), "good", "·"),
}
"""The further states of an assignment."""
HELD: Final = ("active", "renewal_open", "grace")
"""The states in which somebody holds a certification, as counts say it."""


def state_of(name: str) -> State:
    """Return what a page says of a state; one that has no words yet says its own name."""
    return STATES.get(name) or ASSIGNED.get(name, State(name.replace("_", " ").capitalize(), "open", "•"))


def state_pairs(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the states to choose from, each with its word and how many there are."""
    return [(name, f"{t(one.word)} ({counts[name]})") for name, one in STATES.items() if counts.get(name)]


LIFECYCLE: Final = {
    "draft": mark("Draft"),
    "published": mark("In force"),
    "retired": mark("Retired"),
    "withdrawn": mark("Withdrawn"),
    "disabled": mark("Disabled"),
}
"""What becomes of a rule, in words (cert#1)."""
