"""Points and milestones: functions of what happened and the time, whatever order it became known in (cert#2.13)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.engagement.happenings import Happening
from rules.engagement.milestones import progress
from rules.engagement.points import earned, is_running, total
from rules.language.engagement import Milestone, Season

SEASON = Season(
    "spring", "Spring", dt.date(2027, 1, 1), dt.date(2027, 6, 30),
    {"certification": 100, "renewal": 50, "content": 10, "question": 1},
)  # fmt: skip
BERLIN = "Europe/Berlin"
KINDS = st.sampled_from(["certification", "renewal", "content", "question"])
INSTANTS = st.datetimes(dt.datetime(2026, 12, 1), dt.datetime(2027, 8, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@st.composite
def happened(draw: Any) -> Happening:
    kind = draw(KINDS)
    what = draw(st.sampled_from("abc"))
    product = f"product-{what}" if kind == "certification" else None
    return Happening(draw(INSTANTS), kind, what, draw(st.integers(0, 3)), product)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def one(when: str, kind: Any = "certification", what: str = "a", number: int = 0) -> Happening:
    return Happening(at(when), kind, what, number, f"product-{what}")


def test_the_first_and_the_last_day_of_the_programme_zone_count() -> None:
    """cert#2.13: both days are included, as days of the zone."""
    edges = [
        one("2026-12-31T22:59:59+00:00"), one("2026-12-31T23:00:00+00:00", number=1),
        one("2027-06-30T21:59:59+00:00", number=2), one("2027-06-30T22:00:00+00:00", number=3),
    ]  # fmt: skip
    found = earned(SEASON, BERLIN, edges, at("2027-12-01T00:00:00+00:00"))
    assert sorted(each.happening.number for each in found) == [1, 2]
    assert [
        is_running(SEASON, BERLIN, at(text))
        for text in ("2026-12-31T22:59:59+00:00", "2027-01-01T00:00:00+01:00", "2027-07-01T00:00:00+02:00")
    ] == [False, True, False]


def test_a_course_counts_once_a_season_and_what_brings_nothing_is_left_out() -> None:
    found = [one("2027-02-01T00:00:00+00:00", "content", number=n) for n in (1, 2)]
    bare = Season("s", "S", SEASON.first, SEASON.last, {"content": 10})
    now = at("2027-03-01T00:00:00+00:00")
    assert total(earned(bare, "UTC", [*found, one("2027-02-02T00:00:00+00:00")], now)) == 10


@given(st.lists(happened(), max_size=30), st.randoms(), INSTANTS)
def test_the_order_of_arrival_and_repetition_change_nothing(
    given_: list[Happening], chance: Any, now: dt.datetime
) -> None:
    """Replay equals live: the same happenings, shuffled and some told twice, bring the same."""
    again = [*given_, *given_[: len(given_) // 2]]
    chance.shuffle(again)
    assert earned(SEASON, BERLIN, given_, now) == earned(SEASON, BERLIN, again, now)
    for counts in ("certifications", "contents", "products", "questions"):
        goal = Milestone("m", "M", counts, 2)  # type: ignore[arg-type]
        products = {"product-a", "product-b"}
        assert progress(goal, given_, now, products) == progress(goal, again, now, products)


@given(st.lists(happened(), max_size=30), INSTANTS, INSTANTS)
def test_time_alone_takes_nothing_back(
    given_: list[Happening], first: dt.datetime, second: dt.datetime
) -> None:
    """What was reached stays reached, whatever days pass without anything (no streaks)."""
    early, late = sorted((first, second))
    assert total(earned(SEASON, BERLIN, given_, early)) <= total(earned(SEASON, BERLIN, given_, late))
    goal = Milestone("m", "M", "certifications", 2)
    before, after = (progress(goal, given_, now, ()) for now in (early, late))
    if before.at is not None:
        assert after.at == before.at
    assert before.have <= after.have


def test_a_milestone_is_reached_by_the_last_that_it_needs_each_thing_once() -> None:
    given_ = [
        one("2027-01-02T00:00:00+00:00"), one("2027-01-03T00:00:00+00:00", number=1),
        one("2027-01-04T00:00:00+00:00", what="b"),
    ]  # fmt: skip
    now = at("2027-02-01T00:00:00+00:00")
    two = progress(Milestone("m", "M", "certifications", 2), given_, now, ())
    assert (two.have, two.need, two.at) == (2, 2, at("2027-01-04T00:00:00+00:00"))
    assert progress(Milestone("m", "M", "certifications", 3), given_, now, ()).at is None
    every = Milestone("m", "M", "products", None)
    assert progress(every, given_, now, {"product-a", "product-b"}).at == at("2027-01-04T00:00:00+00:00")
    assert progress(every, given_, now, {"product-a", "product-b", "product-c"}).at is None
    assert progress(every, given_, now, set()).at is None, "without any product nothing is reached"
