"""Numbers, dates and texts at the edges, in every route: a refusal, or a value that JSON has."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from conftest import KEY, SECRET
from edge_requests import Asked, Edges
from factories_access import basic, make_org, make_person
from flask import Flask
from flask.testing import FlaskClient

ADMIN = basic(KEY, SECRET)
COUNT = int(os.environ.get("LAUREL_EDGE_REQUESTS", "2000"))
SEED = int(os.environ.get("LAUREL_EDGE_SEED", "1"))


def refuse(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def send(client: FlaskClient, asked: Asked) -> Any:
    answer = client.open(asked.path, method=asked.method, data=asked.body, headers={**ADMIN, **asked.headers})
    answer.get_data()  # to the end, also of an archive, whose file is closed then
    answer.close()
    assert answer.status_code < 500, (asked, answer.text[:300])
    if answer.mimetype in {"application/json", "application/problem+json"} and answer.data:
        # what was stored with 5,000 digits comes back with them, and Python reads no more than 4,300
        json.loads(answer.data, parse_constant=refuse, parse_int=str)
    return answer


def test_no_generated_request_is_answered_by_a_failure(client: FlaskClient, app: Flask, db: Any) -> None:
    make_org(db, "north")
    person = make_person(db, "ana@north.example", "north")
    document = client.get("/api/v1/openapi.json").json
    known = {
        "org": ["vendor", "north"], "person": [person], "email": ["ana@north.example"], "name": ["North"],
        "scopes": [["statements/write"]], "timezone": ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"],
    }  # fmt: skip
    edges, failed = Edges(SEED, document, known), []
    for asked in edges.requests(COUNT):
        try:
            send(client, asked)
        except (AssertionError, ValueError) as error:
            failed.append(
                f"{asked.method} {asked.path[:300]} {(asked.body or b'')[:600]!r}: {str(error)[-300:]}"
            )
    assert not failed, f"{len(failed)} of {COUNT}:\n" + "\n".join(failed[:20])


@pytest.mark.parametrize("bucket", ["hour", "day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize(
    "zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "Africa/Monrovia", "Europe/Berlin"]
)
def test_statements_of_the_first_and_the_last_year_are_grouped(
    client: FlaskClient, bucket: str, zone: str
) -> None:
    from factories import make_statement

    instants = (
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
    )
    batch = [make_statement(timestamp=at) for at in instants]
    assert (
        send(
            client,
            Asked(
                "POST",
                "/xapi/statements",
                json.dumps(batch).encode(),
                {"Content-Type": "application/json", "X-Experience-API-Version": "1.0.3"},
            ),
        ).status_code
        == 200
    )
    question = {"group": [{"bucket": bucket, "field": "timestamp", "timezone": zone}]}
    answer = send(
        client,
        Asked(
            "POST",
            "/api/v1/statements/query",
            json.dumps(question).encode(),
            {"Content-Type": "application/json"},
        ),
    )
    assert answer.status_code == 200
    assert sum(row["count"] for row in answer.json["rows"]) == len(batch)


def test_a_sum_beyond_doubles_is_a_value_of_json(client: FlaskClient) -> None:
    from factories import make_statement

    text = json.dumps([make_statement(result={"score": {"raw": 7}}) for _ in range(2)]).replace(
        '"raw": 7', '"raw": 1e400'
    )
    headers = {"Content-Type": "application/json", "X-Experience-API-Version": "1.0.3"}
    send(client, Asked("POST", "/xapi/statements", text.encode(), headers))
    for measure in ("sum", "avg", "max", "distinct"):
        question = {"measures": {"x": {measure: "score.raw"}}}
        answer = send(
            client, Asked("POST", "/api/v1/statements/query", json.dumps(question).encode(), headers)
        )
        assert b"Infinity" not in answer.data
