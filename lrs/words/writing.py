"""Dates, numbers and shares as each language writes them (CLDR, by Babel); digits are always Latin."""

from __future__ import annotations

import datetime as dt
import functools
from decimal import Decimal
from typing import Any, Final

from babel.dates import format_date
from babel.numbers import format_decimal

DAY: Final = {
    "en": "d MMM y", "de": "d. MMM y", "fr": "d MMM y", "es": "d MMM y", "ja": "y年M月d日", "ar": "d MMMM y",
}  # fmt: skip
LONG_DAY: Final = {**DAY, "en": "d MMMM y", "de": "d. MMMM y", "fr": "d MMMM y", "es": "d 'de' MMMM 'de' y"}
MONTH: Final = {"ja": "y年M月"}
PERCENT: Final = {"ja": "%", "ar": "%"}  # the others put a space before it


@functools.lru_cache(maxsize=4096)
def short_day(name: str, day: dt.date) -> str:
    """Return a date as `4 Dec 2026` or `4. Dez. 2026`."""
    return _first(name, day, format_date(day, DAY[name], locale=name))


@functools.lru_cache(maxsize=4096)
def long_day(name: str, day: dt.date) -> str:
    """Return a date as `4 December 2026` or `4. Dezember 2026`."""
    return _first(name, day, format_date(day, LONG_DAY[name], locale=name))


def _first(name: str, day: dt.date, text: str) -> str:
    """French counts the first of a month as an ordinal, and the others not."""
    return f"1er{text[1:]}" if name == "fr" and day.day == 1 else text


@functools.lru_cache(maxsize=512)
def month(name: str, day: dt.date) -> str:
    """Return the month of a date as `Dec 2026` or `2026年12月`."""
    return format_date(day, MONTH.get(name, "MMM y"), locale=name)


@functools.lru_cache(maxsize=4096)
def number(name: str, value: Any) -> str:
    """Return a number with its thousands apart; one that is not whole with two decimals."""
    if isinstance(value, float) and not value.is_integer():
        return format_decimal(value, "#,##0.00", locale=name)
    return format_decimal(int(value), "#,##0", locale=name)


@functools.lru_cache(maxsize=1024)
def share(name: str, percent: str) -> str:
    """Return what the engine writes as `79.99 %`."""
    amount = Decimal(percent.removesuffix("%").strip())
    return format_decimal(amount, "#,##0.##", locale=name) + PERCENT.get(name, "\N{NO-BREAK SPACE}%")
