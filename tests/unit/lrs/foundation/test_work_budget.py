"""What is in work together stays below the budget; one request alone is always let in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.foundation.errors import TooMuchInWork
from lrs.foundation.work_budget import WorkBudget

LIMIT = 100


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 120) | st.just(-1)), max_size=40))
def test_the_sum_stays_below_the_limit_but_for_one_alone(steps: list[tuple[int, int]]) -> None:
    """Each step is a request (of one of three writers) that takes more, or ends (-1)."""
    budget = WorkBudget(LIMIT)
    shares = [budget.share(f"writer {number // 2}") for number in range(6)]
    for number, more in steps:
        share, before = shares[number], shares[number].taken
        if more < 0:
            share.give_back()
            continue
        try:
            share.take(more)
        except TooMuchInWork:
            assert share.taken == before
            assert any(other.taken for other in shares if other is not share)
        busy = [each for each in shares if each.taken]
        assert sum(each.taken for each in busy) <= LIMIT or len(busy) == 1
        for first, second in (shares[:2], shares[2:4], shares[4:]):
            assert first.taken + second.taken <= LIMIT // 2 or not (first.taken and second.taken)
    for share in shares:
        share.give_back()
    assert (budget._total, dict(budget._taken)) == (0, {})


def test_a_writer_who_has_half_leaves_the_rest_to_others() -> None:
    budget = WorkBudget(LIMIT)
    first, second, other = (budget.share(name) for name in ("a", "a", "b"))
    first.take(30)
    with pytest.raises(TooMuchInWork):
        second.take(30)
    other.take(60)
    with pytest.raises(TooMuchInWork):
        other.take(20)
    first.give_back()
    other.take(20)
