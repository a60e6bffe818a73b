"""What a browser says of a problem, without people: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

LONGEST: Final = 200  # characters
HIDDEN: Final = "…"
WIDE: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")  # Han, kana, Hangul

_QUERY: Final = re.compile(r"(https?://[^\s?#'\"]+)[?#][^\s'\")]*")
_MAIL: Final = re.compile(r"[^\s<>\"'(:]+@[^\s<>\"'),]+")
_LONG: Final = re.compile(r"\b(?=[\w-]*\d)[0-9A-Za-z_-]{16,}\b|\d{6,}")
_LINE: Final = re.compile(r":(\d{1,7})(?::\d+)?$")

# The first that a User-Agent holds, since each of them names those that stand below it.
BROWSERS: Final = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"\bOPR/(\d+)")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"\b(?:HeadlessChrome|Chrome|CriOS)/(\d+)")),
    ("Safari", re.compile(r"\bVersion/(\d+)[\d.]* (?:Mobile/\S+ )?Safari/")),
)
SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def without_people(text: str, names: Iterable[str] = ()) -> str:
    """Return a text without names, mail addresses and queries of web addresses."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * LONGEST])
    for name in names:
        edge = "" if WIDE.search(name) else r"\b"  # such scripts part no words
        clean = re.sub(f"{edge}{re.escape(name)}{edge}", HIDDEN, clean, flags=re.IGNORECASE)
    return " ".join(_MAIL.sub(HIDDEN, _QUERY.sub(r"\1", clean)).split())[:LONGEST]


def without_numbers(text: str) -> str:
    """Return a text without what may be somebody's number or token."""
    return _LONG.sub(HIDDEN, text)


def place_of(address: str, version: str) -> str:
    """Return where in the package an address lies; of other sites the origin alone, of ours the last part."""
    line = _LINE.search(address)
    parts = _parts(address[: line.start()] if line else address)
    if parts is None:
        return ""
    scheme, host, path = parts
    suffix = f":{line[1]}" if line else ""
    _, is_file, name = path.partition(f"/v/{version}/")
    if is_file:
        return unquote(name) + suffix
    if path.startswith("/player/"):
        return f"(player) {path.rpartition('/')[2]}{suffix}"
    if path.startswith("/play/"):
        return "(player)"
    return f"{scheme}://{host}" if host else ""


def _parts(address: str) -> tuple[str, str, str] | None:
    try:
        found = urlsplit(address[: 4 * LONGEST])
    except ValueError:
        return None
    return found.scheme, found.hostname or "", found.path


def browser_of(agent: str) -> str:
    """Return browser, major version and system of a User-Agent, as `Chrome 126, Android`."""
    text = agent[:500]
    named = ((name, pattern.search(text)) for name, pattern in BROWSERS)
    browser = next((f"{name} {found[1]}" for name, found in named if found), "another browser")
    system = next((name for sign, name in SYSTEMS if sign in text), "")
    return f"{browser}, {system}" if system else browser
