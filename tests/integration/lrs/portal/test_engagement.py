"""Questions, milestones and boards on the own pages: what is shown, by consent, and to nobody else."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from browser import CHROMIUM, Page
from factories_access import utc_now
from portal_pages import enter, text_of, visit
from served_pages import AXE, TAGS

from lrs.engagement import leaderboards
from lrs.engagement.published import seasons
from rules.catalogue.store import cache_of
from rules.publication import plans

RECALL = """
kind: Recall
id: pro-again
version: "1"
title: Sales, once more
effective_from: {since:%Y-%m-%d}
certification: sales-pro
questions:
  - {{id: one, ask: Who approves a discount?, answers: [The deal desk, Nobody], right: The deal desk, because: From 20 % on.}}
  - {{id: two, ask: How long is a trial?, answers: [14 days, 30 days], right: 30 days}}
  - {{id: three, ask: Which tier is highest?, answers: [Gold, Silver], right: Gold}}
  - {{id: four, ask: Which one is left over?, answers: [This, That], right: That}}
translations:
  de: {{Which one is left over?: Welche bleibt übrig?}}
"""
POINTS = """
kind: Engagement
id: points
version: "1"
title: Points
effective_from: {since:%Y-%m-%d}
seasons:
  - {{id: long, title: The long season, from: {since:%Y-%m-%d}, until: {until:%Y-%m-%d}, points: {{certification: 100, question: 1}}}}
boards: {{top: 3, fewest: 4}}
milestones:
  - {{id: first, title: First certification, certifications: 1}}
  - {{id: many, title: Twenty certifications, certifications: 20}}
"""


@pytest.fixture(scope="module", autouse=True)
def engaged(world: Any) -> Iterator[None]:
    """Publish questions and a season of two years; nothing of it is left for other tests."""
    now = utc_now()
    days = {"since": now - dt.timedelta(days=700), "until": now + dt.timedelta(days=20)}
    files = [("recall.yaml", RECALL.format(**days)), ("points.yaml", POINTS.format(**days))]
    plan = plans.make_plan(world.db, files, now, "test")
    plans.apply_plan(world.db, plan["_id"], now, "test")
    cache_of(world.db).get(fresh=True)
    yield
    world.db.rule_versions.delete_many({"id": {"$in": ["pro-again", "points"]}})
    for name in ("leaderboards", "recall_cards"):
        world.db[name].delete_many({})
    world.db.people.update_many({}, {"$unset": {"engagement": ""}})


def send(who: Any, path: str, **form: str) -> Any:
    return who.open(path, "POST", data=form)


def board_of(page: str) -> list[str]:
    """Return the names on the board of the season of these tests."""
    section = page.partition("The long season")[2].partition("</section>")[0]
    return [name.strip() for name in re.findall(r'<td class="number">\d+</td><td>([^<]+)', section)]


def first_question(world: Any, page: str) -> tuple[str, str, str]:
    """Return the address of the question's form, its turn, and the number of the right answer."""
    (path,) = re.findall(r'action="(/me/questions/pro-again/\w+)"', page)
    (turn,) = re.findall(r'name="turn" value="(\d+)"', page)
    document = cache_of(world.db).get().newest("Recall", "pro-again").document
    (question,) = [one for one in document.questions if path.endswith(f"/{one.id}")]
    return path, turn, str(question.answers.index(question.right) + 1)


def test_a_question_is_asked_answered_and_told_with_its_reason(world: Any) -> None:
    assert "3 questions today" in world.sven.open("/me").text
    page = world.sven.open("/me/questions").text
    path, turn, right = first_question(world, page)
    sent = send(world.sven, path, answer=right, turn=turn)
    assert sent.status_code == 303
    told = world.sven.open(sent.location).text
    assert "Right." in told
    again = send(world.sven, path, answer=right, turn=turn)
    assert again.status_code == 303, "the same form once more leads to what was said"
    (card,) = world.db.recall_cards.find({"person": world.person("Sven Dahl")})
    assert len(card["answers"]) == 1
    path, turn, right = first_question(world, world.sven.open("/me/questions").text)
    wrong = "1" if right == "2" else "2"
    told = world.sven.open(send(world.sven, path, answer=wrong, turn=turn).location).text
    assert "Not right: it is" in told
    assert "2 questions today" not in world.sven.open("/me").text
    assert "1 question today" in world.sven.open("/me").text


