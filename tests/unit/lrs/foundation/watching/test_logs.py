"""Log lines carry no secrets and are one document per line in JSON form."""

from __future__ import annotations

import json
import logging

import pytest

from lrs.foundation.watching.logs import JsonFormatter, TextFormatter, request_id, without_secrets


@pytest.fixture(autouse=True)
def outside_of_requests() -> None:
    """A test of the application that ran before in this process left its request id."""
    request_id.set("-")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mongodb://user:pa55@db.example:27017/x", "mongodb://***@db.example:27017/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("Bearer abc.def-ghi", "Bearer ***"),
        ("GET /x?token=abcd&limit=1", "GET /x?token=***&limit=1"),
        ("https://lms.example/course", "https://lms.example/course"),
    ],
)
def test_secrets_do_not_reach_the_log(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("lrs.test", logging.INFO, "x.py", 1, message, (), None)
    vars(made).update(extra)
    return made


def test_json_line_is_one_document_with_extras() -> None:
    line = JsonFormatter().format(record("two\nlines", status=404))
    assert "\n" not in line
    assert json.loads(line)["status"] == 404
    assert json.loads(line)["message"] == "two\nlines"


def test_text_line_names_instant_level_and_logger() -> None:
    assert " INFO " in TextFormatter().format(record("hello"))
    assert "lrs.test [-] hello" in TextFormatter().format(record("hello"))
