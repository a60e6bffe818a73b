"""The application's shortcuts answer what Flask and werkzeug would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    after_this_request,
    appcontext_tearing_down,
    request,
    request_tearing_down,
    session,
)

from lrs.fast_path.application import Application


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
    answers: list[list[Any]] = []
    for kind in (Application, Flask):
        client = make(kind).test_client()
        place = {"HTTP_HOST": host, "SCRIPT_NAME": root}
        found = [
            client.open(path, method=method, environ_overrides=place)
            for method in ("GET", "GET", "HEAD", "POST", "OPTIONS", "GET")  # found again, and otherwise
        ]
        answers.append([(one.status, sorted(one.headers), one.data) for one in found])
    assert answers[0] == answers[1]


def test_flasks_own_session_keeps_nothing() -> None:
    app = Application("x")

    @app.get("/")
    def view() -> str:
        with pytest.raises(RuntimeError, match="secret key"):
            session["a"] = 1
        return "refused"

    assert app.test_client().get("/").headers.get("Set-Cookie") is None


def surrounded(kind: type[Flask], told: list[str], *more: Callable[[Flask, list[str]], None]) -> Flask:
    """Make an application whose steps around a view tell of themselves."""
    app = kind("x")
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__, url_prefix="/inner")

    def step(name: str, answer: str | None = None) -> Callable[[], str | None]:
        def before() -> str | None:
            told.append(name)
            return answer if request.args.get("stop") == name else None

        return before

    def end(name: str) -> Callable[[Response], Response]:
        def after(response: Response) -> Response:
            told.append(name)
            return response

        return after

    for where in (app, outer, inner):
        for number in "12":
            where.before_request(step(f"before {where.name} {number}", "stopped"))
            where.after_request(end(f"after {where.name} {number}"))

    @inner.get("/view")
    def view() -> str:
        told.append("view")
        if "this" in request.args:
            after_this_request(end("after this one"))
        if "fail" in request.args:
            raise ValueError("a view that fails")
        return "seen"

    app.add_url_rule("/plain", "plain", lambda: told.append("plain") or "seen")
    for each in more:
        each(app, told)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app


@pytest.mark.parametrize(
    "path",
    [
        "/inner/view",
        "/inner/view?stop=before x 2",
        "/inner/view?stop=before inner 1",
        "/inner/view?this=1",
        "/inner/view?fail=1",
        "/plain",
        "/nowhere",
    ],
)
def test_what_surrounds_a_view_comes_in_flasks_order(path: str) -> None:
    seen = []
    for kind in (Application, Flask):
        told: list[str] = []
        client = surrounded(kind, told).test_client()
        statuses = [client.get(path).status for _ in range(2)]
        seen.append((statuses, told))
    assert seen[0] == seen[1]
    assert seen[0][1]


def test_who_asked_to_be_told_of_the_end_of_a_request_is_told() -> None:
    seen = []
    for kind in (Application, Flask):
        told: list[str] = []

        def ends(app: Flask, told: list[str]) -> None:
            app.teardown_request(lambda _: told.append("teardown"))
            app.teardown_appcontext(lambda _: told.append("teardown of the context"))
            app.url_value_preprocessor(lambda endpoint, _: told.append(f"values of {endpoint}"))

        app = surrounded(kind, told, ends)
        app.test_client().get("/inner/view")
        app = surrounded(kind, told)

        def note(_: Any, told: list[str] = told, **__: Any) -> None:
            told.append("signal")

        with request_tearing_down.connected_to(note, app), appcontext_tearing_down.connected_to(note, app):
            app.test_client().get("/inner/view")
        seen.append(told)
    assert seen[0] == seen[1]
    assert seen[0].count("signal") == 2
