"""Expiry rules: the golden table of 4.7, anchors and counts of 4.6-3, calendar vectors of 4.6."""

from __future__ import annotations

import datetime as dt

import pytest
from factories_decisions import fact, simple, statement, status, timeline_of
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import calendar
from rules.evaluation.expiry import Chain, expiry
from rules.language.durations import Duration, Unit
from rules.language.model import Validity

Y = Duration(12, Unit.MONTHS)
DAY = dt.timedelta(days=1)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


# (first rule, renewal rule, previous award, due or fixed, completed, expiry) as rows of 4.7
GOLDEN = [
    ("completion", None, None, "", "2026-03-10", "2027-03-10"),
    ("completion", "completion", "2026-03-10", "", "2027-01-15", "2028-01-15"),
    ("previous_expiry", None, None, "", "2026-03-10", "2027-03-10"),
    ("previous_expiry", None, None, "due: 2026-06-30", "2026-03-10", "2027-06-30"),
    ("previous_expiry", None, None, "due: 2026-06-30", "2026-08-01", "2027-08-01"),
    ("previous_expiry", "previous_expiry", "2026-03-10", "", "2027-01-15", "2028-03-10"),
    ("previous_expiry", "previous_expiry", "2026-03-10", "", "2026-10-01", "2027-03-10"),
    ("previous_expiry", "previous_expiry", "2026-03-10", "", "2027-05-02", "2028-05-02"),
    ("fixed_date", None, None, "fixed: 2026-12-31", "2026-02-28", "2026-12-31"),
    ("fixed_date", None, None, "fixed: 2026-12-31", "2026-07-30", "2027-12-31"),
    ("fixed_date", "fixed_date", "2026-02-28", "fixed: 2026-12-31", "2026-11-20", "2027-12-31"),
    ("fixed_date", "fixed_date", "2026-02-28", "fixed: 2026-12-31", "2027-02-10", "2027-12-31"),
]


@pytest.mark.parametrize(("rule", "renewal", "previous", "extra", "completed", "until"), GOLDEN)
def test_golden_rows_of_4_7(
    rule: str, renewal: str, previous: str, extra: str, completed: str, until: str
) -> None:
    validity = f"lasts: 12 months, counted_from: {rule}" + (f", {extra}" if extra else "")
    if rule == "fixed_date":
        validity += ", minimum: 6 months"
    counted = f"counted_from: {renewal or rule}"
    cert = simple(validity, f"renewal: {{opens: 3 months, grace: 0 days, {counted}}}")
    evidence = [statement("exam", d) for d in (previous, completed) if d]
    timeline = timeline_of(cert, *evidence)
    assert status(timeline, completed).expires == day(until)


def test_period_is_valid_through_the_last_instant_of_its_expiry_date() -> None:
    timeline = timeline_of(simple(), statement("exam", "2026-03-10T09:00:00Z"))
    assert status(timeline, "2027-03-10").state == "active"
    assert timeline.status_at(dt.datetime(2027, 3, 11, tzinfo=dt.UTC)).state == "expired"


