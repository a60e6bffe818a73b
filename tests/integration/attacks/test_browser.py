"""Attacks on the people at the browser: stored pages, headers that are missing, lines that are forged."""

from __future__ import annotations

import base64
import io
import logging
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import basic, log_in, make_client, make_org, make_person, make_user
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pymongo.database import Database

from lrs.access import users
from lrs.foundation.errors import TooManyTries
from lrs.foundation.watching import logs

Db = Database[dict[str, Any]]
ADMIN = basic(KEY, SECRET)
DOCUMENT = {
    "activityId": "http://a.example/x",
    "agent": '{"mbox":"mailto:a@b.example"}',
    "stateId": "s",
}


def test_a_stored_page_runs_no_script_in_our_origin(client: FlaskClient, app: Flask) -> None:
    """A form of another site asks for a stored HTML document by the alternate syntax: it must be inert."""
    page = b"<script>fetch('/console')</script>"
    stored = client.put(
        "/xapi/activities/state", query_string=DOCUMENT, data=page, content_type="text/html", headers=ADMIN
    )
    assert stored.status_code == 204
    form = {
        **DOCUMENT,
        "Authorization": ADMIN["Authorization"],
        "X-Experience-API-Version": "1.0.3",
    }
    answer = client.post("/xapi/activities/state?method=GET", data=form)
    assert (answer.data, answer.mimetype) == (page, "text/html")
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {"sandbox", "default-src 'none'"} <= set(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/unsubscribe/x", "/api/v1/docs", "/api/v1/openapi.json", "/api/v1/orgs", "/nothing", "/healthz",
        "/registry", "/console", "/login", "/join?code=x", "/api/v1/queries/shared/x", "/credentials/x",
        "/.well-known/jwks.json", "/metrics", "/xapi/about", "/xapi/statements",
    ],
)  # fmt: skip
def test_every_answer_is_framed_by_nobody_and_tells_no_address_on(
    client: FlaskClient, app: Flask, path: str
) -> None:
    """Clickjacking, sniffed types, and tokens in addresses that a Referer would carry to another site."""
    answer = client.get(path, headers={"Accept": "text/html"})
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if not path.startswith("/xapi"):
        assert answer.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}


@pytest.mark.parametrize("path", ["/unsubscribe/x", "/api/v1/orgs", "/api/v1/queries/shared/x"])
def test_private_answers_are_kept_by_no_cache(client: FlaskClient, app: Flask, path: str) -> None:
    assert client.get(path, headers=ADMIN).headers["Cache-Control"] == "no-store"


def test_no_page_is_readable_by_other_sites_with_the_session(app: Flask, db: Db) -> None:
    """Only /xapi and public documents carry CORS headers, and none ever admits credentials."""
    browser = log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    for path in ("/console", "/console/people", "/api/v1/orgs", "/login", "/xapi/about", "/registry.json"):
        answer = browser.open(path, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Credentials" not in answer.headers
        if path.startswith(("/console", "/api", "/login")):
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/console/people/%0d%0aX-Evil:%20y", "/console/people/%0a"])
def test_a_line_break_in_an_address_makes_no_header_and_no_error(
    client: FlaskClient, app: Flask, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert "X-Evil" not in answer.headers
    assert answer.headers["Location"].startswith("/login?onward=/console/people/%0")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_break_in_an_address_forges_no_log_line(form: str) -> None:
    record = logging.makeLogRecord(
        {
            "name": "lrs",
            "levelname": "INFO",
            "msg": "GET %s",
            "args": ("/x\n2026 INFO forged\r\x1b[2J\u2028",),
        }
    )
    line = logs.FORMATTERS[form]().format(record)
    assert not {"\n", "\r"} & set(line)
    assert "\x1b" not in line


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/queries/shared/S3cretS3cret -> 404", "GET /unsubscribe/S3cretS3cret -> 404",
        "http://x/join?code=S3cretS3cret", "http://x/launches/1/fetch?k=S3cretS3cret&a=1",
        "http://x/?endpoint=y&auth=Basic%20S3cretS3cret&actor=z", "http://x/callback?state=q&code=S3cretS3cret",
    ],
)  # fmt: skip
def test_tokens_in_addresses_do_not_reach_the_log(text: str) -> None:
    assert "S3cret" not in logs.without_secrets(text)


