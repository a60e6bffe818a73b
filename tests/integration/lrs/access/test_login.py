"""Login of administrators: passwords and lock-out, sessions, OpenID Connect, the console's pages."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from factories_access import PASSWORD, editor, log_in, make_client, make_org, make_person, make_user
from factories_sign_in import Provider
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import users
from lrs.app import create_app
from lrs.foundation.errors import InvalidField
from lrs.foundation.settings import Settings

Db = Database[dict[str, Any]]


@pytest.fixture
def ada(app: Flask, db: Db) -> dict[str, Any]:
    return make_user(db, "vendor", "vendor_admin", "ada@vendor.example")


def post_login(
    client: FlaskClient, password: str = PASSWORD, email: str = "ada@vendor.example", **more: Any
) -> Any:
    return client.post("/login", data={"email": email, "password": password, **more.pop("form", {})}, **more)


def test_a_right_password_begins_a_session(client: FlaskClient, ada: Any, db: Db) -> None:
    assert client.get("/console").location == "/login?onward=/console"
    answer = post_login(client, form={"onward": "/console/people"})
    assert (answer.status_code, answer.location) == (303, "/console/people")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "ada@vendor.example" in client.get("/console").text
    assert cookie.split("=")[1].split(";")[0] not in str(db.sessions.find_one()), "only its hash is kept"
    assert db.audit.find_one({"action": "user.login"})["who"]["id"] == ada["_id"]


def test_cookies_are_secure_where_people_come_by_tls(settings: Settings, db: Db) -> None:
    app = create_app(dataclasses.replace(settings, public_url="https://lrs.example"), db)
    make_user(db, "vendor", "vendor_admin", "ada@vendor.example")
    cookie = post_login(app.test_client(), base_url="https://lrs.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-laurel=")
    assert "Secure" in cookie


@pytest.mark.parametrize("email", ["ada@vendor.example", "nobody@vendor.example"])
def test_a_wrong_password_and_an_unknown_account_answer_alike(
    client: FlaskClient, ada: Any, email: str
) -> None:
    answer = post_login(client, "wrong", email)
    assert answer.status_code == 401
    assert "The mail address or the password is wrong" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_an_account_is_locked_after_repeated_failures(
    client: FlaskClient, ada: Any, db: Db, app: Flask
) -> None:
    for _ in range(users.FAILURES):
        assert post_login(client, "wrong").status_code == 401
    assert post_login(client).status_code == 401, "also with the right password"
    assert db.audit.count_documents({"action": "user.lock"}) == 1
    services = app.extensions["laurel"]
    later = services.now() + users.LOCKED_FOR
    app.extensions["laurel"] = dataclasses.replace(services, now=lambda: later)
    assert post_login(client).status_code == 303


def test_an_address_is_slowed_down_whatever_accounts_it_tries(client: FlaskClient, ada: Any) -> None:
    answers = [post_login(client, "wrong", f"user{number}@x.example") for number in range(users.TRIES + 1)]
    assert answers[-2].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_login_from_another_site_is_refused(client: FlaskClient, ada: Any) -> None:
    assert post_login(client, headers={"Origin": "https://evil.example"}).status_code == 403


def test_logging_out_ends_the_session(app: Flask, ada: Any, db: Db) -> None:
    browser = log_in(app, ada)
    assert browser.client.post("/logout").status_code == 403, "not without the token"
    assert browser.client.post("/logout", data={"csrf": browser.csrf}).status_code == 303
    assert db.sessions.count_documents({}) == 0
    assert browser.client.get("/console").status_code == 302


@pytest.mark.parametrize("path", ["/console", "/console/people", "/console/clients"])
def test_a_page_marks_where_it_stands_in_the_navigation(app: Flask, ada: Any, path: str) -> None:
    page = log_in(app, ada).client.get(path).text
    assert page.count('aria-current="page"') == 1
    assert f'href="{path}" aria-current="page"' in page


def test_a_session_ends_by_itself(app: Flask, ada: Any) -> None:
    browser = log_in(app, ada)
    services = app.extensions["laurel"]
    later = services.now() + dt.timedelta(hours=services.settings.session_hours, seconds=1)
    app.extensions["laurel"] = dataclasses.replace(services, now=lambda: later)
    assert browser.client.get("/console").status_code == 302


@pytest.mark.parametrize(
    "changes", [{"password": "another long password"}, {"disabled_at": dt.datetime.now(dt.UTC)}]
)
def test_a_new_password_or_disabling_ends_sessions(
    app: Flask, ada: Any, db: Db, changes: dict[str, Any]
) -> None:
    browser = log_in(app, ada)
    users.edit_user(editor(db), "ada@vendor.example", changes)
    assert browser.client.get("/console").status_code == 302
    assert browser.client.get("/api/v1/orgs").status_code == 401


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "ada@vendor.example"])
def test_a_poor_password_is_refused(app: Flask, db: Db, password: str) -> None:
    body = {"email": "ada@vendor.example", "role": "analyst", "password": password}
    with pytest.raises(InvalidField):
        users.add_user(editor(db), "vendor", body)


def test_pages_load_nothing_from_elsewhere_and_cannot_be_framed(app: Flask, ada: Any, db: Db) -> None:
    make_org(db, "north")
    person = make_person(db, "ana@north.example", "north", name="<script>alert(1)</script>")
    make_client(db, "north", label="lms")
    browser = log_in(app, ada)
    for path in ("/login", "/console", "/console/people", f"/console/people/{person}", "/console/clients"):
        page = browser.client.get(path)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([^']+)'", page.headers["Content-Security-Policy"])
        scripts = re.findall(r"<script[^>]*>", page.text)
        assert scripts == [f'<script nonce="{nonce[1]}" src="/static/console.js" defer>']  # type: ignore[index]
        assert "http://" not in page.text.replace("http://www.w3.org", "")
        assert '<html lang="en" ' in page.text
        assert page.text.count("<h1") == 1


# OpenID Connect


@pytest.fixture
def provider() -> Iterator[Provider]:
    running = Provider()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def browser(provider: Provider, settings: Settings, db: Db) -> FlaskClient:
    settings = dataclasses.replace(
        settings, oidc_issuer=provider.url, oidc_client_id="laurel", oidc_client_secret="s3cret"
    )
    client = create_app(settings, db).test_client()
    users.add_user(editor(db), "vendor", {"email": "ada@vendor.example", "role": "vendor_admin"})
    return client


def go(browser: FlaskClient, provider: Provider) -> str:
    """Follow to the provider and return the state it is to bring back."""
    sent = browser.get("/login/oidc?onward=/console/people")
    assert sent.location.startswith(f"{provider.url}/authorize?")
    provider.asked = {name: values[0] for name, values in parse_qs(urlsplit(sent.location).query).items()}
    return provider.asked["state"]


def come_back(browser: FlaskClient, state: str, code: str = "code-1") -> Any:
    return browser.get(f"/login/callback?state={state}&code={code}")


def test_oidc_logs_in_by_code_with_pkce_state_and_nonce(
    browser: FlaskClient, provider: Provider, db: Db
) -> None:
    state = go(browser, provider)
    assert provider.asked["code_challenge_method"] == "S256"
    assert provider.asked["redirect_uri"] == "http://lrs.example/login/callback"
    assert "openid" in provider.asked["scope"].split()
    answer = come_back(browser, state)
    assert (answer.status_code, answer.location) == (303, "/console/people")
    assert browser.get("/console").status_code == 200
    assert db.users.find_one({"email": "ada@vendor.example"})["subject"] == f"{provider.url} 42"


def test_a_login_is_finished_once_and_only_where_it_began(browser: FlaskClient, provider: Provider) -> None:
    state = go(browser, provider)
    stranger = browser.application.test_client()
    assert come_back(stranger, state).status_code == 401, "login CSRF: another browser"
    assert come_back(browser, "guess").status_code == 401
    assert come_back(browser, state).status_code == 303
    assert come_back(browser, state).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "other"},
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
        {"azp": "another-client"},
        {"email": "nobody@vendor.example"},
        {"email_verified": False},
        {"email_verified": "true"},
    ],
)
def test_an_id_token_that_is_not_for_this_login_is_refused(
    browser: FlaskClient, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims |= claims
    assert come_back(browser, go(browser, provider)).status_code == 401
    assert browser.get("/console").status_code == 302


def test_a_bound_account_is_not_taken_over_by_a_mail_address(
    browser: FlaskClient, provider: Provider
) -> None:
    assert come_back(browser, go(browser, provider)).status_code == 303
    provider.claims["sub"] = "43"
    assert come_back(browser.application.test_client(), "x").status_code == 401
    other = browser.application.test_client()
    assert come_back(other, go(other, provider)).status_code == 401


def test_a_refusing_provider_is_told_plainly(browser: FlaskClient, provider: Provider) -> None:
    state = go(browser, provider)
    assert come_back(browser, state, "wrong").status_code == 401
    state = go(browser, provider)
    assert browser.get(f"/login/callback?state={state}&error=access_denied").status_code == 401
