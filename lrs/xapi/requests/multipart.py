"""multipart/mixed on bytes, as xAPI uses it for attachments (1.0.3 Communication 1.5.2, 2.0 4.1.3).

The boundary counts only at the start of a line that holds nothing else (RFC 2046 5.1.1), so attachment bytes
may hold CRLF, NUL, or text that looks like a boundary.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lrs.xapi.errors import InvalidRequest

MAX_PARTS: Final = 1_000
MAX_HEADER_BYTES: Final = 8_192
BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
BOUNDARY_PARAMETER: Final = re.compile(r';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part: header names in lower case, values as text, and the bytes between two delimiters."""

    headers: dict[str, str]
    body: bytes


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type header names; raises InvalidRequest."""
    found = BOUNDARY_PARAMETER.search(content_type)
    if found is None:
        raise InvalidRequest("Content-Type", "multipart/mixed needs a boundary parameter")
    quoted, plain = found.groups()
    boundary = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
    if not BOUNDARY.fullmatch(boundary):
        raise InvalidRequest("Content-Type", "the boundary must be 1 to 70 of the characters of RFC 2046")
    return boundary.encode("ascii")


def split_parts(body: bytes, boundary: bytes) -> list[BodyPart]:
    """Return the parts of a multipart body in their order; raises InvalidRequest.

    Bytes before the first delimiter and after the closing one are ignored, as RFC 2046 asks.
    """
    parts: list[BodyPart] = []
    start: int | None = None
    for line_start, line_end, closing in _delimiters(body, b"--" + boundary):
        if start is not None:
            if len(parts) >= MAX_PARTS:
                raise InvalidRequest("body", f"more than {MAX_PARTS} parts")
            parts.append(_part(body, start, line_start, len(parts)))
        if closing:
            if not parts:
                raise InvalidRequest("body", "multipart without a part")
            return parts
        start = line_end
    reason = (
        "the boundary of the header does not occur" if start is None else "the closing boundary is missing"
    )
    raise InvalidRequest("body", reason)


def _delimiters(body: bytes, marker: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield (end of what precedes, start of what follows, closing?) for each delimiter line."""
    at = 0 if body.startswith(marker) else body.find(b"\r\n" + marker)
    while at >= 0:
        after = at + len(marker) + (0 if at == 0 and body.startswith(marker) else 2)
        closing = body.startswith(b"--", after)
        rest = after + 2 * closing
        while body[rest : rest + 1] in (b" ", b"\t"):
            rest += 1
        if body.startswith(b"\r\n", rest):
            # The CRLF stays in the search: it may also begin the next delimiter, after an empty part.
            yield at, rest, closing
            at = body.find(b"\r\n" + marker, rest)
        elif closing and rest == len(body):
            yield at, rest, True
            return
        else:
            at = body.find(b"\r\n" + marker, after)


def _part(body: bytes, start: int, stop: int, index: int) -> BodyPart:
    """Return the part between two places; it begins with the CRLF that ends its delimiter line."""
    if body.startswith(b"\r\n\r\n", start, stop):
        return BodyPart({}, body[start + 4 : stop])
    end = body.find(b"\r\n\r\n", start, stop)
    if end < 0 or end - start > MAX_HEADER_BYTES:
        reason = "no empty line after the headers" if end < 0 else "headers too long"
        raise InvalidRequest(f"body part {index}", reason)
    return BodyPart(_headers(body[start + 2 : end], index), body[end + 4 : stop])


def _headers(block: bytes, index: int) -> dict[str, str]:
    """Return the header fields of a part; a folded line continues the one before it."""
    headers: dict[str, str] = {}
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", block).decode("utf-8", "replace")
    for line in unfolded.split("\r\n"):
        name, colon, value = line.partition(":")
        key = name.strip().lower()
        if not colon or not key or key in headers:
            raise InvalidRequest(
                f"body part {index}", f"the header line {line[:60]!r} is malformed or repeated"
            )
        headers[key] = value.strip()
    return headers


def new_boundary() -> str:
    """Return a boundary of 128 random bits, which no attachment can hold but by a miracle."""
    return secrets.token_hex(16)


def write_parts(
    boundary: str, first: bytes, attachments: Iterable[tuple[str, str, Iterable[bytes]]]
) -> Iterator[bytes]:
    """Yield a multipart body: the JSON part, then (sha2, content type, chunks) per attachment."""
    yield f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode() + first
    for sha2, content_type, chunks in attachments:
        # what cannot stand in a header is not sent as one
        safe = content_type.isascii() and content_type.isprintable()
        shown = content_type if safe else "application/octet-stream"
        yield (
            f"\r\n--{boundary}\r\nContent-Type: {shown}\r\nContent-Transfer-Encoding: binary\r\n"
            f"X-Experience-API-Hash: {sha2}\r\n\r\n"
        ).encode()
        yield from chunks
    yield f"\r\n--{boundary}--\r\n".encode()
