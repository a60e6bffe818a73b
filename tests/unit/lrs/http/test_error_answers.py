"""Errors leave as one body in three media types; no internal text leaves with a 500."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.errors import BulkWriteError, ConfigurationError, OperationFailure

from lrs.foundation.watching import metrics
from lrs.http import error_answers
from lrs.words import reader


class Refused(Exception):
    """A refusal with a place."""

    path = "/actor/mbox"


class MoreRefused(Refused):
    """A subclass, which inherits the status."""


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("lrs")  # whose pages of errors it shows
    metrics.register(app)
    reader.register(app)
    error_answers.register(app, {Refused: 422})

    @app.get("/refused")
    def refused() -> str:
        raise MoreRefused("is <not> an IRI \ud800")

    @app.get("/broken")
    def broken() -> str:
        raise KeyError("the inner secret")

    return app.test_client()


def test_body_names_class_message_path_and_id(client: FlaskClient) -> None:
    answer = client.get("/refused")
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["error"] == "MoreRefused"
    assert answer.json["path"] == "/actor/mbox"
    assert answer.json["message"].startswith("is <not> an IRI")
    assert answer.json["errorId"] == answer.headers["X-Request-Id"]


def test_unknown_exception_shows_only_its_id(client: FlaskClient) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "inner secret" not in answer.text
    assert answer.json is not None
    assert answer.json["errorId"]


def test_html_is_escaped_and_text_is_plain(client: FlaskClient) -> None:
    html = client.get("/refused", headers={"Accept": "text/html"})
    assert html.content_type.startswith("text/html")
    assert "&lt;not&gt;" in html.text
    text = client.get("/refused", headers={"Accept": "text/plain"})
    assert text.content_type.startswith("text/plain")
    assert text.text.startswith("422 MoreRefused: is <not> an IRI")


def test_http_errors_keep_their_headers(client: FlaskClient) -> None:
    answer = client.post("/refused")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.json is not None
    assert answer.json["error"] == "MethodNotAllowed"


def test_callers_request_id_is_kept_only_when_it_is_plain(client: FlaskClient) -> None:
    assert client.get("/refused", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/refused", headers={"X-Request-Id": "a b<c>"}).headers["X-Request-Id"] != "a b<c>"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationFailure("ended", 251, {"errorLabels": ["TransientTransactionError"]}), 503),
        (OperationFailure("stepping down", 11602), 503),
        (ConfigurationError("Sessions are not supported by this MongoDB deployment"), 503),
        (BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 11602, "errmsg": "x"}]}), 503),
        (BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []}), 500),
        (OperationFailure("no such command", 59), 500),
    ],
)
def test_a_member_that_steps_down_is_no_failure_of_the_server(error: Exception, status: int) -> None:
    app = Flask("lrs")
    error_answers.register(app, {})
    app.add_url_rule("/", view_func=lambda: raising(error))
    assert app.test_client().get("/").status_code == status


def raising(error: Exception) -> str:
    raise error
