"""The step before routing: alternate request syntax, compressed bodies, untidy paths."""

import gzip
import io
import zlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.foundation.errors import Unauthenticated
from lrs.xapi.errors import BodyTooLarge, InvalidRequest, PackedTooTightly, UnsupportedEncoding, XapiError
from lrs.xapi.requests.alternate_requests import is_alternate, read_body, rewrite, tidy_path
from lrs.xapi.requests.incoming import FREE_OF_RATIO, MAX_RATIO, PIECE, undo_packing

LIMIT = 10_000


def environ(body: bytes = b"", query: str = "", **more: str) -> dict[str, Any]:
    base = {"REQUEST_METHOD": "POST", "QUERY_STRING": query, "CONTENT_TYPE": "text/plain;charset=UTF-8"}
    return {**base, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **more}


def rewritten(body: str, method: str = "PUT") -> dict[str, Any]:
    made = environ(body.encode(), f"method={method}")
    assert is_alternate(made)
    rewrite(made, LIMIT)
    return made


@pytest.mark.parametrize(
    ("path", "tidy"),
    [
        ("/xapi//statements/", "/xapi/statements"),
        ("//xapi///about//", "/xapi/about"),
        ("/", "/"),
        ("//", "/"),
    ],
)
def test_paths_lose_doubled_and_trailing_slashes(path: str, tidy: str) -> None:
    assert tidy_path(path) == tidy


def test_fields_become_headers_parameters_and_body() -> None:
    content = '{"a":"ü&+"}'
    made = rewritten(
        "statementId=x%26y&Authorization=Basic%20abc&X-Experience-API-Version=1.0.3&if-match=%22e%22"
        f"&Content-Length=7&content={quote(content)}"
    )
    assert made["REQUEST_METHOD"] == "PUT"
    assert made["QUERY_STRING"] == "statementId=x%26y"
    assert made["HTTP_AUTHORIZATION"] == "Basic abc"
    assert made["HTTP_X_EXPERIENCE_API_VERSION"] == "1.0.3"
    assert made["HTTP_IF_MATCH"] == '"e"'
    assert made["CONTENT_TYPE"] == "application/json"
    assert made["wsgi.input"].read() == content.encode()
    assert made["CONTENT_LENGTH"] == str(len(content.encode()))


def test_a_field_wins_over_the_header() -> None:
    made = environ(
        b"Authorization=form&Content-Type=a/b&content=", "method=POST", HTTP_AUTHORIZATION="header"
    )
    rewrite(made, LIMIT)
    assert (made["HTTP_AUTHORIZATION"], made["CONTENT_TYPE"]) == ("form", "a/b")


@pytest.mark.parametrize("query", ["", "methods=PUT", "x=method", "statementId=a"])
def test_other_queries_are_plain_requests(query: str) -> None:
    assert not is_alternate(environ(b"", query))


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("method=PUT", b""),
        ("method=PUT", b"statementId=1"),
        ("method=PUT", b'{"raw":"json"}'),
        ("method=PUT", b"content=1&content=2"),
        ("method=PUT", b"content=%ff"),
        ("method=PUT", b"content=\xff"),
        ("method=PUT", b"content=1&Authorization=a%0Ab"),
        ("method=PUT", b"content=1&If-Match=a&if-match=b"),
        ("method=PATCH", b"content=1"),
        ("method=put", b"content=1"),
        ("method=PUT&statementId=1", b"content=1"),
        ("a=b&method=PUT", b"content=1"),
        ("method=GET", b"&".join(b"a=1" for _ in range(300))),
    ],
)
def test_what_is_no_alternate_request_is_refused(query: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        rewrite(environ(body, query), LIMIT)


def test_a_form_needs_a_form_type() -> None:
    with pytest.raises(InvalidRequest):
        rewrite(environ(b"content=1", "method=PUT", CONTENT_TYPE="application/json"), LIMIT)


def decompress(made: dict[str, Any], limit: int) -> bytes:
    undo_packing(made, limit, lambda _: None)
    body: bytes = made["wsgi.input"].read()
    return body


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress(b"abc" * 100),
    "x-gzip": gzip.compress(b"abc" * 50) + gzip.compress(b"abc" * 50),
    "deflate": zlib.compress(b"abc" * 100),
    "Deflate": raw_deflate(b"abc" * 100),
    "identity, gzip": gzip.compress(b"abc" * 100),
    "identity": b"abc" * 100,
}


