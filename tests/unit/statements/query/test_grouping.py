"""Partial results become rows: whichever way they are cut and ordered, and without copying what came before."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statements.query.analyst_query import AnalystQuery
from statements.query.grouping import _Total, merge_rows, percentile

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
FIELD = "score.raw"
MEASURES: dict[str, Any] = {
    "count": {"count": True},
    "distinct": {"distinct": FIELD},
    "sum": {"sum": FIELD},
    "avg": {"avg": FIELD},
    "percentile": {"percentile": FIELD, "p": 0.9},
}


def nobody(*_: Any) -> Any:
    raise AssertionError("no question here is about people")


def query_of(measures: dict[str, Any]) -> AnalystQuery:
    return AnalystQuery.parse({"measures": measures}, now=NOW, people=nobody)


def partial_of(values: list[int], *, counted: bool = False) -> dict[str, Any]:
    """Return the partial group of some statements; of a percentile as MongoDB gives it, or counted."""
    made: dict[str, Any] = {"count": len(values), "distinct": values, "sum": sum(values), "avg": sum(values)}
    made["percentile"] = Counter(values) if counted else values
    numbered = {f"m{i}": made[name] for i, name in enumerate(MEASURES)}
    return {"_id": {}, **numbered, f"n{list(MEASURES).index('avg')}": len(values)}


@given(
    parts=st.lists(st.tuples(st.lists(st.integers(-9, 9), max_size=6), st.booleans()), max_size=8),
    chance=st.randoms(use_true_random=False),
)
def test_a_row_is_the_same_however_its_statements_are_cut_into_partials(parts: Any, chance: Any) -> None:
    values = [value for some, _ in parts for value in some]
    partials = [partial_of(some, counted=counted) for some, counted in parts]
    chance.shuffle(partials)
    (row,) = merge_rows(query_of(MEASURES), partials, person=nobody, attribute=nobody)
    assert row == {
        "count": len(values),
        "distinct": len(set(values)),
        "sum": sum(values),
        "avg": sum(values) / len(values) if values else None,
        "percentile": percentile(values, 0.9),
    }


@pytest.mark.parametrize("name", MEASURES)
def test_a_partial_is_added_to_what_is_there_and_copies_nothing(name: str) -> None:
    """Copying what came before, for each partial, would take the square of their number."""
    (measure,) = query_of({name: MEASURES[name]}).measures
    total = _Total(measure)
    before = total.value
    at = f"m{list(MEASURES).index(name)}"
    for values in ([1, 2], [2]):
        total.add(partial_of(values)[at], len(values))
        assert total.value is before
    assert total.value


def test_a_partial_that_counts_is_left_as_it_was() -> None:
    partials = [partial_of([1, 2], counted=True), partial_of([2], counted=True)]
    merge_rows(query_of(MEASURES), partials, person=nobody, attribute=nobody)
    assert partials == [partial_of([1, 2], counted=True), partial_of([2], counted=True)]
