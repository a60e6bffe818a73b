"""What a directory may ask for has bounds, and what it said of somebody goes with them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from factories_access import editor
from factories_scim import GROUP, Client, Db, ana, directory
from flask import Flask

from lrs.app import create_app
from lrs.foundation.settings import Settings
from lrs.people.privacy import erasure
from lrs.scim import directory as keeping
from lrs.scim import speaking


@pytest.fixture
def north(app: Flask, db: Db) -> Client:
    return directory(app, db, "north")


def group(north: Client, *members: dict[str, str]) -> str:
    body = {"schemas": [GROUP], "displayName": "Sales", "members": list(members)}
    made = north("POST", "/Groups", body)
    assert made.status_code == 201, made.text
    return f"/Groups/{made.json['id']}"


def test_a_group_keeps_no_names_of_members_and_loses_who_is_deleted(north: Client, db: Db) -> None:
    one = north("POST", "/Users", ana()).json["id"]
    two = north("POST", "/Users", ana(userName="bob@north.example", externalId="e-2", emails=[])).json["id"]
    path = group(north, {"value": one, "display": "Ana Lima"}, {"value": two, "display": "Bob Ray"})
    assert "Lima" not in (db.scim_resources.find_one({"type": "Group"}) or {})["body"]
    before = north("GET", path)
    assert north("DELETE", f"/Users/{two}").status_code == 204
    after = north("GET", path)
    assert [row["value"] for row in after.json["members"]] == [one]
    assert after.headers["ETag"] != before.headers["ETag"]


def test_erasure_takes_a_person_out_of_the_groups_of_directories(app: Flask, north: Client, db: Db) -> None:
    one = north("POST", "/Users", ana()).json["id"]
    south = directory(app, db, "south")
    theirs = south("POST", "/Users", ana(userName="s@south.example", emails=[])).json["id"]
    path, other = group(north, {"value": one}), group(south, {"value": theirs})
    row = db.scim_resources.find_one({"type": "Group", "org": "north"}) or {}
    told = json.loads(row["body"])
    told["members"][0]["display"] = "Ana Lima"  # as an older version kept it
    db.scim_resources.update_one({"_id": row["_id"]}, {"$set": {"body": json.dumps(told)}})
    person = (db.scim_resources.find_one({"_id": one}) or {})["person"]
    erasure.erase(editor(db), person, mode="pseudonymise", reason="asked")
    assert "Ana" not in json.dumps(list(db.scim_resources.find({"org": "north"})), default=str)
    assert "members" not in north("GET", path).json
    assert south("GET", other).json["members"][0]["value"] == theirs


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"/Users?filter=userName%20eq%20%22{'x' * 4000}%22", None, 400),
        ("GET", f"/Users?Filter=userName%20eq%20%22{'x' * 4000}%22", None, 400),
        ("POST", "/.search", b" " * 17_000, 413),
        ("POST", "/Users/.search", b" " * 17_000, 413),
        ("PATCH", "/Users/x", {"Operations": [{"op": "add"}] * (speaking.MOST_OPERATIONS + 1)}, 400),
    ],
)
def test_what_would_take_long_is_refused(
    north: Client, method: str, path: str, body: Any, status: int
) -> None:
    answer = north(method, path, body)
    assert (answer.status_code, answer.json["status"]) == (status, str(status))


def test_a_page_and_a_walk_hold_so_many_bytes_and_go_on(
    north: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        north("POST", "/Users", ana(userName=f"u{number}@north.example", externalId=None, emails=[]))
    monkeypatch.setattr(keeping, "MOST_BYTES", 300)
    seen: list[str] = []
    while len(seen) < 5:
        page = north("GET", f"/Users?startIndex={len(seen) + 1}").json
        assert page["totalResults"] == 5
        assert 1 <= len(page["Resources"]) < 5
        seen += [one["userName"] for one in page["Resources"]]
    assert sorted(seen) == [f"u{number}@north.example" for number in range(5)]
    refused = north("GET", "/Users?filter=title%20pr")
    assert (refused.status_code, refused.json["scimType"]) == (400, "tooMany")
    monkeypatch.setattr(keeping, "MOST_BYTES", 1)
    assert len(north("GET", "/Users").json["Resources"]) == 1, "one is always given"


def test_a_large_group_takes_fewer_operations_at_once(north: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation with a filter walks all members: fifty over 20,000 of them took half a minute."""
    one = north("POST", "/Users", ana()).json["id"]
    path = group(north, *({"value": f"{number:032x}"} for number in range(20)), {"value": one})
    monkeypatch.setattr(keeping, "MOST_WORK", 3000)
    gone = {"op": "remove", "path": f'members[value eq "{one}"]'}
    refused = north.patch(path, gone, gone, gone)
    assert (refused.status_code, refused.json["scimType"]) == (400, "tooMany")
    assert len(north("GET", path).json["members"]) == 21
    assert north.patch(path, gone).status_code in {200, 204}
    assert len(north("GET", path).json["members"]) == 20


def test_the_limits_of_an_organization_hold_for_its_directory(settings: Settings, db: Db) -> None:
    app = create_app(dataclasses.replace(settings, limits="org.people=1"), db)
    north = directory(app, db, "north")
    assert north("POST", "/Users", ana()).status_code == 201
    bob = ana(userName="bob@north.example", externalId="e-2", emails=[], active=False)
    later = north("POST", "/Users", bob)
    assert later.status_code == 201, "who is not active does not belong"
    active = {"op": "replace", "path": "active", "value": True}
    refused = north.patch(f"/Users/{later.json['id']}", active)
    assert (refused.status_code, refused.json["status"]) == (409, "409")
    assert db.affiliations.count_documents({"org": "north"}) == 1
    assert north("GET", f"/Users/{later.json['id']}").json["active"] is False


def test_a_directory_s_requests_count_for_its_token_and_its_organization(settings: Settings, db: Db) -> None:
    app = create_app(dataclasses.replace(settings, limits="org.requests=1"), db)
    north, south = directory(app, db, "north"), directory(app, db, "south")
    answers = [north("GET", "/Users") for _ in range(11)]
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert answers[-1].json["status"] == "429"
    assert south("GET", "/Users").status_code == 200
