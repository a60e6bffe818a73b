"""Clients, users, webhooks, audit and reports in the console: what is made, shown once, taken away, refused."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import re
from typing import Any

import pytest
from conftest import basic
from console_world import World
from factories_access import Browser, log_in, make_org, make_user, utc_now
from flask import Flask
from pymongo.database import Database

from lrs.analysis.reports.catalogue import REPORTS
from lrs.console.records import audit
from lrs.foundation.settings import Settings

Db = Database[dict[str, Any]]


@pytest.fixture
def pat(app: Flask, db: Db, ada: Browser) -> Browser:
    make_org(db, "south")
    return log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))


def secret_of(page: str) -> tuple[str, str]:
    return re.findall(r"<code>([^<]+)</code>", page)[0], re.findall(r"<pre[^>]*><code>([^<]+)</code>", page)[
        0
    ]


def test_a_client_is_made_rolled_and_revoked(app: Flask, db: Db, ada: Browser) -> None:
    form = {"org": "north", "label": "academy", "scopes": ["statements/write", "statements/read"]}
    made = ada.open("/console/clients", "POST", data=form)
    key, secret = secret_of(made.text)
    version = {"X-Experience-API-Version": "1.0.3"}
    assert (
        app.test_client().get("/xapi/statements", headers={**basic(key, secret), **version}).status_code
        == 200
    )
    assert secret not in ada.open(f"/console/clients/{key}").text
    assert secret not in ada.open("/console/clients.csv").text
    rolled = ada.open(f"/console/clients/{key}/rotate", "POST", data={"overlap_hours": "0"})
    assert secret_of(rolled.text)[1] != secret
    assert ada.open(f"/console/clients/{key}/revoke", "POST").status_code == 303
    assert "revoked" in ada.open(f"/console/clients/{key}").text
    actions = [one["action"] for one in ada.open("/console/audit.json?action=client.").json["items"]]
    assert actions[0] == "client.revoke"
    assert len(actions) == 3


def test_loading_the_page_of_a_secret_again_makes_nothing_again(db: Db, ada: Browser) -> None:
    page = ada.open("/console/clients").text
    form = {
        "org": "north",
        "label": "academy",
        "scopes": "state",
        "once": re.findall('name="once" value="([^"]+)"', page)[0],
    }
    first, again = (ada.open("/console/clients", "POST", data=form) for _ in range(2))
    assert (first.status_code, again.status_code, again.location) == (200, 303, "/console/clients")
    assert db.clients.count_documents({"label": "academy"}) == 1
    key, secret = secret_of(first.text)
    roll = {"overlap_hours": "0", "once": "w"}
    rolled, again = (ada.open(f"/console/clients/{key}/rotate", "POST", data=roll) for _ in range(2))
    assert secret_of(rolled.text)[1] != secret
    assert again.location == f"/console/clients/{key}"


@pytest.mark.parametrize(
    "form",
    [
        {"org": "north"}, {"org": "south", "scopes": "state"}, {"org": "north", "scopes": "rules"},
        {"org": "north", "scopes": "state", "label": "academy"}, {"scopes": "state"},
    ],
)  # fmt: skip
def test_a_partner_makes_no_client_beyond_its_own(db: Db, pat: Browser, form: dict[str, str]) -> None:
    before = db.clients.count_documents({})
    assert pat.open("/console/clients", "POST", data=form).status_code in {403, 404, 422}
    assert db.clients.count_documents({}) == before
    own = {"org": "north", "scopes": "state"}
    assert pat.open("/console/clients", "POST", data=own).status_code == 200


def test_the_first_steps_are_told_by_what_is_there_and_go_when_all_are_done(db: Db, ada: Browser) -> None:
    def left() -> int:
        steps = re.findall(r'<li class="ticked">.*?</li>', ada.open("/console").text)
        return sum("to do" in one for one in steps)

    before = left()
    assert before >= 4, "nothing but a partner is there"
    form = {
        "org": "vendor",
        "email": "second@vendor.example",
        "role": "vendor_admin",
        "password": "a long password",
    }
    assert ada.open("/console/users", "POST", data=form).status_code == 303
    assert left() == before - 1


def test_health_tells_what_is_late_and_what_was_given_up(db: Db, ada: Browser) -> None:
    assert ada.open("/console/health").text.count(">well<") == 7
    old = utc_now() - dt.timedelta(hours=1)
    db.mails.insert_one({"_id": "m", "org": "vendor", "state": "dead", "due_at": old})
    db.work.insert_one({"_id": "p_x", "org": "vendor", "due_at": old, "priority": 1})
    page = ada.open("/console/health").text
    assert (page.count(">look<"), page.count(">behind<"), page.count(">well<")) == (1, 1, 5)


def test_a_user_is_added_and_loses_the_right_to_log_in(
    app: Flask, db: Db, ada: Browser, pat: Browser
) -> None:
    form = {
        "org": "north",
        "email": "new@north.example",
        "role": "partner_admin",
        "password": "a long password",
    }
    assert ada.open("/console/users", "POST", data=form).status_code == 303
    user = db.users.find_one({"email": "new@north.example"})
    client = app.test_client()
    login = {"email": form["email"], "password": form["password"]}
    assert client.post("/login", data=login).status_code == 303
    assert ada.open(f"/console/users/{user['_id']}/disable", "POST").status_code == 303
    assert client.get("/console").status_code == 302, "sessions end"
    assert client.post("/login", data=login).status_code == 401
    assert ada.open(f"/console/users/{user['_id']}/enable", "POST").status_code == 303
    assert client.post("/login", data=login).status_code == 303
    above = {"org": "north", "email": "x@north.example", "role": "vendor_admin"}
    assert pat.open("/console/users", "POST", data=above).status_code in {403, 422}
    mine = db.users.find_one({"email": "ada@vendor.example"})["_id"]
    assert pat.open(f"/console/users/{mine}/disable", "POST").status_code == 404
    assert "ada@vendor.example" not in pat.open("/console/users").text
    twice = ada.open("/console/users", "POST", data=form)
    assert (twice.status_code, "Something changed meanwhile" in twice.text) == (409, True)


def invitation(settings: Settings) -> str:
    """The code of the newest mail with a link to choose a password."""
    newest = max((settings.data_folder / "mail").glob("*.eml"))
    return re.findall(r"/welcome\?code=([A-Z2-9-]+)", newest.read_text("utf-8"))[0]


def test_an_invited_user_chooses_a_password_and_is_in(
    app: Flask, db: Db, ada: Browser, settings: Settings
) -> None:
    form = {
        "org": "north",
        "email": "ivy@north.example",
        "role": "partner_admin",
        "password": "ignored-123456",
    }
    assert ada.open("/console/users", "POST", data={**form, "action": "invite"}).status_code == 303
    user = db.users.find_one({"email": "ivy@north.example"})
    assert user["password"] is None, "whoever invites knows no password"
    assert "no password yet" in ada.open("/console/users").text
    first = invitation(settings)
    assert ada.open(f"/console/users/{user['_id']}/invite", "POST").status_code == 303
    code = invitation(settings)
    guest = app.test_client()
    assert guest.get("/welcome", query_string={"code": first}).status_code == 404, "an earlier link ended"
    page = guest.get("/welcome", query_string={"code": code})
    assert "ivy@north.example" in page.text
    for weak in ("short", "aaaaaaaaaaaaaaaa"):
        assert guest.post("/welcome", data={"code": code, "password": weak}).status_code == 422
    assert db.users.find_one({"_id": user["_id"]})["password"] is None
    foreign = {"Origin": "https://evil.example"}
    chosen = {"code": code, "password": "a long sentence"}
    assert guest.post("/welcome", data=chosen, headers=foreign).status_code == 403
    entered = guest.post("/welcome", data=chosen)
    assert (entered.status_code, entered.location) == (303, "/partner")
    assert guest.get("/partner").status_code == 200
    assert app.test_client().post("/welcome", data=chosen).status_code == 404, "a link works once"
    again = {"email": "ivy@north.example", "password": "a long sentence"}
    assert app.test_client().post("/login", data=again).status_code == 303
    assert ada.open(f"/console/users/{user['_id']}/invite", "POST").status_code == 409
    assert db.users.find_one({"_id": user["_id"]})["mailbox"] == "ivy@north.example"


def test_nobody_gets_in_by_the_invitation_of_who_was_disabled_or_moved(
    app: Flask, db: Db, ada: Browser, pat: Browser, settings: Settings
) -> None:
    form = {"org": "north", "email": "ivy@north.example", "role": "partner_admin", "action": "invite"}
    assert pat.open("/console/users", "POST", data={**form, "org": "south"}).status_code == 404
    assert pat.open("/console/users", "POST", data={**form, "org": "vendor"}).status_code in {403, 404}
    assert pat.open("/console/users", "POST", data=form).status_code == 303
    user, code = db.users.find_one({"email": "ivy@north.example"})["_id"], invitation(settings)
    ada.open(f"/console/users/{user}/disable", "POST")
    chosen = {"code": code, "password": "a long sentence"}
    assert app.test_client().post("/welcome", data=chosen).status_code == 404
    assert pat.open(f"/console/users/{user}/invite", "POST").status_code == 409
    assert db.users.find_one({"_id": user})["password"] is None


def test_an_endpoint_is_made_and_its_secret_is_shown_once(db: Db, ada: Browser, pat: Browser) -> None:
    url = "https://93.184.216.34/hook"
    page = ada.open("/console/webhooks", "POST", data={"url": url, "types": "award.issued"}).text
    secret = re.findall(r"<code>(whsec_[^<]+)</code>", page)[0]
    endpoint = db.endpoints.find_one({"url": url})["_id"]
    assert secret not in ada.open(f"/console/webhooks/{endpoint}").text
    assert secret not in ada.open("/console/webhooks.json").text
    db.deliveries.insert_one(
        {
            "_id": f"{endpoint}/e1", "org": "vendor", "endpoint": endpoint, "event": "e1", "seq": 1, "state": "dead",
            "tries": 9, "due_at": None, "last": {"at": None, "status": 500, "reason": "no"}, "delivered_at": None,
        }
    )  # fmt: skip
    assert "Send 1 dead event again" in ada.open(f"/console/webhooks/{endpoint}").text
    assert pat.open(f"/console/webhooks/{endpoint}").status_code == 404
    assert pat.open(f"/console/webhooks/{endpoint}/resend", "POST").status_code == 404
    assert ada.open(f"/console/webhooks/{endpoint}/resend", "POST").status_code == 303
    assert db.deliveries.find_one({"event": "e1"})["state"] == "waiting"
    assert ada.open("/console/webhooks", "POST", data={"url": "ftp://x"}).status_code == 422


def test_the_audit_shows_what_changed_to_who_may_see_it(ada: Browser, pat: Browser) -> None:
    page = ada.open("/console/audit?action=org.").text
    assert "org.add" in page
    assert "org.add" in pat.open("/console/audit").text
    assert "ada@vendor.example" not in pat.open("/console/audit").text
    assert pat.open("/console/audit?org=vendor").status_code == 404
    assert ada.open("/console/audit?since=yesterday").status_code == 422


def test_values_of_the_audit_are_short_texts() -> None:
    row = {"before": {"a": [1], "same": 1}, "after": {"a": {"at": utc_now()}, "same": 1, "b": "x" * 900}}
    (name, before, after), (_, nothing, cut) = audit.changed(row)
    assert (name, before, nothing) == ("a", "[1]", None)
    assert str(after).startswith('{"at":"20')
    assert len(str(cut)) == audit.LONGEST
    assert audit.changed({"before": None, "after": ["x"]}) == [("", "{}", '["x"]')]


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_report_is_drawn_and_has_its_rows_as_data(world: World, name: str) -> None:
    page = world.ada.open(f"/console/reports/{name}").text
    items = world.ada.open(f"/console/reports/{name}.json").json["items"]
    rows = list(csv.DictReader(io.StringIO(world.ada.open(f"/console/reports/{name}.csv").text)))
    assert len(items) == len(rows)
    if items:
        assert "<svg" in page or 'class="heat"' in page
        first = html.escape(str(next(iter(rows[0].values()))))
        assert first in page or first[:10] in page
    own = world.pat.open(f"/console/reports/{name}")
    assert own.status_code == 200
    assert "drift.example" not in own.text
    assert world.pat.open(f"/console/reports/{name}?organization=drift").status_code == 404
    assert len(page) < 300_000
