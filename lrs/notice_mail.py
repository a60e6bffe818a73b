"""The words and forms of notices: catalogues per language, a text and an HTML part, a one-click way out."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import hmac
import importlib.resources
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import quote, urlsplit

import jinja2

from lrs.credential_desk import holder_link
from lrs.keys import link_secret
from lrs.mail import compose
from lrs.refusals import UnknownThing
from lrs.settings import Settings

LANGUAGES: Final = ("en", "de")
# Reminders may be refused; what ends or stops a certification is told in any case.
REMINDERS: Final = frozenset({"before_expiry", "award.renewal_open", "award.grace", "digest", "tier.at_risk"})
EXAMPLE: Final[Mapping[str, str]] = {
    "name": "Ana Example", "holder": "Ana Example", "certification": "Acme Sales Professional",
    "expires": "2027-03-10", "days": "30", "reason": "agreement_lapsed", "organization": "North",
    "tier": "gold", "previous_tier": "silver", "falls_to": "silver", "falls_at": "2027-04-10",
    "missing": "technical 2 of 3",
    "count": "3", "link": "/registry",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One thing told in a message, with where to look."""

    template: str
    values: Mapping[str, str]


def kinds() -> list[str]:
    """Return the names of all notices."""
    return sorted(name for name, entry in _catalogue("en").items() if isinstance(entry, dict))


@functools.cache
def _catalogue(language: str) -> dict[str, Any]:
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    text = importlib.resources.files("lrs").joinpath(f"templates/notices/{chosen}.json").read_text("utf-8")
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
) -> EmailMessage:
    """Return the message that tells `lines` to somebody; several lines make a digest.

    The Message-ID follows from `key`, so that a mail system can drop a copy sent twice after a crash.
    """
    words = _catalogue(language)
    first = lines[0]
    kind = first.template if len(lines) == 1 else "digest"
    subject = _fill(words[kind]["subject"], {**first.values, "count": str(len(lines))})
    shown = [_shown(settings, words, line, now) for line in lines]
    out = f"{settings.public_url}/unsubscribe/{token(settings, to, kind)}" if kind in REMINDERS else None
    values = {
        "subject": subject,
        "language": language,
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


def _shown(settings: Settings, words: Mapping[str, Any], line: Line, now: dt.datetime) -> dict[str, str]:
    entry = words[line.template]
    return {
        "text": _fill(entry["text"], line.values),
        "action": entry.get("action", ""),
        "link": _address(settings, line.values, now),
    }


def _address(settings: Settings, values: Mapping[str, str], now: dt.datetime) -> str:
    """Return where to look; a holder's own credential opens by a signed link, displayed or not."""
    link = values.get("link")
    if link and values.get("award_of") == "holder":
        return holder_link(settings, link.rpartition("/")[2], now)
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
    mark = hmac.digest(link_secret(settings), b"unsubscribe|" + told.encode(), hashlib.sha256).hex()[:32]
    return quote(f"{told}|{mark}", safe="")


def read_token(settings: Settings, text: str) -> tuple[str, str]:
    """Return address and kind of a token; UnknownThing when it is not ours."""
    told, _, mark = text.rpartition("|")
    expected = hmac.digest(link_secret(settings), b"unsubscribe|" + told.encode(), hashlib.sha256).hex()[:32]
    if not hmac.compare_digest(expected.encode(), mark.encode()):
        raise UnknownThing("link", "unsubscribe")
    address, _, kind = told.rpartition("|")
    return address, kind
