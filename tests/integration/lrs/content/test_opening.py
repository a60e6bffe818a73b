"""Kept content is opened for a learner: by a portal, for every kind, and what its launching system owes."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from cmi5_unit import Unit, query_of
from content_site import PACKAGES, take_in, zipped
from factories_access import editor, log_in, make_client, make_org, make_person, make_user
from factories_content import verbs
from factories_packages import tincan_document
from factories_packages import zipped as zip_of
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from lrs.content.attempts.store import SILENCE
from lrs.content.cmi5.sessions import abandon_silent
from lrs.content_app import create_content_app
from lrs.demo.courses import load_courses
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from lrs.people.privacy import erasure
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

Db = Database[dict[str, Any]]
Auth = Callable[..., dict[str, str]]
VERSION = {"X-Experience-API-Version": "1.0.3"}
ANA = {"objectType": "Agent", "account": {"homePage": "https://lms.example", "name": "ana"}}
ADL = "http://adlnet.gov/expapi/verbs/"
CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/"
LAUNCH_URL = "https://w3id.org/xapi/cmi5/context/extensions/launchurl"
MASTERY = "https://w3id.org/xapi/cmi5/context/extensions/masteryscore"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return dataclasses.replace(settings, content_url="http://*.content.example")


def opened(client: FlaskClient, auth: dict[str, str], item: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/api/v1/content/{item}/launches", json={"actor": ANA, **body}, headers=auth)
    assert answer.status_code == 201, answer.text
    query = parse_qs(urlsplit(answer.json["url"]).query)
    return {**answer.json, "query": {name: values[0] for name, values in query.items()}}


def told(db: Db) -> list[dict[str, Any]]:
    given = {"ascending": ["true"], "limit": ["500"]}
    page = StatementStore(db, "vendor").find(StatementQuery.parse(given, "1.0.3"))
    return [orjson.loads(one) for one in page.statements]


@pytest.fixture
def course(settings: Settings, db: Db, app: Flask) -> str:
    """The item of the demo's cmi5 course; two units in a block."""
    return str(take_in(settings, db, zipped(PACKAGES / "cmi5-course"))["item"])


