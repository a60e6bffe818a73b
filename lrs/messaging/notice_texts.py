"""The words and forms of notices: catalogues per language, a text and an HTML part, a one-click way out."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import importlib.resources
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import quote, urlsplit

import jinja2

from lrs.credentials.issuer import holder_link
from lrs.credentials.keys import link_secrets
from lrs.foundation.errors import UnknownThing
from lrs.foundation.mail import compose
from lrs.foundation.settings import Settings
from lrs.words import catalogues, writing

CATALOGUES: Final = importlib.resources.files("lrs").joinpath("templates/notices")
DEFAULT_LANGUAGE: Final = "en"
# One file, one language: a catalogue `fr.json` is all that French takes. Where a text counts days, or a
# subject what is told (`count`), it may be a list of the forms that the language has.
LANGUAGES: Final = tuple(
    sorted(file.name.removesuffix(".json") for file in CATALOGUES.iterdir() if file.name.endswith(".json"))
)
# Reminders may be refused; what ends or stops a certification is told in any case.
REMINDERS: Final = frozenset({
    "before_expiry", "before_due", "after_due", "award.renewal_open", "award.grace", "digest", "tier.at_risk",
    "reminder", "question", "recall", "alert.above", "alert.below", "alert.over",
})  # fmt: skip
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS: Final = frozenset({"expires", "due", "falls_at"})
WORD: Final = re.compile(r"[a-z_.]+|further notice|the holder")
OURS: Final = frozenset({"reason", "expires", "event", "holder"})
"""Values that are words of the engine, where the catalogue has them among its `words`."""
EXAMPLE: Final[Mapping[str, str]] = {
    "name": "Ana Example", "holder": "Ana Example", "certification": "Acme Sales Professional",
    "expires": "2027-03-10", "due": "2027-03-10", "days": "30", "reason": "agreement_lapsed",
    "organization": "North",
    "tier": "gold", "previous_tier": "silver", "falls_to": "silver", "falls_at": "2027-04-10",
    "programme": "Acme Partners", "missing": "technical 2 of 3",
    "question": "Passed exams at North", "at": "2026-11-30 05:00 UTC", "rows": "north · 12\nsouth · 9",
    "figure": "count", "bound": "10",
    "session": "Lab day", "when": "4 December 2026, 10:00\N{EN DASH}12:00 (Europe/Berlin)",
    "place": "Berlin, room 4",
    "count": "3", "event": "award.corrected", "link": "/registry",
}  # fmt: skip


Own = Mapping[tuple[str, str], Mapping[str, Any]]
"""The vendor's own words: (kind, language) -> {subject, text, action}, in the place of the catalogue's."""
NONE_OWN: Final[Own] = {}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing told in a message, with where to look."""

    template: str
    values: Mapping[str, str]


def kinds() -> list[str]:
    """Return the names of all notices."""
    known = _catalogue(DEFAULT_LANGUAGE)
    return sorted(name for name, entry in known.items() if isinstance(entry, dict) and name != "words")


def default_of(kind: str, language: str) -> Mapping[str, Any]:
    """Return what the catalogue says: {subject, text, action?}, what counts in a list of forms."""
    return _entry(language, kind)


