"""JSON-LD contexts of credentials: local copies, each pinned by its hash, never fetched.

The copies are data of the package openbadgeslib, none of whose code runs here. The first two hashes are those
that VC Data Model 2.0 (appendix B.1) and Data Integrity 1.0 print. `context.json` of Open Badges without a
version is not among them: it is 3.0.3 with some publishers and the first edition with others.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any, Final

from rules.errors import RuleError

OB: Final = "https://purl.imsglobal.org/spec/ob/v3p0/"
PINNED: Final[dict[str, tuple[str, str]]] = {
    "https://www.w3.org/ns/credentials/v2": (
        "credentials-v2.json",
        "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    "https://w3id.org/security/data-integrity/v2": (
        "security-data-integrity-v2.json",
        "67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4",
    ),
    "https://w3id.org/security/multikey/v1": (
        "security-multikey-v1.json",
        "ba2c182de2d92f7e47184bcca8fcf0beaee6d3986c527bf664c195bbc7c58597",
    ),
    f"{OB}context-3.0.1.json": (
        "ob-v3p0-context-3.0.1.json",
        "5f3d9dd6288ef437ff8286cf95ffbff609c748a66f24a1e9450c45ca64be1571",
    ),
    f"{OB}context-3.0.2.json": (
        "ob-v3p0-context-3.0.2.json",
        "00666ad080ba407687ed1846b7f5e7495f5019042b202a727de47c48a1755c53",
    ),
    f"{OB}context-3.0.3.json": (
        "ob-v3p0-context-3.0.3.json",
        "3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
    f"{OB}extensions.json": (
        "ob-v3p0-extensions.json",
        "87c06c81bc2317663bf288d740d94fddd2818c4342b186270ff6371dfaa63f93",
    ),
    "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json": (
        "clr_context_2.0.1.json",
        "880f1902d4158f2f33ce06af41b90719977cd1ea337a9de2e41edb3ff5e543d6",
    ),
}


class UnknownContext(RuleError):
    """A document names a context of which no copy is kept here."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"the context {url} is not known here")


class NotCanonical(RuleError):
    """A document cannot be written as RDF without losing or inventing something."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ChangedContext(RuleError):
    """A kept copy of a context is missing, or is not the one that was pinned."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"the copy of the context {url} is not the pinned one: install openbadgeslib 4.6.3")


@functools.cache
def context(url: str) -> dict[str, Any]:
    """Return the context document of an address; raise UnknownContext or ChangedContext."""
    if url not in PINNED:
        raise UnknownContext(url)
    name, pinned = PINNED[url]
    try:
        text = (folder() / name).read_bytes()
    except OSError as error:
        raise ChangedContext(url) from error
    if hashlib.sha256(text).hexdigest() != pinned:
        raise ChangedContext(url)
    found: dict[str, Any] = json.loads(text)
    return found


def folder() -> Path:
    """Return where the copies lie; raise FileNotFoundError where the package is not installed."""
    spec = importlib.util.find_spec("openbadgeslib")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("openbadgeslib")
    return Path(spec.origin).parent / "ob3" / "contexts"
