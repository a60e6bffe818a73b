"""The story of a new administrator: from an empty database to the first published certification, without a shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser import CHROMIUM, Page, browsing
from conftest import KEY, SECRET
from factories_access import make_user
from flask import Flask
from pymongo.database import Database
from served_pages import AXE, TAGS, served

Db = Database[dict[str, Any]]
FORM = {
    "key": KEY, "secret": SECRET, "name": "Acme", "email": "nora@acme.example", "password": "a long enough word",
}  # fmt: skip


def test_the_first_administrator_is_made_by_whoever_has_the_first_clients_key(app: Flask, db: Db) -> None:
    client = app.test_client()
    assert 'href="/setup"' in client.get("/login").text
    answer = client.post("/setup", data=FORM)
    assert (answer.status_code, answer.location) == (303, "/console")
    assert client.get("/console").status_code == 200, "they are logged in"
    user = db.users.find_one({})
    assert user is not None
    assert (user["role"], user["org"], user["email"]) == ("vendor_admin", "vendor", "nora@acme.example")
    assert db.orgs.find_one({"_id": "vendor"})["name"] == "Acme"  # type: ignore[index]
    assert db.audit.find_one({"action": "user.add"})["who"]["id"] == "setup"  # type: ignore[index]
    for later in (
        client.get("/setup"),
        app.test_client().post("/setup", data={**FORM, "email": "x@x.example"}),
    ):
        assert later.location == "/login", "once"
    assert db.users.count_documents({}) == 1
    assert 'href="/setup"' not in app.test_client().get("/login").text


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"secret": "wrong"}, 401, "Key and secret are not those"), ({"key": ""}, 401, "Key and secret are not those"),
        ({"password": "short"}, 422, "12 to 1000 characters"), ({"email": "nobody"}, 422, "mail"),
        ({"secret": "wrong", "password": "short"}, 401, "Key and secret are not those"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nobody_is_made(
    app: Flask, db: Db, change: dict[str, str], status: int, said: str
) -> None:
    answer = app.test_client().post("/setup", data={**FORM, **change})
    assert (answer.status_code, said.lower() in answer.text.lower()) == (status, True), answer.text
    assert "nora@acme.example" in answer.text or "email" in change, "what was typed stays"
    assert "a long enough word" not in answer.text
    assert SECRET not in answer.text
    assert db.users.count_documents({}) == 0
    assert db.orgs.find_one({"_id": "vendor"})["name"] != "Acme"  # type: ignore[index]


def test_a_partners_key_and_another_site_make_nobody(app: Flask, db: Db) -> None:
    db.clients.update_one({"_id": KEY}, {"$set": {"scopes": ["statements/write"]}})
    assert app.test_client().post("/setup", data=FORM).status_code == 401
    evil = {"Origin": "https://evil.example"}
    assert app.test_client().post("/setup", data=FORM, headers=evil).status_code == 403
    assert db.users.count_documents({}) == 0


def test_guessing_has_an_end(app: Flask, db: Db) -> None:
    client = app.test_client()
    answers = [client.post("/setup", data={**FORM, "secret": f"wrong {n}"}).status_code for n in range(40)]
    assert answers[-1] == 429
    assert 401 in answers


def test_an_installation_with_an_administrator_is_set_up(app: Flask, db: Db) -> None:
    make_user(db, "vendor", "vendor_admin", "ada@vendor.example")
    assert app.test_client().get("/setup").location == "/login"
    assert app.test_client().post("/setup", data=FORM).location == "/login"
    assert db.users.count_documents({}) == 1


@pytest.fixture
def page(app: Flask) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with served(app) as site, browsing() as browser:
        tab = browser.open(f"{site}/login", width=1280, height=900)
        tab.wait("document.readyState === 'complete'")
        yield tab


def here(page: Page, path: str) -> None:
    """Wait for a page, and let axe look at it."""
    page.wait(f"document.readyState === 'complete' && location.pathname.match(/^{path}$/)")
    if AXE.exists():
        page.run(AXE.read_text("utf-8") + ";0")
        found = page.run(
            f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(one => one.violations.map(v => v.id))"
        )
        assert found == [], path


def click(page: Page, selector: str, text: str = "") -> None:
    """Click what has the text, as a person does who reads it."""
    found = f"[...document.querySelectorAll({json.dumps(selector)})].find(one => one.textContent.includes({json.dumps(text)}))"
    page.wait(f"Boolean({found})")
    page.run(f"{found}.click()")


def fill(page: Page, **values: str) -> None:
    """Type into fields by their ids."""
    for name, value in values.items():
        page.run(f"document.getElementById({json.dumps(name)}).value = {json.dumps(value)}")


def test_from_nothing_to_a_certification_that_is_in_force(db: Db, page: Page) -> None:
    click(page, "a", "Set up Laurel")
    here(page, r"\/setup")
    fill(page, **FORM)
    click(page, "button", "Make my account")
    here(page, r"\/console")
    click(page, "main a", "Publish a certification")
    here(page, r"\/console\/rules\/recipes")
    click(page, "a", "A course and an exam")
    here(page, r"\/console\/rules\/recipes\/exam")
    fill(page, title="Safe with ladders", percent="75", months="24")
    click(page, "button", "Make a draft")
    here(page, r"\/console\/rules\/drafts\/\w+")
    said = page.run("document.getElementById('panel').textContent")
    assert "75 % or better" in said
    assert "all 2 tests pass" in said
    click(page, "button", "See what it would change")
    page.wait("location.pathname.startsWith('/console/plan')")
    page.wait("location.pathname.startsWith('/console/plans/')")
    here(page, r"\/console\/plans\/\w+")
    click(page, "button", "Apply")
    here(page, r"\/console\/rules")
    click(page, "tbody a", "Safe with ladders")
    here(page, r"\/console\/certifications\/safe-with-ladders")
    assert "24 months" in page.run("document.querySelector('main').textContent")
    row = db.rule_versions.find_one({"id": "safe-with-ladders"})
    assert row is not None
    assert row["mode"] == "active"
    said = [
        one for one in page.browser.events if one["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}
    ]
    assert said == [], "no error of a script, no breach of the policy"
