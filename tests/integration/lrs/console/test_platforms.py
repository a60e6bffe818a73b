"""Learning systems in the console: registered, deployed, withdrawn, removed; by the vendor alone."""

from __future__ import annotations

from typing import Any

import pytest
from factories_access import Browser, log_in, make_user
from flask import Flask
from pymongo.database import Database

Db = Database[dict[str, Any]]
PLACE = "/console/platforms"
SAID = {
    "issuer": "https://lms.example", "client_id": "c-1", "login_url": "https://lms.example/auth",
    "token_url": "https://lms.example/token", "keys_url": "https://lms.example/keys", "label": "Their LMS",
}  # fmt: skip


def test_a_learning_system_is_registered_deployed_and_removed(db: Db, ada: Browser) -> None:
    assert "http://lrs.example/lti/login" in ada.open(PLACE).text
    place = ada.open(PLACE, "POST", data=SAID).location
    assert "It opens nothing before a deployment is entered here" in ada.open(place).text
    assert (
        ada.open(place, "POST", data={"action": "deploy", "deployment": "7", "org": "north"}).location
        == place
    )
    assert "<code>7</code>" in ada.open(place).text
    assert "Their LMS" in ada.open(PLACE).text
    assert [one["action"] for one in db.audit.find({"kind": "lti platform"})] == [
        "lti.register",
        "lti.deploy",
    ]
    ada.open(place, "POST", data={"action": "withdraw", "deployment": "7"})
    assert db.lti_platforms.find_one({})["deployments"] == []  # type: ignore[index]
    assert ada.open(place, "POST", data={"action": "remove"}).location == PLACE
    assert db.lti_platforms.count_documents({}) == 0


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"issuer": ""}, 422),
        ({"keys_url": ""}, 422),
        ({"keys_url": "http://lms.example/keys"}, 422),
        ({"login_url": "javascript:alert(1)"}, 422),
        ({"token_url": "https://user@lms.example/"}, 422),
        ({"issuer": "x" * 256}, 422),
        ({"client_id": "a b"}, 422),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(
    changes: dict[str, str], status: int, db: Db, ada: Browser
) -> None:
    assert ada.open(PLACE, "POST", data={**SAID, **changes}).status_code == status
    assert db.lti_platforms.count_documents({}) == 0


def test_a_wrong_deployment_or_action_changes_nothing(db: Db, ada: Browser) -> None:
    place = ada.open(PLACE, "POST", data=SAID).location
    for data, status in (
        ({"action": "deploy", "deployment": "7", "org": "nobody"}, 404),
        ({"action": "deploy", "deployment": "", "org": "north"}, 422),
        ({"action": "withdraw", "deployment": "7"}, 404),
        ({"action": "paint"}, 422),
    ):
        assert ada.open(place, "POST", data=data).status_code == status, data
    assert ada.open(PLACE, "POST", data=SAID).status_code == 409
    assert db.lti_platforms.find_one({})["deployments"] == []  # type: ignore[index]


def test_a_partner_registers_nothing(app: Flask, db: Db, ada: Browser) -> None:
    pat = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    assert pat.open(PLACE).status_code == 403
    assert pat.open(PLACE, "POST", data=SAID).status_code == 403
    assert "Learning systems" not in pat.open("/console").text
    assert db.lti_platforms.count_documents({}) == 0
