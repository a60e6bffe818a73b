"""The files of a package as parsers see them: paths, and bytes on demand.

Paths are relative, with "/", in NFC, as `archive` made them; a path is only ever a key: nothing is written to
a disk under it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from lrs.content.packages.findings import Findings

NOWHERE: Final = "http://package.invalid/"  # RFC 2606: never an address of a package


class Files(Protocol):
    """The files of one package."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths, sorted."""

    def size(self, path: str) -> int:
        """Return the unpacked size in bytes."""

    def read(self, path: str, most: int) -> bytes:
        """Return the first `most` bytes of a file."""


@dataclass(frozen=True, slots=True)
class FileTable:
    """Files held in memory: for tests, and for a manifest that came alone."""

    contents: Mapping[str, bytes]

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths, sorted."""
        return tuple(sorted(self.contents))

    def size(self, path: str) -> int:
        """Return the size in bytes."""
        return len(self.contents[path])

    def read(self, path: str, most: int) -> bytes:
        """Return the first `most` bytes of a file."""
        return self.contents[path][:most]


@dataclass(frozen=True, slots=True)
class Reference:
    """An address in a manifest, taken apart: a file of the package or a place on the web."""

    target: str  # decoded path in the package, or an absolute http(s) URL without query
    written: str  # the same path, not decoded
    query: str  # "?a=b#c" as written
    is_external: bool


def take_apart(base: str, href: str) -> Reference | None:
    """Resolve an address against the folder `base` ("" or "a/b/"); None where it leads nowhere usable."""
    href = href.strip().replace("\\", "/")
    if not href or not href.isprintable():
        return None
    try:
        parts = urlsplit(urljoin(NOWHERE + base, href))
        host = parts.hostname
    except ValueError:
        return None
    tail = (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    if parts.scheme not in {"http", "https"} or not host:
        return None
    if f"{parts.scheme}://{parts.netloc}/" == NOWHERE:
        written = unicodedata.normalize("NFC", parts.path.lstrip("/"))
        decoded = unicodedata.normalize("NFC", unquote(written))
        return Reference(decoded, written, tail, is_external=False)
    if "@" in parts.netloc or any(sign in href for sign in ' <>"'):
        return None
    address = f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"
    return Reference(address, address, tail, is_external=True)


class Lookup:
    """Finds files as browsers and Windows authors name them: decoded, as written, or in other letter case."""

    def __init__(self, files: Files, findings: Findings) -> None:
        self._paths = frozenset(files.paths)
        self._findings = findings

    @cached_property
    def _folded(self) -> Mapping[str, str]:
        return {path.casefold(): path for path in sorted(self._paths, reverse=True)}

    def find(self, reference: Reference, place: str) -> str | None:
        """Return the path of the file that a reference names, None where there is none."""
        for path in (reference.target, reference.written):  # the second: a file whose own name holds "%20"
            if path in self._paths:
                return path
        found = self._folded.get(reference.target.casefold())
        if found is not None:
            text = f"names {reference.target!r}, but the file is called {found!r}: letter case differs"
            self._findings.warning("file-name-case", place, text)
        return found


def shallowest(files: Files, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the paths whose file name is wanted, those in the fewest folders first."""
    wanted = [path for path in files.paths if is_wanted(path.rpartition("/")[2].lower())]
    yield from sorted(wanted, key=lambda path: (path.count("/"), path))


def folder_of(path: str) -> str:
    """Return the folder of a path, "" or ending in "/"."""
    return path[: path.rfind("/") + 1]
