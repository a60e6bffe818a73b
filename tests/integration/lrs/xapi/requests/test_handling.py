"""Clients whose statements are repaired or stored in part, by choice; all others are as before."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest
from conformance_support import attachment, multipart
from conftest import KEY, SECRET
from factories_access import basic, editor, key_of, make_client, make_org, make_person
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.foundation.context import utc_now
from lrs.people.privacy import erasure

Db = Database[dict[str, Any]]
OPERATOR = basic(KEY, SECRET)


def good(**members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "http://x.example/v"},
        "object": {"id": "http://x.example/a"}, **members,
    }  # fmt: skip


@pytest.fixture
def as_client(app: Flask, db: Db) -> Any:
    make_org(db, "north")
    return lambda *handling: make_client(db, "north", handling=handling)


def post(client: FlaskClient, headers: dict[str, str], *statements: Any) -> Any:
    return client.post("/xapi/statements", json=list(statements), headers=headers)


NEARLY = good(object={"id": "2b3c4d5e-0000-4000-8000-00000000000a", "objectType": "Course"})


def test_by_default_nothing_is_repaired_and_nothing_stored_in_part(
    client: FlaskClient, db: Db, as_client: Any
) -> None:
    for handling in ((), ("partial",)):
        assert post(client, as_client(*handling), NEARLY).status_code == 400
    assert post(client, as_client("repair"), good(), good(id="7")).status_code == 400
    assert post(client, as_client(), good(), NEARLY).status_code == 400
    assert db.statements.count_documents({}) == 0


def test_a_repaired_statement_shows_what_came_and_what_was_done(
    client: FlaskClient, db: Db, as_client: Any
) -> None:
    headers = as_client("repair")
    sent = json.dumps(NEARLY, indent=1).encode()
    for _ in range(2):  # sent again it is the same statement
        answer = client.post("/xapi/statements", data=sent, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json) == (200, [NEARLY["id"]])
    stored = client.get("/xapi/statements", query_string={"statementId": NEARLY["id"]}, headers=headers).json
    assert stored["object"] == {"id": f"urn:uuid:{NEARLY['object']['id']}"}
    question = {"filter": {"field": "repairs", "contains": "bare-guid"}, "select": ["repairs", "received"]}
    (row,) = Analyst(db, Scope(("north",)), utc_now()).ask(question).rows
    assert row == {"repairs": ["object-type", "bare-guid"], "received": sent.decode()}


def test_put_repairs_too(client: FlaskClient, db: Db, as_client: Any) -> None:
    body = {name: value for name, value in NEARLY.items() if name != "id"}
    one = str(uuid.uuid4())
    answer = client.put(
        "/xapi/statements", query_string={"statementId": one}, json=body, headers=as_client("repair")
    )
    assert answer.status_code == 204, answer.text
    assert db.statements.find_one()["repairs"] == ["object-type", "bare-guid"]


def test_a_batch_is_stored_without_its_wrong_statements(client: FlaskClient, db: Db, as_client: Any) -> None:
    headers = as_client("partial")
    right = [good(), good()]
    wrong = [good(result={"score": {"scaled": 7}}), "no statement"]
    answer = post(client, headers, right[0], wrong[0], right[1], wrong[1])
    assert answer.status_code == 200
    assert answer.json["stored"] == [one["id"] for one in right]
    assert [(one["index"], one["id"], one["error"], one["path"]) for one in answer.json["refused"]] == [
        (1, wrong[0]["id"], "InvalidStatement", "$[1].result.score.scaled"),
        (3, None, "InvalidStatement", "$[3]"),
    ]
    assert sorted(str(one["id"]) for one in db.statements.find()) == sorted(one["id"] for one in right)
    logged = list(db.inbound.find({"client": key_of(headers)}).sort("path", 1))
    assert [(one["status"], one["path"]) for one in logged] == [
        (200, "$[1].result.score.scaled"),
        (200, "$[3]"),
    ]
    assert json.loads(logged[0]["text"])["id"] == wrong[0]["id"]


def test_a_batch_in_which_all_is_right_answers_as_always(client: FlaskClient, as_client: Any) -> None:
    both = [good(), good()]
    assert post(client, as_client("partial", "repair"), *both).json == [one["id"] for one in both]
    assert post(client, as_client("partial")).json == []


def test_a_batch_in_which_all_is_wrong_is_refused(client: FlaskClient, as_client: Any) -> None:
    answer = post(client, as_client("partial"), good(id="1"), good(id="2"))
    assert (answer.status_code, answer.json["path"]) == (400, "$[0].id")


def test_what_only_the_store_knows_is_left_out_too(client: FlaskClient, db: Db, as_client: Any) -> None:
    """Another statement under the same id, and an id that stands twice in the batch."""
    headers = as_client("partial")
    known, twice = good(), good()
    post(client, headers, known)
    other = {**known, "verb": {"id": "http://x.example/other"}}
    answer = post(client, headers, other, twice, {**twice, "verb": {"id": "http://x.example/other"}}, good())
    assert [(one["index"], one["error"]) for one in answer.json["refused"]] == [
        (0, "StatementConflict"), (2, "StatementConflict"),
    ]  # fmt: skip
    assert len(answer.json["stored"]) == 2


def test_attachments_follow_their_statements(client: FlaskClient, db: Db, as_client: Any) -> None:
    headers = as_client("partial")
    one, other = b"one", b"other"
    right = good(attachments=[attachment(one)])
    wrong = good(id="7", attachments=[attachment(other)])
    body, kind = multipart([right, wrong], one, other)
    answer = client.post("/xapi/statements", data=body, content_type=kind, headers=headers)
    assert answer.json["stored"] == [right["id"]], answer.text
    assert [file["sha2"] for file in db["attachments.files"].find()] == [hashlib.sha256(one).hexdigest()]
    body, kind = multipart([right, wrong], one, b"nobody's")
    refused = client.post("/xapi/statements", data=body, content_type=kind, headers=headers)
    assert refused.status_code == 400


def test_handling_is_chosen_per_client(client: FlaskClient, db: Db, as_client: Any) -> None:
    key = key_of(as_client())
    assert client.get(f"/api/v1/clients/{key}", headers=OPERATOR).json["handling"] == []
    changed = client.patch(
        f"/api/v1/clients/{key}",
        json={"handling": ["partial", "repair"]},
        headers={**OPERATOR, "If-Match": "*"},
    )
    assert changed.json["handling"] == ["repair", "partial"]
    wrong = client.patch(
        f"/api/v1/clients/{key}", json={"handling": ["all"]}, headers={**OPERATOR, "If-Match": "*"}
    )
    assert wrong.status_code == 422


def test_erasure_takes_what_came_of_a_repaired_statement(client: FlaskClient, db: Db, as_client: Any) -> None:
    person = make_person(db, "ana@x.example", "north", name="Ana")
    post(client, as_client("repair"), good(actor={"mbox": "ana@x.example", "name": "Ana"}))
    assert db.statements.find_one()["repairs"] == ["mbox"]
    erasure.erase(editor(db), person, mode="pseudonymise", reason="asked")
    assert "ana@x.example" not in str(db.statements.find_one())


def test_a_publisher_sees_what_would_be_repaired(client: FlaskClient, as_client: Any) -> None:
    answer = client.post(
        "/xapi/extensions/connection", json=[NEARLY, good()], headers=as_client("repair")
    ).json
    assert (answer["accepted"], answer["repaired"]) == (
        2,
        [{"index": 0, "repairs": ["object-type", "bare-guid"]}],
    )
