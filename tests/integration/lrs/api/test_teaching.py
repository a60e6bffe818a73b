"""Sessions, rubrics, sign-off, engagement and login providers over HTTP: what their pages do, by the same rules."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any
from uuid import uuid4

import pytest
from conftest import basic
from factories_access import editor, log_in, make_client, make_org, make_person, make_user
from factories_saml import SamlProvider
from flask import Flask
from flask.testing import FlaskClient

from lrs.access.sessions import CSRF_HEADER
from lrs.people import invitations
from rules.stored import ASSESSMENTS

pytestmark = pytest.mark.described
AHEAD = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
SESSION = {
    "title": "Lift", "begins": f"{AHEAD:%Y-%m-%dT09:00}", "ends": f"{AHEAD:%Y-%m-%dT11:00}",
    "timezone": "Europe/Berlin", "place": "Hall 2", "seats": 1,
}  # fmt: skip
CRITERIA = [
    {"name": "Safety", "levels": [{"name": "Not seen", "points": 0}, {"name": "Alone", "points": 2}]},
    {"name": "Speed", "levels": [{"name": "Slow", "points": 0}, {"name": "Quick", "points": 1}]},
]
SEEN = {"safety": "alone", "speed": "quick"}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\npicture").decode()
Names = dict[str, str]


@pytest.fixture
def names(db: Any) -> Names:
    """People by name: an instructor of the vendor's, two of the north, one of the south."""
    make_org(db, "north")
    make_org(db, "south")
    made = {
        name: make_person(db, f"{name}@{org}.example", org, name=name.title())
        for name, org in (("ana", "north"), ("bo", "north"), ("lee", "south"))
    }
    make_user(db, "vendor", "instructor", "ines@vendor.example")
    return {**made, "ines": make_person(db, "ines@vendor.example", name="Ines")}


def ask(client: FlaskClient, route: str, body: Any = None, ok: int = 200, **headers: str) -> Any:
    method, path = route.split(" ", 1)
    answer = client.open(f"/api/v1{path}", method=method, json=body, headers={**basic(), **headers})
    assert answer.status_code == ok, answer.text
    return answer.get_json(silent=True)


def planned(client: FlaskClient, names: Names, **more: Any) -> str:
    made = ask(client, "POST /training-sessions", {**SESSION, "instructor": names["ines"], **more}, 201)
    return str(made["id"])


def begun(db: Any, session: str) -> None:
    db.training_sessions.update_one(
        {"_id": session}, {"$set": {"begins_at": dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)}}
    )


def rubric(client: FlaskClient) -> str:
    made = ask(client, "POST /rubrics", {"title": "Lift", "criteria": CRITERIA, "pass_mark": 2}, 201)
    return str(made["id"])


def test_a_session_is_planned_booked_changed_attended_and_cancelled(
    client: FlaskClient, db: Any, names: Names
) -> None:
    made = planned(client, names)
    here = f"/training-sessions/{made}"
    assert ask(client, f"POST {here}/bookings", {"person": names["ana"]}, 201)["state"] == "booked"
    assert ask(client, f"POST {here}/bookings", {"person": names["bo"]}, 201)["state"] == "waiting"
    changed = ask(client, f"PATCH {here}", {"seats": 2}, **{"If-Match": "*"})
    assert (changed["seats"], changed["title"], changed["place"]) == (2, "Lift", "Hall 2")
    listed = ask(client, f"GET {here}/bookings")["items"]
    assert [(one["name"], one["state"]) for one in listed] == [("Ana", "booked"), ("Bo", "booked")]
    ask(client, f"DELETE {here}/bookings/{names['bo']}", ok=204)
    begun(db, made)
    seen = {"people": [names["ana"]], "instructor": names["ines"]}
    [statement] = ask(client, f"POST {here}/attendance", seen, 201)["statements"]
    assert ask(client, f"GET {here}/bookings")["items"][0]["attended"] == statement
    stored = db.statements.find_one({"client": ASSESSMENTS})
    assert b"attended" in stored["raw"]
    assert b"mailto:ines@vendor.example" in stored["raw"]
    assert ask(client, f"POST {here}/cancel", {"reason": "ill"})["reason"] == "ill"
    assert ask(client, "GET /training-sessions?upcoming=true")["items"][0]["id"] == made


