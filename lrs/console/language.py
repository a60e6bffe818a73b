"""The languages of the pages: English is written in them, every other one is a catalogue beside them.

`lrs/templates/console/de.json`, and `portal/de.json` for learners and partners, have a line for each text:
English -> German, and for what is counted English singular -> [singular, plural]. A text without a line
stays English; a test finds it.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.resources
import json
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import g, has_request_context, request
from markupsafe import Markup, escape

CATALOGUES: Final = importlib.resources.files("lrs").joinpath("templates")
ROOMS: Final = ("portal", "console")
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
COOKIE: Final = "laurel-language"
MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "de": ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."),
}
DAY: Final = {"en": "{day} {month} {year}", "de": "{day}. {month} {year}"}
NONE: Final = Markup('<span class="soft">\N{EN DASH}</span>')
THOUSANDS: Final = {"en": ",", "de": "."}


def zone() -> dt.tzinfo:
    """Return the time zone of who reads: the one that they chose, else UTC."""
    name = g.get("timezone") if has_request_context() else None
    return ZoneInfo(name) if name else dt.UTC


def local(at: dt.datetime) -> dt.datetime:
    """Return an instant in the time zone of who reads; one without a zone is UTC."""
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).astimezone(zone())


def language() -> str:
    """Return the language of the present request: the chosen one, else what the browser asks for."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        chosen = request.cookies.get(COOKIE)
        # not `best_match`: for `de-AT, en;q=0.5` it answers en
        accepted = [tag.partition("-")[0].lower() for tag, _ in request.accept_languages]
        wanted = [name for name in (chosen, *accepted) if name in LANGUAGES]
        g.language = wanted[0] if wanted else "en"
    return str(g.language)


@functools.cache
def catalogue(name: str) -> dict[str, Any]:
    """Return the texts of a language; English has none, it is what the pages are written in."""
    if name == "en":
        return {}
    found: dict[str, Any] = {}
    for room in ROOMS:
        found |= json.loads(CATALOGUES.joinpath(room, f"{name}.json").read_text("utf-8"))
    return found


def mark(text: str) -> str:
    """Name a text that a page will look up later: a title in a table of ours."""
    return text


def t(text: str, **values: Any) -> str:
    """Return a text in the language of the request, with `%(name)s` filled in."""
    found = catalogue(language()).get(text, text)
    return str(found) % values if values else str(found)


def n(count: int, one: str, many: str, **values: Any) -> str:
    """Return a text about a count, `%(n)s`, in the right number."""
    forms = catalogue(language()).get(one, (one, many))
    return str(forms[0 if count == 1 else 1]) % {"n": number(count), **values}


def number(value: Any) -> str:
    """Return a number with its thousands apart."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}" if language() == "en" else f"{value:.2f}".replace(".", ",")
    return f"{int(value):,}".replace(",", THOUSANDS[language()])


def spoken_day(day: dt.date) -> str:
    """Return a date as `4 Dec 2026` or `4. Dez. 2026`."""
    name = language()
    return DAY[name].format(day=day.day, month=MONTHS[name][day.month - 1], year=day.year)


def month(value: dt.date) -> str:
    """Return the month of a date as `Dec 2026` or `Dez. 2026`."""
    return f"{MONTHS[language()][value.month - 1]} {value.year}"


def day(value: dt.date | str | None) -> Markup:
    """Return a date for a page, an instant as the date it is for the reader; a dash where there is none."""
    if not value:
        return NONE
    if isinstance(value, dt.datetime):
        found: dt.date = local(value).date()
    else:
        found = dt.date.fromisoformat(value[:10]) if isinstance(value, str) else value
    text = spoken_day(found)
    return Markup('<time datetime="{}">{}</time>').format(found.isoformat(), escape(text))


def when(value: dt.datetime | None) -> Markup:
    """Return an instant for a page in the reader's time zone; a script adds the time of the browser."""
    if value is None:
        return NONE
    at = local(value)
    text = f"{spoken_day(at.date())}, {at:%H:%M %Z}"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)


def in_zone(value: dt.datetime, name: str, after: dt.datetime | None = None) -> Markup:
    """Return an instant in a zone of its own; on the day of `after` its time alone, and the zone with it."""
    at = value.astimezone(ZoneInfo(name))
    is_same_day = after is not None and after.astimezone(ZoneInfo(name)).date() == at.date()
    text = f"{at:%H:%M}" if is_same_day else f"{spoken_day(at.date())}, {at:%H:%M}"
    if after is not None:
        text += f" {at:%Z}"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), text)


def hour(value: dt.datetime) -> str:
    """Return the time of day of an instant, in the reader's time zone."""
    return f"{local(value):%H:%M %Z}"


def isoday(value: dt.datetime) -> str:
    """Return the date of an instant for the reader, as a field of a form takes it."""
    return local(value).date().isoformat()


GLOBALS: Final = {"zone": zone, "t": t, "n": n, "language": language, "LANGUAGES": LANGUAGES}
FILTERS: Final = {
    "day": day,
    "when": when,
    "hour": hour,
    "in_zone": in_zone,
    "isoday": isoday,
    "month": month,
    "number": number,
}
