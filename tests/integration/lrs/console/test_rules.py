"""Rules in the console: from a published version to a draft, a plan and its application; and what is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import html
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, SECRET
from factories_access import Browser, log_in, make_org, make_person, make_user
from flask import Flask
from pymongo.database import Database

from lrs.access.sessions import CSRF_HEADER
from lrs.console.programme import planning, suggesting
from lrs.console.recipes.catalogue import RECIPES, TITLE
from rules.errors import UnknownRule
from rules.publication import plans

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
def ada(app: Flask, db: Db, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(planning, "PATIENCE", 60.0)  # whatever else the machine does
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


MISSPELT = RULE.replace("passed, failed", "pased, failed").replace(
    "lasts: 12 months", "lasts: 12 months, counted_from: 'complation'"
)


def text_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def test_a_quick_fix_is_a_button_that_needs_no_script(ada: Browser) -> None:
    page = post(ada, "/console/rules/drafts", text=MISSPELT, action="check").text
    places = re.findall(r'name="fix" value="(\d+:\d+)"', page)
    assert places == ["6:17", "9:44"]
    for place in places:
        page = post(ada, "/console/rules/drafts", text=text_of(page), fix=place).text
    assert "[passed, failed]" in text_of(page)
    assert "counted_from: 'completion'" in text_of(page)
    assert "all 1 test" in page or "its 1 test passes" in page
    unknown = post(ada, "/console/rules/drafts", text=RULE, fix="99:99").text
    assert text_of(unknown) == RULE, "no fix is known there: the text stays"


def test_a_former_version_comes_back_as_a_draft_with_the_next_number(app: Flask, ada: Browser) -> None:
    post(ada, f"{plan(ada, RULE.replace('title:', 'effective_from: 2026-01-01' + chr(10) + 'title:'))}/apply")
    post(ada, f"{plan(ada, STRICTER)}/apply")
    page = ada.open("/console/certifications/driver/versions").text
    assert "Restore version 1 as a draft" in page
    wanted = {"kind": "Certification", "id": "driver", "version": "1"}
    answer = post(ada, "/console/rules/restore", **wanted)
    assert answer.status_code == 303
    text = text_of(ada.open(answer.location).text)
    assert text == RULE.replace('version: "1"', 'version: "3"'), "in force from when it is applied"
    assert post(ada, "/console/rules/restore", **{**wanted, "version": "9"}).status_code == 404
    assert post(ada, "/console/rules/restore", id="nothing").status_code == 404


def test_versions_of_any_kind_are_compared_and_restored(ada: Browser) -> None:
    release = "kind: Release\nid: core-7\nversion: '1'\ntitle: Core 7\nproduct: core\nrelease: '7'\nlevel: major\npublished: 2026-01-01\n"
    for text in (release, release.replace("'1'", "'2'").replace("Core 7", "Core Seven")):
        assert post(ada, f"{plan(ada, text)}/apply").status_code == 303
    assert "/console/rules/versions?kind=Release&id=core-7" in ada.open("/console/rules").text
    page = ada.open("/console/rules/versions?kind=Release&id=core-7").text
    assert "title: Core Seven" in page
    assert "Restore version 1 as a draft" in page
    assert ada.open("/console/rules/versions?kind=Gate&id=core-7").status_code == 404
    assert ada.open("/console/rules/versions?kind=Release&id=core-7&old=9").status_code == 404
    draft = post(ada, "/console/rules/restore", kind="Release", id="core-7", version="1").location
    assert 'version: "3"' in text_of(ada.open(draft).text)


def test_an_applied_plan_is_undone_by_a_plan(app: Flask, db: Db, ada: Browser) -> None:
    post(ada, f"{plan(ada, RULE)}/apply")
    holder(app, db)
    made = plan(ada, STRICTER)
    assert post(ada, f"{made}/undo").status_code == 409, "it is not applied"
    post(ada, f"{made}/apply", count="1")
    back = post(ada, f"{made}/undo")
    assert back.status_code == 303
    kept = db.plans.find_one({"_id": back.location.rsplit("/", 1)[-1]})
    assert kept is not None
    assert [one["version"] for one in kept["documents"]] == ["3"]
    assert post(ada, f"{back.location}/apply").status_code == 303
    assert db.rule_versions.count_documents({"id": "driver"}) == 3
    first = f"/console/plans/{db.rule_versions.find_one({'version': '1'})['plan']}"
    assert post(ada, f"{first}/undo").status_code == 409, "before the first version there is none"


def test_a_row_of_a_plan_says_why_and_where_the_rule_says_so(app: Flask, db: Db, ada: Browser) -> None:
    post(ada, f"{plan(ada, RULE)}/apply")
    holder(app, db)
    made = plan(ada, STRICTER)
    (row,) = ada.open(f"{made}.json").json["items"]
    assert "required 90 % or better" in row["why"]
    line = 1 + STRICTER.split("\n").index("  when: {score: exam, at_least: 0.9}")
    assert row["rule_line"] == line
    page = ada.open(made).text
    assert f'href="#f0l{line}"' in page
    assert f'<tr id="f0l{line}" class="come">' in page, "the line is new beside the version before"
    _, now, then = re.split(
        "Under the rules now|If the plan were applied", ada.open(f"{made}/people/{row['person']}/driver").text
    )
    assert ("50 % or better" in now, "90 % or better" in then) == (True, True)
    assert ada.open(f"{made}/people/nobody/driver").status_code == 404
    post(ada, f"{made}/apply", count="1")
    assert ada.open(f"{made}/people/{row['person']}/driver").status_code == 303, "history tells it now"


def test_rows_of_a_plan_are_grouped_and_filtered(app: Flask, db: Db, ada: Browser) -> None:
    make_org(db, "north")
    make_person(db, "ana@x.example", "north", name="Ana")
    post(ada, f"{plan(ada, RULE)}/apply")
    holder(app, db)
    made = plan(ada, STRICTER)
    (row,) = ada.open(f"{made}.json").json["items"]
    assert row["organization"] == "north"
    assert "&organization=north" in ada.open(f"{made}?change=lose&by=organization").text
    assert "%22" not in ada.open(f"{made}?by=reason").text
    assert len(ada.open(f"{made}.json?organization=north").json["items"]) == 1
    assert ada.open(f"{made}.json?organization=south").json["items"] == []
    assert ada.open(f"{made}.json?reason=x").json["items"] == []
    assert ada.open(f"{made}?by=name").status_code == 422
    assert "90 % or better" in ada.open(f"{made}.csv").text


def test_a_plan_that_another_publication_overtook_says_so_at_once(ada: Browser) -> None:
    old = plan(ada, RULE)
    post(ada, f"{plan(ada, RULE)}/apply")
    page = ada.open(old).text
    assert "Another version of Certification/driver was published since" in page
    assert f'action="{old}/apply"' not in page
    assert f'action="{old}/again"' in page


def test_a_long_computation_has_a_page_of_its_own(
    ada: Browser, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, whole = threading.Event(), plans.make_plan

    def slow(*given: Any, progress: Any) -> Any:
        progress(200, 1000)
        wait.wait(60)
        return whole(*given, progress=progress)

    monkeypatch.setattr(plans, "make_plan", slow)
    monkeypatch.setattr(planning, "PATIENCE", 0.0)
    run = plan(ada, RULE)
    assert run.startswith("/console/plan-runs/")
    until(lambda: "200 of 1,000 comparisons are done" in ada.open(run).text)
    wait.set()
    until(lambda: ada.open(run).status_code == 303)
    assert ada.open(ada.open(run).location).status_code == 200


def test_a_computation_that_fails_or_ends_with_its_process_says_so(
    ada: Browser, db: Db, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: Any, progress: Any) -> Any:
        raise UnknownRule("Certification", "elsewhere")

    with monkeypatch.context() as broken:
        broken.setattr(plans, "make_plan", fails)
        run = plan(ada, RULE)
    page = ada.open(run)
    assert (page.status_code, "elsewhere" in page.text) == (422, True)
    assert db.plans.count_documents({}) == 0
    db.plan_runs.update_one(
        {}, {"$unset": {"problem": 1}, "$set": {"seen_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}}
    )
    assert "The computation stopped" in ada.open(run).text
    assert ada.open("/console/plan-runs/nothing").status_code == 404
    assert post(ada, f"{run}/again").location.startswith("/console/plans/")


def until(holds: Any) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it never held")


# Recipes and suggestions


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_becomes_a_draft_that_is_checked_and_tested(ada: Browser, db: Db, recipe: str) -> None:
    if recipe == "ladder":
        post(ada, f"{plan(ada, RULE)}/apply")
    db.groups.insert_one({"_id": "assessors", "org": "vendor", "name": "assessors", "members": []})
    page = ada.open(f"/console/rules/recipes/{recipe}").text
    assert 'class="card box fields"' in page
    assert "With the examples it reads" in page
    values = {one.name: one.example or "driver" for one in (TITLE, *RECIPES[recipe].fields)}
    answer = post(ada, f"/console/rules/recipes/{recipe}", **values)
    assert answer.status_code == 303, answer.text
    draft = ada.open(answer.location).text
    assert "No problems" in draft
    assert "my-certification" in draft
    assert "What it takes" in draft


@pytest.mark.parametrize(
    ("field", "value"),
    [("course", "no address"), ("percent", "101"), ("percent", "many"), ("months", "-1"), ("title", " "), ("exam", "https://x.example/*")],
)  # fmt: skip
def test_a_recipe_filled_in_wrongly_says_which_field_and_keeps_what_was_typed(
    ada: Browser, db: Db, field: str, value: str
) -> None:
    values = {one.name: one.example for one in (TITLE, *RECIPES["exam"].fields)} | {field: value}
    answer = post(ada, "/console/rules/recipes/exam", **values)
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert value.strip() in answer.text
    assert db.rule_drafts.count_documents({}) == 0
    assert post(ada, "/console/rules/recipes/nothing").status_code == 404


def suggested(browser: Browser, of: str, q: str = "") -> list[str]:
    answer = browser.open(f"/console/rules/suggestions?of={of}&q={q}")
    assert answer.status_code == 200, answer.text
    return [one["value"] for one in answer.json["items"]]


def test_suggestions_are_what_the_store_knows(app: Flask, db: Db, ada: Browser) -> None:
    make_org(db, "north")
    post(ada, f"{plan(ada, RULE)}/apply")
    db.groups.insert_one({"_id": "assessors", "org": "vendor", "name": "assessors", "members": []})
    for org, number in (("vendor", 1), ("north", 2), ("elsewhere", 3)):
        db.activities.insert_one(
            {"id": f"https://x.example/{number}", "org": org, "name": {"en": f"Course {number}"}}
        )
    until(
        lambda: suggested(ada, "certification") == ["driver"]
    )  # a process looks for new rules once a second
    assert suggested(ada, "certification", "nothing") == []
    assert suggested(ada, "group", "ass") == ["assessors"]
    assert suggested(ada, "organization", "nor") == ["north"]
    known = ["https://x.example/1", "https://x.example/2"]
    assert suggested(ada, "activity", "course") == known, "of the organizations that there are"
    assert suggested(ada, "activity", "https://x.example/") == known
    assert suggested(ada, "activity", "https://y.example/") == []
    for n in range(60):
        db.activities.insert_one({"id": f"https://z.example/{n}", "org": "vendor", "name": {}})
    assert len(suggested(ada, "activity", "https://z.example/")) == 30, "an answer is bounded"
    assert ada.open("/console/rules/suggestions?of=secrets").status_code == 422
    assert ada.open(f"/console/rules/suggestions?of=activity&q={'x' * 2001}").status_code == 422


def test_who_writes_no_rules_gets_no_suggestions(app: Flask, db: Db) -> None:
    make_org(db, "north")
    for org, role in (("north", "partner_admin"), ("vendor", "analyst")):
        other = log_in(app, make_user(db, org, role, f"{role}@x.example"))
        for path in (
            "/console/rules/suggestions?of=organization",
            "/console/rules/recipes",
            "/console/rules/recipes/exam",
        ):
            assert other.open(path).status_code == 403, path


def test_the_bundle_is_there_under_its_hash_only(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "editor.js"
    made.write_text("let editor = 1;")
    monkeypatch.setattr(suggesting, "bundle_path", lambda _: made)
    name = suggesting.bundle_name(app.extensions["laurel"].settings)
    client = app.test_client()
    plain = client.get(f"/console/editor/{name}.js")
    assert (plain.text, plain.headers["Content-Type"]) == (
        "let editor = 1;",
        "text/javascript; charset=utf-8",
    )
    packed = client.get(f"/console/editor/{name}.js", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert "immutable" in packed.headers["Cache-Control"]
    assert client.get("/console/editor/0123.js").status_code == 404


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
