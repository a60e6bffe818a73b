"""Numbers, days, names and lists as people read them (cert#6-3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from rules.evidence.history import Number
from rules.language.durations import Duration


def spoken(name: str) -> str:
    """Return an id as words: `sales_exam` becomes `Sales exam`."""
    text = name.replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """Return a label inside a sentence: `Overview` becomes `overview`, `LTI exam` stays."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or len(text) == 1 else text


def verb(iri: str) -> str:
    """Return the last part of a verb id, such as `completed`."""
    return iri.rstrip("/").rpartition("/")[2] or iri


def percent(value: Number) -> str:
    """Return a share as percent, cut to two decimals so that 79.999 is not shown as 80."""
    hundredths = int(value * 10_000)
    whole, rest = divmod(abs(hundredths), 100)
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{whole}{f'.{rest:02d}'.rstrip('0') if rest else ''} %"


def number(value: Number) -> str:
    """Return a number without trailing zeros or exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(n: int, noun: str) -> str:
    """Return `1 attempt`, `3 attempts`, `2 activities`."""
    if n == 1:
        return f"1 {noun}"
    return f"{n} {noun[:-1]}ies" if noun.endswith("y") else f"{n} {noun}s"


def listing(items: Sequence[str], last: str) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def adjective(duration: Duration) -> str:
    """Return `12-month`, as in a 12-month span."""
    return f"{duration.n}-{duration.unit.value.removesuffix('s')}"


def spoken_date(day: dt.date) -> str:
    """Return a date as `1 February 2026`, whatever the locale."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
