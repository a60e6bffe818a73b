"""A request body as it is read: unpacked, counted and bounded piece by piece, and not before somebody reads.

Views read after they know who is asking, so a stranger's body is neither unpacked nor kept.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from lrs.http.refused_requests import Malformed
from lrs.xapi.errors import BodyTooLarge, InvalidRequest, PackedTooTightly, UnsupportedEncoding

Environ = dict[str, Any]
Take = Callable[[int], None]

PIECE: Final = 64 * 1024
MAX_MEMBERS: Final = 16  # each further gzip member costs a copy of what remains
MAX_RATIO: Final = 100  # statements with ids of their own reach thirty
FREE_OF_RATIO: Final = 1024 * 1024  # up to this, a body may be as monotonous as it likes


def pieces(environ: Environ, limit: int) -> Iterator[bytes]:
    """Yield the body as it was sent; raises InvalidRequest, and BodyTooLarge above `limit` bytes."""
    declared = environ.get("CONTENT_LENGTH") or None
    if declared is None and not environ.get("wsgi.input_terminated"):
        return
    if declared is not None and not (declared.isascii() and declared.isdigit() and len(declared) <= 18):
        raise InvalidRequest("Content-Length", "must be a number of bytes")
    left = limit + 1 if declared is None else int(declared)
    if declared is not None and left > limit:
        raise BodyTooLarge(limit)
    while left > 0 and (piece := _read(environ, min(left, PIECE))):
        left -= len(piece)
        if declared is None and not left:
            raise BodyTooLarge(limit)
        yield piece
    if declared is not None and left:
        raise InvalidRequest("body", "shorter than its Content-Length")


def _read(environ: Environ, size: int) -> bytes:
    """Return the next piece of what was sent; raises InvalidRequest where its framing is broken."""
    try:
        piece: bytes = environ["wsgi.input"].read(size)
    except (OSError, ValueError, Malformed) as error:
        raise InvalidRequest("body", "could not be read to its end") from error
    return piece


def encoding_of(environ: Environ) -> str | None:
    """Return the one encoding of a body, None where it is not packed; raises UnsupportedEncoding."""
    named = [name.strip().lower() for name in environ.get("HTTP_CONTENT_ENCODING", "").split(",")]
    encodings = [name for name in named if name not in {"", "identity"}]
    if len(encodings) > 1 or not UNPACKERS.keys() >= set(encodings):
        raise UnsupportedEncoding(", ".join(encodings))
    return encodings[0] if encodings else None


def unpacked(packed: Iterator[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """Yield the bytes that were packed, at most PIECE at once.

    Raises InvalidRequest, BodyTooLarge above `limit` bytes and PackedTooTightly above MAX_RATIO.
    """
    unpacker = UNPACKERS[encoding]()
    came = went = 0
    try:
        for piece in packed:
            came += len(piece)
            for out in unpacker.feed(piece):
                went += len(out)
                if went > limit:
                    raise BodyTooLarge(limit)
                if went > max(FREE_OF_RATIO, MAX_RATIO * came):
                    raise PackedTooTightly(MAX_RATIO)
                yield out
        unpacker.end()
    except zlib.error as error:
        raise InvalidRequest("Content-Encoding", f"the body is not {encoding} data") from error


class _Gzip:
    """Undoes one or several gzip members."""

    def __init__(self) -> None:
        self.members = 1
        self.unpacker = zlib.decompressobj(wbits=31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self.unpacker.eof:
                self.members += 1
                if self.members > MAX_MEMBERS:
                    raise zlib.error("too many members")
                self.unpacker = zlib.decompressobj(wbits=31)
            if out := self.unpacker.decompress(data, PIECE):
                yield out
            data = self.unpacker.unconsumed_tail or self.unpacker.unused_data
        while out := (b"" if self.unpacker.eof else self.unpacker.decompress(b"", PIECE)):
            yield out

    def end(self) -> None:
        if not self.unpacker.eof:
            raise zlib.error("truncated")


class _Deflate(_Gzip):
    """Undoes `deflate`: zlib as RFC 9110 says, or bare deflate as some clients send."""

    def __init__(self) -> None:
        super().__init__()
        self.members = MAX_MEMBERS  # there is one
        self.head: bytes | None = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self.head is not None:
            data = self.head + data
            if len(data) < 2:
                self.head = data
                return
            self.head = None
            is_zlib = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            self.unpacker = zlib.decompressobj(wbits=15 if is_zlib else -15)
        yield from super().feed(data)


UNPACKERS: Final[dict[str, type[_Gzip]]] = {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate}


class Incoming(io.RawIOBase):
    """The body as a stream: the place of `wsgi.input`; `take` counts what is read against the budget."""

    def __init__(self, source: Iterator[bytes], take: Take) -> None:
        self.source, self.take, self.rest = source, take, b""

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes, fewer only at the end."""
        found, length = [self.rest], len(self.rest)
        while size is None or size < 0 or length < size:
            piece = next(self.source, b"")
            if not piece:
                break
            self.take(len(piece))
            found.append(piece)
            length += len(piece)
        body = b"".join(found)
        del found
        if size is None or size < 0 or length <= size:
            self.rest = b""
            return body
        self.rest = body[size:]
        return body[:size]

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how many bytes came."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Counted(io.RawIOBase):
    """A body of declared length, counted when it is first asked for."""

    def __init__(self, stream: Any, declared: int, take: Take) -> None:
        self.stream, self.declared, self.take = stream, declared, take

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes, fewer only at the end."""
        if self.declared:
            self.take(self.declared)
            self.declared = 0
        body: bytes = self.stream.read(size)
        return body

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how many bytes came."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def count(environ: Environ, limit: int, take: Take) -> None:
    """Put a stream that unpacks and counts in the place of the body; raises UnsupportedEncoding."""
    declared = environ.get("CONTENT_LENGTH") or ""
    if "HTTP_CONTENT_ENCODING" in environ:
        undo_packing(environ, limit, take)
    elif declared.isascii() and declared.isdigit() and len(declared) <= 18:
        environ["wsgi.input"] = Counted(environ["wsgi.input"], int(declared), take)
    elif not declared and environ.get("wsgi.input_terminated"):
        environ["wsgi.input"] = Incoming(pieces(environ.copy(), limit), take)


def undo_packing(environ: Environ, limit: int, take: Take) -> None:
    """Put the counted, unpacked stream in the place of the body; raises UnsupportedEncoding."""
    encoding = encoding_of(environ)
    del environ["HTTP_CONTENT_ENCODING"]
    if encoding is None:
        count(environ, limit, take)
        return
    environ["wsgi.input"] = Incoming(unpacked(pieces(environ.copy(), limit), encoding, limit), take)
    environ["CONTENT_LENGTH"] = ""
    environ["wsgi.input_terminated"] = True
    environ.pop("HTTP_TRANSFER_ENCODING", None)
