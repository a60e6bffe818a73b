"""The scanner finds the end of a body in chunks where gunicorn's parser does, however it comes in."""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.unreader import IterUnreader
from hypothesis import given
from hypothesis import strategies as st

from lrs.fast_path.chunks import LONGEST_LINE, ChunkScanner


class Asked:
    limit_request_field_size = 8190
    max_buffer_headers = 65536

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[Any]:
        return []


def frame(pieces: list[bytes], extension: bytes, trailers: bytes) -> bytes:
    chunks = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
    return chunks + b"0\r\n" + trailers + b"\r\n"


def scan(data: bytes, size: int) -> tuple[ChunkScanner, int]:
    scanner, used = ChunkScanner(), 0
    for start in range(0, len(data), size):
        used += scanner.feed(data[start : start + size])
    return scanner, used


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    extension=st.sampled_from([b"", b";a=b", b' ; q="x"']),
    trailers=st.sampled_from([b"", b"X-A: 1\r\n", b"X-A: 1\r\nX-B: 2\r\n"]),
    following=st.binary(max_size=30),
    size=st.integers(1, 200),
)
def test_the_end_is_where_the_parser_ends(
    pieces: list[bytes], extension: bytes, trailers: bytes, following: bytes, size: int
) -> None:
    framed = frame(pieces, extension, trailers)
    scanner, used = scan(framed + following, size)
    assert (scanner.is_done, scanner.is_malformed, used) == (True, False, len(framed))
    unreader = IterUnreader(iter([framed + following]))
    assert Body(ChunkedReader(Asked(), unreader)).read() == b"".join(pieces)
    assert unreader.take_buffered() == following
    if len(framed) > 1:
        assert not scan(framed[:-1], size)[0].is_done


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"\r\n",
        b"1" * 17 + b"\r\n",
        b"a" * (LONGEST_LINE + 1),
        b"0\r\n" + b"X: " + b"y" * 9000,
    ],
)
def test_what_is_malformed_waits_for_nobody(data: bytes) -> None:
    scanner, _ = scan(data, 7)
    assert scanner.is_done
    assert scanner.is_malformed


@given(st.binary(max_size=80) | st.text("0123af;\r\n x", max_size=80).map(str.encode), st.integers(1, 20))
def test_any_bytes_are_taken(data: bytes, size: int) -> None:
    scanner, used = scan(data, size)
    assert used <= len(data)
    assert scanner.is_done or used == len(data)
