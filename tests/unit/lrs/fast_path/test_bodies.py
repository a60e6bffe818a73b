"""Bodies are read and sent the same, the plain way and the fast one."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask, Response, request
from werkzeug.datastructures import Headers

from lrs.fast_path.bodies import FAST, Answer
from lrs.foundation.bodies import PLAIN, Bodies

WAYS = pytest.mark.parametrize("way", [PLAIN, FAST], ids=["plain", "fast"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("status", [200, 204, 304, 404])
def test_an_answer_is_the_response_it_stands_for(method: str, status: int) -> None:
    seen: list[tuple[str, list[tuple[str, str]], list[bytes]]] = []
    for kind in (Answer, Response):
        response = kind(b'["x"]', status=status, content_type="application/json")
        response.headers["X-Request-Id"] = "a-1"
        environ = {
            "REQUEST_METHOD": method,
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "x",
            "SERVER_PORT": "80",
        }
        told: list[tuple[str, list[tuple[str, str]]]] = []
        body = response(environ, lambda status, headers, _=None, told=told: told.append((status, headers)))
        seen.append((told[0][0], sorted(Headers(told[0][1])), list(body)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("headers", "sent", "status", "received"),
    [
        ({"CONTENT_LENGTH": "5"}, b"12345", 200, b"12345"),
        ({"CONTENT_LENGTH": "5"}, b"1234567", 200, b"12345"),
        ({"CONTENT_LENGTH": "0"}, b"", 200, b""),
        ({"CONTENT_LENGTH": "5"}, b"1234", 400, b""),
        ({"CONTENT_LENGTH": "11"}, b"12345678901", 413, b""),
        ({"CONTENT_LENGTH": "9" * 30}, b"1", 413, b""),
        ({"CONTENT_LENGTH": "-1"}, b"1", 200, b""),
        ({"CONTENT_LENGTH": "\u0665"}, b"12345", 200, b""),
        ({}, b"12345", 200, b""),
        ({"wsgi.input_terminated": True}, b"12345", 200, b"12345"),
        ({"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}, b"123", 200, b"123"),
        ({"wsgi.input_terminated": True}, b"12345678901", 413, b""),
        ({"wsgi.input_terminated": True, "CONTENT_LENGTH": "5"}, b"1234", 400, b""),
    ],
)
@WAYS
def test_a_body_is_read_to_its_told_length_and_no_further(
    way: Bodies, headers: dict[str, Any], sent: bytes, status: int, received: bytes
) -> None:
    app = Flask("x")
    app.config["MAX_CONTENT_LENGTH"] = 10
    seen: list[bytes] = []

    @app.post("/")
    def view() -> str:
        seen.append(way.read(request))
        return "read"

    place = {"wsgi.input": io.BytesIO(sent), "CONTENT_LENGTH": None, **headers}
    environ = {name: value for name, value in place.items() if value is not None}
    base = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1",
    }  # fmt: skip
    told: list[str] = []
    list(app({**base, **environ}, lambda line, _, __=None: told.append(line)))
    assert int(told[0].split()[0]) == status
    assert seen == ([received] if status == 200 else [])


@WAYS
def test_a_broken_connection_is_a_body_cut_off(way: Bodies) -> None:
    class Broken(io.RawIOBase):
        def read(self, _: int = -1) -> bytes:
            raise ConnectionResetError

        def readinto(self, _: object) -> int:
            raise ConnectionResetError

    app = Flask("x")
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.add_url_rule("/", "view", lambda: way.read(request), methods=["POST"])
    answer = app.test_client().post("/", environ_overrides={"wsgi.input": Broken(), "CONTENT_LENGTH": "3"})
    assert answer.status_code == 400
