"""LRS addresses and keys that authors left in a package: shown before publishing, blocked when it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from lrs.content.packages.files import Files
from lrs.content.packages.findings import Findings
from lrs.content.packages.limits import MIB
from lrs.content.packages.model import Endpoint

READ: Final = (".js", ".json", ".xml", ".html", ".htm")
FILE_BYTES: Final = 2 * MIB
TOTAL_BYTES: Final = 64 * MIB
MOST: Final = 20
NEAR: Final = 600  # characters around an address in which a key belongs to it
WORD: Final = b"endpoint"
BEFORE: Final = 8  # characters before the word that belong to its name
ADDRESS: Final = re.compile(
    rb"""["']?\b_?(?:lrs_?)?endpoint["']?\s{0,8}[:=]\s{0,8}["'](https?://[^"'\s\\]{4,300})["']""",
    re.IGNORECASE,
)
KEY: Final = re.compile(
    rb"""\b_?(?:auth\w{0,20}|key|secret|pass(?:word)?|user(?:name)?|param[12])["']?\s{0,8}[:=]\s{0,8}["'][^"'\n]{3,}"""
    rb"""|Basic\s+[A-Za-z0-9+/]{8,}""",
    re.IGNORECASE,
)
NOBODY: Final = re.compile(r"(^|\.)(localhost|example\.(com|org|net)|invalid|test)$|^127\.|^\[?::1")


def find_endpoints(files: Files, findings: Findings) -> tuple[Endpoint, ...]:
    """Return the addresses found in scripts, JSON, XML and pages; each is a warning too."""
    found: dict[tuple[str, str], Endpoint] = {}
    left = TOTAL_BYTES
    for path in files.paths:
        if not path.lower().endswith(READ) or files.size(path) > FILE_BYTES:
            continue
        left -= files.size(path)
        if left < 0 or len(found) >= MOST:
            break
        for endpoint in _in_file(path, files.read(path, FILE_BYTES)):
            found.setdefault((endpoint.url, endpoint.place), endpoint)
    for endpoint in found.values():
        text = f"The content names an LRS of its own, {endpoint.url}; it may report there and not here."
        if endpoint.has_key:
            text += " A key stands beside it, which every learner can read."
        findings.warning("own-endpoint", endpoint.place, text)
    return tuple(found.values())


def _in_file(path: str, data: bytes) -> Iterator[Endpoint]:
    for place in _places(data.lower()):
        match = ADDRESS.search(data, max(0, place - BEFORE), place + NEAR)
        if match is None:
            continue
        url = match[1].decode("utf-8", "replace")
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            continue
        if host and not NOBODY.search(host):
            around = data[max(0, match.start() - NEAR) : match.end() + NEAR]
            yield Endpoint(url, path, has_key=KEY.search(around) is not None)


def _places(low: bytes) -> Iterator[int]:
    """Yield where the word stands: a plain search is many times faster than the expression alone."""
    place = low.find(WORD)
    while place >= 0:
        yield place
        place = low.find(WORD, place + len(WORD))
