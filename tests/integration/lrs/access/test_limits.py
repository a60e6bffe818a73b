"""Limits: what somebody may use is counted over all processes, told in headers, and refused with 429."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories import make_statement
from factories_access import basic, key_of, log_in, make_client, make_org, make_person, make_user
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.access import auth, limits
from lrs.access.limits import Limits
from lrs.access.tries import LOCKED_FOR
from lrs.app import create_app
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings, StartFailure, read_limits

Db = Database[dict[str, Any]]
ADMIN = basic(KEY, SECRET)
ABOUT = "/api/v1/orgs"


class Clock:
    def __init__(self) -> None:
        # in the middle of a day, and the client that was made just now is there already
        self.at = (utc_now() + dt.timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)

    def __call__(self) -> dt.datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(
    settings: Settings, db: Db, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], FlaskClient]:
    """Make an application with these limits; one that tells others only when it is told to."""
    monkeypatch.setattr(limits, "SYNCED_EVERY", 3600.0)

    def make(text: str) -> FlaskClient:
        app = create_app(dataclasses.replace(settings, limits=text), db)
        app.extensions["laurel"] = dataclasses.replace(app.extensions["laurel"], now=clock, parts={})
        return app.test_client()

    return make


def synchronize(client: FlaskClient) -> None:
    client.application.extensions["laurel"].part(Limits).synchronize()


def send(client: FlaskClient, headers: dict[str, str] = ADMIN, count: int = 1) -> Any:
    return client.post("/xapi/statements", json=[make_statement() for _ in range(count)], headers=headers)


def test_learners_use_nothing_of_the_vendor_up(limited: Any, db: Db, clock: Clock) -> None:
    client = limited("org.requests=1")
    make_person(db, "ana@home.example")
    ana = log_in(client.application, make_user(db, "vendor", "learner", "ana@home.example"))
    assert [ana.open("/me").status_code for _ in range(12)] == [200] * 12
    assert client.get(ABOUT, headers=ADMIN).headers["RateLimit"].startswith('"org-requests";r=9;')


def test_requests_beyond_a_clients_limit_are_refused_until_the_window_ends(
    limited: Any, db: Db, clock: Clock
) -> None:
    client = limited("client.requests=1")
    answers = [client.get(ABOUT, headers=ADMIN) for _ in range(11)]
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert answers[0].headers["RateLimit-Policy"] == '"client-requests";q=10;w=10'
    assert answers[0].headers["RateLimit"] == '"client-requests";r=9;t=11'
    assert answers[10].headers["RateLimit"] == '"client-requests";r=0;t=11'
    assert answers[10].headers["Retry-After"] == "11"
    assert answers[10].json["type"] == "urn:laurel:problem:limit-reached"
    assert client.get(ABOUT, headers=make_client(db, "vendor")).status_code == 200  # another client
    clock.at += dt.timedelta(seconds=10)
    assert client.get(ABOUT, headers=ADMIN).status_code == 200


def test_machines_agree_on_what_was_used(limited: Any, clock: Clock) -> None:
    one, other = limited("client.requests=1"), limited("client.requests=1")
    for _ in range(6):
        assert one.get(ABOUT, headers=ADMIN).status_code == 200
    assert other.get(ABOUT, headers=ADMIN).headers["RateLimit"].startswith('"client-requests";r=9;')
    synchronize(one)
    synchronize(other)
    assert other.get(ABOUT, headers=ADMIN).headers["RateLimit"].startswith('"client-requests";r=2;')
    assert [other.get(ABOUT, headers=ADMIN).status_code for _ in range(3)] == [200, 200, 429]


def test_statements_of_a_day_are_counted_for_the_organization_and_by_a_process_that_begins(
    limited: Any, db: Db, clock: Clock
) -> None:
    client, headers = limited("org.statements=5"), make_client(db, "vendor")
    assert send(client, count=3).status_code == 200
    assert send(client, headers, count=3).status_code == 429  # nothing of it is stored
    assert db.statements.count_documents({}) == 3
    assert send(client, headers, count=2).status_code == 200
    synchronize(client)
    later = limited("org.statements=5")
    refused = send(later)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(12 * 3600 + 1))
    assert later.get("/xapi/statements", headers=ADMIN).status_code == 200
    clock.at += dt.timedelta(hours=12)
    assert send(later).status_code == 200


def test_bytes_of_a_day_are_those_of_the_bodies(limited: Any) -> None:
    client = limited("client.bytes=3000")
    statuses = [send(client).status_code for _ in range(12)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert client.get(ABOUT, headers=ADMIN).status_code == 200  # a request without a body goes on


def test_an_address_is_limited_before_anybody_asks_who_it_is(limited: Any, monkeypatch: Any) -> None:
    client = limited("address.requests=1")
    statuses = [client.get(ABOUT, headers=basic("nobody", f"{n}")).status_code for n in range(9)]
    assert statuses == [401] * 9
    assert client.get(ABOUT, headers=ADMIN).status_code == 200
    monkeypatch.setattr(auth, "authenticate", lambda *_: pytest.fail("somebody was asked"))
    assert client.get(ABOUT, headers=ADMIN).status_code == 429
    assert client.get("/healthz").status_code == 200


def test_a_launch_has_a_limit_of_its_own_by_default(client: FlaskClient, db: Db) -> None:
    body = {
        "url": "http://c.example/",
        "activity_id": "http://c.example/a",
        "actor": {"mbox": "mailto:a@x.example"},
    }
    made = client.post("/api/v1/launches", json=body, headers=ADMIN)
    assert "RateLimit" not in made.headers
    token = re.search(r"auth=([^&]+)", made.json["launch_url"])
    assert token is not None
    headers = {**ADMIN, "Authorization": token[1].replace("%20", " ").replace("+", " ").replace("%3D", "=")}
    told = client.get("/xapi/statements", headers=headers)
    assert told.headers["RateLimit-Policy"] == '"launch-requests";q=500;w=10'


def test_exports_at_once_are_counted_over_all_processes(limited: Any, db: Db, clock: Clock) -> None:
    one, other = limited("org.exports=1"), limited("org.exports=1")
    assert send(one).status_code == 200
    export = "/api/v1/statements/export"
    first = one.get(export, headers=ADMIN, buffered=False)
    assert other.get(export, headers=ADMIN).status_code == 429
    first.close()
    assert other.get(export, headers=ADMIN).status_code == 200
    lost = one.get(export, headers=ADMIN, buffered=False)  # and its process dies
    assert other.get(export, headers=ADMIN).status_code == 429
    clock.at += limits.EXPORT_LEASE
    lost.close()
    assert other.get(export, headers=ADMIN).status_code == 200


def test_an_organization_has_no_more_people_than_it_may(limited: Any, db: Db) -> None:
    client = limited("org.people=1")
    make_org(db, "north")
    make_person(db, "ana@north.example", "north")
    refused = client.post("/api/v1/people/roster?org=north", data="email\nbo@north.example\n",
                          content_type="text/csv", headers=ADMIN)  # fmt: skip
    assert refused.status_code == 409
    assert db.affiliations.count_documents({"org": "north"}) == 1


def test_a_key_is_locked_for_who_tries_wrong_secrets_and_not_for_who_is_at_work(
    client: FlaskClient, app: Flask, db: Db
) -> None:
    headers = make_client(db, "vendor")
    key = key_of(headers)
    fresh = app.test_client()
    assert client.get(ABOUT, headers=headers).status_code == 200
    for _ in range(auth.WRONG_SECRETS):
        assert fresh.get(ABOUT, headers=basic(key, "wrong")).status_code == 401
    locked = fresh.get(ABOUT, headers=basic(key, "wrong"))
    assert (locked.status_code, int(locked.headers["Retry-After"]) > 800) == (429, True)
    assert client.get(ABOUT, headers=headers).status_code == 200  # this secret was right before
    auth_memory = app.extensions["laurel"].parts
    auth_memory.clear()  # another process, which has not seen it
    assert client.get(ABOUT, headers=headers).status_code == 429
    elsewhere = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    assert client.get(ABOUT, headers=headers, **elsewhere).status_code == 200
    db.tries.update_many({}, {"$set": {"expires_at": dt.datetime.now(dt.UTC) - LOCKED_FOR}})
    auth_memory.clear()
    assert client.get(ABOUT, headers=headers).status_code == 200


def test_a_secret_counts_on_a_machine_whose_clock_is_behind_that_of_its_maker(
    client: FlaskClient, db: Db
) -> None:
    headers = make_client(db, "vendor")
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    db.clients.update_one({"_id": key_of(headers)}, {"$set": {"secrets.0.from": ahead}})
    assert client.get("/xapi/statements", headers=headers).status_code == 200


def test_a_key_is_locked_everywhere_after_many_wrong_secrets_from_many_addresses(
    client: FlaskClient, app: Flask, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "WRONG_SECRETS_ANYWHERE", 5)
    headers = make_client(db, "vendor")
    for number in range(6):
        elsewhere = {"environ_overrides": {"REMOTE_ADDR": f"203.0.113.{number}"}}
        status = client.get(ABOUT, headers=basic(key_of(headers), "wrong"), **elsewhere).status_code
        assert status == (401 if number < 5 else 429)


def test_what_was_refused_is_in_the_metrics(limited: Any) -> None:
    client = limited("client.requests=1")
    for _ in range(11):
        client.get(ABOUT, headers=ADMIN)
    assert 'laurel_limited_total{limit="client-requests"}' in client.get("/metrics").text


@pytest.mark.parametrize(
    "text", ["client", "client.exports=1", "client.requests=0", "x.requests=1", "org.people=-1"]
)
def test_limits_that_nobody_understands_stop_the_start(text: str) -> None:
    with pytest.raises(StartFailure, match="LRS_LIMITS"):
        read_limits(text)
    with pytest.raises(StartFailure):
        Settings.from_env({"LRS_LIMITS": text})
