"""The step before routing: alternate request syntax, compressed bodies, untidy paths."""

import gzip
import io
import zlib
from typing import Any
from urllib.parse import quote

import pytest

from lrs.alternate import decompress, is_alternate, read_body, rewrite, tidy_path
from lrs.xapi_errors import BodyTooLarge, InvalidRequest, UnsupportedEncoding, XapiError

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
    decompress(made, LIMIT)
    assert made["wsgi.input"].read() == b"abc" * 100
    assert made["CONTENT_LENGTH"] == "300"
    assert "HTTP_CONTENT_ENCODING" not in made


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_too_large(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    with pytest.raises(BodyTooLarge):
        decompress(environ(pack(bytes(LIMIT + 1)), HTTP_CONTENT_ENCODING=encoding), LIMIT)
    made = environ(pack(bytes(LIMIT)), HTTP_CONTENT_ENCODING=encoding)
    decompress(made, LIMIT)
    assert len(made["wsgi.input"].read()) == LIMIT


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


def test_bodies_are_bounded_with_and_without_a_length() -> None:
    body = bytes(LIMIT + 1)
    with pytest.raises(BodyTooLarge):
        read_body(environ(body), LIMIT)
    chunked = {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    with pytest.raises(BodyTooLarge):
        read_body(chunked, LIMIT)
    with pytest.raises(InvalidRequest):
        read_body(environ(CONTENT_LENGTH="-1"), LIMIT)
