"""Baking: a credential put into a PNG or SVG picture, and read out of it again (section 7-7).

PNG: one uncompressed iTXt chunk before IEND. SVG: `<openbadges:credential verify="…">` as first child of
`svg`. Baking again replaces what was there. Pictures come from strangers: every length is checked, entities
are refused, decompression is bounded.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

from rules.errors import RuleError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = b"openbadgecredential"
NAMESPACE = "https://purl.imsglobal.org/ob/v3p0"
MAX_TEXT = 1_000_000  # bytes of a credential in a picture
TEXT_CHUNKS = frozenset({b"iTXt", b"tEXt", b"zTXt"})


class NotBaked(RuleError):
    """A picture is malformed, or holds no credential."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def bake_png(picture: bytes, token: str) -> bytes:
    """Return the PNG with the compact JWS in it; raise NotBaked when it is not a PNG."""
    chunks = [one for one in read_chunks(picture) if not is_credential_chunk(*one)]
    if not chunks or chunks[-1][0] != b"IEND":
        raise NotBaked("the PNG does not end in IEND")
    text = (b"iTXt", KEYWORD + b"\0\0\0\0\0" + token.encode("ascii"))
    return PNG_SIGNATURE + b"".join(write_chunk(*one) for one in [*chunks[:-1], text, chunks[-1]])


def unbake_png(picture: bytes) -> str:
    """Return the compact JWS of a baked PNG; raise NotBaked."""
    for kind, data in read_chunks(picture):
        if kind == b"iTXt" and is_credential_chunk(kind, data):
            return read_itxt(data)
    raise NotBaked("the PNG holds no openbadgecredential chunk")


def read_chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and data of each chunk up to IEND; raise NotBaked for a wrong length or checksum."""
    if not picture.startswith(PNG_SIGNATURE):
        raise NotBaked("not a PNG picture")
    place = len(PNG_SIGNATURE)
    while place < len(picture):
        if place + 12 > len(picture):
            raise NotBaked("the PNG is cut off")
        size, kind = struct.unpack_from(">I4s", picture, place)
        data = picture[place + 8 : place + 8 + size]
        place += 12 + size
        if place > len(picture):
            raise NotBaked("the PNG is cut off")
        if zlib.crc32(kind + data) != struct.unpack_from(">I", picture, place - 4)[0]:
            raise NotBaked(f"the PNG chunk {kind!r} has a wrong checksum")
        yield kind, data
        if kind == b"IEND":
            return


def is_credential_chunk(kind: bytes, data: bytes) -> bool:
    """Say whether a chunk carries the credential keyword."""
    return kind in TEXT_CHUNKS and data.startswith(KEYWORD + b"\0")


def write_chunk(kind: bytes, data: bytes) -> bytes:
    """Return length, type, data and checksum."""
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def read_itxt(data: bytes) -> str:
    """Return the text of an iTXt chunk, inflated if it is compressed; raise NotBaked."""
    rest = data[len(KEYWORD) + 1 :]
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(rest) < 4 or len(parts) != 3:
        raise NotBaked("the openbadgecredential chunk is malformed")
    text = parts[2]
    if rest[0]:
        inflate = zlib.decompressobj()
        try:
            text = inflate.decompress(text, MAX_TEXT)
        except zlib.error as error:
            raise NotBaked("the openbadgecredential chunk does not inflate") from error
        if inflate.unconsumed_tail:
            raise NotBaked("the openbadgecredential chunk is too large")
    return as_token(text)


def as_token(text: bytes) -> str:
    """Return the text of a credential; raise NotBaked when it is too long or not ASCII."""
    if len(text) > MAX_TEXT:
        raise NotBaked("the credential is too large")
    try:
        return text.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise NotBaked("the credential is not ASCII text") from error


class SvgScan:
    """Positions that baking needs, found by one pass of expat over UTF-8 bytes.

    `root_at` is where `<svg` begins and `body_at` where its start tag ends; `credentials` are the byte
    ranges of elements of our namespace, `tokens` their `verify` attributes.
    """

    def __init__(self, picture: bytes) -> None:
        self.picture = picture
        self.root_at = self.body_at = -1
        self.prefix_uri: str | None = None  # what the root says that `openbadges:` means
        self.credentials: list[tuple[int, int]] = []
        self.tokens: list[str] = []
        self._depth = 0
        self._open: list[tuple[int, int]] = []  # where a credential element starts, and its depth
        self._fresh = False  # the last token was a start tag
        self._parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartNamespaceDeclHandler = self._namespace
        for other in ("CharacterDataHandler", "CommentHandler", "ProcessingInstructionHandler"):
            setattr(self._parser, other, self._other)
        try:
            self._parser.Parse(picture, True)
        except expat.ExpatError as error:
            raise NotBaked(f"the SVG is not well-formed: {error}") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        here = self._other()
        self._fresh = True
        self._depth += 1
        if self._depth == 1:
            if name.rpartition(" ")[2] != "svg":
                raise NotBaked("not an SVG picture")
            self.root_at = here
        elif name == f"{NAMESPACE} credential":
            self._open.append((here, self._depth))
            self.tokens.append(attributes.get("verify", ""))

    def _end(self, _: str) -> None:
        """Close an element; expat reports an empty-element tag's end behind the tag, others' before it."""
        is_empty_tag = self._fresh and self.picture[: self._parser.CurrentByteIndex].endswith(b"/>")
        if self._depth == 1 and is_empty_tag:
            raise NotBaked("the SVG is empty")
        here = self._other()
        if self._open and self._open[-1][1] == self._depth:
            start, _depth = self._open.pop()
            if not self._open:
                end = here if is_empty_tag else self.picture.index(b">", here) + 1
                self.credentials.append((start, end))
        self._depth -= 1

    def _other(self, *_: Any) -> int:
        """Note that a token begins here: the root's start tag ends where the next token begins."""
        here: int = self._parser.CurrentByteIndex
        if self.body_at < 0 <= self.root_at:
            self.body_at = here
        self._fresh = False
        return here

    def _namespace(self, prefix: str | None, uri: str) -> None:
        if prefix == "openbadges" and self._depth == 0:
            self.prefix_uri = uri

    def _refuse(self, *_: Any) -> None:
        raise NotBaked("the SVG declares entities")


def bake_svg(picture: bytes, token: str) -> bytes:
    """Return the SVG (UTF-8) with the compact JWS in it; raise NotBaked when it is none with content."""
    scan = SvgScan(picture)
    body = picture[scan.body_at :]
    for start, end in reversed(scan.credentials):
        body = body[: start - scan.body_at] + body[end - scan.body_at :]
    root = picture[scan.root_at : scan.body_at]
    declaration = f' xmlns:openbadges="{NAMESPACE}"'
    if scan.prefix_uri is None:
        root = re.sub(rb"^<[^\s/>]+", lambda found: found[0] + declaration.encode(), root, count=1)
    own = declaration if scan.prefix_uri not in {None, NAMESPACE} else ""
    element = f'<openbadges:credential{own} verify="{token}"/>'
    return picture[: scan.root_at] + root + element.encode("ascii") + body


def unbake_svg(picture: bytes) -> str:
    """Return the compact JWS of a baked SVG; raise NotBaked."""
    tokens = [one for one in SvgScan(picture).tokens if one]
    if not tokens:
        raise NotBaked("the SVG holds no openbadges:credential element")
    return as_token(tokens[0].encode())


def unbake(picture: bytes) -> str:
    """Return the compact JWS of a baked PNG or SVG; raise NotBaked."""
    return unbake_png(picture) if picture.startswith(PNG_SIGNATURE) else unbake_svg(picture)
