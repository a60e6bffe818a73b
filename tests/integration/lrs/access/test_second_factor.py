"""The second factor of users: added by a code, asked for after the password, and taken away."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import PASSWORD, basic, editor, log_in, make_user, utc_now
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import second_factor, users
from lrs.access.second_factor import code_of, step_of
from lrs.commands.programme.credentials import relock_all
from lrs.credentials.keys import key_store
from lrs.foundation.errors import InvalidField
from lrs.foundation.settings import Settings, StartFailure
from lrs.messaging import webhooks

Db = Database[dict[str, Any]]
PAGE = "/console/second-factor"


class Ada:
    """A user with a second factor, her secret and her recovery codes."""

    def __init__(self, app: Flask, db: Db) -> None:
        self.db, self.app = db, app
        self.now = utc_now() + dt.timedelta(
            seconds=1
        )  # after the client was made; it stands, as codes change
        app.extensions["laurel"] = dataclasses.replace(
            app.extensions["laurel"], now=lambda: self.now, parts={}
        )
        self.user = make_user(db, "vendor", "vendor_admin", "ada@vendor.example")
        self.browser = log_in(app, self.user)
        page = self.browser.open(PAGE).text
        self.secret = re.findall(r"<code>([A-Z2-7 ]{32,})</code>", page)[0].replace(" ", "")
        assert "data:image/svg+xml" in page
        wrong = self.browser.open(PAGE, "POST", data={"code": "abc"})
        assert (wrong.status_code, self.secret in wrong.text.replace(" ", "")) == (422, True)
        done = self.browser.open(PAGE, "POST", data={"code": self.code(-1)}).text
        self.recovery = re.findall(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}", done)

    def code(self, around: int = 0) -> str:
        """Return the code of the present step, or of one beside it."""
        return code_of(self.secret, step_of(self.now) + around)

    def begin(self) -> FlaskClient:
        """Return a browser that gave the password."""
        client = self.app.test_client()
        form = {"email": self.user["email"], "password": PASSWORD, "onward": "/console/people"}
        answer = client.post("/login", data=form)
        assert (answer.status_code, answer.location) == (303, "/login/code")
        return client


@pytest.fixture
def ada(app: Flask, db: Db) -> Ada:
    return Ada(app, db)


def test_the_password_alone_opens_nothing(ada: Ada) -> None:
    client = ada.begin()
    assert client.get("/console").location == "/login?onward=/console"
    assert client.post("/login/code", data={"code": "000"}).status_code == 401
    answer = client.post("/login/code", data={"code": ada.code()})
    assert (answer.status_code, answer.location) == (303, "/console/people")
    assert client.get("/console").status_code == 200
    assert ada.secret not in str(list(ada.db.users.find())), "the secret is sealed"


def test_a_code_is_good_once_and_so_is_a_recovery_code(ada: Ada) -> None:
    now, used = ada.code(1), ada.begin()
    assert used.post("/login/code", data={"code": now}).status_code == 303
    assert ada.begin().post("/login/code", data={"code": now}).status_code == 401
    assert ada.begin().post("/login/code", data={"code": ada.recovery[0].upper()}).status_code == 303
    assert ada.begin().post("/login/code", data={"code": ada.recovery[0]}).status_code == 401
    assert len(ada.db.users.find_one({"_id": ada.user["_id"]})["second_factor"]["recovery"]) == 7


def test_wrong_codes_lock_the_account_whatever_the_password(ada: Ada) -> None:
    for _ in range(users.FAILURES):
        assert ada.begin().post("/login/code", data={"code": "000"}).status_code == 401
    locked = ada.db.users.find_one({"_id": ada.user["_id"]})["locked_until"]
    assert locked > ada.now
    client = ada.app.test_client()
    form = {"email": ada.user["email"], "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 401


def test_without_a_password_there_is_no_code_to_give(ada: Ada, client: FlaskClient) -> None:
    assert client.get("/login/code").location == "/login"
    assert client.post("/login/code", data={"code": ada.code()}).location == "/login"


def test_adding_a_factor_ends_other_sessions_and_removing_needs_a_code(ada: Ada) -> None:
    assert ada.browser.open("/console").status_code == 200
    assert ada.browser.open(f"{PAGE}/remove", "POST", data={"code": "000"}).status_code == 422
    page = ada.browser.open(PAGE).text
    assert "8 recovery codes are left" in page
    assert ada.browser.open(f"{PAGE}/remove", "POST", data={"code": ada.recovery[1]}).status_code == 303
    assert ada.browser.open("/console").status_code == 302
    client = ada.app.test_client()
    form = {"email": ada.user["email"], "password": PASSWORD}
    assert client.post("/login", data=form).location == "/console"
    actions = [row["action"] for row in ada.db.audit.find({"thing": ada.user["_id"]})]
    assert {"user.factor.add", "user.factor.remove"} <= set(actions)


def test_an_administrator_takes_the_factor_of_somebody_away(ada: Ada, client: FlaskClient) -> None:
    path = f"/api/v1/users/{ada.user['_id']}"
    before = client.get(path, headers=basic(KEY, SECRET))
    assert before.json.get("second_factor") is True, before.text
    reset = client.post(f"{path}/second-factor/reset", headers=basic(KEY, SECRET))
    assert (reset.status_code, reset.json["second_factor"]) == (200, False)
    again = client.post(f"{path}/second-factor/reset", headers=basic(KEY, SECRET))
    assert again.status_code == 409


def test_what_was_begun_and_not_proven_in_time_holds_nothing(app: Flask, db: Db, settings: Settings) -> None:
    user = make_user(db, "vendor", "vendor_admin", "bo@vendor.example")["_id"]
    secret = second_factor.want(editor(db), settings, user)
    assert second_factor.want(editor(db), settings, user) == secret
    with pytest.raises(InvalidField):
        second_factor.prove(editor(db), settings, user, "1234567")
    later = editor(db, utc_now() + dt.timedelta(hours=1))
    assert second_factor.want(later, settings, user) != secret


def test_a_new_passphrase_opens_all_beside_the_former_one_and_then_alone(
    ada: Ada, settings: Settings
) -> None:
    """Processes have both while everything is locked anew; nothing stops working in between."""
    db, old = ada.db, dataclasses.replace(settings, key_passphrase=settings.key_passphrase or None)
    kid = key_store(old, db).current()
    sealed = webhooks.seal(old, "whsec_x")
    db.endpoints.insert_one({"_id": "ep", "org": "vendor", "secrets": [{"sealed": sealed, "until": None}]})
    former = (
        (settings.data_folder / "key-passphrase").read_text()
        if not old.key_passphrase
        else old.key_passphrase
    )
    both = dataclasses.replace(settings, key_passphrase="new one", key_passphrase_former=former)
    alone = dataclasses.replace(settings, key_passphrase="new one")
    with pytest.raises(StartFailure, match="another passphrase"):
        relock_all(alone, db)
    assert key_store(both, db).sign(kid, b"x")
    done = relock_all(both, db)
    others = {"LTI keys": 0, "login providers": 0, "SAML keys": 0}
    assert done == {"signing keys": 1, "webhook endpoints": 1, "second factors": 1, **others}
    assert key_store(alone, db).sign(kid, b"x")
    assert webhooks.unseal(alone, db.endpoints.find_one()["secrets"][0]["sealed"]) == "whsec_x"
    user = db.users.find_one({"_id": ada.user["_id"]})
    assert second_factor.use(db, alone, user, ada.code(1), ada.now)
    with pytest.raises(StartFailure, match="another passphrase"):
        key_store(old, db).sign(kid, b"x")