@functools.cache
def _catalogue(language: str) -> dict[str, Any]:
    chosen = language if language in LANGUAGES else DEFAULT_LANGUAGE
    text = CATALOGUES.joinpath(f"{chosen}.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@functools.cache
def _forms() -> jinja2.Environment:
    loader = jinja2.PackageLoader("lrs", "templates/notices")
    return jinja2.Environment(loader=loader, autoescape=jinja2.select_autoescape(["html"]), trim_blocks=True)


def message(
    settings: Settings,
    *,
    to: str,
    name: str | None,
    language: str,
    lines: Sequence[Line],
    now: dt.datetime,
    key: str,
    own: Own = NONE_OWN,
) -> EmailMessage:
    """Return the message that tells `lines` to somebody; several lines make a digest.

    `own` are the vendor's words for these kinds. The Message-ID follows from `key`, so that a mail system can
    drop a copy sent twice after a crash.
    """
    words = _catalogue(language)
    first = lines[0]
    kind = first.template if len(lines) == 1 else "digest"
    language = language if language in LANGUAGES else DEFAULT_LANGUAGE
    entry = _entry(language, kind, own)
    subject = _said(language, entry["subject"], {**first.values, "count": str(len(lines))}, "count")
    shown = [_shown(settings, language, line, now, own) for line in lines]
    out = f"{settings.public_url}/unsubscribe/{token(settings, to, kind)}" if kind in REMINDERS else None
    values = {
        "subject": subject,
        "language": language,
        "direction": "rtl" if language in catalogues.RIGHT_TO_LEFT else "ltr",
        "issuer": settings.issuer_name,
        "greeting": _fill(words["greeting"], {"name": name}) if name else None,
        "lines": shown,
        "footer": _fill(words["footer"], {"issuer": settings.issuer_name}),
        "unsubscribe": out,
        "unsubscribe_words": words["unsubscribe"],
    }
    made = compose(settings, to, subject, _forms().get_template("mail.txt").render(values), now)
    made.add_alternative(_forms().get_template("mail.html").render(values), subtype="html")
    made.replace_header("Message-ID", f"<{key}@{urlsplit(settings.public_url).hostname}>")
    if out is not None:
        made["List-Unsubscribe"] = f"<{out}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return made


def preview(
    settings: Settings, kind: str, language: str, now: dt.datetime, own: Own = NONE_OWN
) -> EmailMessage:
    """Return a notice as its recipient would get it, with made-up names."""
    told = ("award.issued", "award.expired") if kind == "digest" else (kind,)
    return message(
        settings, to="ana@example.com", name=EXAMPLE["name"], language=language,
        lines=[Line(one, EXAMPLE) for one in told], now=now, key="preview", own=own,
    )  # fmt: skip


def _shown(settings: Settings, language: str, line: Line, now: dt.datetime, own: Own) -> dict[str, str]:
    entry = _entry(language, line.template, own)
    return {
        "text": _said(language, entry["text"], line.values),
        "action": entry.get("action", ""),
        "link": _address(settings, line.values, now),
    }


def _said(language: str, text: str | list[str], values: Mapping[str, str], counted: str = "days") -> str:
    """Return a text with its values, dates and words of ours as the language writes them.

    Of a text with forms, that of the value `counted`.
    """
    if isinstance(text, list):
        text = catalogues.form_of(language, int(values.get(counted, "0")), text)
    return _fill(text, {name: _value(language, name, value) for name, value in values.items()})


def _value(language: str, name: str, value: str) -> str:
    """Return one value: a day or a word of ours in the language, anything else as it is."""
    if name in DAYS and DATE.fullmatch(value):
        return writing.long_day(language, dt.date.fromisoformat(value))
    is_name = name == "holder" and value != "the holder"
    if name in OURS and not is_name and WORD.fullmatch(value):
        known = _catalogue(language).get("words", {})
        return str(known.get(value, value.replace("_", " ")))
    return value


def _entry(language: str, kind: str, own: Own = NONE_OWN) -> Mapping[str, Any]:
    """Return the words of a kind: one's own, else the catalogue's, in English where the language lacks it.

    An event without words of its own is told by its name.
    """
    words = _catalogue(language)
    entry: Mapping[str, Any] = words.get(kind) or _catalogue(DEFAULT_LANGUAGE).get(kind) or words["event"]
    return {**entry, **own.get((kind, language), {})}


def _address(settings: Settings, values: Mapping[str, str], now: dt.datetime) -> str:
    """Return where to look; a holder's own credential opens by a signed link, displayed or not."""
    link = values.get("link")
    if link and values.get("award_of") == "holder":
        award, _, below = link.removeprefix("/credentials/").partition("/")
        return holder_link(settings, award, now, below)
    return f"{settings.public_url}{link}" if link else ""


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Replace {names} by their values and by nothing else: values never become part of the form."""
    parts = text.split("{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}")
        filled.append(str(values.get(name, "-")) + rest)
    return "".join(filled)


def token(settings: Settings, address: str, kind: str) -> str:
    """Return the way out of one kind of reminder for one address; nobody else can make it."""
    told = f"{address}|{kind}"
    return quote(f"{told}|{_marks(settings, told)[0]}", safe="")


def _marks(settings: Settings, told: str) -> list[str]:
    """Return the marks by which a token is known as ours, that of the passphrase of now first."""
    text = b"unsubscribe|" + told.encode()
    return [hmac.digest(one, text, hashlib.sha256).hex()[:32] for one in link_secrets(settings)]


def read_token(settings: Settings, text: str) -> tuple[str, str]:
    """Return address and kind of a token; UnknownThing when it is not ours."""
    told, _, mark = text.rpartition("|")
    if not any(hmac.compare_digest(one.encode(), mark.encode()) for one in _marks(settings, told)):
        raise UnknownThing("link", "unsubscribe")
    address, _, kind = told.rpartition("|")
    return address, kind
