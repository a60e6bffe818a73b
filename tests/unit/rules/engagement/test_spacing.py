"""When a question comes back: right makes the pause longer, wrong shorter, nothing else moves it (cert#2.12)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.engagement.spacing import Answer, card, due, weeks_since
from rules.language.engagement import INTERVALS, Question, Recall

ONE = Question("one", "Which?", ("this", "that"), "this")
TWO = Question("two", "And which?", ("this", "that"), "that")
RECALL = Recall(
    id="r", version="1", title="R", certification="c", questions=(ONE, TWO), timezone="Europe/Berlin"
)
PASS = dt.datetime(2027, 1, 4, 9, tzinfo=dt.UTC)


def answers(*right: bool, since: dt.datetime = PASS) -> list[Answer]:
    return [Answer(since + dt.timedelta(days=n), f"s{n}", one) for n, one in enumerate(right, 1)]


def test_pauses_grow_on_right_answers_and_shrink_on_wrong_ones() -> None:
    steps = [card(RECALL, ONE, PASS, answers(*[True] * n)).step for n in range(7)]
    assert steps == [0, 1, 2, 3, 4, 4, 4]
    assert card(RECALL, ONE, PASS, answers(True, True, False)).step == 1
    assert card(RECALL, ONE, PASS, answers(False, False, True)).step == 1
    first = card(RECALL, ONE, PASS, ())
    assert first.due_at == PASS + dt.timedelta(days=2)
    assert card(RECALL, ONE, PASS, answers(True)).due_at == PASS + dt.timedelta(days=1 + 7)


def test_a_new_pass_begins_the_pause_anew_and_keeps_its_length() -> None:
    later = PASS + dt.timedelta(days=200)
    found = card(RECALL, ONE, later, answers(True, True))
    assert (found.step, found.due_at) == (2, later + dt.timedelta(weeks=3))


@given(st.lists(st.booleans(), max_size=20), st.randoms())
def test_the_order_of_arrival_and_repetition_change_nothing(right: list[bool], chance: Any) -> None:
    told = answers(*right)
    again = [*told, *told[::2]]
    chance.shuffle(again)
    assert card(RECALL, ONE, PASS, told) == card(RECALL, ONE, PASS, again)


@given(st.lists(st.booleans(), max_size=20))
def test_a_right_answer_never_brings_a_question_back_sooner_than_a_wrong_one(right: list[bool]) -> None:
    told = answers(*right)
    last = PASS + dt.timedelta(days=50)
    good, bad = (card(RECALL, ONE, PASS, [*told, Answer(last, "z", one)]) for one in (True, False))
    assert good.due_at >= bad.due_at
    assert 0 <= bad.step <= good.step < len(INTERVALS)


def test_the_longest_due_come_first_and_no_more_than_a_day_has() -> None:
    cards = [card(RECALL, ONE, PASS, ()), card(RECALL, TWO, PASS - dt.timedelta(days=1), ())]
    now = PASS + dt.timedelta(days=3)
    assert [one.question.id for one in due(cards, now, {}, 3)] == ["two", "one"]
    assert [one.question.id for one in due(cards, now, {}, 1)] == ["two"]
    assert due(cards, now, {"r": 3}, 3) == ()
    assert due(cards, PASS, {}, 3) == (), "nothing before its time"
    assert [one.question.id for one in due(cards, now, {"other": 2}, 3)] == ["two"], "over all documents"


def test_weeks_are_counted_from_the_last_pass_before() -> None:
    passes = [PASS, PASS + dt.timedelta(days=100)]
    assert weeks_since(passes, PASS - dt.timedelta(days=1)) is None
    assert weeks_since(passes, PASS + dt.timedelta(days=13)) == 1
    assert weeks_since(passes, PASS + dt.timedelta(days=100)) == 0
