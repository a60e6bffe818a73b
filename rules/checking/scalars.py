"""Scalar types of the rule language: what patterns cannot say, and why a value is refused (cert#2.1).

Each `x-type` of schemas/rules-1.json has one function here that explains a refused value as
(code, message, suggestion); `flaw` holds the few tests beyond a pattern (a day that exists, a known zone).
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from rules.language.suggestions import listing, nearest, shown

Reason = tuple[str, str, str | None]
UNITS = ("days", "weeks", "months", "years")
LONGEST_YEARS = 200
_DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}
_DURATION = re.compile(r"([0-9]+)\s*([A-Za-z]+)\.?")
_LOOSE_DATE = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_DOTTED_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@cache
def zones() -> frozenset[str]:
    """Return the names of all IANA zones this installation knows."""
    return frozenset(zoneinfo.available_timezones())


def refused(kind: str, value: str, words: tuple[str, ...] = ()) -> Reason:
    """Say why a string does not fit the pattern of its `x-type`."""
    if kind in _NO_PLACEHOLDER and _PLACEHOLDER.search(value):
        return "E306", f"a placeholder is not allowed here: {shown(value)}", None
    return _EXPLAIN[kind](value, words)


def flaw(kind: str, value: str) -> Reason | None:
    """Return what is wrong with a string that fits its pattern, or None."""
    test = _FLAWS.get(kind)
    return None if test is None else test(value)


def _id(value: str, _words: tuple[str, ...]) -> Reason:
    slug = re.sub(r"[^a-z0-9_-]+", "-", value.strip().lower()).strip("-_")
    good = re.fullmatch("[a-z][a-z0-9_-]{0,63}", slug) is not None
    text = f"{shown(value)} is not an id: lower-case letters, digits, - and _, a letter first, at most 64"
    return "E205", text, slug if good else None


def _duration(value: str, _words: tuple[str, ...]) -> Reason:
    text = value.strip()
    if text.lower() in {"forever", "never", "unlimited"}:
        return "E204", f"{shown(value)} is not allowed here", None
    found = _DURATION.fullmatch(text)
    if found is None or len(found[1]) > 5:
        return "E205", f"{shown(value)} is not a duration such as 12 months", None
    unit = nearest(found[2], (*UNITS, "hours"))
    if unit == "hours":
        return "E204", f"hours are only for settle; here it is {listing(UNITS)}", _in_days(int(found[1]))
    hint = f"{int(found[1])} {unit or nearest_letter(found[2])}"
    if int(found[1]) == 0 and unit is not None and re.fullmatch(r"[0-9]+ [a-z]+", value):
        return "E204", f"{shown(value)} is too short: the length must be above zero", None
    return "E205", f"{shown(value)} is not a duration such as 12 months", hint


def _in_days(hours: int) -> str:
    days = max(1, -(-hours // 24))
    return f"{days} day{'' if days == 1 else 's'}"


def nearest_letter(unit: str) -> str:
    """Return the unit that begins with the same letter, else days."""
    return {"w": "weeks", "m": "months", "y": "years"}.get(unit[0].lower(), "days")


def _settle(value: str, words: tuple[str, ...]) -> Reason:
    found = _DURATION.fullmatch(value.strip())
    if found is not None and nearest(found[2], ("hours",)):
        return "E205", f"{shown(value)} is not a duration such as 1 hour", f"{int(found[1])} hours"
    return _duration(value, words)


def _lasts(value: str, words: tuple[str, ...]) -> Reason:
    if nearest(value, ("forever", "never", "unlimited")):
        return "E205", f"{shown(value)} is not a duration such as 12 months", "forever"
    return _duration(value, words)


def _date(value: str, _words: tuple[str, ...]) -> Reason:
    hint, parts = None, _parts_of_date(value.strip())
    if parts:
        year, month, day = parts
        hint = f"{year}-{int(month):02d}-{int(day):02d}"
        hint = hint if _date_flaw(hint) is None else None
    return "E205", f"{shown(value)} is not a date YYYY-MM-DD", hint


def _parts_of_date(text: str) -> Sequence[str]:
    """Return year, month and day of what was probably meant as a date; nothing where it is none."""
    if found := _LOOSE_DATE.match(text):
        return found.groups()
    dotted = _DOTTED_DATE.match(text)
    return dotted.groups()[::-1] if dotted is not None else ()


def _moment(value: str, _words: tuple[str, ...]) -> Reason:
    _, _, hint = _date(value, ())
    text = value.strip().replace(" ", "T", 1)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?", text):
        hint = text + (":00Z" if text.count(":") == 1 else "Z")
    return "E205", f"{shown(value)} is not a date YYYY-MM-DD or an instant with offset", hint


def _iri(value: str, _words: tuple[str, ...]) -> Reason:
    hint = f"https://{value}" if re.match(r"[a-z0-9-]+(\.[a-z0-9-]+)+/\S*$", value) else None
    return "E205", f"{shown(value)} is not an absolute IRI", hint


def _activity(value: str, words: tuple[str, ...]) -> Reason:
    if value.endswith("*"):
        text = "a prefix ending in * needs at least scheme, authority and one /, as https://acme.example/*"
        return "E205", f"{shown(value)}: {text}", None
    return _iri(value, words)


def _word_or_iri(what: str) -> Callable[[str, tuple[str, ...]], Reason]:
    def explain(value: str, words: tuple[str, ...]) -> Reason:
        if ":" in value:
            return _iri(value, words)
        return "E204", f"{shown(value)} is not a known {what} and not an IRI", nearest(value, words)

    return explain


def _field(value: str, words: tuple[str, ...]) -> Reason:
    return _word_or_iri("field")(value, words or ("score.raw", "score.scaled"))


def _zone(value: str, _words: tuple[str, ...]) -> Reason:
    return "E205", f"{shown(value)} is not an IANA time zone", nearest(value, zones())


def _fragment_name(value: str, _words: tuple[str, ...]) -> Reason:
    hint = "fragment/" + value if re.fullmatch("[a-z][a-z0-9_-]*", value) else None
    return "E205", f"{shown(value)} is not of the form fragment/name", hint


def _simple(code: str, text: str) -> Callable[[str, tuple[str, ...]], Reason]:
    return lambda value, _words: (code, f"{shown(value)} {text}", None)


def _date_flaw(value: str) -> Reason | None:
    try:
        day = dt.date.fromisoformat(value[:10])
    except ValueError:
        return "E205", f"{value[:10]} is not a day of the calendar", None
    if not 1900 <= day.year <= 9000:
        return "E205", f"{value[:10]} is not between the years 1900 and 9000", None
    return None


def _month_day_flaw(value: str) -> Reason | None:
    if _date_flaw(f"2028-{value}") is not None:
        return "E205", f"{value} is not a day of the calendar", None
    return None


def _zone_flaw(value: str) -> Reason | None:
    return None if value in zones() else _zone(value, ())


def _duration_flaw(value: str) -> Reason | None:
    if value == "forever":
        return None
    number, unit = value.split(" ")
    if int(number) * _DAYS[unit.rstrip("s")] > LONGEST_YEARS * 365:
        return "E204", f"{value} is longer than {LONGEST_YEARS} years", None
    return None


_NO_PLACEHOLDER = {"id", "iri", "verb", "date", "moment", "duration", "length", "field", "fragment_name"}
_EXPLAIN: dict[str, Callable[[str, tuple[str, ...]], Reason]] = {
    "id": _id,
    "version": _simple("E205", 'is not a version such as "3" or "5.10": no spaces, at most 64 characters'),
    "release": _simple("E205", "is not a release: letters, digits, dot, - and _, at most 64 characters"),
    "date": _date,
    "moment": _moment,
    "month_day": _simple("E205", "is not a day of the year MM-DD"),
    "duration": _duration,
    "length": _duration,
    "settle": _settle,
    "lasts": _lasts,
    "zone": _zone,
    "iri": _iri,
    "activity": _activity,
    "verb": _word_or_iri("verb name"),
    "field": _field,
    "text": _simple("E204", "has no words"),
    "fragment_name": _fragment_name,
    "language": _simple("E205", "is not a language such as de or pt-BR"),
}
_FLAWS: dict[str, Callable[[str], Reason | None]] = {
    "date": _date_flaw,
    "moment": _date_flaw,
    "month_day": _month_day_flaw,
    "zone": _zone_flaw,
    "duration": _duration_flaw,
    "length": _duration_flaw,
    "settle": _duration_flaw,
    "lasts": _duration_flaw,
}


def example(kind: str, value: Any, text: str) -> str | None:
    """Return the spelling probably meant where a number, boolean or nothing stands for a string."""
    if value is None or isinstance(value, list | dict):
        return None
    if kind in {"duration", "length", "lasts", "settle"}:
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            return None
        return f"{value} months" if value % 6 == 0 and value <= 48 and value != 30 else f"{value} days"
    if kind in {"version", "release", "text"}:
        return f'"{text}"'
    return None
