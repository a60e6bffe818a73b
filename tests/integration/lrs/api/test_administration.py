"""Organizations, clients and users over the administration API, as their administrators use it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_access import basic, key_of, log_in, make_client, make_org, make_person, make_user, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import organizations
from lrs.access.clients import create_client
from lrs.api.idempotency import LEASE
from lrs.foundation.errors import InvalidField
from lrs.messaging import webhooks

pytestmark = pytest.mark.described

Db = Database[dict[str, Any]]


def send(
    client: FlaskClient, headers: dict[str, str], method: str, path: str, body: Any = None, **more: str
) -> Any:
    return client.open(f"/api/v1{path}", method=method, headers={**headers, **more}, json=body)


@pytest.fixture
def root(app: Flask, auth: Any) -> dict[str, str]:
    headers: dict[str, str] = auth()
    return headers


def test_an_organization_is_made_read_listed_and_changed(client: FlaskClient, root: dict[str, str]) -> None:
    made = send(client, root, "POST", "/orgs", {"id": "north", "name": "Northwind", "region": "EMEA"})
    assert (made.status_code, made.json["parent"], made.json["status"]) == (201, "vendor", "active")
    read = send(client, root, "GET", "/orgs/north")
    assert read.headers["ETag"] == made.headers["ETag"]
    changed = send(
        client, root, "PATCH", "/orgs/north", {"name": "Northwind AG"}, **{"If-Match": read.headers["ETag"]}
    )
    assert (changed.status_code, changed.json["name"]) == (200, "Northwind AG")
    listed = send(client, root, "GET", "/orgs?region=EMEA").json
    assert [org["id"] for org in listed["items"]] == ["north"]
    assert listed["next"] is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("orgs", {"id": "north", "name": "Northwind"}),
        ("clients", {"org": "vendor", "scopes": ["state"]}),
        ("users", {"org": "vendor", "email": "ada@vendor.example", "role": "analyst"}),
        ("people", {"email": "ana@north.example"}),
        ("webhooks", {"url": "https://crm.example/hook"}),
        ("queries", {"name": "all", "query": {"measures": {"n": "count"}}}),
    ],
)
def test_what_is_made_tells_its_address_and_its_version(
    client: FlaskClient,
    root: dict[str, str],
    path: str,
    body: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "check_url", lambda settings, url: None)  # nothing is looked up here
    made = client.post(f"/api/v1/{path}", json=body, headers=root)
    assert made.status_code == 201, made.text
    found = client.get(made.headers["Location"], headers=root)
    assert (found.status_code, found.headers["ETag"]) == (200, made.headers["ETag"])
    shown = [name for name in made.json.keys() & found.json.keys() if not name.endswith("_at")]
    assert {name: found.json[name] for name in shown} == {name: made.json[name] for name in shown}
    assert "secret" not in found.json


def test_rights_come_before_versions(client: FlaskClient, db: Db) -> None:
    """Who may not make a change is told so, whatever version it names; nothing is changed."""
    make_org(db, "north")
    headers, controlled = make_client(db, "north"), make_client(db, "north", controlled_by="vendor")
    admin = make_user(db, "vendor", "vendor_admin", "ada@vendor.example")
    for path, body, partner in (
        ("/orgs/north", {"region": "EMEA"}, True),
        (f"/clients/{key_of(controlled)}", {"scopes": ["state"]}, True),
        (f"/users/{admin['_id']}", {"name": "Mallory"}, False),
    ):
        who = headers if partner else make_client(db, "vendor", scopes=["orgs"])
        assert send(client, who, "PATCH", path, body).status_code == 403, path
    assert db.orgs.find_one({"_id": "north"})["region"] is None
    assert db.users.find_one({"_id": admin["_id"]})["name"] != "Mallory"


def test_a_partner_revokes_its_own_clients_and_not_those_that_the_vendor_controls(
    client: FlaskClient, db: Db
) -> None:
    make_org(db, "north")
    headers, own = make_client(db, "north"), make_client(db, "north")
    for properties in ({"controlled_by": "vendor"}, {"vendor_wide": True}):
        controlled = key_of(make_client(db, "north", **properties))
        assert send(client, headers, "DELETE", f"/clients/{controlled}").status_code == 403
        assert db.clients.find_one({"_id": controlled})["revoked_at"] is None
    assert send(client, headers, "DELETE", f"/clients/{key_of(own)}").status_code == 200


def test_a_change_needs_the_present_etag(client: FlaskClient, root: dict[str, str]) -> None:
    etag = send(client, root, "POST", "/orgs", {"id": "north", "name": "N"}).headers["ETag"]
    assert send(client, root, "PATCH", "/orgs/north", {"name": "M"}).status_code == 428
    assert send(client, root, "PATCH", "/orgs/north", {"name": "M"}, **{"If-Match": etag}).status_code == 200
    stale = send(client, root, "PATCH", "/orgs/north", {"name": "O"}, **{"If-Match": etag})
    assert stale.status_code == 412
    assert stale.content_type == "application/problem+json"
    assert stale.json["type"] == "urn:laurel:problem:outdated"


def test_pages_follow_next_to_the_end(client: FlaskClient, root: dict[str, str]) -> None:
    for number in range(5):
        send(client, root, "POST", "/orgs", {"id": f"p{number}", "name": "P", "region": "X"})
    seen, path = [], "/orgs?region=X&limit=2"
    while path:
        answer = send(client, root, "GET", path.removeprefix("/api/v1")).json
        seen += [org["id"] for org in answer["items"]]
        path = answer["next"]
    assert seen == [f"p{number}" for number in range(5)]


def test_a_moved_organization_takes_its_children_along(
    client: FlaskClient, root: dict[str, str], db: Db
) -> None:
    for org, parent in (("dist", "vendor"), ("other", "vendor"), ("shop", "dist")):
        make_org(db, org, parent=parent)
    moved = send(client, root, "PATCH", "/orgs/dist", {"parent": "other"}, **{"If-Match": "*"})
    assert moved.status_code == 200
    assert db.orgs.find_one({"_id": "shop"})["ancestors"] == ["vendor", "other", "dist"]
    loop = send(client, root, "PATCH", "/orgs/other", {"parent": "shop"}, **{"If-Match": "*"})
    assert loop.status_code == 422


def test_refused_arguments_name_their_place(client: FlaskClient, root: dict[str, str]) -> None:
    answer = send(client, root, "POST", "/orgs", {"id": "north", "nam": "N"})
    assert answer.status_code == 422
    assert {one["path"] for one in answer.json["errors"]} == {"json.name", "json.nam"}
    assert send(client, root, "GET", "/orgs?regoin=x").json["errors"][0]["path"] == "query.regoin"


def test_a_secret_is_shown_once_and_kept_as_argon2(client: FlaskClient, root: dict[str, str], db: Db) -> None:
    body = {"org": "vendor", "scopes": ["statements/write"], "label": "lms"}
    made = send(client, root, "POST", "/clients", body).json
    stored = db.clients.find_one({"_id": made["key"]})
    assert stored["secrets"][0]["hash"].startswith("$argon2id$")
    assert made["secret"] not in str(stored)
    assert "secret" not in send(client, root, "GET", f"/clients/{made['key']}").json


@pytest.mark.parametrize("name", ["content", "laurel"])
def test_no_client_bears_a_name_under_which_laurel_writes(
    client: FlaskClient, root: dict[str, str], db: Db, name: str
) -> None:
    """Rules name labels as sources of evidence, and statements their client by its key."""
    body = {"org": "vendor", "scopes": ["statements/write"]}
    made = send(client, root, "POST", "/clients", body | {"label": "lms"})
    before = list(db.clients.find())
    answers = [
        send(client, root, "POST", "/clients", body | {"label": name}),
        send(client, root, "PATCH", f"/clients/{made.json['key']}", {"label": name}, **{"If-Match": made.headers["ETag"]}),
    ]  # fmt: skip
    for answer in answers:
        assert (answer.status_code, answer.json["path"]) == (422, "label"), answer.text
    with pytest.raises(InvalidField):
        create_client(db, "vendor", now=utc_now(), scopes=("state",), key=name)
    assert list(db.clients.find()) == before


def test_rotation_overlaps_and_then_the_old_secret_ends(
    app: Flask, client: FlaskClient, root: Any, db: Db
) -> None:
    made = send(client, root, "POST", "/clients", {"org": "vendor", "scopes": ["orgs"]}).json
    old = basic(made["key"], made["secret"])
    new = send(client, root, "POST", f"/clients/{made['key']}/rotate", {"overlap_hours": 1}).json
    fresh = basic(made["key"], new["secret"])
    assert send(client, old, "GET", "/orgs").status_code == 200
    assert send(client, fresh, "GET", "/orgs").status_code == 200
    later = utc_now() + dt.timedelta(hours=2)
    from lrs.foundation.context import Services

    app.extensions["laurel"] = Services(app.extensions["laurel"].settings, db, lambda: later)
    assert send(client, old, "GET", "/orgs").status_code == 401
    assert send(client, fresh, "GET", "/orgs").status_code == 200


def test_a_revoked_client_is_refused_at_once_here(client: FlaskClient, root: dict[str, str], db: Db) -> None:
    headers = make_client(db, "vendor")
    assert send(client, headers, "GET", "/orgs").status_code == 200
    assert send(client, root, "DELETE", f"/clients/{key_of(headers)}").status_code == 200
    assert send(client, headers, "GET", "/orgs").status_code == 401


def test_last_use_is_noted_without_a_write_per_request(client: FlaskClient, db: Db) -> None:
    headers = make_client(db, "vendor")
    for _ in range(3):
        assert send(client, headers, "GET", "/orgs").status_code == 200
    first = db.clients.find_one({"_id": key_of(headers)})["last_used_at"]
    assert first is not None
    send(client, headers, "GET", "/orgs")
    assert db.clients.find_one({"_id": key_of(headers)})["last_used_at"] == first


def test_clients_of_a_suspended_organization_are_refused(
    client: FlaskClient, root: dict[str, str], db: Db
) -> None:
    make_org(db, "north")
    headers = make_client(db, "north")
    send(client, root, "PATCH", "/orgs/north", {"status": "suspended"}, **{"If-Match": "*"})
    assert send(client, headers, "GET", "/orgs").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": ["rules"]},
        {"scopes": ["state"], "controlled_by": "vendor"},
        {"scopes": ["state"], "vendor_wide": True},
    ],
)
def test_nobody_hands_on_more_than_they_hold(client: FlaskClient, db: Db, body: dict[str, Any]) -> None:
    make_org(db, "north")
    headers = make_client(db, "north", scopes=["orgs", "state"])
    assert send(client, headers, "POST", "/clients", {"org": "north", **body}).status_code == 403


def test_reading_another_store_by_a_new_client_needs_the_vendor_wide_right(
    client: FlaskClient, db: Db
) -> None:
    make_org(db, "north")
    narrow = make_client(db, "vendor")
    body = {"org": "north", "scopes": ["statements/read"]}
    assert send(client, narrow, "POST", "/clients", body).status_code == 403
    wide = make_client(db, "vendor", vendor_wide=True, controlled_by="vendor")
    assert send(client, wide, "POST", "/clients", body).status_code == 201


def test_a_repeated_post_with_an_idempotency_key_acts_once(client: FlaskClient, root: Any, db: Db) -> None:
    body = {"org": "vendor", "scopes": ["state"], "label": "lms"}
    first = send(client, root, "POST", "/clients", body, **{"Idempotency-Key": "k1"})
    again = send(client, root, "POST", "/clients", body, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert db.clients.count_documents({"label": "lms"}) == 1
    assert first.json["secret"] not in str(db.idempotency.find_one())
    other = send(client, root, "POST", "/clients", {**body, "label": "x"}, **{"Idempotency-Key": "k1"})
    assert other.status_code == 422


def test_a_refused_post_does_not_use_up_its_idempotency_key(client: FlaskClient, root: Any) -> None:
    key = {"Idempotency-Key": "k2"}
    assert send(client, root, "POST", "/orgs", {"id": "NO", "name": "N"}, **key).status_code == 422
    assert send(client, root, "POST", "/orgs", {"id": "no", "name": "N"}, **key).status_code == 201


def test_a_key_whose_request_a_crash_cut_short_acts_again_after_minutes(
    client: FlaskClient, root: Any, db: Db
) -> None:
    body, key = {"id": "north", "name": "N"}, {"Idempotency-Key": "k3"}
    assert send(client, root, "POST", "/orgs", body, **key).status_code == 201
    db.orgs.delete_one({"_id": "north"})  # as if nothing had come of it
    db.idempotency.update_one({}, {"$unset": {"answer": ""}})
    assert send(client, root, "POST", "/orgs", body, **key).status_code == 409
    long_ago = utc_now() - LEASE - dt.timedelta(seconds=1)
    db.idempotency.update_one({}, {"$set": {"created_at": long_ago}})
    assert send(client, root, "POST", "/orgs", {**body, "name": "M"}, **key).status_code == 422
    assert send(client, root, "POST", "/orgs", body, **key).status_code == 201
    again = send(client, root, "POST", "/orgs", body, **key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


def test_a_request_that_lost_its_key_does_not_answer_for_the_one_that_has_it(
    client: FlaskClient, root: Any, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_org = organizations.add_org

    def slow(*given: Any) -> Any:
        db.idempotency.update_one({}, {"$set": {"created_at": utc_now() + dt.timedelta(hours=1)}})
        return add_org(*given)

    monkeypatch.setattr(organizations, "add_org", slow)
    body, key = {"id": "north", "name": "N"}, {"Idempotency-Key": "k4"}
    send(client, root, "POST", "/orgs", body, **key)
    assert db.idempotency.count_documents({"answer": {"$exists": False}}) == 1


def test_another_client_with_the_same_idempotency_key_gets_its_own_answer(
    client: FlaskClient, root: Any, db: Db
) -> None:
    other = make_client(db, "vendor")
    key = {"Idempotency-Key": "same"}
    assert send(client, root, "POST", "/orgs", {"id": "one", "name": "N"}, **key).json["id"] == "one"
    assert send(client, other, "POST", "/orgs", {"id": "two", "name": "N"}, **key).json["id"] == "two"


def test_changes_are_in_the_audit_with_before_and_after(client: FlaskClient, root: dict[str, str]) -> None:
    send(client, root, "POST", "/orgs", {"id": "north", "name": "N"})
    send(client, root, "PATCH", "/orgs/north", {"name": "M"}, **{"If-Match": "*"})
    found = send(client, root, "GET", "/audit?thing=north&action=org.").json["items"]
    assert [entry["action"] for entry in found] == ["org.edit", "org.add"]
    assert (found[0]["before"], found[0]["after"]) == ({"name": "N"}, {"name": "M"})
    assert (found[0]["who"]["id"], found[0]["address"]) == ("test-key", "127.0.0.1")


def test_the_audit_goes_up_to_the_last_instant_there_is(client: FlaskClient, root: dict[str, str]) -> None:
    last = "9999-12-31T23:59:59.999999Z"
    send(client, root, "POST", "/orgs", {"id": "north", "name": "N"})
    everything = client.get("/api/v1/audit", headers=root).json["items"]
    assert everything
    assert client.get(f"/api/v1/audit?until={last}", headers=root).json["items"] == everything
    assert client.get(f"/api/v1/audit?since={last}&until={last}", headers=root).json["items"] == []


def test_the_audit_never_holds_a_secret(client: FlaskClient, root: dict[str, str], db: Db) -> None:
    made = send(client, root, "POST", "/clients", {"org": "vendor", "scopes": ["state"]}).json
    send(client, root, "POST", f"/clients/{made['key']}/rotate", {})
    text = str(list(db.audit.find()))
    assert "argon2" not in text
    assert made["secret"] not in text


def test_a_partner_admin_sees_the_own_organization_and_those_below(app: Flask, db: Db) -> None:
    make_org(db, "dist")
    make_org(db, "shop", parent="dist")
    make_org(db, "rival")
    browser = log_in(app, make_user(db, "dist", "partner_admin", "pat@dist.example"))
    assert [org["id"] for org in browser.open("/api/v1/orgs").json["items"]] == ["dist", "shop"]
    assert browser.open("/api/v1/orgs/rival").status_code == 404
    assert browser.open("/api/v1/orgs", "POST", json={"id": "new", "name": "N"}).status_code == 403
    beyond = browser.open("/api/v1/orgs/shop", "PATCH", json={"status": "closed"}, headers={"If-Match": "*"})
    assert beyond.status_code == 403


def test_a_partner_sees_only_what_it_knows_of_a_person(
    app: Flask, db: Db, client: FlaskClient, root: Any
) -> None:
    make_org(db, "north")
    make_org(db, "south")
    ana = make_person(db, "ana@south.example", "south", name="Ana")
    north = {"org": "north", "from": utc_now().isoformat()}
    assert send(client, root, "POST", f"/people/{ana}/affiliations", north).status_code == 201
    db.affiliations.update_one({"org": "north"}, {"$set": {"known_as": "mbox::mailto:ana@north.example"}})
    headers = make_client(db, "north")
    seen = send(client, headers, "GET", f"/people/{ana}").json
    assert [row["org"] for row in seen["affiliations"]] == ["north"]
    assert [row["ifi"] for row in seen["ifis"]] == ["mbox::mailto:ana@north.example"]
    assert "south" not in str(seen)
    found = send(client, headers, "GET", "/people?email=ana@south.example").json["items"]
    assert found == []


def test_users_are_made_in_roles_that_fit_their_organization(client: FlaskClient, root: Any, db: Db) -> None:
    make_org(db, "north")
    body = {
        "org": "north",
        "email": "a@north.example",
        "role": "partner_admin",
        "password": "correct horse battery",
    }
    assert send(client, root, "POST", "/users", body).status_code == 201
    assert (
        send(client, root, "POST", "/users", {**body, "email": "b@n.example", "role": "analyst"}).status_code
        == 422
    )
    assert send(client, root, "POST", "/users", body).status_code == 409


def test_a_partner_admin_cannot_make_a_vendor_admin(app: Flask, db: Db) -> None:
    make_org(db, "north")
    browser = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    body = {
        "org": "vendor",
        "email": "x@y.example",
        "role": "vendor_admin",
        "password": "correct horse battery",
    }
    assert browser.open("/api/v1/users", "POST", json=body).status_code == 403


def test_the_document_and_the_page_of_the_api_need_nothing_from_elsewhere(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/orgs", "/api/v1/clients/{key}", "/api/v1/people/{person}/merge"} <= set(
        document["paths"]
    )
    page = client.get("/api/v1/docs").text
    assert "/api/v1/orgs" in page
    assert "//" not in page.replace("http://", "//", 0).split("<main>")[0].replace("<!doctype", "")
