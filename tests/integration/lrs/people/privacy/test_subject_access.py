"""Subject access: the archive has everything that is held on a person, and no secret."""

from __future__ import annotations

import io
import json
import zipfile
from hashlib import sha256
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import basic, editor, make_client, make_org, make_person, make_user
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access.organizations import VENDOR
from lrs.people.privacy import subject_access

Db = Database[dict[str, Any]]
ANA = {"name": "Ana Example", "mbox": "mailto:ana@north.example"}
BO = {"name": "Bo", "mbox": "mailto:bo@north.example"}
PHOTO = b"a photograph of Ana"


@pytest.fixture
def ana(db: Db, client: FlaskClient) -> str:
    """Ana, who learned with an attachment and a state document, signed for Bo, and has a user."""
    make_org(db, "north")
    headers = make_client(db, "north")
    person = make_person(db, ANA["mbox"][7:], "north", name=ANA["name"])
    make_user(db, "north", "partner_admin", ANA["mbox"][7:])
    attached = {
        "usageType": "http://u.example/photo", "display": {"en": "photo"}, "contentType": "image/png",
        "length": len(PHOTO), "sha2": sha256(PHOTO).hexdigest(),
    }  # fmt: skip
    own = statement(ANA, attachments=[attached])
    body = (
        b"--b\r\nContent-Type: application/json\r\n\r\n" + json.dumps(own).encode()
        + b"\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: "
        + attached["sha2"].encode() + b"\r\n\r\n" + PHOTO + b"\r\n--b--\r\n"
    )  # fmt: skip
    kind = {"Content-Type": "multipart/mixed; boundary=b"}
    assert client.post("/xapi/statements", data=body, headers={**headers, **kind}).status_code == 200
    signed = statement(BO, context={"instructor": ANA})
    assert client.post("/xapi/statements", json=signed, headers=headers).status_code == 200
    assert client.post("/xapi/statements", json=statement(BO), headers=headers).status_code == 200
    refused = {"actor": ANA, "verb": {"id": "no iri"}}
    assert client.post("/xapi/statements", json=refused, headers=headers).status_code == 400
    for state, content in (("small", "s"), ("large", "x" * 300_000)):
        query = {"activityId": "http://c.example/a", "agent": json.dumps(ANA), "stateId": state}
        put = client.put("/xapi/activities/state", query_string=query, data=content, headers=headers)
        assert put.status_code == 204
    for name in ("awards", "facts", "mails"):
        db[name].insert_one({"_id": name, "org": VENDOR, "person": person, "version": 3})
    return person


def statement(actor: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "actor": actor, "verb": {"id": "http://v.example/did"}, "object": {"id": "http://c.example/a"}, **more
    }  # fmt: skip


def test_the_archive_has_everything_and_no_secret(db: Db, client: FlaskClient, ana: str) -> None:
    answer = client.get(f"/api/v1/people/{ana}/export", headers=basic(KEY, SECRET))
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    answer.close()
    assert json.loads(held["person.json"])["name"] == ANA["name"]
    assert b"photo" in held["statements/north.ndjson"]
    assert held["mentions/north.ndjson"].count(b"\n") == 1, "of Bo's statements the one that Ana signed"
    assert held[f"attachments/north/{sha256(PHOTO).hexdigest()}"] == PHOTO
    listed = [json.loads(line) for line in held["documents.ndjson"].splitlines()]
    assert {row["id"]: len(held[row["file"]]) for row in listed} == {"small": 1, "large": 300_000}
    assert json.loads(held["awards.ndjson"])["version"] == 3
    assert b"no iri" in held["inbound.ndjson"]
    user = json.loads(held["users.ndjson"])
    assert "password" not in user
    assert user["email"] == ANA["mbox"][7:]
    counts = json.loads(held["contents.json"])["rows"]
    assert counts["statements/north.ndjson"] == counts["mentions/north.ndjson"] == counts["attachments"] == 1
    assert db.audit.count_documents({"action": "person.export", "thing": ana}) == 1


def test_every_collection_that_knows_the_person_is_in_it_or_named_as_left_out(db: Db, ana: str) -> None:
    """A collection that learns to hold people fails here before a person is told less than is held."""
    into = io.BytesIO()
    subject_access.export(editor(db), ana, into)
    with zipfile.ZipFile(into) as archive:
        told = {name.partition("/")[0].partition(".")[0] for name in archive.namelist()}
    told |= {"people"} | ({"attachments.files", "attachments.chunks"} if "attachments" in told else set())
    words = (ana, ANA["mbox"][7:], ANA["name"])
    knowing = {
        name
        for name in db.list_collection_names()
        if any(word in str(row) for row in db[name].find() for word in words)
    }
    assert {"statements", "documents", "affiliations", "users", "audit", "inbound"} <= knowing
    assert knowing - told - subject_access.LEFT_OUT.keys() == set()


def test_what_is_left_out_is_not_asked_for_too() -> None:
    assert {name for name, _ in subject_access.HELD}.isdisjoint(subject_access.LEFT_OUT)