def test_a_stale_change_and_one_that_cannot_be_change_nothing(
    client: FlaskClient, db: Any, names: Names
) -> None:
    here = f"/training-sessions/{planned(client, names)}"
    before = db.training_sessions.find_one({})
    ask(client, f"PATCH {here}", {"title": "x"}, 412, **{"If-Match": '"v99"'})
    ask(client, f"PATCH {here}", {"title": "x"}, 428)
    wrong: dict[str, Any]
    for wrong in ({"begins": "soon"}, {"timezone": "Mars"}, {"seats": 0}, {"link": "ftp://x"}, {"title": ""}):
        ask(client, f"PATCH {here}", wrong, 422, **{"If-Match": "*"})
    assert db.training_sessions.find_one({}) == before
    ask(client, f"POST {here}/attendance", {"people": [names["ana"]], "instructor": names["ines"]}, 422)
    assert db.statements.count_documents({}) == 0


def test_a_rubric_has_versions_and_belongs_to_its_organization(
    client: FlaskClient, db: Any, names: Names
) -> None:
    name = rubric(client)
    found = ask(client, f"GET /rubrics/{name}")
    assert [one["id"] for one in found["criteria"]] == ["safety", "speed"]
    assert (found["number"], found["pass_mark"]) == (1, 2)
    after = ask(client, f"PATCH /rubrics/{name}", {"pass_mark": 3}, **{"If-Match": '"v1"'})
    assert (after["number"], after["title"], len(after["criteria"])) == (2, "Lift", 2)
    ask(client, f"PATCH /rubrics/{name}", {"pass_mark": 1}, 412, **{"If-Match": '"v1"'})
    ask(client, f"PATCH /rubrics/{name}", {"pass_mark": 9}, 422, **{"If-Match": "*"})
    twice = [{"name": "A", "levels": CRITERIA[0]["levels"]}] * 2
    ask(client, "POST /rubrics", {"title": "x", "criteria": twice}, 422)
    north = make_client(db, "north", scopes=["assess"], controlled_by="partner")
    ask(client, f"PATCH /rubrics/{name}", {"title": "ours"}, 403, **{**north, "If-Match": "*"})
    assert [one["id"] for one in ask(client, "GET /rubrics", **north)["items"]] == [name]


