"""The live tail: each kind of line with its verdict and what it counts for, sealed as everything else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from conftest import KEY, SECRET, basic
from console_world import World
from factories_access import Browser, log_in, make_client, make_org, make_person, make_user
from flask import Flask
from pymongo.database import Database

Db = Database[dict[str, Any]]
OF_XAPI = {"X-Experience-API-Version": "1.0.3"}
ID = "12345678-1234-4234-8234-1234567890ab"


def send(app: Flask, headers: dict[str, str], **more: Any) -> Any:
    statement = {
        "id": ID,
        "actor": {"mbox": "mailto:ana@x.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://x.example/exam"},
        **more,
    }
    return app.test_client().post("/xapi/statements", json=statement, headers={**headers, **OF_XAPI})


def lines(browser: Browser, query: str = "") -> list[dict[str, Any]]:
    answer = browser.open(f"/console/live.json{query}")
    assert answer.status_code == 200, answer.text[:2000]
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def test_what_is_stored_sent_again_and_refused_is_told_apart(app: Flask, ada: Browser) -> None:
    assert lines(ada) == []
    client = basic(KEY, SECRET)
    assert send(app, client).status_code == 200
    assert send(app, client).status_code == 200, "the same again"
    assert send(app, client).status_code == 200
    assert send(app, client, verb={"id": "no iri"}).status_code == 400
    by_verdict = {one["verdict"]: one for one in lines(ada)}
    assert sorted(by_verdict) == ["refused", "repeated", "stored"]
    assert by_verdict["stored"]["path"] == f"/console/statements/{ID}"
    assert by_verdict["repeated"]["did"] == "2 statements, each stored once"
    assert by_verdict["repeated"]["path"] == f"/console/statements/{ID}"
    assert by_verdict["refused"]["place"] == "$.verb.id"
    assert by_verdict["refused"]["path"].startswith("/console/inbound/")
    page = ada.open("/console/live").text
    assert "$.verb.id" in page
    assert "ana@x.example passed exam" in page
    assert [one["verdict"] for one in lines(ada, "?kind=refused")] == ["refused"]
    assert lines(ada, "?client=nobody") == []
    only = '?filter={"field": "verb", "eq": "failed"}'
    assert lines(ada, only) == [], "the language speaks of statements, so nothing else is listed"
    assert lines(ada, "?since=2100-01-01T00:00:00Z") == []


def test_what_a_certification_rests_on_is_said_with_the_way_to_it(world: World) -> None:
    holder = world.person("Rosa Almeida")
    actor = world.db.people.find_one({"_id": holder})["email"]  # type: ignore[index]
    award = world.db.awards.find_one({"person": holder})
    assert award is not None
    evidence = {str(one) for period in award["periods"] for one in period["evidence"]}
    only = f'?filter={{"field": "actor", "eq": "mbox::mailto:{actor}"}}&limit=500'
    found = {one["key"]: one for one in lines(world.ada, only)}
    counting = [one for one in evidence if one in found]
    assert counting
    for one in counting:
        way = [each for each in found[one]["counts"] if each["tone"] == "good"]
        assert f"/console/people/{holder}/certifications/{award['certification']}" in [
            each["path"] for each in way
        ]
    seen = {one["key"]: one for one in lines(world.ann, only)}
    paths = [each["path"] for one in seen.values() for each in one["counts"]]
    assert set(paths) == {None}, "an analyst sees no people"
    assert {one["verdict"] for one in lines(world.ann)} <= {"stored", "voided"}


def test_a_partner_sees_what_arrives_at_its_own_stores(app: Flask, db: Db, ada: Browser) -> None:
    make_org(db, "south")
    pat = log_in(app, make_user(db, "south", "partner_admin", "pat@south.example"))
    theirs = make_client(db, "north")
    for _ in range(2):
        assert send(app, theirs).status_code == 200
    assert send(app, theirs, verb={"id": "no iri"}).status_code == 400
    assert lines(pat) == []
    assert lines(pat, "?kind=repeated") == []
    assert pat.open("/console/live?org=north").status_code == 404
    assert len(lines(ada, "?org=north")) == 3


@pytest.mark.parametrize("query", ["?filter=x", "?since=x", "?filter={}", f"?client={'x' * 3000}"])
def test_a_filter_that_is_none_is_refused(ada: Browser, query: str) -> None:
    assert ada.open(f"/console/live{query}").status_code in {400, 422}


def test_an_address_that_passed_on_names_whose_it_is_now(app: Flask, db: Db, ada: Browser) -> None:
    ended = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    for name, until in (("Former Owner", ended), ("Present Owner", None)):
        person = make_person(db, f"{name[:6]}@x.example", name=name)
        owned = {"ifi": "mbox::mailto:ana@x.example", "from": None, "until": until}
        db.people.update_one({"_id": person}, {"$set": {"ifis": [owned]}})
    assert send(app, basic(KEY, SECRET)).status_code == 200
    assert "Present Owner" in str(lines(ada))
    assert "Former Owner" not in str(lines(ada))
