"""Learners and managers in a browser: accessible, narrow, and three stories from beginning to end."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from browser import CHROMIUM, Page
from factories_access import Browser as Session
from factories_access import editor, log_in, make_user
from portal_pages import enter, text_of, visit
from served_pages import AXE, MINE, OURS, TAGS

from lrs.content.attempts.sending import send
from lrs.foundation.context import utc_now
from lrs.people import affiliations, sharing

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")


def paths(world: Any) -> list[tuple[Session, str]]:
    sven = f"/partner/people/{world.person('Sven Dahl')}"
    return [*((world.sven, one) for one in MINE), *((world.paul, one) for one in (*OURS, sven, "/me"))]


def shared(world: Any) -> list[str]:
    """Return the pages of sharing, with something given and something received by the one who looks at them."""
    given = (
        ("borealis", "aurora", "certifications"),
        ("aurora", "borealis", "assignments"),
        ("drift", "borealis", "figures"),
    )
    made = [
        sharing.share(editor(world.db), who, to, what, reason="a bid together", until=None)["_id"]
        for who, to, what in given
    ]
    return ["/partner/sharing", *(f"/partner/sharing/{one}" for one in made[1:])]


def test_every_page_is_accessible_on_a_phone_and_a_desk_in_both_themes(
    world: Any, site: str, page: Page
) -> None:
    if not AXE.exists():
        pytest.skip("tests/node_modules is missing; scripts/test installs it where npm is at hand")
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    page.browser.events.clear()
    for who, path in [*paths(world), *((world.paul, one) for one in shared(world))]:
        enter(page, world, site, who)
        for width, theme in ((390, "light"), (1280, "dark")):
            visit(page, f"{site}{path}", width=width, theme=theme)
            page.run("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            page.run(AXE.read_text("utf-8") + ";0")
            assert page.run(script) == [], (path, width, theme)
    for path in ("/login", "/join?code=x", "/login/link?code=x"):
        page.call("Network.clearBrowserCookies")
        visit(page, f"{site}{path}")
        page.run(AXE.read_text("utf-8") + ";0")
        assert page.run(script) == [], path
    events = page.browser.events
    asked = [
        one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith((site, "data:"))] == []
    assert [one["params"] for one in events if one["method"] == "Runtime.exceptionThrown"] == []


def click(page: Page, selector: str) -> None:
    page.run(f"document.querySelector({json.dumps(selector)}).click()")


def test_an_invited_rep_gets_from_the_mail_to_the_first_award_in_one_sitting(
    world: Any, site: str, page: Page
) -> None:
    enter(page, world, site, world.pat)
    visit(page, f"{site}/partner/people")
    fields = {"email": "eva.rep@aurora.example", "name": "Eva Rep", "role": "sales"}
    for name, value in fields.items():
        page.run(f"document.getElementById('{name}').value = {json.dumps(value)}")
    click(page, "form[action='/partner/people/invite'] button")
    page.wait("location.search === '?saved=invited'")
    letters = [one.read_text() for one in (world.settings.data_folder / "mail").glob("*.eml")]
    (letter,) = [one for one in letters if "To: eva.rep@aurora.example" in one]
    code = re.search(r"code=(?:3D)?([A-Z2-9-]{19})", letter)
    assert code is not None
    page.call("Network.clearBrowserCookies")  # another person, another phone
    visit(page, f"{site}/join?code={code[1]}")
    click(page, "form[action='/join'] button")
    page.wait("location.pathname === '/me' && document.readyState === 'complete'")
    page.wait("document.querySelector('main').innerText.includes('Hello, Eva')")
    assert "Onboarding\ndue" in re.sub(r"\n+", "\n", text_of(page))
    click(page, "a[href^='/start/']")
    for question, choice in enumerate("aaaba", 1):
        page.wait_frame(f"document.getElementById('place').textContent.startsWith('Question {question} ')")
        page.frame(
            f"document.querySelector('[value={choice}]').click(); document.querySelector('button').click()"
        )
    page.wait_frame("document.getElementById('outcome').textContent === 'Passed with 80 %.'")
    click(page, "#exit")
    page.wait("document.getElementById('notice-title').textContent === 'Your work is saved'")
    send(world.db, "http://lrs.example", utc_now)
    world.work()
    visit(page, f"{site}/me")
    page.wait("document.querySelector('.held h3 a') !== null")
    assert "Onboarding" in page.run("[...document.querySelectorAll('.held h3')].map((one) => one.innerText)")
    assert page.run("document.querySelector('.held a[href*=\".pdf\"]') !== null")
    visit(page, f"{site}/join?code={code[1]}")
    assert "nothing was changed" in text_of(page), "the link of the mail works once"


def test_a_manager_finds_what_makes_the_tier_fall_and_who_can_mend_it(
    world: Any, site: str, page: Page
) -> None:
    enter(page, world, site, world.paul)
    visit(page, f"{site}/partner")
    assert "To keep Gold" in text_of(page)
    assert page.run("document.querySelector('.overdue .way a').textContent") == "Sven Dahl"
    click(page, ".overdue .way a")
    page.wait("location.pathname.startsWith('/partner/people/p') && document.readyState === 'complete'")
    assert "Exam, 80 % or better" in text_of(page)
    click(page, "form[action$='/remind'] button")
    page.wait("location.search === '?saved=reminded'")
    click(page, "form[action$='/account'] button")
    page.wait("location.search === '?saved=account'")
    assert "An invitation to log in is on its way." in text_of(page)


def test_who_changes_the_partner_takes_the_awards_along(world: Any, site: str, page: Page) -> None:
    person = world.person("Bea Lindqvist")
    bea = log_in(world.app, make_user(world.db, "vendor", "learner", "bea.lindqvist@aurora.example"))
    enter(page, world, site, bea)
    visit(page, f"{site}/me")
    held = page.run("[...document.querySelectorAll('.held h3')].map((one) => one.innerText)")
    affiliations.affiliate(editor(world.db), person, "cumulus", role="sales")
    world.work()
    visit(page, f"{site}/me")
    assert page.run("[...document.querySelectorAll('.held h3')].map((one) => one.innerText)") == held != []
    enter(page, world, site, world.pat)
    visit(page, f"{site}/partner/people")
    assert "Bea Lindqvist" not in text_of(page), "who left is no longer the old partner's"
