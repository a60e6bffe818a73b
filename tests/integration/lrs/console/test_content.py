"""Content in the console: uploaded by a plain form, looked at, published, withdrawn; who learns, sealed."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from content_site import PACKAGES, take_in
from content_site import zipped as zipped_folder
from factories_access import Browser, log_in, make_user
from factories_packages import scorm_files, zipped
from flask import Flask
from pymongo.database import Database

from lrs.content.attempts.sending import send
from lrs.content.library import intake
from lrs.content.library.intake import Intake
from lrs.content.opening import open_content
from lrs.content.origin.problems import Problem, note
from lrs.content.packages.read import Wish
from lrs.content.player.launches import Wanted
from lrs.content_app import create_content_app
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings

Db = Database[dict[str, Any]]
ANA = {"objectType": "Agent", "mbox": "mailto:ana@north.example"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, content_url="http://*.content.example", content_max_mb=1)


def upload(browser: Browser, data: bytes, **form: str) -> Any:
    return browser.open("/console/content", "POST", data={"file": (io.BytesIO(data), "quiz.zip"), **form})


def test_a_package_is_uploaded_read_published_opened_and_withdrawn(
    app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    sent = upload(ada, zipped(scorm_files()))
    assert sent.status_code == 303
    place = sent.location
    assert "waits to be read" in ada.open(place).text
    assert "Not published" in ada.open("/console/content").text
    intake.work(Intake(settings, db, utc_now))
    page = ada.open(place).text
    assert "draft" in page
    assert "What is in it" in page
    done = ada.open(place, "POST", data={"action": "publish"})
    item = db.content_items.find_one({})
    assert item is not None
    assert done.location == f"/console/content/{item['_id']}"
    assert f"/start/{item['_id']}" in ada.open(done.location).text
    assert "Nobody has opened it" in ada.open(f"{done.location}/learners").text
    who = Editor(db, {"kind": "test", "id": "test", "name": "test"}, utc_now())
    opened = open_content(settings, who, Wanted("vendor", item["_id"], ANA), None)
    (learner,) = ada.open(f"{done.location}/learners.json").json["items"]
    assert (learner["registration"], learner["identifier"]) == (
        str(opened.registration),
        "mbox::mailto:ana@north.example",
    )
    assert "Attempt 1" in ada.open(f"{done.location}/learners/{opened.registration}").text
    assert ada.open(f"{done.location}/learners/none").status_code == 404
    assert ada.open(place, "POST", data={"action": "discard"}).status_code == 409
    assert ada.open(place, "POST", data={"action": "withdraw"}).status_code == 303
    assert "none published" in ada.open("/console/content").text
    assert ada.open(place, "POST", data={"action": "odd"}).status_code == 422


def test_an_item_without_a_published_version_is_shown_while_another_waits_to_be_read(
    db: Db, settings: Settings, ada: Browser
) -> None:
    place = upload(ada, zipped(scorm_files())).location
    intake.work(Intake(settings, db, utc_now))
    (item,) = db.content_items.distinct("_id")
    assert upload(ada, zipped(scorm_files(other=b"x")), item=item).status_code == 303
    assert db.content_versions.count_documents({"item": item, "state": "waiting"}) == 1
    assert ada.open(f"/console/content/{item}").status_code == 200
    assert ada.open(place).status_code == 200


def test_what_is_no_package_is_refused_with_its_findings_and_can_be_discarded(
    db: Db, settings: Settings, ada: Browser
) -> None:
    place = upload(ada, zipped({"a.txt": b"nothing"})).location
    intake.work(Intake(settings, db, utc_now))
    page = ada.open(place).text
    assert "refused" in page
    assert "1 finding" in page
    assert ada.open(place, "POST", data={"action": "discard"}).location == "/console/content"
    assert ada.open(place).status_code == 404
    assert ada.open("/console/content", "POST", data={}).status_code == 422
    large = {"data": bytes(3 * 1024 * 1024), "content_type": "multipart/form-data; boundary=x"}
    assert ada.open("/console/content", "POST", **large).status_code == 413


def test_a_partner_reads_its_own_content_only_and_uploads_none(
    app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    pat = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    place = upload(ada, zipped(scorm_files())).location
    intake.work(Intake(settings, db, utc_now))
    item = db.content_items.find_one({})
    assert item is not None
    for path in (place, f"/console/content/{item['_id']}", f"/console/content/{item['_id']}/learners.csv"):
        assert pat.open(path).status_code == 404, path
    assert pat.open("/console/content.json").json["items"] == []
    assert pat.open("/console/content.json?org=vendor").status_code == 404
    assert upload(pat, zipped(scorm_files())).status_code == 403


def opened_quiz(db: Db, settings: Settings) -> tuple[str, Any]:
    item = str(take_in(settings, db, zipped_folder(PACKAGES / "scorm12-quiz"))["item"])
    who = Editor(db, {"kind": "test", "id": "test", "name": "test"}, utc_now())
    return item, open_content(settings, who, Wanted("vendor", item, ANA), None)


def kept(db: Db, settings: Settings, url: str, end: str | None = None, **core: Any) -> None:
    """Do in the player what a SCO of 1.2 does."""
    site, parts = create_content_app(settings, db).test_client(), urlsplit(url)
    base = {"base_url": f"{parts.scheme}://{parts.netloc}"}
    part = site.get(f"{parts.path}outline", **base).json["next"]
    run = site.post(f"{parts.path}open", json={"part": part}, **base).json["run"]
    sent = {"part": part, "run": run, "sequence": 1, "end": end, "cmi": {"core": core}}
    assert site.post(f"{parts.path}commit", json=sent, **base).json["result"] == "true"


def test_an_item_tells_where_learners_stopped(app: Flask, db: Db, settings: Settings, ada: Browser) -> None:
    item, opened = opened_quiz(db, settings)
    assert "Where learners stopped" not in ada.open(f"/console/content/{item}").text
    kept(db, settings, opened.url, lesson_status="incomplete", lesson_location="page-7<b>")
    page = ada.open(f"/console/content/{item}").text
    assert "Where learners stopped" in page
    assert "page-7&lt;b&gt;" in page
    assert "1 learner" in page
    kept(db, settings, opened.url, lesson_status="completed", lesson_location="page-9")
    assert "Where learners stopped" not in ada.open(f"/console/content/{item}").text


def test_an_item_tells_what_went_wrong_in_browsers(
    app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    item, _ = opened_quiz(db, settings)
    assert "Problems seen in browsers" not in ada.open(f"/console/content/{item}").text
    launch = db.content_launches.find_one({})
    assert launch is not None
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"
    problem = Problem("script", "x<b> is not defined", f"https://c.example/v/{launch['version']}/quiz.js:4")
    for _ in range(2):
        note(db, launch, [problem], agent, utc_now())
    page = ada.open(f"/console/content/{item}").text
    for words in ("Problems seen in browsers", "Version 1", "x&lt;b&gt; is not defined", "quiz.js:4"):
        assert words in page
    assert "Firefox 127, Linux (2)" in page


def test_the_question_most_often_wrong_is_told_of_scorm_too(
    app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    item, opened = opened_quiz(db, settings)
    answers = [{"id": "q1", "type": "true-false", "student_response": "t", "result": "correct"},
               {"id": "q2", "type": "true-false", "student_response": "f", "result": "wrong"}]  # fmt: skip
    site, parts = create_content_app(settings, db).test_client(), urlsplit(opened.url)
    base = {"base_url": f"{parts.scheme}://{parts.netloc}"}
    run = site.post(f"{parts.path}open", json={"part": "quiz"}, **base).json["run"]
    cmi = {
        "core": {"lesson_status": "incomplete"},
        "interactions": {str(n): one for n, one in enumerate(answers)},
    }
    sent = {"part": "quiz", "run": run, "sequence": 1, "cmi": cmi}
    assert site.post(f"{parts.path}commit", json=sent, **base).json["result"] == "true"
    send(db, settings.public_url, utc_now)
    page = ada.open(f"/console/content/{item}").text
    assert "Most often answered wrong" in page
    assert "<b>q2</b>, 100 %" in page


def test_support_sees_the_raw_data_and_what_the_learner_sees(
    app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    item, opened = opened_quiz(db, settings)
    kept(db, settings, opened.url, lesson_status="incomplete", lesson_location="page-7<b>")
    place = f"/console/content/{item}/learners/{opened.registration}"
    attempt = db.attempts.find_one({})
    assert attempt is not None
    raw = f"{place}/attempts/{attempt['_id']}"
    assert f"{place}/review" in ada.open(place).text
    assert raw in ada.open(place).text
    assert "page-7&lt;b&gt;" in ada.open(raw).text
    answer = ada.open(f"{place}/review", "POST")
    assert (answer.status_code, "/play/" in answer.location) == (303, True)
    assert db.content_launches.find_one({"mode": "review"}) is not None
    (told,) = db.audit.find({"action": "content.review"})
    assert told["after"] == {"registration": str(opened.registration)}
    pat = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    assert pat.open(raw).status_code == 404
    assert pat.open(f"{place}/review", "POST").status_code in {403, 404}
    assert ada.open(f"/console/content/{item}/learners/{'0' * 32}/attempts/x").status_code == 404


def test_looking_as_the_learner_begins_no_attempt(
    app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    item, opened = opened_quiz(db, settings)
    db.content_items.update_one({"_id": item}, {"$set": {"policy": {"attempts": 2}}})
    kept(db, settings, opened.url, end="terminate", lesson_status="failed", score={"raw": "20"})
    place = f"/console/content/{item}/learners/{opened.registration}"
    assert ada.open(f"{place}/review", "POST").status_code == 303
    assert [one["number"] for one in db.attempts.find()] == [
        1
    ]  # a failed one is followed in normal mode only
    db.attempts.delete_many({})
    refused = ada.open(f"{place}/review", "POST")
    assert (refused.status_code, "begun no attempt" in refused.text) == (409, True)
    assert (db.attempts.count_documents({}), db.audit.count_documents({"action": "content.review"})) == (0, 1)


STORED = (
    "content_enrolments",
    "content_launches",
    "launches",
    "cmi5_registrations",
    "statements",
    "documents",
)


@pytest.mark.parametrize("kind", ["tincan", "html", "cmi5"])
def test_content_that_speaks_in_the_learners_name_is_not_looked_at_by_others(
    kind: str, app: Flask, db: Db, settings: Settings, ada: Browser
) -> None:
    made = {
        "tincan": lambda: zipped_folder(PACKAGES / "tincan-tour"),
        "html": lambda: zipped({"index.html": b"<p>x"}),
        "cmi5": lambda: zipped_folder(PACKAGES / "cmi5-course"),
    }
    wish = Wish(None, "https://a.example/page", "Page") if kind == "html" else None
    item = str(take_in(settings, db, made[kind](), wish=wish)["item"])
    who = Editor(db, {"kind": "test", "id": "test", "name": "test"}, utc_now())
    ana = {"objectType": "Agent", "account": {"homePage": "https://lms.example", "name": "ana"}}
    opened = open_content(settings, who, Wanted("vendor", item, ana), None)  # a session is under way
    place = f"/console/content/{item}/learners/{opened.registration}"
    before = {name: list(db[name].find()) for name in STORED}
    refused = ada.open(f"{place}/review", "POST")
    assert (refused.status_code, "in the learner" in refused.text) == (409, True)
    assert {name: list(db[name].find()) for name in STORED} == before
    assert db.audit.count_documents({"action": "content.review"}) == 0
    assert "/review" not in ada.open(place).text
