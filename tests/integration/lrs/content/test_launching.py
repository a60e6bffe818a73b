"""Launches: the address authoring tools expect, a cmi5 session, and what their tokens may not do."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from factories_access import make_client, make_org, make_person
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import launch_tokens

Db = Database[dict[str, Any]]
VERSION = {"X-Experience-API-Version": "1.0.3"}
REGISTRATION = "b1a2c3d4-0000-4000-8000-000000000001"
COURSE = "http://content.example/course"
PASSED = "http://adlnet.gov/expapi/verbs/passed"
LEARNER = {"objectType": "Agent", "mbox": "mailto:ana@north.example"}
ACCOUNT = {"objectType": "Agent", "account": {"homePage": "http://lms.example", "name": "ana"}}


@pytest.fixture
def lms(app: Flask, db: Db) -> dict[str, str]:
    make_org(db, "north")
    return make_client(
        db, "north", scopes=["statements/write", "statements/read", "state", "profile"], label="lms"
    )


def start(client: FlaskClient, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    """Make a launch and return its answer with the parameters of its address."""
    body = {
        "url": "https://content.example/index.html?theme=dark", "activity_id": COURSE, "actor": LEARNER,
        "registration": REGISTRATION, **more,
    }  # fmt: skip
    made = client.post("/api/v1/launches", json=body, headers=headers)
    assert made.status_code == 201, made.text
    query = parse_qs(urlsplit(made.json["launch_url"]).query)
    return {**made.json, **{name: values[0] for name, values in query.items()}}


def token_of(launched: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": launched["auth"], **VERSION}


def statement(**more: Any) -> dict[str, Any]:
    return {
        "actor": LEARNER, "verb": {"id": PASSED}, "object": {"id": COURSE},
        "context": {"registration": REGISTRATION}, **more,
    }  # fmt: skip


def test_the_address_carries_what_authoring_tools_expect(client: FlaskClient, lms: dict[str, str]) -> None:
    made = start(client, lms)
    assert made["launch_url"].startswith("https://content.example/index.html?theme=dark&endpoint=")
    assert made["endpoint"] == "http://lrs.example/xapi/"
    assert made["auth"].startswith("Basic ")
    assert base64.b64decode(made["auth"][6:]).startswith(b"launch:")
    assert (made["registration"], made["activity_id"]) == (REGISTRATION, COURSE)
    assert json.loads(made["actor"]) == LEARNER


def test_content_writes_its_statements_and_state(client: FlaskClient, lms: dict[str, str], db: Db) -> None:
    headers = token_of(start(client, lms))
    parts = [
        statement(),
        statement(object={"id": f"{COURSE}/slide-2"}),
        statement(object={"id": f"{COURSE}#q1"}),
    ]
    sent = client.post("/xapi/statements", json=parts, headers=headers)
    assert sent.status_code == 200, sent.text
    stored = db.statements.find_one({"actor": "mbox::mailto:ana@north.example"})
    assert (stored["client_label"], stored["controlled_by"]) == ("lms", "partner")
    state = {
        "activityId": COURSE,
        "agent": json.dumps(LEARNER),
        "stateId": "resume",
        "registration": REGISTRATION,
    }
    path = "/xapi/activities/state"
    assert (
        client.put(
            path, query_string=state, data=b"p7", headers=headers, content_type="text/plain"
        ).status_code
        == 204
    )
    assert client.get(path, query_string=state, headers=headers).data == b"p7"
    assert len(client.get("/xapi/statements", headers=headers).json["statements"]) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"actor": {"mbox": "mailto:bo@north.example"}},
        {"actor": {"objectType": "Group", "mbox": "mailto:ana@north.example"}},
        {"context": {"registration": str(uuid.uuid4())}},
        {"context": {}},
        {"object": {"id": "http://content.example/exam"}},
        {"object": {"id": "http://content.example/course2"}},
        {"object": {"id": f"{COURSE}/../exam"}},
        {"object": {"id": f"{COURSE}-1/../exam"}},
        {"object": {"objectType": "Agent", "mbox": "mailto:ana@north.example"}},
        {"object": {"objectType": "StatementRef", "id": str(uuid.uuid4())}},
        {
            "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
            "object": {"objectType": "StatementRef", "id": str(uuid.uuid4())},
        },
        {
            "object": {
                "objectType": "SubStatement", "actor": LEARNER, "verb": {"id": PASSED}, "object": {"id": COURSE},
            }
        },
        {"context": {"registration": REGISTRATION, "instructor": {"mbox": "mailto:boss@vendor.example"}}},
        {
            "context": {
                "registration": REGISTRATION,
                "contextActivities": {"parent": [{"id": "http://content.example/exam"}]},
            }
        },
        {
            "context": {
                "registration": REGISTRATION,
                "contextActivities": {"grouping": {"id": "http://content.example/exam"}},
            }
        },
        {"verb": {"id": "https://w3id.org/xapi/adl/verbs/waived"}},
        {"verb": {"id": "https://w3id.org/xapi/adl/verbs/satisfied"}},
    ],
)  # fmt: skip
def test_everything_beyond_the_launch_is_403(
    client: FlaskClient, lms: dict[str, str], db: Db, change: Any
) -> None:
    headers = token_of(start(client, lms))
    refused = client.post("/xapi/statements", json=[statement(), statement(**change)], headers=headers)
    assert refused.status_code == 403, refused.text
    assert db.statements.count_documents({}) == 0


@pytest.mark.parametrize(
    ("path", "change", "method"),
    [
        ("activities/state", {"agent": json.dumps({"mbox": "mailto:bo@north.example"})}, "GET"),
        ("activities/state", {"activityId": "http://content.example/exam"}, "PUT"),
        ("activities/state", {"registration": str(uuid.uuid4())}, "PUT"),
        ("activities/state", {"stateId": "LMS.LaunchData"}, "PUT"),
        ("activities/state", {"stateId": "LMS.LaunchData"}, "DELETE"),
        ("agents/profile", {}, "PUT"),
        ("activities/profile", {}, "PUT"),
    ],
)
def test_other_documents_are_403(
    client: FlaskClient, lms: dict[str, str], path: str, change: Any, method: str
) -> None:
    headers = token_of(start(client, lms))
    names = {
        "activities/state": {"activityId": COURSE, "agent": json.dumps(LEARNER), "stateId": "s"},
        "agents/profile": {"agent": json.dumps(LEARNER), "profileId": "p"},
        "activities/profile": {"activityId": COURSE, "profileId": "p"},
    }
    query = {**names[path], **change}
    refused = client.open(f"/xapi/{path}", method=method, query_string=query, json={}, headers=headers)
    assert refused.status_code == 403, refused.text


def test_the_alternate_syntax_is_no_way_around(client: FlaskClient, lms: dict[str, str], db: Db) -> None:
    launched = start(client, lms)
    form = {"Authorization": launched["auth"], "X-Experience-API-Version": "1.0.3",
            "content": json.dumps(statement(object={"id": "http://content.example/exam"})),
            "Content-Type": "application/json"}  # fmt: skip
    assert client.post("/xapi/statements?method=POST", data=form).status_code == 403
    form["content"] = json.dumps(statement())
    assert client.post("/xapi/statements?method=POST", data=form).status_code == 200


def test_further_activities_are_named_when_the_launch_is_made(
    client: FlaskClient, lms: dict[str, str]
) -> None:
    headers = token_of(start(client, lms, activities=["urn:x:question-bank"]))
    sent = client.post(
        "/xapi/statements", json=statement(object={"id": "urn:x:question-bank:7"}), headers=headers
    )
    assert sent.status_code == 200, sent.text


@pytest.mark.parametrize("made", ["-quiz", "&slide=2", "?slide=2&quiz=1", ".question_3", "/a", ""])
def test_ids_made_at_run_time_are_kept_and_those_beside_are_marked(
    client: FlaskClient, lms: dict[str, str], db: Db, made: str
) -> None:
    activity = {"id": COURSE + made, "definition": {"name": {"en": "Made"}}}
    parent = {"contextActivities": {"parent": [{"id": f"{COURSE}-unit"}]}} if made else {}
    body = statement(object=activity, context={"registration": REGISTRATION, **parent})
    sent = client.post("/xapi/statements", json=body, headers=token_of(start(client, lms)))
    assert sent.status_code == 200, sent.text
    stored = db.statements.find_one({"actor": "mbox::mailto:ana@north.example"})
    assert stored.get("beyond_launch", False) is bool(made)  # a parent beside is enough
    assert db.activities.count_documents({"id": COURSE + made}) == (0 if made else 1), "it teaches nothing"


def test_an_ended_launch_is_refused(client: FlaskClient, lms: dict[str, str]) -> None:
    launched = start(client, lms)
    assert client.delete(f"/api/v1/launches/{launched['id']}", headers=lms).status_code == 200
    assert client.post("/xapi/statements", json=statement(), headers=token_of(launched)).status_code == 401


def test_an_expired_launch_is_refused(client: FlaskClient, lms: dict[str, str], db: Db, app: Flask) -> None:
    import dataclasses
    import datetime as dt

    launched = start(client, lms, hours=1)
    services = app.extensions["laurel"]
    app.extensions["laurel"] = dataclasses.replace(
        services, now=lambda: services.now() + dt.timedelta(hours=2)
    )
    assert client.post("/xapi/statements", json=statement(), headers=token_of(launched)).status_code == 401


def test_signing_keys_rotate_without_ending_launches(
    client: FlaskClient, lms: dict[str, str], db: Db, app: Flask
) -> None:
    from lrs.access.auth import forget

    launched = start(client, lms)
    now = app.extensions["laurel"].now()
    first = launch_tokens.signing_key(db, now)[0]
    assert launch_tokens.rotate_key(db, now)[0] != first
    assert client.post("/xapi/statements", json=statement(), headers=token_of(launched)).status_code == 200
    launch_tokens.rotate_key(db, now, drop_old=True)
    with app.app_context():
        forget()
    assert client.post("/xapi/statements", json=statement(), headers=token_of(launched)).status_code == 401


def test_a_client_that_may_not_write_cannot_launch(client: FlaskClient, db: Db, app: Flask) -> None:
    body = {"url": "https://c.example/", "activity_id": COURSE, "actor": LEARNER}
    reader = make_client(db, "vendor", scopes=["statements/read", "state"])
    assert client.post("/api/v1/launches", json=body, headers=reader).status_code == 403
    half = make_client(db, "vendor", scopes=["statements/write"])
    assert client.post("/api/v1/launches", json=body, headers=half).status_code == 403


def test_a_person_is_launched_by_one_of_their_identifiers(
    client: FlaskClient, lms: dict[str, str], db: Db
) -> None:
    person = make_person(db, "bo@north.example", "north")
    body = {"url": "https://c.example/", "activity_id": COURSE, "person": person}
    made = client.post("/api/v1/launches", json=body, headers=lms).json
    assert made["actor"]["mbox"] == "mailto:bo@north.example"
    body |= {"kind": "cmi5", "publisher_id": "http://publisher.example/au1"}
    made = client.post("/api/v1/launches", json=body, headers=lms)
    assert made.json["actor"]["account"] == {"homePage": "http://lrs.example", "name": person}
    owned = [row["ifi"] for row in db.people.find_one({"_id": person})["ifis"]]
    assert f"account::{person}@http://lrs.example" in owned


@pytest.fixture
def session(client: FlaskClient, lms: dict[str, str]) -> dict[str, Any]:
    return start(
        client, lms, kind="cmi5", actor=ACCOUNT, publisher_id="http://publisher.example/au1", move_on="Passed",
        mastery_score=0.8, parameters="start=1", return_url="https://content.example/done",
        preferences={"languagePreference": "de-CH,en", "audioPreference": "off"},
    )  # fmt: skip


def fetch(client: FlaskClient, session: dict[str, Any]) -> Any:
    parts = urlsplit(session["fetch"])
    return client.post(f"{parts.path}?{parts.query}")


def test_a_cmi5_address_has_the_five_parameters(session: dict[str, Any]) -> None:
    assert {"endpoint", "fetch", "actor", "registration", "activityId"} <= set(session)
    assert "auth" not in session
    assert session["activityId"] == COURSE


def test_a_fetch_url_answers_once(client: FlaskClient, session: dict[str, Any]) -> None:
    first, second = fetch(client, session), fetch(client, session)
    assert (first.status_code, list(first.json)) == (200, ["auth-token"])
    assert (second.status_code, second.json["error-code"]) == (200, "1")
    assert second.headers["Access-Control-Allow-Origin"] == "*"
    assert first.headers["Cache-Control"] == "no-store"


def test_a_forged_fetch_url_is_a_security_error(client: FlaskClient, session: dict[str, Any]) -> None:
    forged = client.post(f"/api/v1/launches/{session['id']}/fetch?k=guess")
    assert (forged.status_code, forged.json["error-code"]) == (200, "2")
    assert fetch(client, session).json["auth-token"]


def test_a_fetch_url_is_not_got(client: FlaskClient, session: dict[str, Any]) -> None:
    parts = urlsplit(session["fetch"])
    assert client.get(f"{parts.path}?{parts.query}").status_code == 405


def test_a_cmi5_session_finds_its_launch_data(client: FlaskClient, session: dict[str, Any], db: Db) -> None:
    headers = {"Authorization": f"Basic {fetch(client, session).json['auth-token']}", **VERSION}
    query = {"activityId": COURSE, "agent": session["actor"] if isinstance(session["actor"], str) else "",
             "registration": REGISTRATION, "stateId": "LMS.LaunchData"}  # fmt: skip
    data = client.get("/xapi/activities/state", query_string=query, headers=headers).json
    assert (data["launchMode"], data["moveOn"], data["masteryScore"]) == ("Normal", "Passed", 0.8)
    assert data["returnURL"] == "https://content.example/done"
    grouping = data["contextTemplate"]["contextActivities"]["grouping"]
    assert grouping[0]["id"] == "http://publisher.example/au1"
    profile = client.get(
        "/xapi/agents/profile",
        query_string={"agent": query["agent"], "profileId": "cmi5LearnerPreferences"},
        headers=headers,
    )
    assert profile.json == {"languagePreference": "de-CH,en", "audioPreference": "off"}
    launched = db.statements.find_one({"verb": "http://adlnet.gov/expapi/verbs/launched"})
    assert str(launched["registration"]) == REGISTRATION
    assert b"auth" not in launched["raw"].split(b'"authority"')[0]
    context = {**data["contextTemplate"], "registration": REGISTRATION}
    context["contextActivities"]["category"] = [{"id": "https://w3id.org/xapi/cmi5/context/categories/cmi5"}]
    sent = client.post(
        "/xapi/statements",
        json=statement(actor=ACCOUNT, context=context, id=str(uuid.uuid4())),
        headers=headers,
    )
    assert sent.status_code == 200, sent.text


def test_a_learner_cannot_say_what_the_launcher_says(client: FlaskClient, session: dict[str, Any]) -> None:
    """A forged `launched` could name another moveOn or mastery score."""
    headers = {"Authorization": f"Basic {fetch(client, session).json['auth-token']}", **VERSION}
    for verb in ("http://adlnet.gov/expapi/verbs/launched", "https://w3id.org/xapi/adl/verbs/abandoned"):
        forged = statement(actor=ACCOUNT, verb={"id": verb})
        assert client.post("/xapi/statements", json=forged, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        {"id": "http://elsewhere.example/exam", "definition": {"name": {"en": "Hijacked"}}},
        {"objectType": "Agent", "mbox": "mailto:boss@vendor.example", "name": "Hijacked"},
        {"objectType": "StatementRef", "id": str(uuid.uuid4())},
        {"objectType": "SubStatement", "actor": LEARNER, "verb": {"id": PASSED}, "object": {"id": COURSE}},
    ],
)
def test_cmi5_binds_the_object_of_its_own_statements_only(
    client: FlaskClient, session: dict[str, Any], db: Db, target: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Basic {fetch(client, session).json['auth-token']}", **VERSION}
    elsewhere = [{"id": "http://elsewhere.example/exam"}]
    context = {"registration": REGISTRATION, "contextActivities": {"parent": elsewhere}}
    allowed = statement(actor=ACCOUNT, object=target, context=context)
    assert client.post("/xapi/statements", json=allowed, headers=headers).status_code == 200
    stored = db.statements.find_one({"verb": PASSED})
    assert stored["beyond_launch"] is True
    assert db.activities.count_documents({"id": "http://elsewhere.example/exam"}) == 0
    person = client.get(
        "/xapi/agents",
        query_string={"agent": '{"mbox": "mailto:boss@vendor.example"}'},
        headers=make_client(db, "north", scopes=["all/read"]) | VERSION,
    )
    assert "Hijacked" not in person.text
    category = [{"id": "https://w3id.org/xapi/cmi5/context/categories/cmi5"}]
    defined = allowed | {"context": context | {"contextActivities": {"category": category}}}
    assert client.post("/xapi/statements", json=defined, headers=headers).status_code == 403
    voiding = allowed | {
        "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"},
        "object": {"objectType": "StatementRef", "id": str(stored["id"])},
    }
    assert client.post("/xapi/statements", json=voiding, headers=headers).status_code == 403


def test_an_ended_session_gives_no_token(
    client: FlaskClient, lms: dict[str, str], session: dict[str, Any]
) -> None:
    client.delete(f"/api/v1/launches/{session['id']}", headers=lms)
    assert fetch(client, session).json["error-code"] == "1"


def test_of_many_fetches_at_once_one_gets_the_token(
    app: Flask, client: FlaskClient, session: dict[str, Any]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: fetch(app.test_client(), session).json, range(16)))
    assert sum("auth-token" in answer for answer in answers) == 1
