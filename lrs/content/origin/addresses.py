"""Where content is: an origin that is never the application's, with a host for each package where it can be.

LRS_CONTENT_URL may hold `*`: `https://*.content.example`. Each version then has the host
`<version>[-<tag>].content.example`, so that one package cannot read what another keeps in the browser; with a
tag of their own, learners who share a browser are apart too. Without `*` all packages share one origin.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

from lrs.foundation.errors import Collision
from lrs.foundation.settings import Settings, StartFailure

VERSION: Final = re.compile(r"[0-9a-z]{26}")  # an id of ours
TAG: Final = re.compile(r"[0-9a-z]{1,30}")  # with id and hyphen within the 63 characters of a DNS label
FILES: Final = "/v"


def content_origin(settings: Settings, version: str, tag: str = "") -> str:
    """Return the origin of a version's content, without a last slash; raises ValueError for a wrong tag.

    Raises Collision where no content origin is configured.
    """
    if not settings.content_url:
        raise Collision("there is no content origin: set LRS_CONTENT_URL, or run `lrs serve`")
    if not VERSION.fullmatch(version) or (tag and not TAG.fullmatch(tag)):
        raise ValueError(f"{version} {tag} is no host of content")
    return settings.content_url.replace("*", f"{version}-{tag}" if tag else version)


def file_url(settings: Settings, version: str, path: str, query: str = "", tag: str = "") -> str:
    """Return the address of a file of a version; `query` as a package's item has it."""
    return f"{content_origin(settings, version, tag)}{FILES}/{version}/{quote(path)}{query}"


def is_own_host(settings: Settings, host: str, version: str) -> bool:
    """Tell whether a request's host is one at which a version may be served."""
    if "*" not in settings.content_url:
        return True
    label, dot, _ = host.partition(".")
    return bool(dot) and label.partition("-")[0] == version


def check_origins(settings: Settings) -> None:
    """Refuse a content origin on the application's host, whose cookies it would get; raises StartFailure."""
    if not settings.content_url:
        return
    content, public = urlsplit(settings.content_url), urlsplit(settings.public_url)
    if content.hostname == public.hostname:
        raise StartFailure(
            f"LRS_CONTENT_URL={settings.content_url} is on the host of LRS_PUBLIC_URL",
            "give content a host of its own: cookies do not tell ports apart",
        )