def test_a_cmi5_course_is_launched_unit_by_unit_and_satisfied(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    news = Unit(client, opened(client, auth(), course))
    assert news.data["moveOn"] == "Completed"
    assert news.query["unit"] == "news"
    news.say("initialized")
    news.say("completed", completion=True)
    news.say("terminated")
    test = Unit(client, opened(client, auth(), course))
    assert (test.data["moveOn"], test.data["masteryScore"], test.query["unit"]) == ("Passed", 0.5, "test")
    test.say("initialized")
    test.say("passed", success=True, score={"scaled": 0.5})
    test.say("terminated")
    assert verbs(told(db)) == [
        "launched", "initialized", "completed", "terminated",
        "launched", "initialized", "passed", "satisfied", "satisfied", "terminated",
    ]  # fmt: skip
    block, whole = [one for one in told(db) if one["verb"]["id"].endswith("satisfied")]
    urls = [
        one["context"]["extensions"][LAUNCH_URL] for one in told(db) if one["verb"]["id"].endswith("launched")
    ]
    assert [url.rpartition("/")[2] for url in urls] == ["unit.html?unit=news", "unit.html?unit=test"]
    assert block["object"]["definition"]["type"].endswith("/block")
    assert whole["object"]["definition"]["type"].endswith("/course")
    assert whole["object"]["id"] == db.content_items.find_one({"_id": course})["activity"]
    assert (
        whole["context"]["contextActivities"]["grouping"][0]["id"]
        == "https://laurel.example/courses/product-launch"
    )
    again = opened(client, auth(), course)
    assert again["mode"] == "review"


def test_the_statement_route_of_a_session_refuses_what_is_out_of_order(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    unit = Unit(client, opened(client, auth(), course))
    unit.say("completed", 403, completion=True)
    unit.say("initialized")
    unit.say("initialized", 403)
    unit.say("completed", completion=True)
    unit.say("completed", 403, completion=True)
    unit.say("terminated")
    unit.say("terminated", 403)
    assert verbs(told(db)) == ["launched", "initialized", "completed", "terminated"]


def test_a_review_of_content_that_knows_no_mode_is_refused(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db
) -> None:
    item = take_in(settings, db, zip_of({"tincan.xml": tincan_document(), "index.html": b"<p>x"}))["item"]
    asked = {"actor": ANA, "mode": "review"}
    answer = client.post(f"/api/v1/content/{item}/launches", json=asked, headers=auth())
    assert (answer.status_code, "review" in answer.text) == (409, True)
    assert db.launches.count_documents({}) == 0


@pytest.mark.parametrize("package", ["scorm12-quiz", "tincan-tour"])
def test_a_review_of_what_the_learner_never_opened_enrols_nobody(
    package: str, client: FlaskClient, auth: Auth, settings: Settings, db: Db
) -> None:
    item = take_in(settings, db, zipped(PACKAGES / package))["item"]
    asked = {"actor": ANA, "mode": "review"}
    answer = client.post(f"/api/v1/content/{item}/launches", json=asked, headers=auth())
    assert answer.status_code == 409
    kept = ("content_enrolments", "content_launches", "attempts", "launches")
    assert {name: db[name].count_documents({}) for name in kept} == dict.fromkeys(kept, 0)


def test_a_unit_that_did_not_read_the_learners_preferences_cannot_begin(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    Unit(client, opened(client, auth(), course), reads_preferences=False).say("initialized", 403)
    Unit(client, opened(client, auth(), course)).say("initialized")
    assert verbs(told(db)) == ["launched", "abandoned", "launched", "initialized"]


def test_malformed_statements_of_a_session_are_400_and_change_nothing(
    client: FlaskClient, auth: Auth, course: str
) -> None:
    unit = Unit(client, opened(client, auth(), course))
    broken = unit.statement("initialized") | {"verb": {}}
    assert client.post("/xapi/statements", json=broken, headers=unit.headers).status_code == 400
    unit.say("initialized")


def test_a_batch_is_taken_in_its_order_as_a_whole_or_not(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    unit = Unit(client, opened(client, auth(), course))
    twice = [unit.statement("initialized"), unit.statement("initialized")]
    assert client.post("/xapi/statements", json=twice, headers=unit.headers).status_code == 403
    batch = [
        unit.statement("initialized"),
        unit.statement("completed", completion=True),
        unit.statement("terminated"),
    ]
    assert client.post("/xapi/statements", json=batch, headers=unit.headers).status_code == 200
    assert client.post("/xapi/statements", json=batch, headers=unit.headers).status_code == 200
    assert verbs(told(db)) == ["launched", "initialized", "completed", "terminated"]


def test_a_new_launch_abandons_the_open_session(client: FlaskClient, auth: Auth, db: Db, course: str) -> None:
    first = Unit(client, opened(client, auth(), course))
    first.say("initialized")
    Unit(client, opened(client, auth(), course))
    answer = client.post(
        "/xapi/statements", json=first.statement("completed", completion=True), headers=first.headers
    )
    assert answer.status_code in {401, 403}
    found = told(db)
    assert verbs(found) == ["launched", "initialized", "abandoned", "launched"]
    abandoned = found[2]
    assert abandoned["result"]["duration"].startswith("PT")
    assert abandoned["actor"] == ANA
    assert abandoned["object"]["id"] == first.query["activityId"]


def test_launch_data_is_not_the_units_to_write(client: FlaskClient, auth: Auth, course: str) -> None:
    unit = Unit(client, opened(client, auth(), course))
    for method in ("put", "post", "delete"):
        answer = getattr(client, method)(
            "/xapi/activities/state", query_string=unit.state, json={}, headers=unit.headers
        )
        assert answer.status_code == 403


def test_a_waived_unit_counts_as_met_once(client: FlaskClient, auth: Auth, db: Db, course: str) -> None:
    launched = opened(client, auth(), course)
    path = f"/api/v1/content/{course}/registrations/{launched['registration']}"
    for unit in ("news", "test"):
        body = {"unit": f"https://laurel.example/courses/product-launch/{unit}", "reason": "Tested Out"}
        assert client.post(f"{path}/waive", json=body, headers=auth()).status_code == 204
        assert client.post(f"{path}/waive", json=body, headers=auth()).status_code == 409
    found = told(db)
    assert verbs(found) == ["launched", "waived", "waived", "satisfied", "satisfied"]
    sessions = {
        one["context"]["extensions"]["https://w3id.org/xapi/cmi5/context/extensions/sessionid"]
        for one in found[2:]
    }
    assert len(sessions) == 1


def test_an_abandoned_session_is_ended_by_support(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    unit = Unit(client, opened(client, auth(), course))
    path = f"/api/v1/content/{course}/registrations/{unit.query['registration']}"
    assert client.post(f"{path}/abandon", json={}, headers=auth()).status_code == 204
    assert client.post(f"{path}/abandon", json={}, headers=auth()).status_code == 204
    answer = client.post("/xapi/statements", json=unit.statement("initialized"), headers=unit.headers)
    assert answer.status_code in {401, 403}
    assert verbs(told(db)) == ["launched", "abandoned"]


def test_a_session_that_fell_silent_is_abandoned_once(
    client: FlaskClient, auth: Auth, db: Db, settings: Settings, course: str
) -> None:
    unit = Unit(client, opened(client, auth(), course))
    unit.say("initialized")
    later = utc_now() + SILENCE
    assert abandon_silent(db, settings.public_url, later - dt.timedelta(minutes=1)) == 0
    assert abandon_silent(db, settings.public_url, later) == 1
    assert abandon_silent(db, settings.public_url, later) == 0
    assert verbs(told(db)) == ["launched", "initialized", "abandoned"]


def test_tin_can_content_is_launched_with_a_token_for_it_alone(
    client: FlaskClient, auth: Auth, db: Db, settings: Settings
) -> None:
    data = zip_of({"tincan.xml": tincan_document(), "index.html": b"<p>x"})
    item = take_in(settings, db, data)["item"]
    query = opened(client, auth(), item)["query"]
    headers = {"Authorization": query["auth"], **VERSION}
    statement = {
        "actor": ANA, "verb": {"id": ADL + "completed"}, "object": {"id": "https://a.example/c"},
        "context": {"registration": query["registration"]},
    }  # fmt: skip
    assert client.post("/xapi/statements", json=statement, headers=headers).status_code == 200
    other = statement | {"object": {"id": "https://b.example/c"}}
    assert client.post("/xapi/statements", json=other, headers=headers).status_code == 403


def test_an_organization_opens_only_what_is_its_own(client: FlaskClient, db: Db, course: str) -> None:
    make_org(db, "north")
    north = make_client(db, "north", scopes=["statements/write"], label="portal")
    answer = client.post(f"/api/v1/content/{course}/launches", json={"actor": ANA}, headers=north)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"actor": ANA, "person": "x"},
        {"actor": ANA, "return_url": "https://evil.example"},
        {"actor": ANA, "part": "none"},
    ],
)
def test_a_wrong_wish_is_refused_and_opens_nothing(
    client: FlaskClient, auth: Auth, db: Db, course: str, body: dict[str, Any]
) -> None:
    answer = client.post(f"/api/v1/content/{course}/launches", json=body, headers=auth())
    assert answer.status_code in {404, 422}
    assert db.launches.count_documents({}) == 0


def test_support_sees_attempts_and_raw_data(
    client: FlaskClient, auth: Auth, db: Db, settings: Settings
) -> None:
    item = take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"))["item"]
    launched = opened(client, auth(), item)
    path = f"/api/v1/content/{item}/registrations/{launched['registration']}/attempts"
    (attempt,) = client.get(path, headers=auth()).json["attempts"]
    assert (attempt["number"], attempt["course"]["completion"]) == (1, "unknown")
    assert client.get(f"{path}/{attempt['id']}/cmi", headers=auth()).json == {}
    assert client.get(f"{path}/none/cmi", headers=auth()).status_code == 404


def test_somebody_who_is_signed_in_starts_a_course_by_its_link(
    app: Flask, db: Db, settings: Settings
) -> None:
    item = take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"))["item"]
    make_person(db, "ada@vendor.example", "vendor", name="Ada")
    browser = log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    answer = browser.open(f"/start/{item}")
    assert answer.status_code == 303
    assert ".content.example/play/" in answer.headers["Location"]
    (launch,) = db.content_launches.find()
    assert (launch["learner"]["name"], launch["mode"]) == ("Ada", "normal")
    assert answer.headers["Location"].rstrip("/").rsplit("/", 1)[1] not in str(launch)


def test_a_start_link_is_for_those_who_may_see_the_item(app: Flask, db: Db, settings: Settings) -> None:
    make_org(db, "north")
    item = take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"), org="north")["item"]
    make_person(db, "ada@vendor.example", "vendor", name="Ada")
    browser = log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
    assert browser.open(f"/start/{item}").status_code == 404
    assert app.test_client().get(f"/start/{item}").headers["Location"].startswith("/login?onward=/start/")
    assert db.content_launches.count_documents({}) == 0


def test_a_person_is_opened_a_course_under_an_account_of_ours(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    person = make_person(db, "ana@north.example", name="Ana")
    answer = client.post(f"/api/v1/content/{course}/launches", json={"person": person}, headers=auth())
    actor = orjson.loads(parse_qs(urlsplit(answer.json["url"]).query)["actor"][0])
    assert actor["account"] == {"homePage": "http://lrs.example", "name": person}


def test_a_policy_is_kept_with_the_item_and_new_attempts_follow_it(
    client: FlaskClient, auth: Auth, db: Db, settings: Settings
) -> None:
    item = take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"))["item"]
    tag = client.get(f"/api/v1/content/{item}", headers=auth()).headers["ETag"]
    wrong = {"policy": {"keep": "worst"}}
    assert (
        client.patch(f"/api/v1/content/{item}", json=wrong, headers=auth() | {"If-Match": tag}).status_code
        == 422
    )
    body = {"policy": {"keep": "last", "attempts": 2}}
    assert (
        client.patch(f"/api/v1/content/{item}", json=body, headers=auth() | {"If-Match": tag}).status_code
        == 200
    )
    opened(client, auth(), item)
    (attempt,) = db.attempts.find()
    assert (attempt["policy"]["keep"], attempt["policy"]["attempts"]) == ("last", 2)


def test_an_erased_learner_leaves_no_attempt(
    client: FlaskClient, auth: Auth, db: Db, settings: Settings
) -> None:
    item = take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"))["item"]
    person = make_person(db, "ana@north.example", name="Ana")
    client.post(f"/api/v1/content/{item}/launches", json={"person": person}, headers=auth())
    assert erasure.count(db, person)["attempts"] == 1
    assert erasure.erase(editor(db), person, mode="pseudonymise", reason="asked")["attempts"] == 1
    for kept in ("attempts", "attempt_scos", "attempt_outbox", "content_enrolments", "content_launches"):
        assert db[kept].count_documents({}) == 0


def test_the_demos_packages_are_taken_in_and_open(
    client: FlaskClient, auth: Auth, db: Db, settings: Settings, app: Flask
) -> None:
    items = load_courses(db, settings, editor(db), utc_now())
    kinds = {opened(client, auth(), item)["kind"] for item in items.values()}
    assert kinds == {"scorm12", "scorm2004", "cmi5", "tincan"}


def page_of(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db, item: str, **more: Any
) -> tuple[Any, str, dict[str, str]]:
    url = urlsplit(opened(client, auth(), item, menu=True, **more)["url"])
    site = create_content_app(settings, db).test_client()
    return site, url.path, {"base_url": f"{url.scheme}://{url.netloc}"}


def test_the_page_of_a_course_launches_its_own_units_alone(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db, course: str
) -> None:
    site, path, base = page_of(client, auth, settings, db, course)
    page = site.get(path, **base)
    assert page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    for unit in (
        "",
        "https://elsewhere.example/unit",
        "https://laurel.example/courses/product-launch/training",
    ):
        assert site.post(f"{path}unit", data={"unit": unit}, **base).status_code == 404
    assert site.post("/play/nobody/unit", data={"unit": "x"}, **base).status_code == 404
    assert db.launches.count_documents({}) == 0
    quiz = str(take_in(settings, db, zipped(PACKAGES / "scorm12-quiz"))["item"])
    player = urlsplit(opened(client, auth(), quiz)["url"]).path
    assert site.post(f"{player}unit", data={"unit": "x"}, **base).status_code == 404


def test_who_only_browses_a_course_of_units_changes_nothing(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db, course: str
) -> None:
    site, path, base = page_of(client, auth, settings, db, course, mode="browse")
    assert "nothing that you do here counts" in site.get(path, **base).text
    answer = site.post(
        f"{path}unit", data={"unit": "https://laurel.example/courses/product-launch/news"}, **base
    )
    unit = Unit(client, {"query": query_of(answer.location)})
    assert unit.data["launchMode"] == "Browse"
    unit.say("initialized")
    unit.say("completed", 403, completion=True)


def test_texts_of_a_package_run_nothing_in_the_page_of_its_units(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db, app: Flask
) -> None:
    files = {path.name: path.read_bytes() for path in (PACKAGES / "cmi5-course").iterdir()}
    files["cmi5.xml"] = files["cmi5.xml"].replace(b"What is new<", b"&lt;script&gt;hit()&lt;/script&gt;<", 1)
    item = str(take_in(settings, db, zip_of(files))["item"])
    site, path, base = page_of(client, auth, settings, db, item)
    text = site.get(path, **base).text
    assert "&lt;script&gt;hit()" in text
    assert "<script" not in text


def test_a_learner_under_way_in_a_cmi5_course_stays_on_the_version_that_was_begun(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db, course: str
) -> None:
    first = opened(client, auth(), course)
    files = {path.name: path.read_bytes() for path in (PACKAGES / "cmi5-course").iterdir()}
    files["cmi5.xml"] = files["cmi5.xml"].replace(b'moveOn="Passed"', b'moveOn="Completed"')
    second = take_in(settings, db, zip_of(files), item=course)
    again = opened(client, auth(), course)
    assert again["version"] == first["version"] != second["_id"]
    bea = {"objectType": "Agent", "account": {"homePage": "https://lms.example", "name": "bea"}}
    assert opened(client, auth(), course, actor=bea)["version"] == second["_id"]


def test_a_cmi5_course_is_taken_again_in_a_registration_of_its_own(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db, course: str
) -> None:
    first = opened(client, auth(), course)
    unit = Unit(client, first)
    unit.say("initialized")
    unit.say("completed", completion=True)
    second = opened(client, auth(), course, new_attempt=True)
    assert second["registration"] != first["registration"]
    assert second["query"]["unit"] == "news"
    unit.say("terminated", 403)
    again = Unit(client, second)
    assert again.data["launchMode"] == "Normal"
    again.say("initialized")
    again.say("completed", completion=True)
    third = opened(client, auth(), course)
    assert (third["registration"], third["query"]["unit"]) == (second["registration"], "test")
    assert verbs(told(db)).count("completed") == 2
    assert db.content_enrolments.count_documents({}) == 1


def test_a_course_that_was_not_begun_needs_no_new_registration_and_a_policy_may_refuse_one(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    first = opened(client, auth(), course, new_attempt=True)
    assert db.content_enrolments.find_one({})["_id"] == first["registration"]  # type: ignore[index]
    db.content_items.update_one({"_id": course}, {"$set": {"policy": {"attempts": 1}}})
    second = opened(client, auth(), course, new_attempt=True)
    assert (second["registration"], second["reason"]) == (first["registration"], "no attempt is left")


def test_an_erased_learner_leaves_no_registration_of_a_course_that_was_taken_again(
    client: FlaskClient, auth: Auth, db: Db, course: str
) -> None:
    person = make_person(db, "ana@north.example", name="Ana")
    for _ in range(3):
        client.post(
            f"/api/v1/content/{course}/launches", json={"person": person, "new_attempt": True}, headers=auth()
        )
    assert db.cmi5_registrations.count_documents({}) == 3
    erasure.erase(editor(db), person, mode="remove", reason="asked")
    for kept in ("cmi5_registrations", "content_enrolments", "launches"):
        assert db[kept].count_documents({}) == 0, kept


def test_content_without_attempts_stays_on_its_version_until_it_is_begun_anew(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db
) -> None:
    item = str(take_in(settings, db, zipped(PACKAGES / "tincan-tour"))["item"])
    first = opened(client, auth(), item)
    second = take_in(settings, db, zipped(PACKAGES / "tincan-tour"), item=item)
    assert opened(client, auth(), item)["version"] == first["version"] != second["_id"]
    assert opened(client, auth(), item, new_attempt=True)["version"] == second["_id"]
    assert opened(client, auth(), item)["version"] == second["_id"]


def test_lectora_is_told_an_account_in_the_form_that_it_reads(
    client: FlaskClient, auth: Auth, settings: Settings, db: Db
) -> None:
    files = {
        "tincan.xml": tincan_document(),
        "index.html": b"",
        "trivantis.js": b"",
        "trivantis-titlemgr.js": b"",
    }
    version = take_in(settings, db, zip_of(files))
    assert version["tool"] == "Lectora"
    launched = opened(client, auth(), version["item"])["query"]
    account = {"accountName": "ana", "accountServiceHomePage": "https://lms.example"}
    assert orjson.loads(launched["actor"]) == {"objectType": "Agent", "name": ["ana"], "account": [account]}
    # what it makes of that is the learner of the launch
    said = {
        "actor": {"objectType": "Agent", "name": "ana", "account": ANA["account"]}, "verb": {"id": f"{ADL}attempted"},
        "object": {"id": launched["activity_id"]}, "context": {"registration": launched["registration"]},
    }  # fmt: skip
    headers = {"Authorization": launched["auth"], **VERSION}
    assert client.post("/xapi/statements", json=said, headers=headers).status_code == 200
    mail = {"actor": {"mbox": "mailto:ana@north.example"}}
    query = opened(client, auth(), version["item"], **mail)["query"]
    assert orjson.loads(query["actor"]) == mail["actor"]
