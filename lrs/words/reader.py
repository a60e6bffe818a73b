"""The language and the time zone of who reads a page, and the words, dates and numbers in them."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Flask, Response, g, has_request_context, request
from markupsafe import Markup, escape

from lrs.foundation.context import current_services
from lrs.words import catalogues, writing
from lrs.words.catalogues import DEFAULT, LANGUAGES, RIGHT_TO_LEFT

COOKIE: Final = "laurel-language"
ASKED: Final = "lang"
"""The parameter of an address that names a language: how pages are chosen that have no session."""
YEAR: Final = 365 * 24 * 3600
NONE: Final = Markup('<span class="soft">\N{EN DASH}</span>')


def zone() -> dt.tzinfo:
    """Return the time zone of who reads: the one that they chose, else UTC."""
    name = g.get("timezone") if has_request_context() else None
    return ZoneInfo(name) if name else dt.UTC


def local(at: dt.datetime) -> dt.datetime:
    """Return an instant in the time zone of who reads; one without a zone is UTC.

    In the first and the last day of the calendar some zones have none: then it stays in UTC.
    """
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    try:
        return at.astimezone(zone())
    except OverflowError:
        return at.astimezone(dt.UTC)


def language() -> str:
    """Return the language of the present request; English where there is none.

    The address names it, else the user chose it, else the browser did (a cookie), else it asks for it.
    """
    if not has_request_context():
        return DEFAULT
    chosen = g.get("language") or request.args.get(ASKED) or g.get("users_language")
    if chosen in LANGUAGES:
        return str(chosen)
    # not `best_match`: for `de-AT, en;q=0.5` it answers en
    accepted = [tag.partition("-")[0].lower() for tag, _ in request.accept_languages]
    wanted = (name for name in (request.cookies.get(COOKIE), *accepted) if name in LANGUAGES)
    return next(wanted, DEFAULT)


def language_of(who: Mapping[str, Any]) -> str:
    """Return the language in which a person or user is written to: the chosen, else that of the request."""
    return str(who["language"]) if who.get("language") in LANGUAGES else language()


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Answer within a request as if its reader had chosen a language."""
    before, g.language = g.get("language"), name
    try:
        yield
    finally:
        g.language = before


def direction() -> str:
    """Return whether pages run from left to right or from right to left, as `dir` says it."""
    return "rtl" if language() in RIGHT_TO_LEFT else "ltr"


def here_in(name: str) -> str:
    """Return the address of the present page in another language, relative to it."""
    kept = [one for one in request.args.items(multi=True) if one[0] != ASKED]
    return f"?{urlencode([*kept, (ASKED, name)])}"


def mark(text: str) -> str:
    """Name a text that a page will look up later: a title in a table of ours."""
    return text


def t(text: str, /, **values: Any) -> str:
    """Return a text in the language of the request, with `%(name)s` filled in."""
    return catalogues.say(language(), text, **values)


def n(count: int, one: str, many: str, /, **values: Any) -> str:
    """Return a text about a count, `%(n)s`, in the form that the language has for it."""
    return catalogues.counted(language(), count, one, many) % {"n": number(count), **values}


def number(value: Any) -> str:
    """Return a number with its thousands apart."""
    return writing.number(language(), value)


def spoken_day(day: dt.date) -> str:
    """Return a date as `4 Dec 2026` or `4. Dez. 2026`."""
    return writing.short_day(language(), day)


def spoken_date(day: dt.date) -> str:
    """Return a date as `4 December 2026` or `4. Dezember 2026`."""
    return writing.long_day(language(), day)


def month(value: dt.date) -> str:
    """Return the month of a date as `Dec 2026` or `Dez. 2026`."""
    return writing.month(language(), value)


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
    return Markup('<time datetime="{}">{}</time>').format(local(value).isoformat(), instant(value))


def instant(value: dt.datetime) -> str:
    """Return an instant as text, in the reader's time zone: for the middle of a sentence."""
    at = local(value)
    return f"{spoken_day(at.date())}, {at:%H:%M %Z}"


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


GLOBALS: Final = {
    "zone": zone, "t": t, "n": n, "language": language, "direction": direction, "here_in": here_in,
    "LANGUAGES": LANGUAGES,
}  # fmt: skip
FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "day": day, "when": when, "instant": instant, "hour": hour, "in_zone": in_zone, "isoday": isoday,
    "month": month,
    "number": number,
    "spoken_date": spoken_date,
}  # fmt: skip


def register(app: Flask) -> None:
    """Give templates the words and forms."""
    app.jinja_env.globals.update(GLOBALS)
    app.jinja_env.filters.update(FILTERS)


def keep_asked(response: Response) -> Response:
    """Keep the language that an address names in a cookie, for the next page; return the page."""
    asked = request.args.get(ASKED)
    if asked in LANGUAGES and response.mimetype == "text/html":
        secure = current_services().settings.public_url.startswith("https://")
        response.set_cookie(
            COOKIE, str(asked), max_age=YEAR, path="/", samesite="Lax", httponly=True, secure=secure
        )
    return response
