"""The OpenAPI document says of each operation what it answers; tests marked `described` compare answers."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from conftest import basic
from factories_access import make_person
from flask import Flask, Response
from flask.testing import FlaskClient
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


def test_what_asks_for_a_version_says_so(document: dict[str, Any], client: FlaskClient) -> None:
    """Whatever answers 428 without If-Match names the header; nothing else requires it."""
    told, needed = set(), set()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in {"patch", "put", "delete"}:
                names = {one["name"]: one for one in operation.get("parameters", ()) if "name" in one}
                if "If-Match" in names:
                    assert names["If-Match"]["required"]
                    told.add(f"{method} {path}")
    for name in (
        "patch /api/v1/orgs/{org}",
        "put /api/v1/orgs/{org}/retention",
        "patch /api/v1/content/{item}",
    ):
        assert name in told
    bodies = {
        "patch /api/v1/orgs/{org}": {"name": "x"},
        "put /api/v1/orgs/{org}/brand": {"colour": "#14584c"},
    }
    for name, body in bodies.items():
        method, path = name.split()
        answer = client.open(
            path.replace("{org}", "vendor"), method=method.upper(), json=body, headers=basic()
        )
        if answer.status_code == 428:
            needed.add(name)
    assert needed == {"patch /api/v1/orgs/{org}"}
    assert "put /api/v1/orgs/{org}/brand" not in told


def test_a_body_of_which_nothing_is_required_may_be_left_out(
    document: dict[str, Any], client: FlaskClient
) -> None:
    post = {
        path: methods["post"].get("requestBody")
        for path, methods in document["paths"].items()
        if "post" in methods
    }
    assert not post["/api/v1/statements/query"]["required"]
    assert post["/api/v1/orgs"]["required"]
    assert client.post("/api/v1/statements/query", headers=basic()).status_code == 200
    assert client.post("/api/v1/orgs", headers=basic()).status_code == 422


@pytest.mark.parametrize("value", [0, 1, "yes", "1", "True", "on", None, []])
def test_only_true_and_false_are_a_yes_or_no(client: FlaskClient, db: Any, value: Any) -> None:
    """An erasure that is said to be `dry_run: 0` is none."""
    person = make_person(db, "ana@north.example")
    body = {"mode": "pseudonymise", "reason": "asked", "dry_run": value}
    answer = client.post(f"/api/v1/people/{person}/erase", json=body, headers=basic())
    assert (answer.status_code, answer.json["errors"][0]["path"]) == (422, "json.dry_run")
    assert client.get(f"/api/v1/people/{person}", headers=basic()).json["email"] == "ana@north.example"


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


def test_an_address_of_the_document_fits_one_template(app: Flask) -> None:
    """`Allow` names the methods of the template that was meant: words of ours are no ids (RFC 9110 10.2.1)."""
    methods: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            methods.setdefault(re.sub(r"<(?:[^:<>]+:)?", "<", rule.rule), set()).update(rule.methods or ())
    adapter, wrong = app.url_map.bind("lrs.example"), []
    for one, other in itertools.combinations(sorted(methods), 2):
        pairs = list(itertools.zip_longest(one.split("/"), other.split("/"), fillvalue=""))
        if any(a != b and not (a.startswith("<") or b.startswith("<")) for a, b in pairs) or "" in (
            part for pair in pairs[1:] for part in pair
        ):
            continue
        first = next(a for a, b in pairs if a != b and ("<" in a) != ("<" in b))
        meant = one if not first.startswith("<") else other
        path = "/".join("x" if a.startswith("<") and b.startswith("<") else min(a, b, key=lambda s: "<" in s)
                        for a, b in pairs)  # fmt: skip
        allowed = set(adapter.allowed_methods(path))
        if allowed != methods[meant]:
            wrong.append(f"{path}: {sorted(allowed)}, and {meant} has {sorted(methods[meant])}")
    assert not wrong, "\n".join(wrong)


def test_a_preflight_of_a_fetch_url_is_answered_for_any_origin(client: FlaskClient) -> None:
    answer = client.options("/api/v1/launches/x/fetch")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
