"""Leaderboards: nobody learns who is last, few people are not shown, equals share a place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.engagement.boards import averages, board, place_of

POINTS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=4), st.integers(0, 40), max_size=40)


@given(POINTS, st.integers(1, 20), st.integers(3, 8))
def test_never_more_than_the_upper_half_and_nobody_where_few_take_part(
    points: dict[str, int], top: int, fewest: int
) -> None:
    found = board(points, top, fewest)
    count = sum(1 for value in points.values() if value)
    assert len(found) <= min(top, count // 2)
    assert found == () or count >= fewest
    lowest = min((value for value in points.values() if value), default=0)
    shown = [each.points for each in found]
    assert shown == sorted(shown, reverse=True)
    if found and shown[-1] == lowest:
        assert len({value for value in points.values() if value} & set(shown)) >= 1
        assert count - len(found) >= len(found) - 1, "as many as are shown lie behind, at the same points"


@given(POINTS)
def test_places_count_who_has_more(points: dict[str, int]) -> None:
    for each in board(points, 100, 3):
        assert each.place == 1 + sum(value > each.points for value in points.values())
        assert each.place == place_of(list(points.values()), each.points)


def test_equals_share_a_place_and_the_next_one_is_left_out() -> None:
    points = {"ana": 9, "bo": 9, "cy": 7, "di": 5, "ed": 4, "fi": 3, "gus": 2, "hal": 1}
    assert [(each.place, each.who) for each in board(points, 3, 5)] == [(1, "ana"), (1, "bo"), (3, "cy")]


def test_a_partner_of_few_is_suppressed() -> None:
    people = {"north": {str(n): 10 for n in range(5)}, "south": {str(n): 100 for n in range(4)}}
    assert averages(people, 5) == {"north": 10.0}
    assert averages(people, 4) == {"north": 10.0, "south": 100.0}