def test_a_partners_page_does_not_name_who_of_the_vendor_did_something(app: Flask, db: Db) -> None:
    make_org(db, "north")
    person = make_person(db, "ana@north.example", "north")
    db.audit.insert_one(
        {
            "_id": "z", "at": app.extensions["laurel"].now(), "org": "north", "action": "person.edit",
            "who": {"kind": "user", "id": "u_1", "name": "ada@vendor.example", "org": "vendor"},
            "kind": "person", "thing": person, "address": "10.0.0.1", "before": {}, "after": {}, "note": None,
        }
    )  # fmt: skip
    browser = log_in(app, make_user(db, "north", "partner_admin", "pa@north.example"))
    answer = browser.open(f"/console/people/{person}")
    assert "person.edit" in answer.text
    assert "ada@vendor.example" not in answer.text


def test_a_small_picture_that_unpacks_to_a_large_one_is_refused(client: FlaskClient, app: Flask) -> None:
    for side in (4000, 13_000):
        file = io.BytesIO()
        Image.new("1", (side, side)).save(file, "PNG", optimize=True)
        body = {"colour": "#14584c", "logo": base64.b64encode(file.getvalue()).decode()}
        assert client.put("/api/v1/orgs/vendor/brand", json=body, headers=ADMIN).status_code == 422


def test_ones_own_login_does_not_buy_guesses_at_others(app: Flask, db: Db) -> None:
    """An address that logs in rightly between its guesses is slowed down all the same."""
    now = app.extensions["laurel"].now()
    make_user(db, "vendor", "analyst", "eve@vendor.example")
    for _ in range(users.TRIES - 1):
        users.count_address(db, "10.0.0.9", now)
    users.log_in(db, "eve@vendor.example", "correct horse battery staple", "10.0.0.9", now)
    users.count_address(db, "10.0.0.9", now)
    with pytest.raises(TooManyTries):
        users.count_address(db, "10.0.0.9", now)


def test_behind_a_proxy_tries_count_by_the_clients_address(
    client: FlaskClient, settings: Any, db: Db
) -> None:
    """With `trusted_proxies`, one attacker does not lock out everybody; without, the header is not believed."""
    import dataclasses

    from lrs.app import create_app

    behind = create_app(dataclasses.replace(settings, trusted_proxies=1), db).test_client()
    form = {"email": "x@y.example", "password": "wrong"}
    behind.post("/login", data=form, headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7"})
    client.post("/login", data=form, headers={"X-Forwarded-For": "198.51.100.8"})
    assert {row["_id"] for row in db.tries.find()} == {"198.51.100.7", "127.0.0.1"}


def test_a_partner_labels_no_client_and_changes_none_of_the_vendors(
    client: FlaskClient, db: Db, app: Flask
) -> None:
    """Rules name labels as trusted sources (`from: [exam-host]`): only the vendor may give one."""
    make_org(db, "north")
    partner = make_client(db, "north", scopes=("orgs", "statements/write"))
    own = client.post("/api/v1/clients", json={"org": "north", "scopes": ["orgs"]}, headers=partner).json[
        "key"
    ]
    trusted, _ = _made(db, "north", controlled_by="vendor", label="exam-host")
    body = {"org": "north", "scopes": ["statements/write"], "label": "exam-host"}
    assert client.post("/api/v1/clients", json=body, headers=partner).status_code == 403
    match = {**partner, "If-Match": "*"}
    for key, change in (
        (own, {"label": "exam-host"}),
        (trusted, {"label": None}),
        (trusted, {"scopes": ["orgs"]}),
    ):
        assert client.patch(f"/api/v1/clients/{key}", json=change, headers=match).status_code == 403
    assert client.post(f"/api/v1/clients/{trusted}/rotate", json={}, headers=partner).status_code == 403
    assert client.post(f"/api/v1/clients/{own}/rotate", json={}, headers=partner).status_code == 200
    assert client.patch(f"/api/v1/clients/{own}", json={"expires_at": None}, headers=match).status_code == 200


def _made(db: Db, org: str, **more: Any) -> tuple[str, dict[str, str]]:
    from factories_access import key_of

    headers = make_client(db, org, **more)
    return key_of(headers), headers
