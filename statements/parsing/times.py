"""Timestamps and durations: which texts are legal, what instant they mean, how they are given back."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Literal, NamedTuple

Version = Literal["1.0.3", "2.0.0"]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{3,6}(?:Z|\+00:00)")
_TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?P<t>[Tt ])"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>[.,][0-9]+)?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_RFC3339_ZONE = re.compile(r"[Zz]|[+-][0-9]{2}:[0-9]{2}")
_NUMBER = r"([0-9]+(?:[.,][0-9]+)?)"
_DURATION = re.compile(
    rf"P(?:{_NUMBER}W|(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?)"
)
_LATE_FRACTION = re.compile(r"[.,][0-9]+[A-Z](?=.)")
_SECONDS_OF = (604800, 31536000, 2592000, 86400, 3600, 60, 1)  # week, year of 365 days, month of 30 days, ...


class Moment(NamedTuple):
    """An instant as it is searched (`at`, aware UTC, whole microseconds) and as it is returned (`text`)."""

    at: dt.datetime
    text: str


@lru_cache(maxsize=4096)
def parse_timestamp(text: str, version: Version) -> Moment:
    """Read a timestamp (1.0.3 Data 4.5, IEEE 9274.1.1 4.2.7); ValueError tells what is wrong with it.

    The text given back is UTC with at least three fraction digits and every digit received. It differs
    from the received one only where it must.
    """
    if _USUAL.fullmatch(text):
        try:
            return Moment(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC), text)
        except ValueError:
            pass  # the long way finds the reason
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError("must be a timestamp such as 2026-05-04T12:00:00.000Z")
    _check_profile(match, version)
    return _moment(match)


def _check_profile(match: re.Match[str], version: Version) -> None:
    """Refuse what is ISO 8601 but not RFC 3339 under 2.0, and RFC 3339's liberties under 1.0.3."""
    zone = match["zone"]
    if zone is not None and zone[0] == "-" and set(zone) <= set("-0:"):
        raise ValueError("must not use -00:00 as its zone; write Z or +00:00")
    if version == "1.0.3":
        if match["t"] != "T" or zone == "z":
            raise ValueError("must have an upper-case T between date and time, and Z in upper case")
        return
    if zone is None:
        raise ValueError("must have a zone, Z or an offset such as +02:00")
    if not _RFC3339_ZONE.fullmatch(zone):
        raise ValueError("must write its offset as hours and minutes, such as +02:00")
    if match["second"] is None or (match["fraction"] or ".")[0] != "." or match["hour"] == "24":
        raise ValueError("must be an RFC 3339 timestamp such as 2026-05-04T12:00:00.000Z")


def _moment(match: re.Match[str]) -> Moment:
    """Compute the instant; a leap second is searched as the last microsecond before it."""
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    digits = (match["fraction"] or "")[1:].ljust(3, "0")
    midnight = hour == 24 and minute == second == 0 and not digits.strip("0")
    leap = second == 60
    try:
        local = dt.datetime(
            int(match["year"]), int(match["month"]), int(match["day"]), 0 if midnight else hour, minute,
            59 if leap else second, tzinfo=dt.UTC,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"is no date or time that exists: {error}") from None
    try:
        at = local - _offset(match["zone"]) + dt.timedelta(days=1 if midnight else 0)
        clock = at.isoformat()[:19]
    except OverflowError:  # year 1 or 9999 beyond the calendar in UTC: keep the offset, search at the limit
        at, clock = (FIRST if local.year == 1 else LAST), ""
    if leap:
        if clock and not clock.endswith("23:59:59"):
            raise ValueError("has a second 60, which only 23:59:60 UTC can have")
        return Moment(at.replace(microsecond=999999), f"{clock[:17]}60.{digits}Z")
    if not clock:
        return Moment(at, f"{local.isoformat()[:19]}.{digits}{match['zone']}")
    return Moment(at.replace(microsecond=int(digits[:6].ljust(6, "0"))), f"{clock}.{digits}Z")


def _offset(zone: str | None) -> dt.timedelta:
    """Return the offset of a zone; none is read as UTC (xapi#decision-2)."""
    if zone is None or zone in "Zz":
        return dt.timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError("has an offset beyond 23:59")
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


@lru_cache(maxsize=4096)
def duration_seconds(text: str) -> float:
    """Return a duration in seconds (ISO 8601 4.4.3.2.

    Year = 365 days, month = 30 days); ValueError if it is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None or _LATE_FRACTION.search(text):
        raise ValueError("must be an ISO 8601 duration such as PT1H30M or P2W")
    total = sum(
        float(number.replace(",", ".")) * seconds
        for number, seconds in zip(match.groups(), _SECONDS_OF, strict=True)
        if number
    )
    return min(total, 1e300)


def microseconds(at: dt.datetime) -> int:
    """Return whole microseconds since 1970 of an aware datetime."""
    return (at - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> dt.datetime:
    """Return the aware UTC datetime of microseconds since 1970."""
    return EPOCH + dt.timedelta(microseconds=value)


def milliseconds(at: dt.datetime) -> dt.datetime:
    """Cut a datetime to the whole milliseconds that BSON keeps."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
