"""Provisioning by SCIM 2.0: what a directory says holds here, for its own organization and nobody else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_access import editor, log_in, make_org, make_person, make_user
from factories_scim import GROUP, PATCH, USER, Client, Db, ana, directory
from flask import Flask
from scim2_models import ScimProvider
from scim2_server.testing import ScimStorageContract

from lrs.scim import pages, speaking, tokens
from lrs.scim.directory import Directory


@pytest.fixture
def north(app: Flask, db: Db) -> Client:
    return directory(app, db, "north")


def test_a_user_becomes_person_affiliation_and_account(north: Client, db: Db) -> None:
    answer = north("POST", "/Users", ana(roles=[{"value": "sales", "primary": True}]))
    assert answer.status_code == 201, answer.text
    assert answer.content_type == "application/scim+json"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Location"] == answer.json["meta"]["location"]
    assert answer.json["meta"]["location"] == f"http://lrs.example/scim/v2/Users/{answer.json['id']}"
    row = db.affiliations.find_one() or {}
    assert (row["org"], row["role"], row["known_as"]) == ("north", "sales", "mbox::mailto:ana@north.example")
    assert row["confirmed_at"] is not None
    person = db.people.find_one({"_id": row["person"]}) or {}
    assert person["name"] == "Ana Lima"
    user = db.users.find_one() or {}
    assert (user["email"], user["org"], user["role"]) == ("ana@north.example", "vendor", "learner")
    assert north("GET", f"/Users/{answer.json['id']}").json == answer.json


def test_the_same_user_twice_is_a_conflict_and_the_same_state_twice_changes_nothing(
    north: Client, db: Db
) -> None:
    made = north("POST", "/Users", ana()).json
    again = north("POST", "/Users", ana(userName="ANA@north.example"))
    assert (again.status_code, again.json["scimType"]) == (409, "uniqueness")
    for _ in range(2):
        assert north("PUT", f"/Users/{made['id']}", ana()).status_code == 200
    assert [db[name].count_documents({}) for name in ("users", "people", "affiliations")] == [1, 1, 1]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "active", "value": False},
        {"op": "Replace", "path": "active", "value": "False"},  # Entra ID
        {"op": "replace", "value": {"active": False}},  # Okta
        {"op": "Replace", "value": {"active": "False"}},
    ],
)
def test_switching_somebody_off_ends_affiliation_and_sessions_at_once(
    app: Flask, north: Client, db: Db, operation: dict[str, Any]
) -> None:
    made = north("POST", "/Users", ana()).json
    user = db.users.find_one() or {}
    db.identity_providers.insert_one({"_id": "idp_1", "org": "north"})
    db.users.update_one({}, {"$set": {"subject": "idp_1 42"}})
    browser = log_in(app, user)
    assert browser.client.get("/me").status_code == 200
    answer = north.patch(f"/Users/{made['id']}", operation)
    assert answer.status_code in {200, 204}, answer.text
    assert north("GET", f"/Users/{made['id']}").json["active"] is False
    assert browser.client.get("/me").status_code == 302
    row = db.affiliations.find_one() or {}
    assert row["until"] is not None
    assert row["until"] <= dt.datetime.now(dt.UTC)
    after = db.users.find_one() or {}
    assert (after["disabled_at"], after["subject"]) == (None, None), "the account stays the learner's"
    assert north.patch(f"/Users/{made['id']}", operation).status_code in {200, 204}
    assert db.affiliations.count_documents({}) == 1
    north.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True})
    assert db.affiliations.count_documents({"until": None}) == 1, "who comes back begins anew"
    assert db.affiliations.count_documents({}) == 2
    assert db.people.count_documents({}) == 1


def test_a_deleted_user_leaves_and_who_administered_cannot_log_in_any_more(
    app: Flask, north: Client, db: Db
) -> None:
    pat = make_user(db, "north", "partner_admin", "pat@north.example")
    made = north(
        "POST", "/Users", ana(userName="pat@north.example", emails=[{"value": "pat@north.example"}])
    ).json
    browser = log_in(app, pat)
    assert browser.client.get("/console").status_code == 200
    assert north("DELETE", f"/Users/{made['id']}").status_code == 204
    assert browser.client.get("/console").status_code == 302
    assert (db.users.find_one({"_id": pat["_id"]}) or {})["disabled_at"] is not None
    assert north("GET", f"/Users/{made['id']}").status_code == 404
    assert db.affiliations.count_documents({"until": None}) == 0
    back = north("POST", "/Users", ana(userName="pat@north.example", emails=[{"value": "pat@north.example"}]))
    assert back.status_code == 201
    assert (db.users.find_one({"_id": pat["_id"]}) or {})["disabled_at"] is None


def test_of_another_domain_a_directory_can_only_claim(app: Flask, north: Client, db: Db) -> None:
    ada = make_user(db, "vendor", "vendor_admin", "ada@vendor.example")
    browser = log_in(app, ada)
    body = ana(userName="ada@vendor.example", emails=[{"value": "ada@vendor.example"}])
    made = north("POST", "/Users", body)
    assert made.status_code == 201
    assert (db.affiliations.find_one() or {})["confirmed_at"] is None, "it waits for her"
    assert north("DELETE", f"/Users/{made.json['id']}").status_code == 204
    assert browser.client.get("/console").status_code == 200
    assert db.users.find_one({"_id": ada["_id"]}) == ada


def test_who_administers_elsewhere_under_an_address_of_ours_is_left_alone(
    app: Flask, north: Client, db: Db
) -> None:
    make_org(db, "south")
    sam = make_user(db, "south", "partner_admin", "ana@north.example")
    browser = log_in(app, sam)
    made = north("POST", "/Users", ana()).json
    north("DELETE", f"/Users/{made['id']}")
    assert browser.client.get("/console").status_code == 200
    assert db.users.find_one({"_id": sam["_id"]}) == sam


def test_who_counts_for_another_partner_is_not_taken_from_it(north: Client, db: Db) -> None:
    make_org(db, "south")
    person = make_person(db, "ana@north.example", "south")
    made = north("POST", "/Users", ana()).json
    rows = {row["org"]: row for row in db.affiliations.find({"person": person})}
    assert (rows["south"]["primary"], rows["north"]["primary"]) == (True, False)
    north("DELETE", f"/Users/{made['id']}")
    assert (db.affiliations.find_one({"org": "south"}) or {})["until"] is None


def test_a_new_address_goes_along_with_person_and_account(north: Client, db: Db) -> None:
    made = north("POST", "/Users", ana()).json
    changed = ana(
        userName="ana.lima@north.example", emails=[{"value": "ana.lima@north.example", "primary": True}]
    )
    assert north("PUT", f"/Users/{made['id']}", changed).status_code == 200
    assert (
        db.people.count_documents({})
        == db.affiliations.count_documents({})
        == db.users.count_documents({})
        == 1
    )
    assert (db.users.find_one() or {})["email"] == "ana.lima@north.example"
    owned = {row["ifi"] for row in (db.people.find_one() or {})["ifis"]}
    assert {"mbox::mailto:ana@north.example", "mbox::mailto:ana.lima@north.example"} <= owned
    make_person(db, "bob@north.example")
    taken = ana(userName="bob@north.example", emails=[{"value": "bob@north.example", "primary": True}])
    assert north("PUT", f"/Users/{made['id']}", taken).status_code == 409
    away = ana(userName="x", emails=[{"value": "ana@elsewhere.example", "primary": True}])
    assert north("PUT", f"/Users/{made['id']}", away).status_code == 400
    assert (db.users.find_one() or {})["email"] == "ana.lima@north.example", "nothing changed"


@pytest.mark.parametrize(
    "email",
    [
        {"op": "add", "path": "emails", "value": [{"value": "ana@north.example", "primary": True}]},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "ana@north.example"},  # Entra ID
    ],
)
def test_a_user_without_a_mail_address_is_kept_and_becomes_nobody_until_it_has_one(
    north: Client, db: Db, email: dict[str, Any]
) -> None:
    body = {"schemas": [USER], "userName": "ana"}
    made = north("POST", "/Users", body)
    assert made.status_code == 201
    assert db.people.count_documents({}) == db.users.count_documents({}) == 0
    assert north.patch(f"/Users/{made.json['id']}", email).status_code in {200, 204}
    assert db.people.count_documents({}) == db.users.count_documents({}) == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('userName eq "ana@north.example"', 1),
        ('userName eq "ANA@NORTH.EXAMPLE"', 1),
        ('externalId eq "e-1"', 1),
        ('externalId eq "E-1"', 0),
        ('userName eq "nobody"', 0),
        ('displayName co "lima" and active eq true', 1),
        ('emails[type eq "work"].value eq "ana@north.example"', 1),
        ('emails[type eq "work" and value co "ana"]', 1),
        ("userName eq", None),
        ("(" * 500, None),
        ('userName eq "' + "x" * 3000 + '"', 0),
    ],
)
def test_filters(north: Client, asked: str, found: int | None) -> None:
    north("POST", "/Users", ana())
    north("POST", "/Users", ana(userName="bob@north.example", externalId="e-2", displayName="Bob", emails=[]))
    answer = north.client.get(
        "/scim/v2/Users", query_string={"filter": asked}, headers={"Authorization": f"Bearer {north.token}"}
    )
    if found is None:
        assert (answer.status_code, answer.json["scimType"]) == (400, "invalidFilter")
    else:
        assert (answer.status_code, answer.json["totalResults"]) == (200, found), answer.text


def test_pages(north: Client) -> None:
    for number in range(5):
        north("POST", "/Users", ana(userName=f"u{number}@north.example", externalId=None, emails=[]))
    seen = []
    for start in (1, 3, 5):
        page = north("GET", f"/Users?startIndex={start}&count=2").json
        assert page["totalResults"] == 5
        seen += [one["userName"] for one in page["Resources"]]
    assert sorted(seen) == [f"u{number}@north.example" for number in range(5)]
    assert north("GET", "/Users?count=0").json["totalResults"] == 5


def test_etags(north: Client) -> None:
    made = north("POST", "/Users", ana())
    path, tag = f"/Users/{made.json['id']}", made.headers["ETag"]
    assert north("GET", path, If_None_Match=tag).status_code == 304
    active = {"op": "replace", "path": "displayName", "value": "Ana L."}
    assert north.patch(path, active, If_Match=tag).status_code in {200, 204}
    assert north.patch(path, {**active, "value": "x"}, If_Match=tag).status_code == 412
    assert north("GET", path).json["displayName"] == "Ana L."
    assert north("DELETE", path, If_Match=tag).status_code == 412


def test_groups_with_the_dialects_of_entra_and_okta(north: Client, db: Db) -> None:
    one = north("POST", "/Users", ana()).json["id"]
    two = north("POST", "/Users", ana(userName="bob@north.example", externalId="e-2", emails=[])).json["id"]
    made = north("POST", "/Groups", {"schemas": [GROUP], "displayName": "Sales", "externalId": "g-1"})
    assert made.status_code == 201
    path = f"/Groups/{made.json['id']}"
    north.patch(path, {"op": "Add", "path": "members", "value": [{"value": one}, {"value": two}]})
    assert {row["value"] for row in north("GET", path).json["members"]} == {one, two}
    north.patch(path, {"op": "Remove", "path": f'members[value eq "{two}"]'})
    assert [row["value"] for row in north("GET", path).json["members"]] == [one]
    north.patch(
        path, {"op": "replace", "value": {"id": made.json["id"], "displayName": "Sales EMEA"}}
    )  # Okta
    north.patch(path, {"op": "Add", "path": "members", "value": [{"value": two}]})
    removed = north.patch(path, {"op": "Remove", "path": "members", "value": [{"value": one}]})  # Entra ID
    assert removed.status_code in {200, 204}
    assert [row["value"] for row in north("GET", path).json["members"]] == [two]
    assert "members" not in north("GET", f"{path}?excludedAttributes=members").json
    listed = north("GET", "/Groups?filter=displayName%20eq%20%22sales%20emea%22").json
    assert listed["totalResults"] == 1
    assert north("DELETE", path).status_code == 204
    assert db.users.count_documents({}) == 2


def test_what_the_service_says_of_itself(north: Client) -> None:
    config = north("GET", "/ServiceProviderConfig").json
    assert (config["patch"]["supported"], config["etag"]["supported"], config["filter"]["supported"]) == (
        True,
    ) * 3
    assert (config["bulk"]["supported"], config["changePassword"]["supported"]) == (False, False)
    assert config["authenticationSchemes"][0]["type"] == "oauthbearertoken"
    assert {one["id"] for one in north("GET", "/ResourceTypes").json["Resources"]} == {"User", "Group"}
    assert USER in {one["id"] for one in north("GET", "/Schemas").json["Resources"]}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/Users", "{", 400),
        ("POST", "/Users", "[]", 400),
        ("POST", "/Users", "", 400),
        ("POST", "/Users", "[" * 20_000, 400),
        ("POST", "/Users", {"schemas": [USER]}, 400),
        ("POST", "/Users", {"schemas": [USER], "userName": "ana@north.example", "emails": "x"}, 400),
        ("POST", "/Users", b" " * 1_100_000, 413),
        ("PUT", "/Users/nobody", {"schemas": [USER], "userName": "ana@north.example"}, 404),
        ("PATCH", "/Users/nobody", {"schemas": [PATCH], "Operations": []}, 400),
        ("DELETE", "/Users/nobody", None, 404),
        ("GET", "/Nothing", None, 404),
        ("GET", "/Me", None, 501),
        ("POST", "/Bulk", {"schemas": [], "Operations": []}, 501),
        ("DELETE", "/Users", None, 405),
    ],
)
def test_what_cannot_be_is_refused_as_scim_says_it_and_changes_nothing(
    north: Client, db: Db, method: str, path: str, body: Any, status: int
) -> None:
    answer = north(method, path, body)
    assert answer.status_code == status, answer.text
    assert answer.json["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.json["status"] == str(status)
    assert [db[name].count_documents({}) for name in ("users", "people", "scim_resources")] == [0] * 3


def test_organizations_do_not_see_each_other(app: Flask, north: Client, db: Db) -> None:
    made, south = north("POST", "/Users", ana()).json, directory(app, db, "south")
    path = f"/Users/{made['id']}"
    assert south("GET", "/Users").json["totalResults"] == 0
    assert south("GET", '/Users?filter=userName eq "ana@north.example"').json["totalResults"] == 0
    assert [south(method, path, ana()).status_code for method in ("GET", "PUT", "DELETE")] == [404] * 3
    assert south.patch(path, {"op": "replace", "path": "active", "value": False}).status_code == 404
    assert north("GET", path).json == made


def test_only_a_live_token_opens_anything_and_it_is_kept_as_a_hash(app: Flask, north: Client, db: Db) -> None:
    assert north.token not in str(list(db.scim_tokens.find())) + str(list(db.audit.find()))
    for token in ("", "scim_x", north.token + "x", north.token[:-1]):
        answer = Client(app, token)("GET", "/Users")
        assert answer.status_code == 401
        assert "Bearer" in answer.headers["WWW-Authenticate"]
        assert answer.json["status"] == "401"
    name = (db.scim_tokens.find_one() or {})["name"]
    tokens.revoke(editor(db), "north", name)
    assert north("GET", "/Users").status_code == 401


def test_a_suspended_organization_s_directory_is_shut_out(north: Client, db: Db) -> None:
    db.orgs.update_one({"_id": "north"}, {"$set": {"status": "suspended"}})
    assert north("GET", "/Users").status_code == 401


def test_guessing_tokens_is_slowed_down(app: Flask, north: Client) -> None:
    stranger = Client(app, "scim_guess")
    answers = [stranger("GET", "/Users").status_code for _ in range(pages.WRONG_TOKENS + 1)]
    assert answers[-1] == 429
    assert north("GET", "/Users").status_code == 200, "who has a token is not held up"


def test_an_administrator_makes_and_revokes_a_token(app: Flask, north: Client, db: Db) -> None:
    make_org(db, "south")
    admin = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    page = admin.open("/console/sign-in/scim", "POST", data={"org": "north", "label": "Okta"})
    token = page.text.partition("scim_")[2].partition("<")[0]
    fresh = Client(app, f"scim_{token}")
    assert fresh("GET", "/Users").status_code == 200
    wrong = admin.open("/console/sign-in/scim", "POST", data={"org": "south", "label": "Okta"})
    assert wrong.status_code == 404
    name = (db.scim_tokens.find_one({"label": "Okta"}) or {})["name"]
    assert "Okta" in admin.client.get("/console/sign-in").text
    other = log_in(app, make_user(db, "south", "partner_admin", "sam@south.example"))
    assert other.open(f"/console/sign-in/scim/{name}/revoke", "POST").status_code == 404
    assert admin.open(f"/console/sign-in/scim/{name}/revoke", "POST").status_code == 303
    assert fresh("GET", "/Users").status_code == 401


class TestDirectory(ScimStorageContract):
    """The rules of the library for storages, proven by its own tests."""

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return speaking.service().provider

    @pytest.fixture
    def storage(self, app: Flask, db: Db) -> Directory:
        make_org(db, "north")
        return Directory(editor(db), "north", speaking.service())


def test_a_directory_enables_only_whom_it_disabled(north: Client, db: Db) -> None:
    made = north("POST", "/Users", ana()).json["id"]
    db.users.update_one({}, {"$set": {"disabled_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}})
    assert north("PUT", f"/Users/{made}", ana(title="Lead")).status_code == 200
    assert (db.users.find_one() or {})["disabled_at"] is not None, "the vendor did that"


def test_an_address_is_not_changed_of_who_administers_elsewhere_by_now(north: Client, db: Db) -> None:
    make_org(db, "south")
    made = north("POST", "/Users", ana()).json["id"]
    db.users.update_one({}, {"$set": {"role": "partner_admin", "org": "south"}})
    other = ana(
        userName="mallory@north.example", emails=[{"value": "mallory@north.example", "primary": True}]
    )
    assert north("PUT", f"/Users/{made}", other).status_code == 200
    assert (db.users.find_one() or {})["email"] == "ana@north.example"


def test_an_address_that_another_user_of_the_directory_had_makes_nobody_that_person(
    north: Client, db: Db
) -> None:
    made = north("POST", "/Users", ana()).json["id"]
    married = ana(
        userName="ana.silva@north.example", emails=[{"value": "ana.silva@north.example", "primary": True}]
    )
    assert north("PUT", f"/Users/{made}", married).status_code == 200
    assert north("POST", "/Users", ana(externalId="e-2")).status_code == 409
    assert db.people.count_documents({}) == 1
