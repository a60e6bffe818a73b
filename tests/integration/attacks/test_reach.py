"""Attacks by those who have an account: more reach than they were given, and threads that never end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import basic, editor, make_client, make_org, make_person, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import organizations
from lrs.analysis.questions import saved
from lrs.analysis.reports.catalogue import as_csv
from lrs.analysis.reports.report import Chart, Report
from lrs.people import affiliations, records

Db = Database[dict[str, Any]]
ADMIN = basic(KEY, SECRET)
COUNT = {"name": "all", "query": {"measures": {"n": "count"}}}


def store(client: FlaskClient, headers: dict[str, str]) -> None:
    statement = {
        "actor": {"mbox": "mailto:a@b.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "http://a.example/x"},
    }
    assert client.post("/xapi/statements", json=statement, headers=headers).status_code == 200


def test_a_client_of_the_vendor_reads_other_stores_only_with_the_right_to(
    client: FlaskClient, db: Db, app: Flask
) -> None:
    """The vendor stands above all organizations, but vendor-wide reading is a right of its own."""
    make_org(db, "north")
    store(client, make_client(db, "north"))
    narrow = make_client(db, "vendor", scopes=["analytics"])
    ask = {"measures": {"n": "count"}}
    for headers, count in ((ADMIN, 1), (narrow, 0)):
        assert client.post("/api/v1/statements/query", json=ask, headers=headers).json["rows"] == [
            {"n": count}
        ]
    assert client.get("/api/v1/statements/export", headers=narrow).data == b""
    other = {**ask, "organizations": ["north"]}
    assert client.post("/api/v1/statements/query", json=other, headers=narrow).status_code == 404


def test_a_saved_query_over_every_store_is_for_those_who_may_read_every_store(
    client: FlaskClient, db: Db, app: Flask
) -> None:
    wide = client.post("/api/v1/queries", json=COUNT, headers=ADMIN).json["id"]
    narrow = make_client(db, "vendor", scopes=["analytics"])
    own = client.post("/api/v1/queries", json=COUNT, headers=narrow).json["id"]
    assert [row["id"] for row in client.get("/api/v1/queries", headers=narrow).json["items"]] == [own]
    match = {**narrow, "If-Match": "*"}
    answers = [
        client.get(f"/api/v1/queries/{wide}", headers=narrow),
        client.post(f"/api/v1/queries/{wide}/run", headers=narrow),
        client.post(f"/api/v1/queries/{wide}/links", json={}, headers=narrow),
        client.delete(f"/api/v1/queries/{wide}/links", headers=narrow),
        client.delete(f"/api/v1/queries/{wide}", headers=match),
    ]
    assert {answer.status_code for answer in answers} == {404}


def test_a_saved_query_loses_an_organization_that_moved_away(client: FlaskClient, db: Db, app: Flask) -> None:
    """What a distributor saved while a partner was below it does not read that partner afterwards."""
    make_org(db, "dist", kind="distributor")
    make_org(db, "other", kind="distributor")
    child = make_org(db, "child", parent="dist")
    store(client, make_client(db, "child"))
    distributor = make_client(db, "dist", scopes=["analytics"])
    query = client.post("/api/v1/queries", json=COUNT, headers=distributor).json["id"]
    run = f"/api/v1/queries/{query}/run"
    assert client.post(run, headers=distributor).json["rows"] == [{"n": 1}]
    organizations.edit_org(editor(db), "child", {"parent": "other"}, child["version"])
    assert client.post(run, headers=distributor).json["rows"] == [{"n": 0}]
    found = db.saved_queries.find_one({"_id": query})
    assert saved.scope_now(db, found).orgs == ("dist",)


@pytest.mark.parametrize(
    "query",
    [
        {"compare": []},
        {"filter": {"field": []}},
        {"filter": {"field": "timestamp", "gte": "0001-01-01T00:00:00+14:00"}},
        {
            "filter": {
                "all": [
                    {"field": "timestamp", "gte": "0001-01-02T00:00:00Z"},
                    {"field": "timestamp", "lt": "9999-01-01T00:00:00Z"},
                ]
            },
            "compare": "previous_period",
            "group": ["verb"],
        },
        {"group": [{"field": "result.extensions", "key": "$$x:y"}]},
        {"group": [{"field": "timestamp", "bucket": []}]},
        {"group": [{"field": "timestamp", "bucket": "day", "timezone": "../../etc/passwd"}]},
        {"group": [{"field": "timestamp", "bucket": "day", "timezone": "Factory"}]},
        {"group": [{"field": "verb", "name": "a.b"}, {"field": "verb", "name": "a"}]},
        {"measures": {"a.b": "count"}},
        {"measures": {"_id": "count"}},
        {"sort": []},
        {"cursor": "W10"},
        {"filter": {"field": "verb", "in": [{"$ne": 1}]}},
        {"filter": {"field": "verb", "eq": {"$ne": 1}}},
        {"filter": {"field": "actor", "prefix": "\0"}},
        {"filter": {"field": "score.scaled", "gt": 10**400}},
        {"filter": {"field": "score.scaled", "gt": 10**30}},
        {"filter": {"field": "verb", "in": [f"http://a.example/{n}" for n in range(200_000)]}},
        {"select": [{}]},
    ],
)
def test_no_query_makes_the_server_fail(client: FlaskClient, app: Flask, query: Any) -> None:
    asked = client.post(
        "/api/v1/statements/query", data=json.dumps(query), headers=ADMIN, content_type="application/json"
    )
    assert asked.status_code < 500, asked.text[:300]
    body = json.dumps({"name": "x", "query": query})
    kept = client.post("/api/v1/queries", data=body, headers=ADMIN, content_type="application/json")
    assert kept.status_code < 500, kept.text[:300]
    if kept.status_code == 201:
        run = client.post(f"/api/v1/queries/{kept.json['id']}/run", headers=ADMIN)
        assert run.status_code < 500, run.text[:300]


@pytest.mark.parametrize("path", ["/api/v1/statements/tail", "/api/v1/statements/export"])
def test_open_streams_leave_most_threads_to_others(settings: Any, db: Db, path: str) -> None:
    """Each holds a thread as long as its reader likes: a quarter of a process's threads for each kind at most."""
    from lrs.app import create_app

    client = create_app(dataclasses.replace(settings, web_threads=8), db).test_client()
    tails = [client.get(path, headers=ADMIN, buffered=False) for _ in range(3)]
    assert [tail.status_code for tail in tails] == [200, 200, 429]
    assert tails[2].headers["Retry-After"] == "30"
    for tail in reversed(tails):
        tail.close()
    again = client.get(path, headers=ADMIN, buffered=False)
    assert again.status_code == 200
    again.close()


