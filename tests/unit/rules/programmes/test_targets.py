"""Who is asked for a certification, since when and by when (cert#5-8)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from factories_decisions import instant, simple, version
from hypothesis import given
from hypothesis import strategies as st

from rules.evidence.published import LifecycleChange, published
from rules.language.durations import Duration, Unit
from rules.language.model import Target
from rules.programmes.targets import Asked, Place, asked_of

ORDERS = {"acme": ("registered", "silver", "gold")}
DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MONTH = Duration(1, Unit.MONTHS)


def rule(*targets: Target, **values: Any) -> Any:
    return replace(simple(), targets=targets, **values)


def place(org: str, since: str, until: str | None = None, **values: Any) -> Place:
    return Place(org, values.pop("role", None), instant(since), instant(until) if until else None, **values)


def since(certification: Any, at: str, *places: Place) -> str | None:
    found = asked_of(certification, places, ORDERS, instant(at))
    return None if found is None else found.since.isoformat()


def test_a_tier_or_a_higher_one_is_asked_since_it_was_reached() -> None:
    tiers = {
        "acme": [
            ("silver", instant("2026-02-01"), instant("2026-04-01")),
            ("gold", instant("2026-04-01"), None),
        ]
    }
    north = place("north", "2026-01-10", tiers=tiers)
    silver = published(version(rule(Target(tier="silver", programme="acme"))))
    assert [since(silver, at, north) for at in ("2026-01-31", "2026-05-01")] == [None, "2026-02-01"]
    gold = published(version(rule(Target(tier="gold", programme="acme"))))
    assert [since(gold, at, north) for at in ("2026-03-31", "2026-05-01")] == [None, "2026-04-01"]
    lowest = published(version(rule(Target(tier="registered", programme="acme"))))
    assert since(lowest, "2026-01-31", north) == "2026-01-10"
    assert (
        since(published(version(rule(Target(tier="gold", programme="other")))), "2026-05-01", north) is None
    )


def test_a_newer_version_with_the_same_target_does_not_set_the_clock_back() -> None:
    kept, other = Target(role="sales", due_within=MONTH), Target(role="technical", due_within=MONTH)
    versions = [
        version(rule(other, version="1"), "2026-01-01"),
        version(rule(kept, version="2"), "2026-02-01"),
        version(rule(kept, other, version="3"), "2026-03-01"),
    ]
    person = place("north", "2025-01-01", role="sales")
    assert since(published(*versions), "2026-03-10", person) == "2026-02-01"
    assert since(published(*versions), "2026-01-10", person) is None
    technical = place("north", "2025-01-01", role="technical")
    assert since(published(*versions), "2026-03-10", technical) == "2026-03-01"


def test_of_several_targets_the_one_due_first_counts_and_a_retired_rule_asks_nothing() -> None:
    targets = (Target(partners=("north",)), Target(role="sales", due_within=MONTH))
    person = place("north", "2026-01-31", role="sales")
    certification = published(version(rule(*targets)))
    found = asked_of(certification, [person], ORDERS, instant("2026-02-01"))
    assert found == Asked(dt.date(2026, 1, 31), dt.date(2026, 2, 28))
    ended = LifecycleChange("retired", instant("2026-03-01"), instant("2026-03-01"))
    retired = published(version(rule(*targets)), lifecycle=(ended,))
    assert [since(retired, at, person) for at in ("2026-02-28", "2026-03-01")] == ["2026-01-31", None]


days = st.integers(0, 40)
places = st.lists(
    st.builds(
        lambda org, role, start, length: Place(
            org, role, START + start * DAY, START + (start + length) * DAY
        ),
        st.sampled_from(["north", "south"]),
        st.sampled_from(["sales", None]),
        days,
        st.integers(1, 15),
    ),
    max_size=5,
)


@given(
    places,
    days,
    st.sampled_from(
        [Target(role="sales"), Target(partners=("north",)), Target(role="sales", partners=("north",))]
    ),
)
def test_since_is_the_first_day_of_an_unbroken_run_counted_day_by_day(
    where: list[Place], at: int, target: Target
) -> None:
    def matches(day: int) -> bool:
        return any(
            one.start <= START + day * DAY < (one.end or START)
            and (target.role is None or one.role == target.role)
            and (not target.partners or one.organization in target.partners)
            for one in where
        )

    first = at
    while matches(at) and matches(first - 1):
        first -= 1
    expected = Asked((START + first * DAY).date(), None) if matches(at) else None
    certification = published(version(rule(target)))
    assert asked_of(certification, where, ORDERS, START + at * DAY) == expected
    assert asked_of(certification, where[::-1], ORDERS, START + at * DAY) == expected