@pytest.mark.parametrize(
    ("anchor", "lasts", "dates"),
    [
        ("2026-01-31", Duration(1, Unit.MONTHS), ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-02-29", Duration(1, Unit.YEARS), ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
    ],
)
def test_vectors_of_4_6_3_count_from_the_anchor(anchor: str, lasts: Duration, dates: list[str]) -> None:
    assert [calendar.add(day(anchor), lasts, n) for n in (1, 2, 3, 4)] == [day(d) for d in dates]
    chain = expiry("completion", day(anchor), Validity(lasts=lasts))
    for until in dates:
        assert chain.until == day(until)
        previous = Chain(chain.until, chain.anchor, chain.n, lasts)
        chain = expiry("previous_expiry", day(until), Validity(lasts=lasts), previous)


def test_renewals_in_a_chain_do_not_stick_to_a_clamped_day() -> None:
    cert = simple("lasts: 1 month", "renewal: {opens: 10 days, grace: 5 days}")
    dates = ["2026-01-31", "2026-02-25", "2026-03-28", "2026-04-28"]
    timeline = timeline_of(cert, *(statement("exam", d) for d in dates))
    assert [p.valid_until for p in timeline.periods] == [
        day(d) for d in ("2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31")
    ]
    assert [(p.anchor, p.n) for p in timeline.periods] == [(day("2026-01-31"), n) for n in (1, 2, 3, 4)]


def test_lapse_sets_a_new_anchor() -> None:
    cert = simple("lasts: 1 month", "renewal: {opens: 10 days, grace: 5 days}")
    timeline = timeline_of(cert, statement("exam", "2026-01-31"), statement("exam", "2026-04-15"))
    assert [(p.kind, p.anchor, p.n) for p in timeline.periods] == [
        ("first", day("2026-01-31"), 1),
        ("after_lapse", day("2026-04-15"), 1),
    ]


def test_change_of_length_sets_a_new_anchor_at_the_previous_expiry() -> None:
    previous = Chain(day("2026-02-28"), day("2026-01-31"), 1, Duration(1, Unit.MONTHS))
    found = expiry("previous_expiry", day("2026-02-20"), Validity(lasts=Duration(2, Unit.MONTHS)), previous)
    assert (found.until, found.anchor, found.n) == (day("2026-04-28"), day("2026-02-28"), 1)


def test_fixed_anchor_stays_when_renewed_by_previous_expiry() -> None:
    previous = Chain(day("2027-12-31"), day("2026-12-31"), 1, Y)
    found = expiry("previous_expiry", day("2027-11-01"), Validity(lasts=Y, fixed=day("2026-12-31")), previous)
    assert (found.until, found.anchor, found.n) == (day("2028-12-31"), day("2026-12-31"), 2)


def test_fixed_date_may_lie_before_the_named_one() -> None:
    validity = Validity(lasts=Y, counted_from="fixed_date", fixed=day("2030-06-30"))
    assert expiry("fixed_date", day("2026-07-01"), validity).until == day("2027-06-30")
    assert expiry("fixed_date", day("2026-06-30"), validity).until == day("2026-06-30")


def test_minimum_zero_may_give_the_same_expiry_again() -> None:
    cert = simple(
        "lasts: 12 months, counted_from: fixed_date, fixed: 2026-12-31",
        "renewal: {opens: 90 days, grace: 0 days}",
    )
    timeline = timeline_of(cert, statement("exam", "2026-05-01"), statement("exam", "2026-11-01"))
    assert [p.valid_until for p in timeline.periods] == [day("2026-12-31"), day("2026-12-31")]


def test_forever_has_no_expiry_and_no_window() -> None:
    timeline = timeline_of(simple("lasts: forever", "renewal: {}"), statement("exam", "2026-05-01"))
    assert status(timeline, "2200-01-01").state == "active"
    assert status(timeline, "2200-01-01").expires is None
    assert timeline.next_change_after(dt.datetime(2026, 6, 1, tzinfo=dt.UTC)) is None


def test_extension_moves_valid_until_but_not_the_next_cycle() -> None:
    cert = simple(rest="renewal: {opens: 90 days, grace: 30 days}")
    extension = fact("extension", "2027-02-01", until_day="2027-05-01")
    timeline = timeline_of(
        cert, statement("exam", "2026-03-10"), statement("exam", "2027-04-20"), facts=(extension,)
    )
    assert status(timeline, "2027-04-01").expires == day("2027-05-01")
    assert status(timeline, "2027-04-01").state == "renewal_open"
    assert status(timeline, "2027-04-20").expires == day("2028-03-10")


def test_extension_works_only_inside_a_running_period_and_only_forwards() -> None:
    backwards = fact("extension", "2026-04-01", until_day="2026-06-01")
    late = fact("extension", "2027-06-01", until_day="2027-12-31")
    timeline = timeline_of(simple(), statement("exam", "2026-03-10"), facts=(backwards, late))
    assert status(timeline, "2026-07-01").expires == day("2027-03-10")
    assert status(timeline, "2027-07-01").state == "expired"


def test_extension_in_grace_makes_the_award_active_again() -> None:
    cert = simple(rest="renewal: {opens: 90 days, grace: 30 days}")
    timeline = timeline_of(
        cert,
        statement("exam", "2026-03-10"),
        facts=(fact("extension", "2027-03-20", until_day="2027-06-30"),),
    )
    assert status(timeline, "2027-03-15").state == "grace"
    assert status(timeline, "2027-03-15").expires == day("2027-03-10")
    assert status(timeline, "2027-03-20").state == "renewal_open"
    assert status(timeline, "2027-07-15").state == "grace"
    assert status(timeline, "2027-08-15").state == "expired"


# Calendar (cert#4.6)


@pytest.mark.parametrize(
    ("date", "timezone", "first"),
    [
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00"),  # ordinary midnight on a DST day
        ("2026-10-26", "Europe/Berlin", "2026-10-25T23:00:00"),  # the day after clocks went back
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00"),  # midnight does not exist: 01:00 local
        ("2025-09-07", "America/Santiago", "2025-09-07T04:00:00"),  # midnight does not exist
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00"),  # 00:00 to 01:00 occurs twice: the earlier
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00"),  # a day that the zone left out
        ("2026-01-01", "Asia/Kathmandu", "2025-12-31T18:15:00"),
        ("2026-01-01", "UTC", "2026-01-01T00:00:00"),
    ],
)
def test_start_of_a_local_date(date: str, timezone: str, first: str) -> None:
    assert calendar.start_of(day(date), timezone) == dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC)


