"""Who opens content in whose name: what a launch writes is trusted no further than whoever opened it."""

from __future__ import annotations

from typing import Any

import pytest
from factories_access import editor, log_in, make_client, make_org, make_person, make_user
from factories_packages import scorm_files, zipped
from flask import Flask
from pymongo.database import Database

from lrs.content.library import intake, items
from lrs.content.library.intake import Intake, Upload
from lrs.content.origin.serving import LONGEST_PART, _range
from lrs.content.packages.read import Wish
from lrs.content.player import pages
from lrs.content_app import create_content_app
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from lrs.foundation.watching.logs import without_secrets

Db = Database[dict[str, Any]]


@pytest.fixture
def item(db: Db, settings: Settings) -> str:
    """A published item of the vendor's."""
    library = Intake(settings, db, utc_now)
    version = intake.receive(library, editor(db), Upload("vendor", "a.zip", Wish()), [zipped(scorm_files())])
    intake.work(library)
    items.publish(editor(db), version["_id"])
    return str(db.content_versions.find_one({"_id": version["_id"]})["item"])  # type: ignore[index]


def test_a_partners_administrator_learns_in_nobody_elses_name(app: Flask, db: Db, item: str) -> None:
    """They may add a user with any address: without a provider's word it opens no course."""
    make_org(db, "north")
    make_person(db, "victim@south.example")
    make_user(db, "north", "partner_admin", "victim@south.example")
    browser = log_in(app, db.users.find_one({"email": "victim@south.example"}))
    answer = browser.open(f"/start/{item}")
    assert answer.status_code == 403
    assert db.content_launches.count_documents({}) == 0
    db.users.update_one({"email": "victim@south.example"}, {"$set": {"subject": "https://idp.example 1"}})
    assert browser.open(f"/start/{item}").status_code in {303, 404}  # proven; whether they may see it is next


def test_another_sites_page_opens_nothing(app: Flask, db: Db, item: str) -> None:
    make_person(db, "ada@vendor.example", "vendor")
    browser = log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    asked = browser.client.get(f"/start/{item}?new=1", headers={"Sec-Fetch-Site": "cross-site"})
    assert asked.status_code == 200
    assert f'href="/start/{item}?new=1"' in asked.text
    assert db.content_launches.count_documents({}) == 0


@pytest.mark.parametrize(
    ("org", "scopes", "control"),
    [
        ("vendor", ["statements/write", "state", "content/read"], "partner"),
        ("vendor", ["statements/write", "content/read"], "vendor"),
    ],
)
def test_opening_an_item_raises_nobodys_trust(
    app: Flask, db: Db, item: str, org: str, scopes: list[str], control: str
) -> None:
    """Neither a key that the vendor does not control nor one without `state` opens the vendor's content."""
    headers = make_client(db, org, label="portal", scopes=scopes, controlled_by=control)
    body = {"actor": {"mbox": "mailto:a@b.example"}}
    answer = app.test_client().post(f"/api/v1/content/{item}/launches", json=body, headers=headers)
    assert answer.status_code == 403, answer.text
    assert db.content_launches.count_documents({}) == 0


def test_a_long_body_at_the_content_origin_is_received_for_a_launch_only(settings: Settings, db: Db) -> None:
    app = create_content_app(settings, db)
    for path in ("/v/x/index.html", "/play/unknown/commit", "/play", "/"):
        assert not pages.admits(app, {"PATH_INFO": path}, b"")
    assert app.extensions["laurel_admits"]({"PATH_INFO": "/play/unknown/commit"}, b"") is False


def test_tokens_of_the_player_and_of_downloads_stay_out_of_the_log() -> None:
    line = "Exception on /play/a1B2-c3_d4/commit [POST] and /o/e5F6?x=1"
    assert without_secrets(line) == "Exception on /play/***/commit [POST] and /o/***?x=1"


def test_an_asked_range_is_answered_in_parts(settings: Settings, db: Db) -> None:
    """A browser that stops a video reads no more: nobody's thread waits for it (RFC 9110 15.3.7)."""
    size = 10 * LONGEST_PART
    for asked, given in (
        ("bytes=0-", (0, LONGEST_PART)),
        (f"bytes={LONGEST_PART}-", (LONGEST_PART, 2 * LONGEST_PART)),
        (f"bytes={size - 5}-", (size - 5, size)),
        ("bytes=3-9", (3, 10)),
    ):
        with create_content_app(settings, db).test_request_context(headers={"Range": asked}):
            assert _range('"tag"', size) == given
