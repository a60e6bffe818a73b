"""Baking: a credential put into a PNG or SVG picture, and read out of it again (cert#7-7).

A credential is a text here: a compact JWS, JSON, which stands in an SVG as CDATA, or, in Open Badges 2.0, the
address of an assertion.

PNG: one uncompressed iTXt chunk right behind IHDR: tools that copy a picture keep texts only from before its
image data. SVG: `<openbadges:credential verify="…">` as first child of `svg`, for tools drop `metadata`.
Baking again replaces what was there. Pictures come from strangers: every length is checked, entities are
refused, decompression is bounded.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from rules.errors import RuleError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 1_000_000  # bytes of a credential in a picture
TEXT_CHUNKS = frozenset({b"iTXt", b"tEXt", b"zTXt"})


@dataclass(frozen=True, slots=True)
class Mark:
    """How an edition of Open Badges marks a credential: keyword in a PNG, namespace and element in an SVG."""

    keyword: bytes
    namespace: str
    element: str


OPEN_BADGES_3 = Mark(b"openbadgecredential", "https://purl.imsglobal.org/ob/v3p0", "credential")
OPEN_BADGES_2 = Mark(b"openbadges", "http://openbadges.org", "assertion")
MARKS = (OPEN_BADGES_3, OPEN_BADGES_2)


class NotBaked(RuleError):
    """A picture is malformed, or holds no credential."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def bake_png(picture: bytes, token: str, mark: Mark = OPEN_BADGES_3) -> bytes:
    """Return the PNG with the credential in it; raise NotBaked when it is not a PNG."""
    chunks = [one for one in read_chunks(picture) if not is_credential_chunk(*one, mark)]
    if not chunks or (chunks[0][0], chunks[-1][0]) != (b"IHDR", b"IEND"):
        raise NotBaked("the PNG does not begin with IHDR and end in IEND")
    text = (b"iTXt", mark.keyword + b"\0\0\0\0\0" + token.encode())
    return PNG_SIGNATURE + b"".join(write_chunk(*one) for one in [chunks[0], text, *chunks[1:]])


def unbake_png(picture: bytes) -> str:
    """Return the credential of a baked PNG; raise NotBaked."""
    texts = [data for kind, data in read_chunks(picture) if kind == b"iTXt"]
    for mark in MARKS:
        for data in texts:
            if is_credential_chunk(b"iTXt", data, mark):
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


def is_credential_chunk(kind: bytes, data: bytes, mark: Mark) -> bool:
    """Say whether a chunk carries the keyword of an edition."""
    return kind in TEXT_CHUNKS and data.startswith(mark.keyword + b"\0")


def write_chunk(kind: bytes, data: bytes) -> bytes:
    """Return length, type, data and checksum."""
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def read_itxt(data: bytes) -> str:
    """Return the text of an iTXt chunk, inflated if it is compressed; raise NotBaked."""
    rest = data.partition(b"\0")[2]
    parts = rest[2:].split(b"\0", 2)  # language, translated keyword, text
    if len(rest) < 4 or len(parts) != 3:
        raise NotBaked("the chunk of the credential is malformed")
    text = parts[2]
    if rest[0]:
        inflate = zlib.decompressobj()
        try:
            text = inflate.decompress(text, MAX_TEXT)
        except zlib.error as error:
            raise NotBaked("the chunk of the credential does not inflate") from error
        if inflate.unconsumed_tail:
            raise NotBaked("the chunk of the credential is too large")
    return as_token(text)


def as_token(text: bytes) -> str:
    """Return the text of a credential, ASCII but for JSON; raise NotBaked when it is too long or neither."""
    if len(text) > MAX_TEXT:
        raise NotBaked("the credential is too large")
    try:
        found = text.decode().strip()
    except UnicodeDecodeError as error:
        raise NotBaked("the credential is not UTF-8 text") from error
    if not found.isascii() and not found.startswith("{"):
        raise NotBaked("the credential is neither JSON nor ASCII text")
    return found


class SvgScan:
    """Positions that baking needs, found by one pass of expat over UTF-8 bytes.

    `root_at` is where `<svg` begins and `body_at` where its start tag ends; `credentials` are the byte
    ranges of the elements of an edition, `tokens` their `verify` attributes or else the text in them.
    """

    def __init__(self, picture: bytes, mark: Mark) -> None:
        self.picture = picture
        self.name = f"{mark.namespace} {mark.element}"
        self.root_at = self.body_at = -1
        self.prefix_uri: str | None = None  # what the root says that `openbadges:` means
        self.credentials: list[tuple[int, int]] = []
        self.tokens: list[str] = []
        self._depth = 0
        self._open: list[tuple[int, int]] = []  # where a credential element starts, and its depth
        self._fresh = False  # the last token was a start tag
        self._verified = False  # the last credential element has its text in `verify`
        self._parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartNamespaceDeclHandler = self._namespace
        self._parser.CharacterDataHandler = self._text
        for other in ("CommentHandler", "ProcessingInstructionHandler", "StartCdataSectionHandler"):
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
        elif name == self.name:
            self._open.append((here, self._depth))
            self.tokens.append(attributes.get("verify", ""))
            self._verified = "verify" in attributes

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

    def _text(self, text: str) -> None:
        self._other()
        if self._open and not self._verified:
            self.tokens[-1] += text

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


def bake_svg(picture: bytes, token: str, mark: Mark = OPEN_BADGES_3) -> bytes:
    """Return the SVG (UTF-8) with the credential in it; raise NotBaked when it is none with content."""
    scan = SvgScan(picture, mark)
    body = picture[scan.body_at :]
    for start, end in reversed(scan.credentials):
        body = body[: start - scan.body_at] + body[end - scan.body_at :]
    root = picture[scan.root_at : scan.body_at]
    declaration = f' xmlns:openbadges="{mark.namespace}"'
    if scan.prefix_uri is None:
        root = re.sub(rb"^<[^\s/>]+", lambda found: found[0] + declaration.encode(), root, count=1)
    own = declaration if scan.prefix_uri not in {None, mark.namespace} else ""
    element = f'<openbadges:{mark.element}{own} verify="{token}"/>'
    if token.startswith("{"):
        json_text = token.replace("]]>", "]]\\u003e")  # the same JSON, without the end of CDATA
        element = f"<openbadges:{mark.element}{own}><![CDATA[{json_text}]]></openbadges:{mark.element}>"
    return picture[: scan.root_at] + root + element.encode() + body


def unbake_svg(picture: bytes) -> str:
    """Return the credential of a baked SVG; raise NotBaked."""
    for mark in MARKS:
        for token in SvgScan(picture, mark).tokens:
            if token.strip():
                return as_token(token.encode())
    raise NotBaked("the SVG holds no openbadges:credential element")


def unbake(picture: bytes) -> str:
    """Return the credential of a baked PNG or SVG; raise NotBaked."""
    return unbake_png(picture) if picture.startswith(PNG_SIGNATURE) else unbake_svg(picture)
