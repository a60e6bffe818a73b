"""Instants in the words of who reads them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from lrs.words import reader

FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)


@pytest.mark.parametrize(("at", "zone"), [(LAST, "Pacific/Kiritimati"), (FIRST, "Etc/GMT+12")])
def test_the_ends_of_the_calendar_are_told_in_utc_where_a_zone_has_none(
    monkeypatch: pytest.MonkeyPatch, at: dt.datetime, zone: str
) -> None:
    """A spoilt request asked what was known then: the page failed."""
    monkeypatch.setattr(reader, "zone", lambda: ZoneInfo(zone))
    assert reader.local(at) == at
    assert reader.isoday(at) == at.date().isoformat()


def test_an_instant_is_told_in_the_zone_of_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "zone", lambda: ZoneInfo("Pacific/Kiritimati"))
    assert reader.isoday(dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)) == "2026-12-01"
