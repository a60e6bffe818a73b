"""Timestamps, durations and language tags (xapi#2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from schemas.formats import is_language_tag
from statements.intake.prepare import OrderClock, OrderKeys, timestamp_text
from statements.parsing.times import duration_seconds, microseconds, parse_timestamp

BOTH = ("1.0.3", "2.0.0")


@pytest.mark.parametrize(
    ("text", "returned", "versions"),
    [
        ("2023-05-04T12:00:00.123Z", "2023-05-04T12:00:00.123Z", BOTH),
        ("2023-05-04T12:00:00.123456789Z", "2023-05-04T12:00:00.123456789Z", BOTH),
        ("2023-05-04T12:00:00.123+00:00", "2023-05-04T12:00:00.123+00:00", BOTH),
        ("2023-05-04T12:00:00Z", "2023-05-04T12:00:00.000Z", BOTH),
        ("2023-05-04T12:00:00.5-05:00", "2023-05-04T17:00:00.500Z", BOTH),
        ("2023-12-31T23:59:59+14:00", "2023-12-31T09:59:59.000Z", BOTH),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60.000Z", BOTH),
        ("2017-01-01T01:59:60.5+02:00", "2016-12-31T23:59:60.500Z", BOTH),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00.000+14:00", BOTH),
        ("9999-12-31T23:59:59.9-14:00", "9999-12-31T23:59:59.900-14:00", BOTH),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z", BOTH),
        ("2023-05-04T12:00:00", "2023-05-04T12:00:00.000Z", ("1.0.3",)),
        ("2023-05-04T12:00Z", "2023-05-04T12:00:00.000Z", ("1.0.3",)),
        ("2023-05-04T12:00:00+0530", "2023-05-04T06:30:00.000Z", ("1.0.3",)),
        ("2023-05-04T12:00:00+05", "2023-05-04T07:00:00.000Z", ("1.0.3",)),
        ("2023-05-04T12:00:00,25Z", "2023-05-04T12:00:00.250Z", ("1.0.3",)),
        ("2023-05-04T24:00:00Z", "2023-05-05T00:00:00.000Z", ("1.0.3",)),
        ("2023-05-04t12:00:00z", "2023-05-04T12:00:00.000Z", ("2.0.0",)),
        ("2023-05-04 12:00:00Z", "2023-05-04T12:00:00.000Z", ("2.0.0",)),
    ],
)
def test_timestamp_is_returned_in_utc_with_three_digits(
    text: str, returned: str, versions: tuple[Any, ...]
) -> None:
    for version in versions:
        assert parse_timestamp(text, version).text == returned
    for version in set(BOTH) - set(versions):
        with pytest.raises(ValueError, match=r"must|is no|has"):
            parse_timestamp(text, version)  # type: ignore[arg-type]  # a literal type, from a set of its values


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize(
    "text",
    [
        "", "2023", "2023-05-04", "01/011/2015", "1683201600", "2023-02-30T00:00:00Z", "2023-13-01T00:00:00Z",
        "2008-09-15T15:53:00.601-00:00", "2008-09-15T15:53:00.601-0000", "2008-09-15T15:53:00.601-00",
        "2008-09-15T15:53:00-00:00", "20230504T120000Z", "2023-W18-4T12:00:00Z", "2023-124T12:00:00Z",
        "2023-05-04T25:00:00Z", "2023-05-04T12:60:00Z", "2023-05-04T12:00:61Z", "2023-05-04T12:00:60Z",
        "2023-05-04T24:00:01Z", "2023-05-04T12:00:00+24:00", "2023-05-04T12:00:00.Z", "2023-05-04T12:00:00Z\n",
        "0000-01-01T00:00:00Z", "\uff12023-05-04T12:00:00.000Z", "2023-05-04T12:00:00.000Z ",
    ],
)  # fmt: skip
def test_what_is_no_timestamp_is_refused(text: str, version: Any) -> None:
    with pytest.raises(ValueError, match=r"must|is no|has"):
        parse_timestamp(text, version)


def test_instant_has_microseconds() -> None:
    at = parse_timestamp("2023-05-04T12:00:00.1234567+02:00", "2.0.0").at
    assert at == dt.datetime(2023, 5, 4, 10, 0, 0, 123456, tzinfo=dt.UTC)
    assert timestamp_text(microseconds(at)) == "2023-05-04T10:00:00.123456Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT0S", 0), ("P1D", 86400), ("P2W", 1209600), ("PT1H30M", 5400), ("PT0.5H", 1800), ("PT16559.14S", 16559.14),
     ("P1Y", 31536000), ("P1Y2M3DT4H5M6,5S", 31536000 + 2 * 2592000 + 3 * 86400 + 4 * 3600 + 5 * 60 + 6.5)],
)  # fmt: skip
def test_duration_in_seconds(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["P", "PT", "P1DT", "P4W1D", "P1.5DT1H", "-P1D", "P-1D", "P1S", "PT1D", "p1d", "P1D\n", "", "P\u0661D"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_seconds(text)


@pytest.mark.parametrize(
    "tag",
    ["de", "de-DE", "zh-Hant", "sr-Latn-RS", "zh-Hans-CN", "sr-Cyrl", "cmn", "ase", "tlh", "es-MX", "fr-CA", "es-419",
     "sl-rozaj-biske", "de-1996", "x-private", "i-klingon", "en-GB-oed", "zh-cmn-Hans-CN", "de-DE-u-co-phonebk",
     "en-a-bbb-b-ccc", "EN-us", "x-a-b-c"],
)  # fmt: skip
def test_language_tag(tag: str) -> None:
    assert is_language_tag(tag)


@pytest.mark.parametrize(
    "tag",
    ["something", "a12345678", "zh-z-aaa-z-bbb-c-ccc", "", "e", "en_US", "en-", "-en", "en-US-US", "en-a", "x", "x-",
     "sl-rozaj-rozaj", "en us", "en-US\n", "dé", "1234", "i-unknown", "en-" + "x-" * 200],
)  # fmt: skip
def test_no_language_tag(tag: str) -> None:
    assert not is_language_tag(tag)


def test_order_clock_rises_when_the_clock_steps_back() -> None:
    clock = OrderClock()
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    first = clock.take(now, 3)
    assert first == microseconds(now)
    assert clock.take(now - dt.timedelta(hours=1), 1) == first + 3
    assert clock.take(now + dt.timedelta(seconds=1), 1) == first + 1_000_000


def test_order_keys_sort_by_stored_then_by_making() -> None:
    keys = OrderKeys()
    made = [keys.make(micros) for micros in (1, 1, 2, 2**40, 2**62)]
    assert made == sorted(made)
    assert {len(key) for key in made} == {16}
