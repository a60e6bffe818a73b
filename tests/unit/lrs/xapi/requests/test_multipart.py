"""multipart/mixed on bytes: RFC 2046 delimiters, headers, bounds."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.xapi.errors import InvalidRequest
from lrs.xapi.requests.multipart import MAX_PARTS, boundary_of, new_boundary, split_parts, write_parts

ATTACHMENT_BYTES = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"\r\n", b"--b", b"--", b"\n", b"\r", b"\x00", b"b", b" ", b"--bX"])).map(
        b"".join
    ),
)


@given(st.lists(ATTACHMENT_BYTES.filter(lambda body: b"\r\n--b" not in b"\r\n" + body), max_size=5))
def test_what_is_written_is_read_back_byte_for_byte(bodies: list[bytes]) -> None:
    written = b"".join(
        write_parts("b", b"{}", [(f"{n:064x}", "text/plain", (body,)) for n, body in enumerate(bodies)])
    )
    first, *rest = split_parts(written, b"b")
    assert first.headers == {"content-type": "application/json"}
    assert first.body == b"{}"
    assert [part.body for part in rest] == bodies
    assert [part.headers["x-experience-api-hash"] for part in rest] == [
        f"{n:064x}" for n in range(len(bodies))
    ]


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"--b\r\n", b"\r\n--b\r\n\r\n", b"--b\r\na: b\r\n\r\nx\r\n"]),
)
def test_any_bytes_are_parts_or_a_refusal(body: bytes, start: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        split_parts(start + body, b"b")


@pytest.mark.parametrize("before", [b"", b"\r\n", b"preamble, to be ignored\r\n", b"--bX\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b" \t", b"\r\nepilogue --b"])
def test_preamble_and_epilogue_are_ignored(before: bytes, after: bytes) -> None:
    parts = split_parts(before + b"--b \r\nContent-Type: x/y\r\n\r\nbody\r\n--b--" + after, b"b")
    assert [(part.headers, part.body) for part in parts] == [({"content-type": "x/y"}, b"body")]


def test_text_like_the_boundary_stays_in_the_attachment() -> None:
    body = b"a\r\n--bc\r\n--b-\r\n --b\r\n--b--x\r\n"
    assert split_parts(b"--b\r\n\r\n" + body + b"\r\n--b--", b"b")[0].body == body


def test_headers_are_folded_and_compared_without_case() -> None:
    part = split_parts(b"--b\r\nX-EXPERIENCE-api-hash:\r\n abc\r\ncontent-TYPE: a/b\r\n\r\n\r\n--b--", b"b")[
        0
    ]
    assert part.headers == {"x-experience-api-hash": "abc", "content-type": "a/b"}
    assert part.body == b""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        b"--b--",
        b"--b\r\n\r\nnot closed",
        b"--b\r\nno empty line\r\n--b--",
        b"--b\r\nno colon\r\n\r\nx\r\n--b--",
        b"--b\r\na: 1\r\nA: 2\r\n\r\nx\r\n--b--",
        b"--b\r\na: " + b"x" * 10_000 + b"\r\n\r\nx\r\n--b--",
        b"--b\r\n\r\n" + b"\r\n--b\r\n\r\n" * (MAX_PARTS + 1) + b"\r\n--b--",
    ],
)
def test_a_body_that_its_boundary_does_not_divide_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        split_parts(body, b"b")


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/mixed; boundary=-------314159265358979323846", b"-------314159265358979323846"),
        ('multipart/mixed; boundary="abcABC0123\'()+_,-./:=?"', b"abcABC0123'()+_,-./:=?"),
        ("multipart/mixed;charset=utf-8;BOUNDARY = a:b=c ", b"a:b=c"),
        (r'multipart/mixed; boundary="a\-b c"', b"a-b c"),
    ],
)
def test_the_boundary_is_read_as_it_stands(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


@pytest.mark.parametrize(
    "value",
    ["", "; boundary=", '; boundary=""', "; boundary=a<b", '; boundary="a "', "; boundary=" + "a" * 71],
)
def test_an_impossible_boundary_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest):
        boundary_of("multipart/mixed" + value)


def test_a_content_type_never_breaks_out_of_its_header() -> None:
    written = b"".join(write_parts(new_boundary(), b"", [("00", "a/b\r\nX: y", [b"z"])]))
    assert b"X: y" not in written
    assert b"application/octet-stream" in written
