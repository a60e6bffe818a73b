"""Spans of time in a zone: what MongoDB computes from halved lists is what the calendar says."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statements.query.time_buckets import bucket_expression, bucket_starts

NOW = dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
UNITS = ("day", "week", "month", "quarter", "year")
ZONES = (
    "UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe",
    "America/Sao_Paulo", "America/Havana", "Pacific/Kiritimati",
)  # fmt: skip
instants = st.integers(
    int(dt.datetime(1995, 1, 1, tzinfo=dt.UTC).timestamp()) * 1000,
    int(dt.datetime(2031, 1, 1, tzinfo=dt.UTC).timestamp()) * 1000,
).map(lambda ms: dt.datetime.fromtimestamp(ms / 1000, dt.UTC).replace(microsecond=ms % 1000 * 1000))


def calendar_day(at: dt.datetime, unit: str, zone: zoneinfo.ZoneInfo) -> dt.date:
    """Return the first day of the bucket, by its name in the calendar."""
    day = at.astimezone(zone).date()
    match unit:
        case "week":
            return day - dt.timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
    return day


def computed(db: Any, expression: Any, values: list[dt.datetime]) -> list[dt.datetime]:
    db.buckets.delete_many({})
    db.buckets.insert_many([{"_id": i, "at": value} for i, value in enumerate(values)])
    found = db.buckets.aggregate([{"$sort": {"_id": 1}}, {"$project": {"start": expression}}])
    return [row["start"] for row in found]


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    unit=st.sampled_from(UNITS),
    zone=st.sampled_from(ZONES),
    values=st.lists(instants, min_size=1, max_size=20),
    span=st.tuples(st.none() | instants, st.none() | instants),
)
def test_a_bucket_is_that_of_the_calendar(
    db: Any, unit: str, zone: str, values: list[dt.datetime], span: Any
) -> None:
    """Inside of the list and outside of it, with clocks that change at midnight and days that never were."""
    expression = bucket_expression("at", unit, zone, span, NOW)
    local = zoneinfo.ZoneInfo(zone)
    edges = [start + dt.timedelta(milliseconds=n) for start in bucket_starts(unit, zone, span, NOW)[-3:-1]
             for n in (-1, 0)]  # fmt: skip
    values = values + edges
    for value, start in zip(values, computed(db, expression, values), strict=True):
        assert start <= value
        assert calendar_day(start, unit, local) == calendar_day(value, unit, local)
        before = start - dt.timedelta(milliseconds=1)
        assert calendar_day(before, unit, local) < calendar_day(value, unit, local)


def test_a_rule_that_mongodb_does_not_know_yet_counts(db: Any) -> None:
    """Egypt has summer time again since 2023, which the time zones inside an older MongoDB lack."""
    expression = bucket_expression("at", "day", "Africa/Cairo", (None, None), NOW)
    at = dt.datetime(2025, 4, 25, 21, tzinfo=dt.UTC)
    assert computed(db, expression, [at, at - dt.timedelta(minutes=1)]) == [
        at, dt.datetime(2025, 4, 24, 22, tzinfo=dt.UTC),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "count"), [("day", 1200), ("week", 1200), ("month", 303), ("quarter", 103), ("year", 28)]
)
def test_an_open_span_is_covered_as_far_as_it_is_worth(unit: str, count: int) -> None:
    starts = bucket_starts(unit, "Europe/Berlin", (None, None), NOW)
    assert starts == sorted(set(starts))
    assert len(starts) == pytest.approx(count, abs=2)
    assert starts[-1] > NOW + dt.timedelta(days=1)


def test_a_bounded_span_takes_no_more_than_it_needs() -> None:
    span = (NOW - dt.timedelta(days=90), NOW)
    assert len(bucket_starts("month", "Europe/Berlin", span, NOW)) == 5
    assert bucket_starts("hour", "UTC", span, NOW) == []
    assert bucket_starts("day", "UTC", (NOW + dt.timedelta(days=1), None), NOW) == []


def test_dates_are_truncated_only_outside_of_the_list(db: Any) -> None:
    """`$dateTrunc` in a zone is most of what a grouping costs."""
    del db
    expression = bucket_expression("at", "month", "Europe/Berlin", (None, None), NOW)
    inside, halved, exact = expression["$cond"]
    assert "$dateTrunc" in str(exact)
    assert "$dateTrunc" not in str(halved) + str(inside)
