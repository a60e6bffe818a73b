"""Erasure of a person across stores: counted, done, consistent, recorded."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import basic, editor, make_client, make_org, make_person, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.foundation.errors import Collision
from lrs.people import auto_enrolment
from lrs.people.privacy import erasure
from rules.engine.identity import Sighting, owner_at, persons_for
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.storage.store import StatementStore

Db = Database[dict[str, Any]]
ANA = {"objectType": "Agent", "name": "Ana Example", "mbox": "mailto:ana@north.example"}
BO = {"objectType": "Agent", "name": "Bo", "mbox": "mailto:bo@north.example"}
SAYS = ("ana@north.example", "Ana Example")


class World:
    """Two stores in which Ana learned, was assessed by Bo, and signed for Bo."""

    def __init__(self, app: Flask, db: Db) -> None:
        self.app, self.db, self.client = app, db, app.test_client()
        self.clients = {}
        for org in ("north", "south"):
            make_org(db, org)
            self.clients[org] = make_client(db, org)
        self.ana = make_person(db, "ana@north.example", "north", name="Ana Example")
        self.own = [
            self.send(org, actor=ANA, result={"score": {"raw": 7}}) for org in ("north", "north", "south")
        ]
        self.signed = self.send("north", actor=BO, context={"instructor": ANA})
        self.about = self.send("north", actor=BO, object=ANA)
        self.ref = self.send("north", actor=BO, object={"objectType": "StatementRef", "id": self.own[0]})
        query = {"activityId": "http://c.example/a", "agent": json.dumps(ANA), "stateId": "s"}
        put = self.client.put(
            "/xapi/activities/state", query_string=query, json={"p": 1}, headers=self.clients["north"]
        )
        assert put.status_code == 204
        asked = {"_id": "asked", "org": "vendor", "person": self.ana, "submitter": "ana@north.example"}
        db.gate_answers.insert_one(asked)

    def send(self, org: str, **more: Any) -> str:
        statement = {
            "id": str(uuid.uuid4()), "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
            "object": {"id": "http://c.example/a"}, **more,
        }  # fmt: skip
        sent = self.client.post("/xapi/statements", json=statement, headers=self.clients[org])
        assert sent.status_code == 200, sent.text
        return str(sent.json[0])

    def get(self, org: str, **query: str) -> list[Any]:
        answer = self.client.get("/xapi/statements", query_string=query, headers=self.clients[org])
        assert answer.status_code == 200, answer.text
        return list(answer.json["statements"])

    def erase(self, mode: str) -> dict[str, Any]:
        return erasure.erase(editor(self.db), self.ana, mode=mode, reason="asked for it")


@pytest.fixture
def world(app: Flask, db: Db) -> World:
    return World(app, db)


def everything(db: Db) -> str:
    return "\n".join(str(document) for name in db.list_collection_names() for document in db[name].find())


def test_a_dry_run_counts_and_changes_nothing(world: World, client: FlaskClient) -> None:
    before = everything(world.db)
    body = {"reason": "asked", "dry_run": True}
    answer = client.post(f"/api/v1/people/{world.ana}/erase", json=body, headers=basic(KEY, SECRET)).json
    counts = answer["preview"]
    assert counts["stores"] == {"north": {"own": 2, "mentioning": 3}, "south": {"own": 1, "mentioning": 0}}
    assert counts["documents"] == 1
    after = everything(world.db)
    assert "ana@north.example" in after
    assert before.count("ana@north.example") == after.count("ana@north.example")


@pytest.mark.parametrize("mode", erasure.MODES)
def test_afterwards_nothing_says_who_it_was(world: World, mode: str) -> None:
    world.erase(mode)
    text = everything(world.db)
    assert [word for word in SAYS if word in text] == []
    assert world.get("north", agent=json.dumps(ANA), related_agents="true") == []
    assert world.get("south", agent=json.dumps(ANA)) == []


def test_a_pseudonym_keeps_the_history_countable(world: World) -> None:
    world.erase("pseudonymise")
    kept = [
        one for one in world.get("north", verb="http://adlnet.gov/expapi/verbs/passed") if "result" in one
    ]
    assert [one["result"]["score"]["raw"] for one in kept] == [7, 7]
    actors = {json.dumps(one["actor"]) for one in kept}
    assert len(actors) == 1
    actor = json.loads(actors.pop())
    assert actor["account"]["homePage"] == erasure.ACCOUNTS
    found = world.get("north", agent=json.dumps({"account": actor["account"]}))
    assert {one["id"] for one in found} >= set(world.own[:2])
    related = world.get("north", agent=json.dumps({"account": actor["account"]}), related_agents="true")
    assert {one["id"] for one in related} >= {*world.own[:2], world.signed, world.about, world.ref}
    stored = world.db.people.find_one({"_id": world.ana})
    assert stored["ifis"][0]["ifi"].startswith("account::")


def test_removal_deletes_own_statements_and_keeps_those_of_others(world: World) -> None:
    counts = world.erase("remove")
    assert counts["statements_removed"] == 3
    left = {one["id"]: one for one in world.get("north")}
    assert set(left) == {world.signed, world.about, world.ref}
    assert left[world.signed]["context"]["instructor"]["account"]["homePage"] == erasure.ACCOUNTS
    assert world.db.affiliations.count_documents({"person": world.ana, "until": None}) == 0


def test_the_statements_of_others_are_not_touched(world: World) -> None:
    other = world.send("north", actor=BO, result={"extensions": {"http://x.example/n": 1.0}})
    before = world.db.statements.find_one({"id": uuid.UUID(other)})
    world.erase("pseudonymise")
    assert world.db.statements.find_one({"id": uuid.UUID(other)}) == before


def test_attachments_of_the_person_go_and_shared_ones_stay(world: World) -> None:
    import hashlib

    def send(actor: dict[str, Any], content: bytes) -> None:
        sha2 = hashlib.sha256(content).hexdigest()
        attachment = {
            "usageType": "http://x.example/photo", "display": {"en": "p"}, "contentType": "text/plain",
            "length": len(content), "sha2": sha2,
        }  # fmt: skip
        statement = json.dumps(
            {
                "actor": actor, "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
                "object": {"id": "http://c.example/a"}, "attachments": [attachment],
            }
        ).encode()  # fmt: skip
        body = (
            b"--b\r\nContent-Type: application/json\r\n\r\n" + statement
            + b"\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n"
            + f"X-Experience-API-Hash: {sha2}\r\n\r\n".encode() + content + b"\r\n--b--\r\n"
        )  # fmt: skip
        headers = {**world.clients["north"], "Content-Type": "multipart/mixed; boundary=b"}
        sent = world.client.post("/xapi/statements", data=body, headers=headers)
        assert sent.status_code == 200, sent.text

    send(ANA, b"a photograph of Ana")
    send(ANA, b"a form that all get")
    send(BO, b"a form that all get")
    assert erasure.count(world.db, world.ana)["attachments"] == 1
    assert world.erase("pseudonymise")["attachments"] == 1
    files = [file["sha2"] for file in world.db["attachments.files"].find()]
    assert files == [hashlib.sha256(b"a form that all get").hexdigest()]


def test_it_is_recorded_that_it_happened(world: World) -> None:
    world.erase("pseudonymise")
    record = world.db.erasures.find_one()
    assert (record["state"], record["reason"], record["by"]) == ("done", "asked for it", "test")
    actions = [entry["action"] for entry in world.db.audit.find({"kind": "erasure"}).sort("_id")]
    assert actions == ["person.erase", "person.erased"]
    redacted = world.db.audit.find_one({"action": "person.add", "thing": world.ana})
    assert (redacted["before"], redacted["after"]) == (None, None)


def test_an_erasure_that_was_cut_short_is_finished_by_asking_again(world: World, monkeypatch: Any) -> None:
    real = erasure._finish

    def fail(*args: Any) -> Any:
        raise OSError("power cut")

    monkeypatch.setattr(erasure, "_finish", fail)
    with pytest.raises(OSError, match="power cut"):
        world.erase("pseudonymise")
    monkeypatch.setattr(erasure, "_finish", real)
    with pytest.raises(Collision):
        world.erase("remove")
    world.erase("pseudonymise")
    names = {row["actor"] for row in world.db.statements.find({"actor": {"$regex": erasure.ACCOUNTS}})}
    assert len(names) == 1, "the same pseudonym before and after"
    assert world.db.erasures.count_documents({"state": "done"}) == 1


def test_somebody_who_comes_back_is_a_new_person(world: World) -> None:
    world.erase("pseudonymise")
    ifi, now = "mbox::mailto:ana@north.example", utc_now()
    again = owner_at(persons_for(world.db, [Sighting(ifi, "north")], now, auto_enrolment.admit), ifi, now)
    assert again != world.ana


@pytest.mark.parametrize("mode", erasure.MODES)
def test_what_another_store_had_set_names_nobody_any_more(world: World, mode: str) -> None:
    """A statement in which the person was only the authority, in the store that it comes from."""
    imported = Writer("import", "import", "vendor", {"mbox": "mailto:x@v.example"}, keeps_origin=True)
    body = {
        "actor": BO,
        "verb": {"id": "http://c.example/v"},
        "object": {"id": "http://c.example/a"},
        "authority": ANA,
    }
    store_statements(
        StatementStore(world.db, "north"), parse_statements(json.dumps(body).encode()), writer=imported,
        version="2.0.0", now=utc_now(),
    )  # fmt: skip
    world.erase(mode)
    told = everything(world.db)
    assert not any(word in told for word in SAYS)
    kept = world.db.statements.find_one({"client": "import"})
    assert kept["origin"]["authority"].endswith(f"@{erasure.ACCOUNTS}")