def test_a_group_is_signed_off_once_however_often_it_is_sent(
    client: FlaskClient, db: Any, names: Names
) -> None:
    name, ids = rubric(client), [str(uuid4()), str(uuid4())]
    people = [
        {"person": names[who], "id": one, "levels": SEEN, "files": [{"name": "lift.png", "content": PNG}]}
        for who, one in zip(("ana", "bo"), ids, strict=True)
    ]
    body = {"rubric": name, "instructor": names["ines"], "people": people}
    for _ in range(2):
        assert ask(client, "POST /sign-offs", body, 201)["statements"] == ids
    assert db.statements.count_documents({"client": ASSESSMENTS}) == 2
    listed = ask(client, f"GET /sign-offs?instructor={names['ines']}")["items"]
    assert {one["id"] for one in listed} == set(ids)
    assert {one["result"]["success"] for one in listed} == {True}
    ask(client, f"DELETE /sign-offs/{ids[0]}?instructor={names['ines']}", ok=204)
    listed = ask(client, f"GET /sign-offs?instructor={names['ines']}")["items"]
    assert [one["id"] for one in listed] == [ids[1]]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"people": [{"person": "SELF", "levels": SEEN}]}, 422),
        ({"people": [{"person": "p_nobody", "levels": SEEN}]}, 404),
        ({"people": [{"person": "ANA", "levels": {"safety": "alone"}}]}, 422),
        ({"people": [{"person": "ANA", "levels": SEEN, "files": [{"name": "x", "content": "?"}]}]}, 422),
        ({"people": [{"person": "ANA", "levels": SEEN, "files": [{"name": "x", "content": "aGk="}]}]}, 422),
        ({"at": "2020-01-01T00:00:00Z"}, 422),
        ({"instructor": None}, 422),
        ({"instructor": "ANA"}, 422),
        ({"number": 7}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_signed_writes_nothing(
    client: FlaskClient, db: Any, names: Names, change: dict[str, Any], status: int
) -> None:
    words = {"SELF": names["ines"], "ANA": names["ana"]}
    body = {
        "rubric": rubric(client), "instructor": names["ines"],
        "people": [{"person": "ANA", "levels": SEEN}], **change,
    }  # fmt: skip
    body["people"] = [{**one, "person": words.get(one["person"], one["person"])} for one in body["people"]]
    body["instructor"] = words.get(body["instructor"], body["instructor"])
    if body["instructor"] is None:
        del body["instructor"]
    ask(client, "POST /sign-offs", body, status)
    assert db.statements.count_documents({}) == 0


def test_a_partners_client_signs_in_nobodys_name(client: FlaskClient, db: Any, names: Names) -> None:
    """A partner makes its own clients: one could put anybody's signature under what its people did."""
    body = {"rubric": rubric(client), "people": [{"person": names["ana"], "levels": SEEN}]}
    north = make_client(db, "north", scopes=["assess"], controlled_by="partner")
    for named in ({}, {"instructor": names["ines"]}, {"instructor": names["bo"]}):
        ask(client, "POST /sign-offs", {**body, **named}, 403, **north)
    assert db.statements.count_documents({}) == 0


def test_who_is_logged_in_signs_in_their_own_name_for_people_they_see(
    app: Flask, client: FlaskClient, db: Any, names: Names
) -> None:
    user = make_user(db, "north", "partner_instructor", "bo@north.example")
    db.users.update_one({"_id": user["_id"]}, {"$set": {"mailbox": "bo@north.example"}})
    bo = log_in(app, user)
    name = rubric(client)

    def sign(person: str, **more: Any) -> int:
        body = {"rubric": name, "people": [{"person": person, "levels": SEEN}], **more}
        headers = {CSRF_HEADER: bo.csrf}
        return int(bo.client.post("/api/v1/sign-offs", json=body, headers=headers).status_code)

    assert sign(names["lee"]) == 404  # of another partner
    assert sign(names["bo"]) == 422  # nobody for themselves
    assert sign(names["ana"], instructor=names["ines"]) == 422
    assert db.statements.count_documents({}) == 0
    assert sign(names["ana"]) == 201
    stored = db.statements.find_one({})
    assert stored["org"] == "north"
    assert b"mailto:bo@north.example" in stored["raw"]


def test_a_provider_is_entered_changed_and_switched_over_http(client: FlaskClient, db: Any) -> None:
    make_org(db, "north")
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, "north", "north.example", session))
    idp = SamlProvider()
    body = {
        "org": "north", "kind": "saml", "name": "North", "metadata": idp.metadata(), "claim": "groups",
        "roles": [{"value": "chiefs", "role": "partner_admin"}],
    }  # fmt: skip
    made = ask(client, "POST /login-providers", body, 201)
    here = f"/login-providers/{made['id']}"
    assert (made["domains"], made["enabled"], made["default_role"]) == (["north.example"], False, "learner")
    assert made["certificates"][0].startswith("-----BEGIN CERTIFICATE")
    assert ask(client, f"POST {here}/enable")["enabled"]
    after = ask(client, f"PATCH {here}", {"name": "North too"}, **{"If-Match": "*"})
    assert (after["name"], after["entity_id"]) == ("North too", made["entity_id"])
    ask(client, "PUT /orgs/north/login-providers-only", {"alone": True}, 409)  # nobody tried it
    assert not ask(client, f"POST {here}/disable")["enabled"]
    ask(client, f"DELETE {here}", ok=204, **{"If-Match": "*"})
    ask(client, f"GET {here}", ok=404)


def test_who_may_do_less_gives_no_role_by_a_provider(client: FlaskClient, db: Any) -> None:
    """A client with the scope `orgs` alone made administrators of the vendor by a provider of its own."""
    who = editor(db)
    who.change(lambda session: invitations.set_domain(who, "vendor", "vendor.example", session))
    poor = make_client(db, "vendor", scopes=["orgs"])
    body = {
        "org": "vendor", "kind": "oidc", "name": "x", "issuer": "https://i.example", "client_id": "x",
        "claim": "groups", "roles": [{"value": "all", "role": "vendor_admin"}],
    }  # fmt: skip
    ask(client, "POST /login-providers", body, 403, **poor)
    made = ask(client, "POST /login-providers", body, 201)
    for route in (f"POST /login-providers/{made['id']}/enable", f"PATCH /login-providers/{made['id']}"):
        sent = {"issuer": "https://evil.example"} if route.startswith("PATCH") else None
        ask(client, route, sent, 403, **{**poor, "If-Match": "*"})
    assert db.identity_providers.find_one({})["issuer"] == "https://i.example"
    assert ask(client, "POST /login-providers", {**body, "roles": [], "default_role": None}, 201, **poor)
