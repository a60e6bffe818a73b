"""Every query that the application issues walks an index, sorts nothing in memory and names its organization.

The questions are not written down here: a listener hears them while the application loads the living example,
decides it, answers every list of its API and every filter of xAPI. A new query is seen by itself.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from commands_seen import Heard, Plan, Question, explain
from conftest import KEY, SECRET, basic, empty, worker_database
from factories import make_statement, reference, voider
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient
from pymongo.database import Database

from lrs import worker
from lrs.app import create_app
from lrs.database import INDEX_TABLES
from lrs.demo.load import load
from lrs.settings import Settings

NOW = dt.datetime.now(dt.UTC)
FEW = 60  # documents that may be looked at whatever is returned
TIMES = 4  # and so many for each one returned

# Organizations, their clients and endpoints are some hundreds, and whoever reads them so wants them all.
READ_WHOLE = {"orgs", "clients", "endpoints", "rule_failures"}
# What one person, one rule or one organization brought about: dozens, found by index, then put in order.
SORTED = {"facts", "rule_versions"}
# The engine reads the marks of all stores, and a check of rules asks the activities of all.
OF_ALL_STORES = {("statements", "pending"), ("activities", "id")}
TENANT = {
    "statements",
    "documents",
    "documents.chunks",
    "activities",
    "attachments.files",
    "attachments.chunks",
}


@pytest.fixture(scope="module")
def heard(mongod: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database[Any], Heard]]:
    """The application driven through its paths, and what it asked."""
    name = worker_database("_plans")
    ear = Heard(name)
    options: dict[str, Any] = {"tz_aware": True, "uuidRepresentation": "standard", "w": "majority"}
    with MongoClient(mongod, event_listeners=[ear], journal=True, **options) as client:
        db = client[name]
        settings = Settings(
            mongodb_uri=mongod, database=name, data_folder=tmp_path_factory.mktemp("plans"),
            public_url="http://lrs.example", bootstrap_key=KEY, bootstrap_secret=SECRET,
        )  # fmt: skip
        empty(db)
        ear.questions.clear()
        app = create_app(settings, db)
        load(db, settings, NOW, lambda _: None)
        here = worker.workshop(settings, db)
        worker.until_quiet(here)
        drive_xapi(app.test_client())
        drive_api(app, db)
        worker.until_quiet(here)
        yield db, ear
        client.drop_database(name)


def drive_xapi(client: FlaskClient) -> None:
    """Write and read by every way that xAPI has."""
    headers = basic()
    agent = orjson.dumps({"mbox": "mailto:plans@x.example"}).decode()
    activity, registration = "https://x.example/plans", str(uuid.uuid4())
    for number in range(300):  # enough to tell a walk from a scan
        who = {"mbox": f"mailto:{'plans' if number % 10 == 0 else f'p{number}'}@x.example"}
        client.post("/xapi/statements", json=make_statement(actor=who), headers=headers)
    one = make_statement(
        actor={"mbox": "mailto:plans@x.example", "name": "Plans"},
        object={"id": activity, "definition": {"name": {"en": "Plans"}}},
        context={"registration": registration},
    )
    other = make_statement()
    for body in (one, one, [other, make_statement(object=reference(one["id"])), voider(other["id"])]):
        assert client.post("/xapi/statements", json=body, headers=headers).status_code == 200
    filters: list[dict[str, str]] = [
        {}, {"agent": agent}, {"agent": agent, "related_agents": "true"}, {"activity": activity},
        {"activity": activity, "related_activities": "true"}, {"verb": one["verb"]["id"]},
        {"registration": registration}, {"agent": agent, "verb": one["verb"]["id"], "activity": activity},
        {"since": "2020-01-01T00:00:00Z"}, {"until": "2030-01-01T00:00:00Z", "ascending": "true"},
        {"verb": one["verb"]["id"], "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"},
        {"format": "canonical"}, {"format": "ids"}, {"attachments": "true"},
    ]  # fmt: skip
    for chosen in filters:
        answer = client.get(f"/xapi/statements?{urlencode({**chosen, 'limit': '5'})}", headers=headers)
        assert answer.status_code == 200
        if answer.mimetype == "application/json" and answer.json["more"]:
            assert client.get(answer.json["more"], headers=headers).status_code == 200
    for path in (
        f"/xapi/statements?statementId={one['id']}",
        f"/xapi/statements?voidedStatementId={other['id']}",
        f"/xapi/activities?{urlencode({'activityId': activity})}",
        f"/xapi/agents?{urlencode({'agent': agent})}",
    ):
        assert client.get(path, headers=headers).status_code == 200
    drive_documents(client, headers, agent, activity, registration)


def drive_documents(
    client: FlaskClient, headers: dict[str, str], agent: str, activity: str, registration: str
) -> None:
    """Write, list, read and delete documents of all kinds, among others."""
    state = {"agent": agent, "activityId": activity}
    resources = {
        "activities/state": (state, "stateId"),
        "activities/state?": ({**state, "registration": registration}, "stateId"),
        "agents/profile": ({"agent": agent}, "profileId"),
        "activities/profile": ({"activityId": activity}, "profileId"),
    }
    for path, (key, name) in resources.items():
        place = f"/xapi/{path.rstrip('?')}"
        for number in range(5):
            asked = f"{place}?{urlencode({**key, name: f'd{number}'})}"
            body = b"x" * (300_000 if number == 0 else 10)
            new = {**headers, "If-None-Match": "*", "Content-Type": "text/plain"}
            assert client.put(asked, data=body, headers=new).status_code == 204
            assert client.get(asked, headers=headers).status_code == 200
        assert client.get(f"{place}?{urlencode(key)}", headers=headers).status_code == 200
        since = {**key, "since": "2020-01-01T00:00:00Z"}
        assert client.get(f"{place}?{urlencode(since)}", headers=headers).status_code == 200
        etag = client.get(asked, headers=headers).headers["ETag"]
        assert client.delete(asked, headers={**headers, "If-Match": etag}).status_code == 204
    assert client.delete(f"/xapi/activities/state?{urlencode(state)}", headers=headers).status_code == 204


def drive_api(app: Flask, db: Database[Any]) -> None:
    """Ask every list, view and report that can be asked by GET, with the names of things that exist."""
    client, headers = app.test_client(), basic()
    names = {
        "org": "drift", "person": db.people.find_one({"org": "vendor"})["_id"], "award": db.awards.find_one({"org": "vendor"})["_id"],  # type: ignore[index]  # the example has them
        "certification": "sales-pro",
    }  # fmt: skip
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.rule.startswith("/api/v1/tail"):
            continue
        values = {
            name: next((v for k, v in names.items() if k in name), names["person"]) for name in rule.arguments
        }
        if "tail" in rule.rule or "live" in rule.rule:
            continue  # an answer without end
        with app.test_request_context():
            path = app.url_map.bind("lrs.example").build(rule.endpoint, values)
        answer = client.get(path, headers=headers)
        assert answer.status_code < 500, (path, answer.text[:500])
        answer.close()
    question = {"measures": {"n": "count"}, "where": {"verb": "http://adlnet.gov/expapi/verbs/passed"}}
    client.post("/api/v1/statements/query", json=question, headers=headers)


def verdicts(heard: tuple[Database[Any], Heard]) -> Iterator[tuple[Question, Plan]]:
    db, ear = heard
    for examples in list(ear.questions.values()):
        for question in examples:
            yield question, explain(db, question)


def test_every_query_walks_an_index_and_sorts_nothing_in_memory(heard: tuple[Database[Any], Heard]) -> None:
    wrong = []
    for question, plan in verdicts(heard):
        scans = "COLLSCAN" in plan.stages and question.collection not in READ_WHOLE
        sorts = "SORT" in plan.stages and question.collection not in SORTED
        if scans or sorts or plan.examined > FEW + TIMES * plan.returned:
            wrong.append(f"{question.shape}: {sorted(plan.stages)} {plan.examined}/{plan.returned}")
    assert not wrong, "\n".join(wrong)


def test_every_query_on_tenant_data_names_the_organization(heard: tuple[Database[Any], Heard]) -> None:
    unnamed = set()
    for examples in heard[1].questions.values():
        question = examples[0]
        everywhere = (question.collection, first_name(question)) in OF_ALL_STORES
        if question.collection in TENANT and not names_org(question) and not everywhere:
            unnamed.add(question.shape)
    assert not unnamed, "\n".join(sorted(unnamed))


def first_name(question: Question) -> str | None:
    """Return the field that a question names first."""
    if question.command == "aggregate":
        return next(iter(question.parts["pipeline"][0].get("$match", {})), None)
    return next(iter(question.parts.get("filter", {})), None)


def names_org(question: Question) -> bool:
    if question.command == "aggregate":
        first = question.parts["pipeline"][0]
        return "org" in str(first.get("$match", ""))
    return "'org'" in str(question.parts.get("filter"))


def test_every_unique_index_begins_with_the_organization() -> None:
    others = {
        (collection, next(iter(index.document["key"])))
        for table in INDEX_TABLES
        for collection, indexes in table.items()
        for index in indexes
        if index.document.get("unique") and next(iter(index.document["key"])) != "org"
    }
    # whoever logs in says an address or comes with a subject before it is known to which organization they belong;
    # users are few and are not sharded
    assert others == {("users", "email"), ("users", "subject")}