@settings(max_examples=600)
@given(
    st.dates(dt.date(1990, 1, 1), dt.date(2080, 1, 1)),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Tehran", "Australia/Lord_Howe",
         "Africa/Cairo", "Asia/Beirut", "America/Santiago", "Pacific/Apia"]
    ),
)  # fmt: skip
def test_start_is_the_first_instant_of_its_local_date(date: dt.date, timezone: str) -> None:
    start = calendar.start_of(date, timezone)
    assert calendar.local_date(start, timezone) >= date
    assert calendar.local_date(start - dt.timedelta(microseconds=1), timezone) < date
    assert calendar.end_of(date - DAY, timezone) == start


@settings(max_examples=500)
@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.integers(0, 600))
def test_months_keep_the_day_or_clamp_to_the_last_one(date: dt.date, n: int) -> None:
    found = calendar.add(date, Duration(n, Unit.MONTHS))
    months = (found.year - date.year) * 12 + found.month - date.month
    assert months == n
    assert found.day == date.day or (found.day < date.day and (found + DAY).day == 1)


@pytest.mark.parametrize(
    ("duration", "found"),
    [
        (Duration(2, Unit.WEEKS), "2026-03-24"),
        (Duration(90, Unit.DAYS), "2026-06-08"),
        (Duration(1, Unit.YEARS), "2027-03-10"),
    ],
)
def test_weeks_are_seven_days_and_days_are_calendar_days(duration: Duration, found: str) -> None:
    assert calendar.add(day("2026-03-10"), duration) == day(found)


def test_dates_stop_at_the_end_of_the_calendar() -> None:
    assert calendar.add(day("2026-03-10"), Duration(10**7, Unit.MONTHS)).year == 9998
    assert calendar.add(day("2026-03-10"), Duration(10**9, Unit.DAYS)).year == 9998
    assert calendar.add(day("2026-03-10"), Duration(10**7, Unit.YEARS), -1) == dt.date(1, 1, 2)


def test_expiry_in_a_zone_is_its_local_midnight() -> None:
    cert = simple("lasts: 6 months, timezone: Europe/Berlin")
    timeline = timeline_of(cert, statement("exam", "2026-01-15T23:30:00Z"))  # the 16th in Berlin
    assert timeline.periods[0].valid_until == day("2026-07-16")
    assert timeline.periods[0].ends_at == dt.datetime(2026, 7, 16, 22, tzinfo=dt.UTC)
