"""When a question comes back (cert#2.12): right makes the pause longer, wrong makes it shorter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules import calendar
from rules.language.engagement import Question, Recall


@dataclass(frozen=True, slots=True, order=True)
class Answer:
    """What somebody answered, and the statement that says so."""

    at: dt.datetime
    statement: str
    right: bool


@dataclass(frozen=True, slots=True)
class Card:
    """How a question stands with somebody: at which pause, when it is due, how often it was answered."""

    recall: Recall
    question: Question
    step: int
    due_at: dt.datetime
    answers: tuple[Answer, ...]


def card(recall: Recall, question: Question, passed_at: dt.datetime, answers: Iterable[Answer]) -> Card:
    """Return how a question stands: the first time one pause after the pass, later one after the answer.

    A new pass begins the pause anew, and keeps how long it is.
    """
    given = tuple(sorted(set(answers)))
    step = 0
    for one in given:
        step = min(step + 1, len(recall.intervals) - 1) if one.right else max(step - 1, 0)
    since = max(passed_at, given[-1].at) if given else passed_at
    due = calendar.later_by(since, recall.intervals[step], recall.timezone)
    return Card(recall, question, step, due, given)


def due(
    cards: Sequence[Card], at: dt.datetime, answered_today: Mapping[str, int], most: int
) -> tuple[Card, ...]:
    """Return the cards that are asked now, the longest due first; `answered_today` is by recall.

    Of each recall at most so many a day as it says, of all together at most `most`.
    """
    left = max(0, most - sum(answered_today.values()))
    asked: dict[str, int] = dict(answered_today)
    found: list[Card] = []
    for one in sorted(cards, key=lambda each: (each.due_at, each.recall.id, each.question.id)):
        name = one.recall.id
        if len(found) < left and one.due_at <= at and asked.get(name, 0) < one.recall.a_day:
            asked[name] = asked.get(name, 0) + 1
            found.append(one)
    return tuple(found)


def weeks_since(passes: Iterable[dt.datetime], at: dt.datetime) -> int | None:
    """Return how many whole weeks ago the last pass before an instant was, None where there was none."""
    before = [one for one in passes if one <= at]
    return (at - max(before)).days // 7 if before else None
