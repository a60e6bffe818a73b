"""What stands of a learner becomes a score for a platform: pure, and the same whatever was repeated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.attempts.merging import Standing
from lrs.content.attempts.results.values import Score
from lrs.content.lti.results import (
    COMPLETED,
    FAILED,
    PASSED,
    SATISFIED,
    Result,
    conclude,
    of_attempts,
    of_statements,
)

COURSE = "https://lrs.example/content/c"
UNITS = (f"{COURSE}/a", f"{COURSE}/b")


def said(verb: str, target: str = COURSE, scaled: float | None = None, **result: Any) -> dict[str, Any]:
    score = {} if scaled is None else {"score": {"scaled": scaled}}
    return {"verb": {"id": verb}, "object": {"id": target}, "result": {**result, **score}}


def test_nothing_is_said_of_who_only_looked() -> None:
    assert of_statements([], COURSE, ()) is None
    assert of_attempts([Standing()], "best") is None
    assert of_statements([said(PASSED, "https://elsewhere.example")], COURSE, ()) is None


def test_done_without_a_score_counts_whole_unless_it_failed() -> None:
    assert conclude(is_done=True, success=None, scaled=None) == Result("Completed", 1.0)
    assert conclude(is_done=False, success=True, scaled=None) == Result("Completed", 1.0)
    assert conclude(is_done=False, success=False, scaled=None) == Result("Completed", 0.0)


def test_a_score_before_the_end_is_not_final() -> None:
    found = conclude(is_done=False, success=None, scaled=0.5)
    assert found == Result("InProgress", 0.5)
    assert found.grading == "Pending"
    assert Result("Completed", 0.5).grading == "FullyGraded"
    assert Result("InProgress").grading == "NotReady"


@given(st.one_of(st.none(), st.booleans()), st.booleans(), st.one_of(st.none(), st.floats(-1, 1)))
def test_a_score_is_never_below_nothing_nor_above_all(
    success: bool | None, done: bool, scaled: float | None
) -> None:
    found = conclude(is_done=done, success=success, scaled=scaled)
    assert found is None or found.scaled is None or 0 <= found.scaled <= 1


@pytest.mark.parametrize(("keep", "expected"), [("best", 0.9), ("first", 0.2), ("last", 0.6)])
def test_of_several_attempts_that_of_the_policy_counts(keep: Any, expected: float) -> None:
    tries = [
        Standing("completed", "failed", Score(20, 0, 100, 0.2)),
        Standing(),
        Standing("completed", "passed", Score(90, 0, 100, 0.9)),
        Standing("completed", "failed", Score(60, 0, 100, 0.6)),
    ]
    assert of_attempts(tries, keep) == Result("Completed", expected)


def test_a_course_of_units_is_done_when_it_is_satisfied() -> None:
    first = [said(PASSED, UNITS[0], 0.8, success=True), said(SATISFIED, f"{COURSE}/block")]
    assert of_statements(first, COURSE, UNITS) == Result("InProgress", 0.8)
    second = [*first, said(COMPLETED, UNITS[1]), said(PASSED, UNITS[1], 0.4, success=True)]
    assert of_statements([*second, said(SATISFIED)], COURSE, UNITS) == Result("Completed", pytest.approx(0.6))
    assert of_statements([said(COMPLETED, UNITS[0])], COURSE, UNITS) is None
    assert of_statements([said(COMPLETED, u) for u in UNITS] + [said(SATISFIED)], COURSE, UNITS) == Result(
        "Completed", 1.0
    )


def test_a_better_later_answer_stands_and_a_worse_one_does_not() -> None:
    rows = [
        said(FAILED, scaled=0.3, success=False),
        said(PASSED, scaled=0.9, success=True),
        said(FAILED, scaled=0.1, success=False),
    ]
    assert of_statements(rows, COURSE, ()) == Result("Completed", 0.9)


@given(
    st.lists(
        st.sampled_from(
            [said(PASSED, scaled=0.7, success=True), said(COMPLETED), said(FAILED, scaled=0.2, success=False)]
        ),
        max_size=8,
    )
)
def test_what_is_told_twice_changes_nothing(rows: list[dict[str, Any]]) -> None:
    assert of_statements(rows, COURSE, ()) == of_statements([*rows, *rows], COURSE, ())
