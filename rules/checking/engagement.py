"""Checks of questions that come back, seasons and milestones beyond their shape (cert#2.12, cert#2.13)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from rules.checking.load import Loaded
from rules.checking.names import Known, strings
from rules.checking.nodes import items, mapping
from rules.errors import Problem
from rules.language.durations import Unit, duration

_DAYS = {Unit.DAYS: 1, Unit.WEEKS: 7, Unit.MONTHS: 30, Unit.YEARS: 365}


def check_recall(loaded: Loaded, known: Known) -> Iterator[Problem]:
    """Yield an unknown certification, right answers that cannot be chosen, and pauses that shrink."""
    name, names = loaded.data.get("certification"), known.ids("Certification")
    if isinstance(name, str) and name not in names and known.published is not None:
        hint = known.nearest(name, names)
        yield loaded.positions.problem(("certification",), "E302", f"unknown certification {name}", hint)
    yield from _twice(loaded, "questions")
    for i, question in enumerate(items(loaded.data.get("questions"))):
        answers, right = items(mapping(question).get("answers")), mapping(question).get("right")
        if isinstance(right, str) and answers and right not in answers:
            hint = known.nearest(right, strings(answers))
            path = ("questions", i, "right")
            yield loaded.positions.problem(path, "E204", f"{right} is none of the answers", hint)
    yield from _shrinking(loaded)


def _shrinking(loaded: Loaded) -> Iterator[Problem]:
    """Yield each pause that is no longer than the one before it."""
    pauses = items(loaded.data.get("intervals"))
    days = [_days(one) for one in pauses]
    for i, (before, after) in enumerate(pairwise(days), 1):
        if before is not None and after is not None and after <= before:
            message = f"{pauses[i]} is not longer than {pauses[i - 1]} before it"
            yield loaded.positions.problem(("intervals", i), "E204", message)


def _days(text: Any) -> int | None:
    """Return about how many days a length has, None where it is none."""
    try:
        found = duration(text)
        return found.n * _DAYS[found.unit]
    except (AttributeError, KeyError, ValueError):
        return None


def check_engagement(loaded: Loaded) -> Iterator[Problem]:
    """Yield seasons that end before they begin, and names that are given twice."""
    yield from _twice(loaded, "seasons")
    yield from _twice(loaded, "milestones")
    for i, season in enumerate(items(loaded.data.get("seasons"))):
        begins, ends = mapping(season).get("from"), mapping(season).get("until")
        if isinstance(begins, str) and isinstance(ends, str) and ends < begins:
            message = f"until {ends} is before from {begins}"
            yield loaded.positions.problem(("seasons", i, "until"), "E204", message)


def _twice(loaded: Loaded, key: str) -> Iterator[Problem]:
    """Yield each entry of a list whose id is that of an earlier one."""
    seen: set[str] = set()
    for i, one in enumerate(items(loaded.data.get(key))):
        name = mapping(one).get("id")
        if isinstance(name, str) and name in seen:
            yield loaded.positions.problem((key, i, "id"), "E204", f"{name} stands among the {key} twice")
        seen.add(str(name))
