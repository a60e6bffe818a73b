"""The application's shortcuts answer what Flask and werkzeug would."""

from __future__ import annotations

import pytest
from flask import Flask, Response, request, session
from werkzeug.datastructures import Headers

from lrs.application import Answer, Application


def make(kind: type[Flask]) -> Flask:
    app = kind("x")

    @app.get("/where/<name>")
    def where(name: str) -> str:
        return f"{name} {request.host} {request.host_url} {request.script_root} {request.url}"

    @app.get("/folder/")
    def folder() -> str:
        return "inside"

    return app


@pytest.mark.parametrize(
    "path", ["/where/a", "/where/%C3%A4?q=1", "/folder/", "/folder", "/nowhere", "/where/a/b"]
)
@pytest.mark.parametrize(
    "host", ["lrs.example", "LRS.example:8443", "[::1]:80", "a b", "", "münchen.example"]
)
@pytest.mark.parametrize("root", ["", "/learn"])
def test_views_are_found_as_flask_finds_them(path: str, host: str, root: str) -> None:
    answers = []
    for kind in (Application, Flask):
        client = make(kind).test_client()
        found = client.get(path, environ_overrides={"HTTP_HOST": host, "SCRIPT_NAME": root})
        answers.append((found.status, sorted(found.headers), found.data))
    assert answers[0] == answers[1]


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


def test_flasks_own_session_keeps_nothing() -> None:
    app = Application("x")

    @app.get("/")
    def view() -> str:
        with pytest.raises(RuntimeError, match="secret key"):
            session["a"] = 1
        return "refused"

    assert app.test_client().get("/").headers.get("Set-Cookie") is None
