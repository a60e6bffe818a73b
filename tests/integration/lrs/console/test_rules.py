"""Rules in the console: from a published version to a draft, a plan and its application; and what is refused."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import Browser, log_in, make_org, make_person, make_user
from flask import Flask
from pymongo.database import Database

from lrs.access.sessions import CSRF_HEADER

Db = Database[dict[str, Any]]
RULE = """\
kind: Certification
id: driver
version: "1"
title: Driver
evidence:
  exam: {verb: [passed, failed], activity: "https://x.example/exam"}
award:
  when: {score: exam, at_least: 0.5}
validity: {lasts: 12 months}
tests:
  - name: half is enough
    given:
      - {who: ana, verb: passed, activity: "https://x.example/exam", score: 0.5, at: 2026-01-10}
    expect:
      - {who: ana, at: 2026-01-10, status: active}
"""
STRICTER = (
    RULE.replace('version: "1"', 'version: "2"')
    .replace("at_least: 0.5", "at_least: 0.9")
    .replace("score: 0.5,", "score: 0.95,")
    .replace("tests:", "transition: {existing: re_evaluate}\ntests:")
)


@pytest.fixture
def ada(app: Flask, db: Db) -> Browser:
    return log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))


def post(browser: Browser, path: str, **form: str) -> Any:
    return browser.open(path, "POST", data={"csrf": browser.csrf, **form}, headers={CSRF_HEADER: ""})


def plan(browser: Browser, text: str) -> str:
    answer = post(browser, "/console/rules/drafts", text=text, action="plan")
    assert answer.status_code == 303, answer.text[:3000]
    return str(answer.location)


def holder(app: Flask, db: Db) -> None:
    """Let ana pass with 60 %, and the engine decide."""
    from worker_rounds import until_quiet

    from lrs.running import worker

    sent = {
        "actor": {"mbox": "mailto:ana@x.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/passed"},
        "object": {"id": "https://x.example/exam"},
        "result": {"score": {"scaled": 0.6}},
    }
    from conftest import basic

    headers = {**basic(KEY, SECRET), "X-Experience-API-Version": "1.0.3"}
    assert app.test_client().post("/xapi/statements", json=sent, headers=headers).status_code == 200
    until_quiet(worker.worker_services(app.extensions["laurel"].settings, db))


def test_a_rule_goes_from_text_to_plan_to_force(app: Flask, db: Db, ada: Browser) -> None:
    made = plan(ada, RULE)
    assert "Apply" in ada.open(made).text
    assert post(ada, f"{made}/apply").location == f"/console/rules?applied={made.rsplit('/', 1)[-1]}"
    assert db.rule_versions.find_one({"id": "driver"})["plan"] == made.rsplit("/", 1)[-1]
    assert "Driver" in ada.open("/console/rules").text
    edit = ada.open("/console/rules/new?from=driver").text
    assert html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", edit, re.DOTALL)[1]) == RULE  # type: ignore[index]
    again = post(ada, f"{made}/apply")
    assert again.status_code == 409
    assert "applied at" in again.text


def test_who_loses_comes_first_and_has_to_be_counted(app: Flask, db: Db, ada: Browser) -> None:
    post(ada, f"{plan(ada, RULE)}/apply")
    holder(app, db)
    made = plan(ada, STRICTER)
    page = ada.open(made).text
    assert "1 person loses, 0 change, 0 gain" in page
    assert "required 90 % or better" in page
    rows = ada.open(f"{made}.json").json["items"]
    assert [(one["change"], one["before"]["state"], one["after"]["state"]) for one in rows] == [
        ("lose", "active", "in_progress")
    ]
    for count in ("", "2"):
        refused = post(ada, f"{made}/apply", count=count)
        assert refused.status_code == 422
        assert "Write 1, the number of people who lose" in refused.text
    assert db.rule_versions.count_documents({"id": "driver"}) == 1, "nothing was published"
    assert post(ada, f"{made}/apply", count="1").status_code == 303
    assert db.rule_versions.count_documents({"id": "driver"}) == 2
    compared = ada.open("/console/certifications/driver/versions").text
    assert "at_least: 0.9" in compared


def test_a_colleague_objects_then_approves_and_each_says_why(app: Flask, db: Db, ada: Browser) -> None:
    made = plan(ada, RULE)
    assert 'value="approve"' not in ada.open(made).text, "nobody approves what they planned"
    assert post(ada, f"{made}/reviews", verdict="approve").status_code == 409
    bob = log_in(app, make_user(db, "vendor", "rule_author", "bob@vendor.example"))
    assert post(bob, f"{made}/reviews", verdict="object").status_code == 422, "without a reason"
    assert post(bob, f"{made}/reviews", verdict="refuse", comment="x").status_code == 422
    assert post(bob, f"{made}/reviews", verdict="object", comment="half is <b>low</b>").status_code == 303
    page = ada.open(made).text
    assert "half is &lt;b&gt;low&lt;/b&gt;" in page
    assert "bob@vendor.example objects" in page
    assert f'action="{made}/apply"' not in page
    assert post(ada, f"{made}/apply").status_code == 409
    assert db.rule_versions.count_documents({}) == 0
    assert "objected to" in ada.open("/console/rules").text
    assert post(bob, f"{made}/reviews", verdict="approve", comment="as agreed").status_code == 303
    assert "approved" in ada.open("/console/rules").text
    assert post(ada, f"{made}/apply").status_code == 303
    assert "as agreed" in ada.open(made).text, "the record stays with the applied plan"


def test_who_is_newly_asked_has_a_list_of_its_own(db: Db, ada: Browser) -> None:
    make_org(db, "north")
    person = make_person(db, "bo@north.example", "north", name="Bo")
    made = plan(ada, f"{RULE}targets: [{{partner: north, due_within: 30 days}}]\n")
    page = ada.open(made).text
    assert "1 is newly asked" in page
    assert "Bo" in page, "nobody loses, changes or gains: the list opens on whom it asks"
    rows = ada.open(f"{made}.json?change=asked").json["items"]
    assert [(one["person"], one["change"], one["before"]) for one in rows] == [(person, "asked", None)]


def test_a_plan_that_went_stale_is_made_anew(app: Flask, db: Db, ada: Browser) -> None:
    old = plan(ada, RULE)
    post(ada, f"{plan(ada, RULE)}/apply")
    assert post(ada, f"{old}/apply").status_code == 409
    renewed = post(ada, f"{plan(ada, STRICTER)}/again")
    assert renewed.status_code == 303
    assert ada.open(renewed.location).status_code == 200


def test_the_checker_answers_with_places_suggestions_tests_and_words(ada: Browser, db: Db) -> None:
    found = post(ada, "/console/rules/check", text=RULE.replace("title:", "titel:")).json
    assert not found["ok"]
    wrong = next(one for one in found["problems"] if one["suggestion"])
    assert (wrong["line"], wrong["suggestion"]) == (4, "title")
    sound = post(ada, "/console/rules/check", text=RULE.replace("\n", "\r\n")).json
    assert (sound["ok"], sound["verdict"]) == (True, "No problems, and its 1 test passes.")
    assert sound["tests"] == [{"name": "half is enough", "ok": True, "differences": []}]
    assert sound["words"][0]["lines"] == [[0, "Exam, 50 % or better"]]
    failing = post(ada, "/console/rules/check", text=RULE.replace("status: active", "status: expired")).json
    assert failing["tests"][0]["differences"] == [
        "ana at 2026-01-10: status expected expired, observed active"
    ]
    assert db.plans.count_documents({}) == 0
    assert db.rule_drafts.count_documents({}) == 0


def test_a_file_with_problems_is_kept_but_not_planned(ada: Browser, db: Db) -> None:
    answer = post(ada, "/console/rules/drafts", text="kind: Nothing", action="plan")
    assert answer.status_code == 422
    assert "kind: Nothing" in answer.text
    assert (db.rule_drafts.count_documents({}), db.plans.count_documents({})) == (1, 0)


def test_drafts_are_ones_own(app: Flask, db: Db, ada: Browser) -> None:
    path = post(ada, "/console/rules/drafts", text=RULE, action="save").location
    draft = path.rsplit("/", 1)[-1]
    assert "driver v1" in ada.open("/console/rules").text
    assert post(ada, "/console/rules/drafts", text=STRICTER, draft=draft, action="save").location == path
    assert "at_least: 0.9" in ada.open(path).text
    bob = log_in(app, make_user(db, "vendor", "rule_author", "bob@vendor.example"))
    assert bob.open(path).status_code == 404
    assert post(bob, "/console/rules/drafts", text="x", draft=draft, action="save").status_code == 404
    assert post(bob, "/console/rules/drafts", draft=draft, action="discard").status_code == 404
    assert post(ada, "/console/rules/drafts", draft=draft, action="discard").status_code == 303
    assert ada.open(path).status_code == 404


@pytest.mark.parametrize("path", ["/console/rules/drafts", "/console/rules/check", "/console/plans/x/apply"])
def test_a_form_of_another_site_changes_nothing(ada: Browser, db: Db, path: str) -> None:
    data = {"text": RULE, "action": "save"}
    assert ada.client.post(path, data=data).status_code == 403, "no token"
    evil = {"Origin": "https://evil.example", CSRF_HEADER: ada.csrf}
    assert ada.client.post(path, data=data, headers=evil).status_code == 403
    assert db.rule_drafts.count_documents({}) == 0


@pytest.mark.parametrize(
    "path", ["/console/rules", "/console/rules/new", "/console/rules.json", "/console/plans/x"]
)
def test_rules_are_the_vendors(app: Flask, db: Db, path: str) -> None:
    make_org(db, "north")
    pat = log_in(app, make_user(db, "north", "partner_admin", "pat@north.example"))
    assert pat.open(path).status_code == 403


def test_a_text_that_is_too_long_is_refused(ada: Browser, db: Db) -> None:
    answer = post(ada, "/console/rules/drafts", text="x" * 262_145, action="save")
    assert answer.status_code == 422
    assert post(ada, "/console/rules/check", text="x" * 3_000_000).status_code == 413
    assert db.rule_drafts.count_documents({}) == 0


def test_the_form_of_an_assignment_becomes_a_draft_that_can_be_planned(ada: Browser) -> None:
    form = {
        "title": "First steps",
        "activities": "Tour https://acme.example/xapi/tour",
        "role": "sales",
        "due_within": "30",
    }
    assert "New assignment" in ada.open("/console/assignments").text
    assert ada.open("/console/rules/new-assignment").status_code == 200
    answer = post(ada, "/console/rules/new-assignment", **form)
    assert re.fullmatch(r"/console/rules/drafts/\w+", answer.location)
    text = re.search(r'<textarea id="text".*?>\n(.*?)</textarea>', ada.open(answer.location).text, re.DOTALL)
    assert text is not None
    assert "/console/plans/" in plan(ada, html.unescape(text[1]))
    lacking = post(ada, "/console/rules/new-assignment", title="Nothing else")
    assert "is missing" in ada.open(lacking.location).text, "the editor says what is missing"
