"""The time zone of a user: every page tells instants in it, and a day that they write begins and ends there."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from console_world import World
from factories_access import Browser, log_in, make_user
from flask import Flask, g
from pymongo.database import Database

from lrs.console import instants
from lrs.foundation.errors import InvalidField
from lrs.words import reader

Db = Database[dict[str, Any]]
NIGHT = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)


def choose(browser: Browser, timezone: str) -> int:
    sent = browser.open("/preferences", "POST", data={"timezone": timezone, "onward": "/console"})
    return int(sent.status_code)


def test_instants_and_days_are_the_readers(app: Flask) -> None:
    with app.test_request_context("/"):
        assert reader.when(NIGHT).striptags() == "1 Jul 2026, 22:30 UTC"
        g.timezone = "Europe/Berlin"
        assert reader.when(NIGHT).striptags() == "2 Jul 2026, 00:30 CEST"
        assert reader.when(NIGHT.replace(tzinfo=None)).striptags() == "2 Jul 2026, 00:30 CEST"
        assert reader.day(NIGHT).striptags() == "2 Jul 2026"
        assert reader.day(dt.date(2026, 7, 1)).striptags() == "1 Jul 2026", "a date is the same everywhere"
        assert reader.hour(NIGHT) == "00:30 CEST"
        assert instants.read_instant("at", "2026-07-01") == dt.datetime(
            2026, 7, 1, 21, 59, 59, 999_999, tzinfo=dt.UTC
        )
        assert instants.beginning("since", "2026-07-01") == "2026-06-30T22:00:00+00:00"
        assert instants.beginning("since", "2026-07-01T10:00:00Z") == "2026-07-01T10:00:00Z"
        for wrong in ("2026-13-01", "0000000000"):
            with pytest.raises(InvalidField):
                instants.beginning("since", wrong)


def test_a_time_zone_is_kept_with_the_user(app: Flask, db: Db, ada: Browser) -> None:
    assert choose(ada, "Asia/Tokyo") == 303
    assert re.search(r"JST|\+09", ada.open("/console/audit").text)
    assert "UTC" not in re.findall(r"<time[^>]*>([^<]+)</time>", ada.open("/console/audit").text)[0]
    user = db.users.find_one({"email": "ada@vendor.example"})
    assert "JST" in log_in(app, user).open("/console/audit").text, "in every browser"
    bob = log_in(app, make_user(db, "vendor", "vendor_admin", "bob@vendor.example"))
    assert "JST" not in bob.open("/console/audit").text
    for wrong in ("Mars/Olympus", "../../etc/passwd", "x" * 500):
        assert choose(ada, wrong) == 422
    assert db.users.find_one({"email": "ada@vendor.example"})["timezone"] == "Asia/Tokyo"
    assert app.test_client().post("/preferences", data={"timezone": "UTC"}).status_code == 403
    assert ada.client.post("/preferences", data={"timezone": "UTC"}).status_code == 403, "no token"


def test_the_day_that_was_asked_for_stands_in_its_field_again(world: World) -> None:
    person = world.person("Sven Dahl")
    for timezone in ("America/Los_Angeles", "Asia/Tokyo", "UTC"):
        assert choose(world.ada, timezone) == 303
        for path in ("", "/certifications/sales-pro"):
            page = world.ada.open(f"/console/people/{person}{path}?at=2026-06-30").text
            assert 'name="at" type="date" value="2026-06-30"' in page, (timezone, path)


def test_a_day_of_a_filter_is_the_readers_day(world: World) -> None:
    stored = world.db.statements.find_one({"org": "aurora"}, sort=[("_id", -1)])["stored"]
    assert choose(world.ann, "Pacific/Kiritimati") == 303  # 14 hours ahead: there it is another day
    try:
        day = (stored + dt.timedelta(hours=14)).date()
        path = "/console/statements.json?org=aurora&limit=1&since={}&until={}"
        assert world.ann.open(path.format(day, day + dt.timedelta(days=1))).json["items"]
        assert not world.ann.open(path.format(day + dt.timedelta(days=1), day + dt.timedelta(days=2))).json[
            "items"
        ]
        told = world.ann.open(path.format(day, day + dt.timedelta(days=1))).json["items"][0]["stored"]
        assert told.endswith(("Z", "+00:00")), "data is UTC"
    finally:
        assert choose(world.ann, "UTC") == 303
