"""Passkeys: made, named, used alone and as the second factor, removed; and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest
from factories_access import PASSWORD, Browser, log_in, make_user
from factories_sign_in import SoftKey, b64
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access.second_factor import code_of, step_of
from lrs.access.users import TRIES
from lrs.app import create_app
from lrs.foundation.settings import Settings
from lrs.sign_in import passkeys

Db = Database[dict[str, Any]]


@pytest.fixture
def site(settings: Settings, db: Db) -> Flask:
    return create_app(dataclasses.replace(settings, public_url="https://lrs.example"), db)


@pytest.fixture
def ada(site: Flask, db: Db) -> Browser:
    return enter(site, db, "ada@vendor.example")


def enter(site: Flask, db: Db, email: str) -> Browser:
    user = db.users.find_one({"email": email}) or make_user(db, "vendor", "vendor_admin", email)
    found = log_in(site, user)
    cookie = found.client.get_cookie("__Host-laurel", domain="localhost")
    assert cookie is not None
    found.client.set_cookie("__Host-laurel", cookie.value, domain="lrs.example", secure=True)
    return found


def soft_key() -> SoftKey:
    return SoftKey("lrs.example", "https://lrs.example")


def call(browser: Browser, path: str, **data: Any) -> Any:
    return browser.open(path, "POST", data=data, base_url="https://lrs.example")


def make(browser: Browser, key: SoftKey, name: str = "Phone", **more: Any) -> Any:
    options = call(browser, "/account/passkeys/options").json
    return call(browser, "/account/passkeys", answer=json.dumps(key.made(options, **more)), name=name)


def post(client: FlaskClient, path: str, **data: Any) -> Any:
    return client.post(path, data=data, base_url="https://lrs.example")


def use(client: FlaskClient, key: SoftKey, place: str = "/login/passkey", **more: Any) -> Any:
    options = post(client, f"{place}/options").json
    return post(client, place, answer=json.dumps(key.answered(options, **more)), onward="/console/people")


def test_a_passkey_is_made_used_renamed_and_removed(site: Flask, db: Db, ada: Browser) -> None:
    key = soft_key()
    made = make(ada, key)
    assert (made.status_code, made.location) == (303, "/console/account#passkeys")
    row = (db.users.find_one() or {})["passkeys"][0]
    assert (row["name"], row["id"], row["used_at"]) == ("Phone", b64(key.id), None)
    client = site.test_client()
    answer = use(client, key)
    assert (answer.status_code, answer.location) == (303, "/console/people")
    assert client.get("/console", base_url="https://lrs.example").status_code == 200
    row = (db.users.find_one() or {})["passkeys"][0]
    assert row["count"] == 1
    assert row["used_at"] is not None
    assert (db.sessions.find_one({"means": "passkey"}) or {})["user"] == (db.users.find_one() or {})["_id"]
    call(ada, "/account/passkeys", action="rename", passkey=row["id"], name="Key ring")
    page = ada.client.get("/console/account", base_url="https://lrs.example").text
    assert "Key ring" in page
    call(ada, "/account/passkeys", action="remove", passkey=row["id"])
    assert (db.users.find_one() or {})["passkeys"] == []
    assert use(site.test_client(), key).status_code == 401
    assert {one["action"] for one in db.audit.find({"action": {"$regex": "passkey"}})} == {
        "user.passkey.add", "user.passkey.remove",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "more"),
    [
        (SoftKey("lrs.example", "https://evil.example"), {}),
        (SoftKey("lrs.example", "http://lrs.example"), {}),
        (SoftKey("evil.example", "https://lrs.example"), {}),
        (soft_key(), {"challenge": b64(b"another challenge")}),
        (soft_key(), {"kind": "webauthn.get"}),
        (soft_key(), {"flags": 0x44}),
        (soft_key(), {"flags": 0x41}),
    ],
    ids=["origin", "without TLS", "RP id", "challenge", "type", "nobody there", "not verified"],
)
def test_a_passkey_that_the_page_did_not_ask_for_is_refused(
    site: Flask, db: Db, ada: Browser, key: SoftKey, more: dict[str, Any]
) -> None:
    answer = make(ada, key, **more)
    assert answer.status_code == 422
    assert "not one that this page asked for" in answer.text
    assert "passkeys" not in (db.users.find_one() or {})


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "{", "[" * 5000, '{"id": 1}', '{"id":"x","rawId":"y","type":"z"}', "x" * 70_000],
)
def test_answers_that_are_none_are_refused(site: Flask, db: Db, ada: Browser, text: str) -> None:
    call(ada, "/account/passkeys/options")
    assert call(ada, "/account/passkeys", answer=text, name="x").status_code == 422
    client = site.test_client()
    post(client, "/login/passkey/options")
    assert post(client, "/login/passkey", answer=text).status_code == 401
    assert "passkeys" not in (db.users.find_one() or {})


def test_a_challenge_is_good_once_for_one_session_and_ten_minutes(site: Flask, db: Db, ada: Browser) -> None:
    options, key = call(ada, "/account/passkeys/options").json, soft_key()
    answer = json.dumps(key.made(options))
    eve = enter(site, db, "eve@vendor.example")
    assert call(eve, "/account/passkeys", answer=answer).status_code == 422
    assert call(ada, "/account/passkeys", answer=answer).status_code == 303
    assert call(ada, "/account/passkeys", answer=answer).status_code == 422
    call(ada, "/account/passkeys/options")
    late = {"challenge.until": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}
    db.sessions.update_many({"challenge": {"$exists": True}}, {"$set": late})
    assert call(ada, "/account/passkeys", answer=answer).status_code == 422


def test_a_passkey_belongs_to_one_account(site: Flask, db: Db, ada: Browser) -> None:
    key = soft_key()
    assert make(ada, key).status_code == 303
    eve = enter(site, db, "eve@vendor.example")
    assert make(eve, key).status_code == 409
    listed = call(ada, "/account/passkeys/options").json["excludeCredentials"]
    assert [one["id"] for one in listed] == [b64(key.id)]


@pytest.mark.parametrize(
    "more",
    [
        {"challenge": b64(b"another challenge")},
        {"flags": 0x04},
        {"flags": 0x01},
        {"handle": b"u_somebody"},
        {"count": 5},
    ],
    ids=["challenge", "nobody there", "not verified", "another user", "stale counter"],
)
def test_an_answer_that_is_not_right_logs_nobody_in(
    site: Flask, db: Db, ada: Browser, more: dict[str, Any]
) -> None:
    key = soft_key()
    make(ada, key)
    assert use(site.test_client(), key, count=5).status_code == 303
    before = db.sessions.count_documents({})
    assert use(site.test_client(), key, **more).status_code == 401
    assert db.sessions.count_documents({}) == before
    assert use(site.test_client(), key, count=9).status_code == 303, "the right one still does"


def test_an_answer_is_good_once_and_in_the_browser_that_asked(site: Flask, db: Db, ada: Browser) -> None:
    key, client = soft_key(), site.test_client()
    make(ada, key)
    answer = json.dumps(key.answered(post(client, "/login/passkey/options").json))
    assert post(site.test_client(), "/login/passkey", answer=answer).status_code == 401
    assert post(client, "/login/passkey", answer=answer).status_code == 303
    assert post(client, "/login/passkey", answer=answer).status_code == 401


def test_a_disabled_user_and_one_of_a_provider_have_no_way_in_by_passkey(
    site: Flask, db: Db, ada: Browser
) -> None:
    key = soft_key()
    make(ada, key)
    for change in ({"disabled_at": dt.datetime.now(dt.UTC)}, {"disabled_at": None, "subject": "idp_x 42"}):
        db.users.update_one({}, {"$set": change})
        assert use(site.test_client(), key).status_code == 401
    ada = enter(site, db, "ada@vendor.example")
    assert call(ada, "/account/passkeys/options").status_code == 409


def test_a_passkey_stands_in_for_the_code_after_the_password(site: Flask, db: Db, ada: Browser) -> None:
    key, other = soft_key(), soft_key()
    make(ada, key)
    make(enter(site, db, "eve@vendor.example"), other)
    page = ada.client.get("/console/second-factor", base_url="https://lrs.example").text
    secret = page.partition("<code>")[2].partition("</code>")[0].replace(" ", "")
    call(ada, "/console/second-factor", code=code_of(secret, step_of(dt.datetime.now(dt.UTC))))
    client = site.test_client()
    form = {"email": "ada@vendor.example", "password": PASSWORD}
    assert post(client, "/login", **form).location == "/login/code"
    assert "/login/code/passkey" in client.get("/login/code", base_url="https://lrs.example").text
    assert use(client, other, "/login/code/passkey").status_code == 401, "not another user's"
    answer = use(client, key, "/login/code/passkey", flags=0x01)
    assert answer.status_code == 303, "the password was the other proof"
    assert post(client, "/login/code/passkey/options").location == "/login", "the step is over"
    alone = site.test_client()
    assert post(alone, "/login/code/passkey/options").location == "/login"


def test_whoever_comes_by_a_passkey_or_a_provider_is_found_by_an_index(app: Flask, db: Db) -> None:
    db.users.insert_many([{"email": f"u{number}@x.example", "subject": None} for number in range(50)])
    for asked in ({"passkeys.id": "x"}, {"subject": "idp_x 42"}):
        plan = db.users.find(asked).explain()["queryPlanner"]["winningPlan"]
        assert "IXSCAN" in str(plan), asked


def test_failures_of_an_address_are_counted_and_logins_are_not(site: Flask, db: Db, ada: Browser) -> None:
    key = soft_key()
    make(ada, key)
    for _ in range(2):
        assert use(site.test_client(), key).status_code == 303
    assert [one["count"] for one in db.tries.find({"_id": "passkey 127.0.0.1"})] == [0]
    db.tries.update_one({"_id": "passkey 127.0.0.1"}, {"$set": {"count": TRIES}})
    assert post(site.test_client(), "/login/passkey/options").status_code == 429


def test_passkeys_need_a_name_and_tls(settings: Settings) -> None:
    for url, possible in (
        ("https://lrs.example", True), ("http://localhost:8000", True), ("http://lrs.example", False),
        ("https://192.0.2.1", False), ("http://[::1]:8000", False),
    ):  # fmt: skip
        assert passkeys.is_possible(dataclasses.replace(settings, public_url=url)) is possible


def test_forms_of_another_site_are_refused(site: Flask, ada: Browser) -> None:
    evil = {"Origin": "https://evil.example"}
    client = site.test_client()
    for path in ("/login/passkey/options", "/login/passkey", "/login/next"):
        assert client.post(path, headers=evil, base_url="https://lrs.example").status_code == 403
    assert ada.client.post("/account/passkeys", base_url="https://lrs.example").status_code == 403


def test_sessions_are_listed_and_ended_one_by_one(site: Flask, db: Db, ada: Browser) -> None:
    for agent in (
        "Mozilla/5.0 (Windows NT 10.0) Firefox/145.0",
        "Mozilla/5.0 (iPhone; like Mac OS X) Safari/605",
    ):
        client = site.test_client()
        form = {"email": "ada@vendor.example", "password": PASSWORD}
        client.post("/login", data=form, base_url="https://lrs.example", headers={"User-Agent": agent})
    eve = enter(site, db, "eve@vendor.example")
    page = ada.client.get("/console/account", base_url="https://lrs.example").text
    assert "Firefox · Windows" in page
    assert "Safari · iPhone" in page
    assert db.sessions.count_documents({}) == 4
    for one in db.sessions.find():
        assert one["_id"] not in page, "what is kept names no session on a page"
    from lrs.access.sessions import name_of

    phone = next(one for one in db.sessions.find() if "iPhone" in one.get("agent", ""))
    assert call(eve, "/account/sessions", session=name_of(phone)).status_code == 404, "somebody else's"
    assert call(ada, "/account/sessions", session=name_of(phone)).status_code == 303
    assert db.sessions.find_one({"_id": phone["_id"]}) is None
    assert call(ada, "/account/sessions", session="others").status_code == 303
    assert db.sessions.count_documents({}) == 2
    assert ada.client.get("/console/account", base_url="https://lrs.example").status_code == 200
    assert db.audit.count_documents({"action": "user.session.end"}) == 2
