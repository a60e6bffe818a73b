"""Suggestions: the nearest known word, unit or range, and how values are called in messages (cert#3-3)."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

SAID_FOR: Mapping[str, str] = {
    "and": "all", "both": "all", "every": "all", "or": "any", "either": "any", "one_of": "any",
    "complete": "done", "completed": "done", "finished": "done", "passed": "done",
    "min": "at_least", "minimum": "at_least", "expires": "lasts", "duration": "lasts",
}  # fmt: skip
"""Words of other languages for what a rule file says, where they are no words of their own."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`, or None where none is close."""
    names = sorted(set(known))
    lower = {name.lower(): name for name in reversed(names)}
    short = word.strip().lower()[:100]
    if short in lower:
        return lower[short]
    if SAID_FOR.get(short) in lower:
        return SAID_FOR[short]
    found = difflib.get_close_matches(short, lower, n=1, cutoff=0.6)
    if found:
        return lower[found[0]]
    starts = [name for name in names if len(short) >= 3 and name.lower().startswith(short)]
    return starts[0] if len(starts) == 1 else None


class Suggestions:
    """Looks for nearest words until a check has compared 100,000 of them, so that no file makes it slow."""

    def __init__(self) -> None:
        self.left = 100_000

    def nearest(self, word: str, known: Collection[str]) -> str | None:
        """Return the known word that is most like `word`; None where none is close or enough was compared."""
        self.left -= len(known)
        return nearest(word, known) if self.left >= 0 else None


def listing(words: Iterable[str]) -> str:
    """Join words for a sentence: `a, b or c`."""
    names = list(words)
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def described(value: Any, text: str = "") -> str:
    """Name a value and its type for a message; `text` is its source."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{text or str(value).lower()} (true or false)"
    if isinstance(value, int | Decimal):
        return f"the number {text or value}"
    if isinstance(value, str):
        return f"the string {shown(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def shown(value: Any, text: str = "") -> str:
    """Write a value for a message, shortened to 60 characters."""
    word = text or str(value)
    word = word if word.strip() else repr(word)
    word = "".join(c if c.isprintable() else "?" for c in word)
    return word if len(word) <= 60 else word[:57] + "..."