@pytest.mark.parametrize("kind", ["tincan", "cmi5"])
def test_a_launch_tells_no_address_that_another_organization_knows(
    client: FlaskClient, db: Db, app: Flask, kind: str
) -> None:
    """A person of two organizations is launched under a name that the asking one knows, or under ours."""
    for org in ("north", "south"):
        make_org(db, org)
    person = make_person(db, "ana@south.example", "south")
    records.add_identifier(editor(db), person, "account::ana-s@http://south.example", None)
    affiliations.affiliate(editor(db), person, "north", known_as="mbox::mailto:ana@north.example")
    body = {
        "kind": kind, "url": "https://c.example/", "activity_id": "http://c.example/a", "person": person,
        **({"publisher_id": "urn:p:1"} if kind == "cmi5" else {}),
    }  # fmt: skip
    answer = client.post("/api/v1/launches", json=body, headers=make_client(db, "north"))
    assert answer.status_code == 201
    assert "south" not in answer.text
    mine = client.post("/api/v1/launches", json=body, headers=make_client(db, "south"))
    assert "north.example" not in mine.text


def test_a_remembered_answer_is_of_one_organization(client: FlaskClient, db: Db, app: Flask) -> None:
    """An Idempotency-Key of one client replays nothing to another one, of its organization or not."""
    make_org(db, "north")
    headers = [make_client(db, "vendor"), make_client(db, "vendor"), make_client(db, "north")]
    body = {"org": "north", "scopes": ["statements/write"]}
    made = [
        client.post("/api/v1/clients", json=body, headers={**one, "Idempotency-Key": "same"})
        for one in headers
    ]
    assert len({answer.json["secret"] for answer in made}) == 3


def test_who_left_is_seen_as_they_were_while_they_belonged(client: FlaskClient, db: Db, app: Flask) -> None:
    """A former organization's timeline ends with the affiliation (cert#5-5); the new one sees what follows."""
    for org in ("north", "south"):
        make_org(db, org)
    person = make_person(db, "ana@north.example", "north")
    now = utc_now()
    left = now - dt.timedelta(days=10)
    db.affiliations.update_one({"person": person}, {"$set": {"until": left}})
    affiliations.affiliate(editor(db), person, "south", start=left)
    states = [
        {"at": now - dt.timedelta(days=20), "state": "active", "award": "a"},
        {"at": now - dt.timedelta(days=5), "state": "suspended", "award": "a"},
    ]
    db.standings.insert_one(
        {"_id": "s", "org": "vendor", "person": person, "certification": "c", "states": states}
    )
    seen = {}
    for org in ("north", "south"):
        answer = client.get(f"/api/v1/people/{person}/timeline", headers=make_client(db, org))
        seen[org] = [row["to"] for row in answer.json["entries"] if row["kind"] == "award"]
        listed = client.get(f"/api/v1/awards?person={person}", headers=make_client(db, org)).json["items"]
        seen[org].append(len(listed))
    assert seen == {"north": ["active", 0], "south": ["active", "suspended", 1]}


def test_what_is_decided_after_somebody_left_is_not_in_their_history(
    client: FlaskClient, db: Db, app: Flask
) -> None:
    make_org(db, "north")
    person = make_person(db, "ana@north.example", "north")
    left = utc_now() - dt.timedelta(days=10)
    db.affiliations.update_one({"person": person}, {"$set": {"until": left}})
    for days, kind in ((20, "earlier"), (5, "later")):
        at = utc_now() - dt.timedelta(days=days)
        fact = {"_id": kind, "org": "vendor", "person": person, "certification": "c", "kind": kind}
        db.facts.insert_one({**fact, "effective_at": at, "decided_at": at, "n": days})
    path = f"/api/v1/people/{person}/certifications/c/history"
    for headers, kinds in ((make_client(db, "north"), ["earlier"]), (ADMIN, ["earlier", "later"])):
        assert [row["what"] for row in client.get(path, headers=headers).json["items"]] == kinds


def test_an_exported_deal_is_no_formula() -> None:
    deal = {"id": "=HYPERLINK(1)", "product": "@SUM(1)"}
    report = Report("deals", "Deals", "", tuple(deal), [deal], Chart("bars", "id", "product"))
    assert as_csv(report).decode().splitlines()[-1] == "'=HYPERLINK(1),'@SUM(1)"
