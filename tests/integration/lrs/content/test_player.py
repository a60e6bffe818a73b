"""The player in a real browser: packages of our own, driven as a learner drives them."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser, Page, browsing
from content_site import Site, running_site
from factories_content import verbs
from factories_packages import scorm_files
from places import ROOT
from pymongo.database import Database

from lrs.content.attempts.sending import send
from lrs.content.attempts.store import SILENCE, record_of
from lrs.content.player.silence import sweep
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

DB = Database[dict[str, Any]]
PACKAGES = ROOT / "lrs" / "demo" / "packages"
PLAYER = Path(os.environ.get("LRS_PLAYER_FOLDER") or Path(sys.prefix) / "player")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.skipif(
        not (PLAYER / "node_modules").is_dir(), reason="the player's libraries are not installed"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as made:
        yield made


@pytest.fixture
def site(settings: Settings, db: DB) -> Iterator[Site]:
    with running_site(dataclasses.replace(settings, player_folder=str(PLAYER)), db) as made:
        made.add("quiz", PACKAGES / "scorm12-quiz")
        made.add("aid", PACKAGES / "scorm2004-course")
        yield made


def statements(db: DB) -> list[dict[str, Any]]:
    import orjson

    send(db, "http://lrs.example", utc_now)
    page = StatementStore(db, "vendor").find(
        StatementQuery.parse({"ascending": ["true"], "limit": ["500"]}, "1.0.3")
    )
    return [orjson.loads(one) for one in page.statements]


def answer(page: Page, question: int, choice: str = "a") -> None:
    page.wait_frame(f"document.getElementById('place').textContent.startsWith('Question {question} ')")
    page.frame(
        f"document.querySelector('[value={choice}]').click(); document.querySelector('button').click()"
    )


def saved(page: Page) -> None:
    page.wait("document.getElementById('saved').textContent.startsWith('Saved at')")


def leave(page: Page) -> None:
    page.run("document.getElementById('exit').click()")
    page.wait("document.getElementById('notice-title').textContent === 'Your work is saved'")


def the_attempt(db: DB) -> dict[str, Any]:
    (found,) = db.attempts.find()
    return found


def test_a_scorm_1_2_quiz_becomes_the_statements_of_the_profile(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("quiz"))
    for number, choice in enumerate("aaaba", 1):
        answer(page, number, choice)
    page.wait_frame("document.getElementById('outcome').textContent === 'Passed with 80 %.'")
    saved(page)
    leave(page)
    told = statements(site.db)
    assert verbs(told) == [
        "initialized", *["responded"] * 5, "scored", "completed", "passed", "scored", "completed", "passed", "terminated",
    ]  # fmt: skip
    assert [one["result"]["success"] for one in told if one["verb"]["id"].endswith("responded")] == [
        True,
        True,
        True,
        False,
        True,
    ]
    (terminated,) = [one for one in told if one["verb"]["id"].endswith("terminated")]
    assert terminated["result"]["score"] == {"scaled": 0.8, "raw": 80.0, "min": 0.0, "max": 100.0}
    assert terminated["result"]["success"] is True
    assert terminated["actor"]["account"]["name"] == "ana"
    page.close()


def test_a_quiz_is_resumed_where_its_window_was_closed(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("quiz"))
    answer(page, 1)
    answer(page, 2)
    saved(page)
    page.close()
    again = browser.open(site.launch("quiz"))
    answer(again, 3)
    again.wait_frame("document.getElementById('place').textContent.startsWith('Question 4 ')")
    leave(again)
    told = verbs(statements(site.db))
    assert told.count("responded") == 3
    assert [one for one in told if one != "responded"] == ["initialized", "suspended", "resumed", "suspended"]
    again.close()


def test_a_tab_that_crashes_loses_nothing_that_was_committed(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("quiz"))
    answer(page, 1)
    saved(page)
    page.crash()
    again = browser.open(site.launch("quiz"))
    again.wait_frame("document.getElementById('place').textContent.startsWith('Question 2 ')")
    leave(again)
    again.close()


def test_the_older_of_two_windows_is_told_that_it_does_not_count_any_more(
    browser: Browser, site: Site
) -> None:
    first = browser.open(site.launch("quiz"))
    answer(first, 1)
    second = browser.open(site.launch("quiz"))
    second.wait_frame("document.getElementById('place').textContent.startsWith('Question 2 ')")
    answer(first, 2)
    first.wait("document.getElementById('notice-title').textContent === 'Opened elsewhere'")
    answer(second, 2, "b")
    saved(second)
    stored = record_of(site.db, the_attempt(site.db)["_id"], "quiz")
    assert stored.cmi["suspend_data"] == '["a","b"]'
    first.close()
    second.close()


def test_answers_given_without_a_network_arrive_when_it_is_back(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("quiz"))
    answer(page, 1)
    saved(page)
    page.offline(True)
    answer(page, 2)
    page.wait("document.getElementById('saved').textContent === 'Not saved yet'")
    page.offline(False)
    saved(page)
    assert record_of(site.db, the_attempt(site.db)["_id"], "quiz").cmi["suspend_data"] == '["a","a"]'
    page.close()


def test_an_exit_without_a_network_does_not_leave(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("quiz"))
    answer(page, 1)
    saved(page)
    page.offline(True)
    answer(page, 2)
    page.run("document.getElementById('exit').click()")
    page.wait("document.getElementById('notice-title').textContent === 'Not saved yet'")
    page.offline(False)
    page.run("document.querySelector('#notice-actions button').click()")
    page.wait("document.getElementById('notice-title').textContent === 'Your work is saved'")
    assert record_of(site.db, the_attempt(site.db)["_id"], "quiz").cmi["suspend_data"] == '["a","a"]'
    page.close()


def test_two_scos_of_2004_have_a_menu_and_roll_up(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("aid"))
    for word in ("Look", "Call"):
        page.wait_frame(f"document.getElementById('page').textContent.startsWith('{word}')")
        page.frame("document.getElementById('on').click()")
    page.wait_frame("document.getElementById('page').textContent.startsWith('Help')")
    saved(page)
    page.run("document.getElementById('next').click()")
    page.wait_frame("document.querySelector('[value=look]') !== null")
    page.frame("document.querySelector('[value=look]').click(); document.querySelector('button').click()")
    page.wait_frame("document.getElementById('outcome').textContent === 'Passed.'")
    leave(page)
    course = the_attempt(site.db)["course"]["standing"]
    assert (course["completion"], course["success"]) == ("completed", "passed")
    told = [one for one in statements(site.db) if one["object"]["id"] == site.course("aid")]
    assert verbs(told) == ["scored", "completed", "passed"]
    page.close()


def test_the_player_works_on_a_phone_and_by_keyboard_alone(browser: Browser, site: Site) -> None:
    page = browser.open(site.launch("aid"), width=390, height=800)
    page.wait_frame("document.getElementById('page') !== null")
    saved(page)
    assert page.run("document.documentElement.scrollWidth <= 390")
    focus = "document.activeElement.id"
    page.run("document.body.focus()")
    page.press("Tab")
    assert page.run(focus) == "menu-button"
    page.press("Enter")
    page.wait("!document.getElementById('menu').hidden")
    page.press("Escape")
    page.wait("document.getElementById('menu').hidden")
    page.run("document.getElementById('exit').focus()")
    page.press("Enter")
    page.wait("document.getElementById('notice-title').textContent === 'Your work is saved'")
    assert page.run(focus) == "notice-title"
    page.close()


FAULTY = b"""<!doctype html><title>Faulty</title><p id=place>here</p><img src="lost/picture.png?who=ana">
<iframe src="inner.html"></iframe><script>
const api = parent.API;
api.LMSInitialize("");
api.LMSSetValue("cmi.core.nonsense", "Ana");
setTimeout(() => { try { localStorage.setItem("all", "x".repeat(2e7)); } catch {} }, 1500);
setTimeout(() => { throw new Error("no score of Ana"); }, 1500);
</script>"""
INNER = b"<!doctype html><p>inside<script>setTimeout(() => Promise.reject(new Error('refused inside')), 1500)</script>"


def test_what_goes_wrong_in_a_browser_is_told_without_the_learner(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    for name, data in scorm_files(**{"index.html": FAULTY, "inner.html": INNER}).items():
        (tmp_path / name).write_bytes(data)
    version = site.add("faulty", tmp_path)
    page = browser.open(site.launch("faulty"))
    page.wait_frame("document.getElementById('place') !== null")
    deadline = time.monotonic() + 40
    while site.db.content_problems.count_documents({}) < 5 and time.monotonic() < deadline:
        time.sleep(0.2)
    found = {
        (one["kind"], one["what"], one["place"].partition(":")[0]) for one in site.db.content_problems.find()
    }
    assert found == {
        ("script", "Uncaught Error: no score of \u2026", "index.html"),
        ("script", "refused inside", "inner.html"),
        ("request", "404", "lost/picture.png"),
        ("interface", "error 401 at cmi.core.nonsense", ""),
        ("storage", "QuotaExceededError", "index.html"),
    }
    assert {one["version"] for one in site.db.content_problems.find()} == {version["_id"]}
    assert page.run("document.getElementById('facts').textContent.includes('API was found and initialized')")
    page.close()


def test_the_player_speaks_the_language_of_the_browser_and_says_where_nothing_counts(site: Site) -> None:
    with browsing("--accept-lang=de-DE,de", "--lang=de") as german:
        page = german.open(site.launch("quiz"))
        answer(page, 1)
        page.wait("document.getElementById('saved').textContent.startsWith('Gesichert um')")
        assert page.run("document.documentElement.lang") == "de"
        page.run("document.getElementById('exit').click()")
        page.wait("document.getElementById('notice-title').textContent === 'Ihre Arbeit ist gesichert'")
        page.close()
        review = german.open(site.launch("quiz", mode="review"))
        review.wait_frame("document.getElementById('place') !== null")
        review.wait("document.getElementById('saved').textContent === 'Sie sehen nur zu: Nichts zählt'")
        review.close()


def test_a_window_that_never_comes_back_is_told_as_suspended_by_the_sweep(
    browser: Browser, site: Site
) -> None:
    page = browser.open(site.launch("quiz"))
    answer(page, 1)
    saved(page)
    page.crash()
    late = utc_now() + SILENCE
    assert sweep(site.db, late) == 1
    assert sweep(site.db, late) == 0
    assert verbs(statements(site.db))[-1] == "suspended"
