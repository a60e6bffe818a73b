"""The OpenAPI document says of each operation what it answers; tests marked `described` compare answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask, Response
from openapi_answers import Judge


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    found: dict[str, Any] = app.extensions["laurel_openapi"].document()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation["responses"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def test_every_success_has_a_schema(document: dict[str, Any]) -> None:
    successes = {
        name: {c: r for c, r in told.items() if c[0] == "2"} for name, told in operations(document).items()
    }
    assert [name for name, told in successes.items() if not told] == []
    bare = [
        f"{name} {code}"
        for name, told in successes.items()
        for code, one in told.items()
        if code != "204"
        and not (one.get("content") and all(x.get("schema") for x in one["content"].values()))
    ]
    assert bare == []


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for name, told in operations(document).items():
        assert "default" in told, name
        for code, one in told.items():
            if code[0] != "2":
                found = document["components"]["responses"][one["$ref"].rpartition("/")[2]]
                assert found["content"].keys() == {"application/problem+json"}, (name, code)
    problem = document["components"]["schemas"]["Problem"]
    assert {"type", "title", "status", "detail", "path", "errorId"} == set(problem["required"])


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (200, {"items": [], "next": None}, "application/json", ""),
        (200, {"items": [], "next": None, "more": 1}, "application/json", "'more' was unexpected"),
        (200, {"items": [{"id": 7}], "next": None}, "application/json", "7 is not of type 'string'"),
        (200, {"items": []}, "text/json", "the document names ['application/json']"),
        (202, {"items": []}, "application/json", "the document names"),
        (403, {"error": "Forbidden"}, "application/json", "the document names ['application/problem+json']"),
        (418, {"title": "Teapot"}, "application/problem+json", "'type' is a required property"),
    ],
)
def test_an_answer_that_contradicts_the_document_is_noticed(
    document: dict[str, Any], status: int, body: Any, kind: str, told: str
) -> None:
    answer = Response(json.dumps(body), status, content_type=kind)
    found = Judge(json.dumps(document)).contradictions("GET", "/api/v1/orgs", answer)
    assert told in "; ".join(found)
    assert bool(told) == bool(found)