def test_nobody_else_is_asked_and_bad_answers_change_nothing(world: Any) -> None:
    assert "question today" not in world.ana.open("/me").text
    assert send(world.ana, "/me/questions/pro-again/one", answer="1", turn="0").status_code == 404
    assert send(world.sven, "/me/questions/pro-again/nothing", answer="1", turn="0").status_code == 404
    path, turn, _ = first_question(world, world.sven.open("/me/questions").text)
    before = world.db.statements.count_documents({"client": "laurel-recall"})
    assert send(world.sven, path, answer="9", turn=turn).status_code == 422
    assert send(world.sven, path, turn=turn).status_code == 422
    assert world.db.statements.count_documents({"client": "laurel-recall"}) == before
    assert "There is nothing here" not in world.sven.open("/me/questions?of=no/thing").text


def test_points_and_milestones_are_the_own_ones_and_boards_are_by_consent(world: Any) -> None:
    page = world.sven.open("/me/progress").text
    assert "First certification" in page
    assert "Twenty certifications" in page
    assert "The long season" in page
    assert "Take part" in page
    for name in ("Ana Lima", "Bea Lindqvist", "Farida Haddad"):
        assert name not in page
    holders = world.db.awards.distinct("person", {"org": "vendor"})[:8]
    sven = world.person("Sven Dahl")
    agreed = [one for one in holders if one != sven]
    world.db.people.update_many({"_id": {"$in": agreed}}, {"$set": {"engagement": {"board": "full"}}})
    sent = send(world.sven, "/me/settings/taking-part", board="initials", mail="yes")
    assert sent.status_code == 303
    entry = world.db.audit.find_one({"action": "person.engagement", "thing": sven})
    assert entry is not None
    now = utc_now()
    rules = cache_of(world.db).get(fresh=True)
    leaderboards.count(world.db, rules, seasons(rules, now), now)
    rows = board_of(world.sven.open("/me/progress").text)
    assert 1 <= len(rows) <= 3, "three at most, and never more than half"
    assert "your place" in world.sven.open("/me/progress").text
    world.db.people.update_many({"_id": {"$in": agreed}}, {"$set": {"engagement": {"board": None}}})
    assert set(board_of(world.sven.open("/me/progress").text)) <= {"S. D."}, "others are gone at once"
    assert send(world.sven, "/me/settings/taking-part", board="everybody").status_code == 422


def test_questions_are_asked_in_the_language_of_who_reads(world: Any) -> None:
    world.db.recall_cards.delete_many({})
    page = world.sven.open("/me/questions?lang=de").text
    world.sven.client.delete_cookie("laurel-language", domain="localhost")
    assert "Fragen für heute" in page
    assert "Welche bleibt übrig?" in page


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_three_questions_on_a_phone_in_one_sitting(world: Any, site: str, page: Page) -> None:
    world.db.recall_cards.delete_many({})
    world.db.statements.delete_many({"client": "laurel-recall"})
    enter(page, world, site, world.sven)
    visit(page, f"{site}/me")
    page.run("document.querySelector('a[href=\"/me/questions\"]').click()")
    page.wait("location.pathname === '/me/questions' && document.readyState === 'complete'")
    for left in (2, 1, 0):
        page.run("document.querySelector('.quiz input[type=radio]').click()")
        page.run("document.querySelector('.quiz button').click()")
        page.wait("location.search.startsWith('?of=') && document.readyState === 'complete'")
        page.wait(f"document.querySelectorAll('.quiz').length === {min(left, 1)}")
        page.run("history.replaceState(null, '', '/me/questions')")
    assert "That was all for today." in text_of(page)
    rows = list(world.db.statements.find({"client": "laurel-recall"}))
    assert len(rows) == 3
    if not AXE.exists():
        pytest.skip("tests/node_modules is missing")
    script = f"axe.run({{runOnly: {json.dumps(TAGS)}}}).then(found => found.violations.map(v => v.id))"
    world.db.recall_cards.delete_many({})
    for path in ("/me", "/me/questions", "/me/progress", "/me/settings"):
        for width, theme in ((390, "light"), (1280, "dark")):
            visit(page, f"{site}{path}", width=width, theme=theme)
            page.run("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            page.run(AXE.read_text("utf-8") + ";0")
            assert page.run(script) == [], (path, width, theme)
