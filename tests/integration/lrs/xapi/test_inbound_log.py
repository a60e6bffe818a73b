"""What is refused is told: when, for which client, where and why; bounded, sealed, and gone with a person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import KEY, SECRET
from factories_access import basic, editor, key_of, make_client, make_org, make_person
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database
from pymongo.errors import ConnectionFailure

from lrs.cli import cli
from lrs.foundation.settings import Settings
from lrs.people.privacy import erasure
from lrs.xapi import inbound_log

Db = Database[dict[str, Any]]
GOOD = {
    "actor": {"mbox": "mailto:a@x.example"},
    "verb": {"id": "http://x.example/v"},
    "object": {"id": "http://x.example/a"},
}
BAD = {**GOOD, "result": {"score": {"scaled": 7}}}
OPERATOR = basic(KEY, SECRET)


@pytest.fixture
def north(app: Flask, db: Db) -> dict[str, str]:
    make_org(db, "north")
    return make_client(db, "north", label="lms")


def entries(client: FlaskClient, headers: dict[str, str] = OPERATOR, /, **query: str) -> list[Any]:
    answer = client.get("/api/v1/inbound", query_string=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return list(answer.json["items"])


def send(client: FlaskClient, headers: dict[str, str], body: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/xapi/statements", data=data, content_type="application/json", headers=headers)


def test_a_refusal_is_told_with_its_place_and_on_request_its_text(
    client: FlaskClient, north: dict[str, str]
) -> None:
    assert (
        send(client, north, [GOOD, {**BAD, "object": {"id": "http://x.example/guilty"}}]).status_code == 400
    )
    (entry,) = entries(client)
    told = ("org", "client", "label", "method", "resource", "version", "status", "error", "path")
    assert {name: entry[name] for name in told} == {
        "org": "north", "client": key_of(north), "label": "lms", "method": "POST", "resource": "/xapi/statements",
        "version": "1.0.3", "status": 400, "error": "InvalidStatement", "path": "$[1].result.score.scaled",
    }  # fmt: skip
    assert "greater than" in entry["message"]
    assert "text" not in entry
    one = client.get(f"/api/v1/inbound/{entry['id']}", headers=OPERATOR).json
    assert json.loads(one["text"])["object"]["id"] == "http://x.example/guilty"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'[{"a":1},\n  {"b":nonsense}]', '[{"a":1},\n  {"b":nonsense}]'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", None),
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_is_shown_around_the_place(
    client: FlaskClient, north: dict[str, str], body: bytes, text: str | None
) -> None:
    assert send(client, north, body).status_code == 400
    (entry,) = entries(client)
    assert client.get(f"/api/v1/inbound/{entry['id']}", headers=OPERATOR).json["text"] == text


def test_what_is_stored_or_not_found_is_no_refusal(client: FlaskClient, north: dict[str, str]) -> None:
    assert send(client, north, GOOD).status_code == 200
    state = {"activityId": "http://x.example/a", "agent": json.dumps(GOOD["actor"]), "stateId": "s"}
    assert client.get("/xapi/activities/state", query_string=state, headers=north).status_code == 404
    assert entries(client) == []


def test_other_refusals_are_told_too(client: FlaskClient, north: dict[str, str]) -> None:
    """A wrong parameter, a missing version, a right that is missing, a wrong secret of a known key."""
    client.get("/xapi/statements?Limit=1", headers=north)
    client.get("/xapi/statements", headers={"Authorization": north["Authorization"]})
    client.get("/xapi/statements", headers=basic(key_of(north), "wrong"))
    client.get("/xapi/statements", headers=basic("nobody", "wrong"))
    found = [(entry["error"], entry["path"], entry["client"]) for entry in entries(client)]
    assert found == [
        ("Unauthenticated", None, key_of(north)),
        ("UnsupportedVersion", "X-Experience-API-Version", key_of(north)),
        ("InvalidRequest", "Limit", key_of(north)),
    ]


def test_a_client_that_fails_in_a_loop_drives_out_its_own_entries_alone(
    client: FlaskClient, db: Db, north: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_log, "RING", 3)
    other = make_client(db, "north")
    send(client, other, BAD)
    client.get("/xapi/statements", headers=basic(key_of(north), "wrong"))
    for n in range(5):
        send(client, north, {**BAD, "id": f"no uuid {n}", "result": {}})
    assert len(entries(client, client=key_of(other))) == 1
    own = entries(client, client=key_of(north))
    assert [entry["error"] for entry in own] == ["InvalidStatement"] * 3 + ["Unauthenticated"]
    texts = [db.inbound.find_one({"_id": entry["id"]})["text"] for entry in own[:3]]
    assert ["no uuid 4" in texts[0], "no uuid 2" in texts[2]] == [True, True]


def test_an_organization_sees_its_own_refusals_only(
    client: FlaskClient, db: Db, north: dict[str, str]
) -> None:
    make_org(db, "south")
    south = make_client(db, "south")
    send(client, north, BAD)
    (entry,) = entries(client)
    assert entries(client, south) == []
    assert client.get(f"/api/v1/inbound/{entry['id']}", headers=south).status_code == 404
    assert len(entries(client, north)) == 1


def test_filters_select(client: FlaskClient, db: Db, north: dict[str, str]) -> None:
    send(client, north, BAD)
    assert len(entries(client, error="InvalidStatement", org="north", since="2020-01-01T00:00:00Z")) == 1
    assert entries(client, error="Unauthenticated") == []
    assert entries(client, until="2020-01-01T00:00:00Z") == []


def test_a_log_that_cannot_be_written_changes_no_answer(
    client: FlaskClient, north: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionFailure("gone")

    monkeypatch.setattr(inbound_log, "write", broken)
    assert send(client, north, BAD).status_code == 400


def test_the_command_lists_and_shows(
    client: FlaskClient, db: Db, north: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRS_MONGODB_URI", settings.mongodb_uri)
    monkeypatch.setenv("LRS_DATABASE", settings.database)
    send(client, north, BAD)
    listed = CliRunner().invoke(cli, ["inbound", "list", "--org", "north", "--json"])
    entry = json.loads(listed.stdout)
    shown = CliRunner().invoke(cli, ["inbound", "show", entry["id"]])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout.partition("\n\n")[2])["result"] == BAD["result"]
    assert CliRunner().invoke(cli, ["inbound", "show", "none"]).exit_code == 1


@pytest.mark.parametrize(
    "body",
    [
        {**BAD, "actor": {"mbox": "mailto:ANA@north.example"}},
        {**BAD, "actor": {"name": "Ana Example"}},
        json.dumps({**BAD, "verb": {"id": "http://x.example/é"}}).encode(),  # in escapes
    ],
    ids=["address", "name", "escapes"],
)
def test_an_erased_person_is_named_in_no_entry(
    client: FlaskClient, db: Db, north: dict[str, str], body: Any
) -> None:
    person = make_person(db, "ana@north.example", "north", name="Ana Example")
    send(client, north, body)
    send(client, north, {**BAD, "actor": {"mbox": "mailto:bo@north.example"}})
    erasure.erase(editor(db), person, mode="pseudonymise", reason="asked")
    assert [one["text"] for one in db.inbound.find()] == [
        json.dumps({**BAD, "actor": {"mbox": "mailto:bo@north.example"}})
    ]


def test_a_publisher_tests_its_connection(client: FlaskClient, db: Db, north: dict[str, str]) -> None:
    send(client, north, BAD)
    answer = client.get("/xapi/extensions/connection", headers=north)
    told = answer.json
    assert (told["client"], told["organization"], told["label"], told["version"]) == (
        key_of(north), "north", "lms", "1.0.3",
    )  # fmt: skip
    assert "statements/write" in told["scopes"]
    assert [(one["error"], one["path"]) for one in told["refused"]] == [
        ("InvalidStatement", "$.result.score.scaled")
    ]
    assert "text" not in told["refused"][0]
    assert client.get("/xapi/extensions/connection", headers=basic("x", "y")).status_code == 401


def test_a_publisher_learns_what_would_be_refused_and_nothing_is_stored(
    client: FlaskClient, db: Db, north: dict[str, str]
) -> None:
    missing = {
        **GOOD,
        "attachments": [
            {
                "usageType": "http://x.example/u",
                "display": {},
                "contentType": "a/b",
                "length": 1,
                "sha2": "0" * 64,
            }
        ],
    }
    answer = client.post("/xapi/extensions/connection", json=[GOOD, BAD, 7, missing], headers=north)
    assert answer.status_code == 200, answer.text
    assert answer.json["accepted"] == 1
    assert [(one["index"], one["error"], one["path"]) for one in answer.json["refused"]] == [
        (1, "InvalidStatement", "$[1].result.score.scaled"),
        (2, "InvalidStatement", "$[2]"),
        (3, "AttachmentMismatch", "$[3].attachments[0]"),
    ]
    assert db.statements.count_documents({}) == 0
    assert entries(client) == []


@given(body=st.binary(max_size=200), path=st.none() | st.text(max_size=20), message=st.text(max_size=20))
def test_any_body_has_a_text_of_bounded_length(body: bytes, path: str | None, message: str) -> None:
    found = inbound_log.offending_text(body, path, message)
    assert found is None or len(found) <= inbound_log.MAX_TEXT