@pytest.mark.parametrize("encoding", PACKED)
def test_compressed_bodies_are_undone(encoding: str) -> None:
    made = environ(PACKED[encoding], HTTP_CONTENT_ENCODING=encoding)
    assert decompress(made, LIMIT) == b"abc" * 100
    assert encoding == "identity" or (made["CONTENT_LENGTH"], made["wsgi.input_terminated"]) == ("", True)
    assert "HTTP_CONTENT_ENCODING" not in made


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_too_large(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    with pytest.raises(BodyTooLarge):
        decompress(environ(pack(bytes(LIMIT + 1)), HTTP_CONTENT_ENCODING=encoding), LIMIT)
    made = environ(pack(bytes(LIMIT)), HTTP_CONTENT_ENCODING=encoding)
    assert len(decompress(made, LIMIT)) == LIMIT


@given(
    data=st.binary(max_size=300_000) | st.integers(1, 300_000).map(bytes),
    encoding=st.sampled_from(["gzip", "deflate", "Deflate"]),
    sizes=st.lists(st.integers(1, 100_000), max_size=5),
)
def test_however_a_body_is_read_it_is_the_one_that_was_packed(
    data: bytes, encoding: str, sizes: list[int]
) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "Deflate": raw_deflate}[encoding](data)
    made, taken = environ(packed, HTTP_CONTENT_ENCODING=encoding), []
    undo_packing(made, len(data) + 1000, taken.append)
    read = [made["wsgi.input"].read(size) for size in sizes]
    for piece, size in zip(read, sizes, strict=True):
        assert len(piece) == size or b"".join(read) == data
    assert b"".join(read) + made["wsgi.input"].read() == data
    assert sum(taken) == len(data)
    assert max(taken, default=0) <= PIECE


def test_nothing_is_unpacked_before_somebody_reads_nor_far_beyond_what_is_refused() -> None:
    taken: list[int] = []
    packed = gzip.compress(bytes(50 * 1024 * 1024))
    made = environ(packed, HTTP_CONTENT_ENCODING="gzip")
    undo_packing(made, 100 * 1024 * 1024, taken.append)
    assert not taken
    with pytest.raises(PackedTooTightly):
        made["wsgi.input"].read()
    assert FREE_OF_RATIO < sum(taken) <= MAX_RATIO * len(packed)


@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("br", b"", UnsupportedEncoding),
        ("gzip, gzip", b"", UnsupportedEncoding),
        ("gzip", b"plain", InvalidRequest),
        ("gzip", gzip.compress(b"x" * 900, mtime=0)[:-9], InvalidRequest),
        ("gzip", gzip.compress(b"", mtime=0) * 100, InvalidRequest),
        ("gzip", gzip.compress(b"x", mtime=0) + b"rest", InvalidRequest),
        ("deflate", b"\x00", InvalidRequest),
    ],
)
def test_bodies_that_cannot_be_undone_are_refused(encoding: str, body: bytes, error: type[XapiError]) -> None:
    with pytest.raises(error):
        decompress(environ(body, HTTP_CONTENT_ENCODING=encoding), LIMIT)


def test_a_long_form_is_read_to_its_end_only_for_those_who_are_known() -> None:
    asked: list[str | None] = []

    def is_known(authorization: str | None) -> bool:
        asked.append(authorization)
        return authorization == "Basic right"

    long = b"&content=" + b"x" * 200_000
    made = environ(b"a=b&Authorization=Basic%20right" + long, "method=PUT")
    rewrite(made, 10**6, is_known)
    assert len(made["wsgi.input"].read()) == 200_000
    for form, header in (
        (b"authorization=Basic+wrong", "Basic right"),
        (b"a=b", None),
        (b"a=b", "Basic wrong"),
    ):
        more = {} if header is None else {"HTTP_AUTHORIZATION": header}
        with pytest.raises(Unauthenticated):
            rewrite(environ(form + long, "method=PUT", **more), 10**6, is_known)
    rewrite(environ(b"a=b" + long, "method=PUT", HTTP_AUTHORIZATION="Basic right"), 10**6, is_known)
    assert asked == ["Basic right", "Basic wrong", None, "Basic wrong", "Basic right"]
    rewrite(environ(b"content=" + b"x" * 60_000, "method=PUT"), 10**6, is_known)
    assert len(asked) == 5  # a short form waits for the view to know


def test_bodies_are_bounded_with_and_without_a_length() -> None:
    body = bytes(LIMIT + 1)
    with pytest.raises(BodyTooLarge):
        read_body(environ(body), LIMIT)
    chunked = {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    with pytest.raises(BodyTooLarge):
        read_body(chunked, LIMIT)
    with pytest.raises(InvalidRequest):
        read_body(environ(CONTENT_LENGTH="-1"), LIMIT)
