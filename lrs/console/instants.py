"""Instants in addresses: `at=2026-12-31` is the end of that day for the reader; with a time, an instant."""

from __future__ import annotations

import datetime as dt

from flask import request

from lrs.foundation.context import current_services
from lrs.foundation.errors import InvalidField
from lrs.words.reader import zone
from rules import calendar

TICK = dt.timedelta(microseconds=1)


def asked_instant(name: str) -> tuple[dt.datetime, bool]:
    """Return the instant that the address asks for, else now; and whether it asked. Raises InvalidField."""
    text = request.args.get(name, "").strip()
    return (current_services().now(), False) if not text else (read_instant(name, text), True)


def read_instant(name: str, text: str) -> dt.datetime:
    """Return the instant of a text, in UTC; a day is its end for the reader. Raises InvalidField."""
    try:
        if len(text) == len("2026-12-31"):
            return calendar.end_of(dt.date.fromisoformat(text), str(zone())) - TICK
        found = dt.datetime.fromisoformat(text.replace(" ", "+"))
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidField(name, "is a day (2026-12-31) or an instant (2026-12-31T10:00:00Z)") from error


def beginning(name: str, text: str) -> str:
    """Return a text of an address that is a day as the instant at which it begins for the reader.

    Anything else stays as it is. Raises InvalidField.
    """
    if len(text) != len("2026-12-31"):
        return text
    try:
        return calendar.start_of(dt.date.fromisoformat(text), str(zone())).isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidField(name, "is a day (2026-12-31) or an instant (2026-12-31T10:00:00Z)") from error
