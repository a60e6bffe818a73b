"""Questions that come back: asked in time, answered once, told as statements, and the same when made again."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from factories_access import editor
from factories_engine import START, World, exam, mbox, simple

from lrs.analysis.audience import ReportFilter, ReportRequest, audience
from lrs.analysis.figures.charts import draw
from lrs.analysis.readable_stores import whole_scope
from lrs.analysis.reports.catalogue import REPORTS
from lrs.console.models.chart import drawing
from lrs.engagement import reminders
from lrs.engagement.recall import answer, answers_of, cards_of, due_cards, remake_all
from lrs.foundation.errors import Collision, InvalidField
from lrs.people import affiliations, merge, records
from rules.catalogue.store import cache_of
from statements.parsing.parse import parse_json

BASE = "http://lrs.example"
RECALL = """
kind: Recall
id: again
version: "{version}"
title: Sales, once more
certification: sales
a_day: 2
questions:
  - {{id: one, ask: Which?, answers: [this, that], right: this, because: So it is.}}
  - {{id: two, ask: "And which?", answers: [this, that, neither], right: neither}}
  - {{id: three, ask: "And now?", answers: [this, that], right: that}}
"""


@pytest.fixture
def world(db: Any) -> World:
    made = World(db)
    made.publish(simple(), RECALL.format(version="1"))
    return made


def passed(world: World, *who: str) -> None:
    world.send([exam(one, world.clock()) for one in who])
    world.settle()


def cards(world: World, who: str) -> list[Any]:
    return cards_of(world.db, cache_of(world.db).get(fresh=True), world.person(who), world.clock())


def waiting(world: World, who: str) -> list[str]:
    return [one.question.id for one in due_cards(cards(world, who), world.clock())]


def give(world: World, who: str, question: str, *, right: bool) -> Any:
    (card,) = [one for one in cards(world, who) if one.question.id == question]
    place = card.question.answers.index(card.question.right)
    chosen = place + 1 if right else (place + 1) % len(card.question.answers) + 1
    person = records.get_person(world.db, world.person(who))
    return answer(world.db, person, card, str(chosen), base=BASE, now=world.clock())


def test_questions_come_after_the_first_pause_and_no_more_than_a_day_has(world: World) -> None:
    passed(world, "ana")
    assert waiting(world, "ana") == []
    assert cards(world, "bo") == [], "who holds nothing is asked nothing"
    world.clock.forward(days=2, minutes=1)
    assert waiting(world, "ana") == ["one", "three"]
    give(world, "ana", "one", right=True)
    assert waiting(world, "ana") == ["three"]
    give(world, "ana", "three", right=False)
    assert waiting(world, "ana") == [], "two a day"
    world.clock.forward(days=1)
    assert waiting(world, "ana") == ["two"]
    world.clock.forward(days=1)
    assert waiting(world, "ana") == ["two", "three"], "wrong comes back after the shortest pause, right later"


def test_whoever_holds_the_certification_no_more_is_not_asked(world: World) -> None:
    passed(world, "ana")
    world.clock.forward(days=400)
    assert cards(world, "ana") == []


def test_an_answer_is_an_ordinary_statement_and_counts_once(world: World) -> None:
    passed(world, "ana")
    world.clock.forward(days=3)
    (card,) = [one for one in cards(world, "ana") if one.question.id == "two"]
    person = records.get_person(world.db, world.person("ana"))
    told = answer(world.db, person, card, "3", base=BASE, now=world.clock())
    with pytest.raises(Collision):
        answer(world.db, person, card, "1", base=BASE, now=world.clock())
    (row,) = world.db.statements.find({"client": "laurel-recall"})
    said = parse_json(row["raw"])
    assert said["verb"]["id"].endswith("/answered")
    assert said["object"]["id"] == f"{BASE}/recall/again/two"
    assert said["object"]["definition"]["correctResponsesPattern"] == ["3"]
    assert (said["result"]["success"], said["result"]["response"]) == (True, "3")
    assert said["actor"]["mbox"] == "mailto:ana@example.com"
    assert said["context"]["extensions"][f"{BASE}/extensions/recall"] == "again-1"
    assert answers_of(world.db, person["_id"])["again", "two"] == [told]


@pytest.mark.parametrize("chosen", ["0", "4", "-1", "two", "", "²", "1.0"])
def test_what_is_no_answer_is_refused_and_changes_nothing(world: World, chosen: str) -> None:
    passed(world, "ana")
    world.clock.forward(days=3)
    (card,) = [one for one in cards(world, "ana") if one.question.id == "two"]
    person = records.get_person(world.db, world.person("ana"))
    with pytest.raises(InvalidField):
        answer(world.db, person, card, chosen, base=BASE, now=world.clock())
    assert world.db.statements.count_documents({"client": "laurel-recall"}) == 0
    assert world.db.recall_cards.count_documents({}) == 0


def test_a_process_that_dies_between_statement_and_card_loses_no_answer(world: World) -> None:
    passed(world, "ana")
    world.clock.forward(days=3)
    (card,) = [one for one in cards(world, "ana") if one.question.id == "one"]
    give(world, "ana", "one", right=True)
    world.db.recall_cards.delete_many({})
    person = records.get_person(world.db, world.person("ana"))
    with pytest.raises(Collision):
        answer(world.db, person, card, "1", base=BASE, now=world.clock())
    assert [len(one.answers) for one in cards(world, "ana")] == [1, 0, 0]


def test_a_new_version_keeps_what_was_answered(world: World) -> None:
    passed(world, "ana")
    world.clock.forward(days=3)
    give(world, "ana", "one", right=True)
    world.publish(RECALL.format(version="2").replace("Which?", "Which one?"))
    (card,) = [one for one in cards(world, "ana") if one.question.id == "one"]
    assert (card.question.ask, card.step) == ("Which one?", 1)
    world.publish(RECALL.format(version="3").replace("a_day: 2", "mode: disabled"))
    assert cards(world, "ana") == []


@pytest.mark.parametrize("seed", range(5))
def test_cards_made_again_from_statements_are_the_same(world: World, seed: int) -> None:
    """Replay equals live: over months of answers, two records merged on the way."""
    chance = random.Random(seed)
    people = ["ana", "bo", "cy"]
    passed(world, *people)
    for turn in range(40):
        world.clock.forward(hours=chance.randrange(12, 90), milliseconds=chance.randrange(1000))
        who = chance.choice(people)
        for question in waiting(world, who)[: chance.randrange(3)]:
            give(world, who, question, right=chance.random() < 0.6)
        if turn == 25:
            merge.merge(editor(world.db, world.clock()), world.person("ana"), world.person("bo"))
            world.settle()
            people.remove("bo")
    live = {row["_id"]: row for row in world.db.recall_cards.find({})}
    assert sum(len(row["answers"]) for row in live.values()) > 10
    world.db.recall_cards.delete_many({})
    remake_all(world.db)
    assert {row["_id"]: row for row in world.db.recall_cards.find({})} == live
    assert not [name for name in live if name.startswith(world.person("bo"))]


def test_the_report_shows_what_is_remembered_by_weeks_and_never_of_a_few(world: World) -> None:
    people = [f"p{n}" for n in range(6)]
    passed(world, *people)
    north = world.partner("north")
    for one in people:
        affiliations.affiliate(editor(world.db, world.clock()), world.person(one), north, role="sales")
    world.clock.forward(days=3)
    for n, one in enumerate(people):
        give(world, one, "one", right=n < 3)
    world.clock.forward(days=14)
    for one in people[:4]:
        give(world, one, "one", right=True)
    wanted, now = ReportFilter(), world.clock()
    whom = audience(world.db, whole_scope(world.db), wanted, now)
    report = REPORTS["recall"](ReportRequest(world.db, whom, wanted, now))
    (row,) = report.rows
    assert row == {
        "certification": "sales", "title": "Sales", "weeks": 0, "since": "Sales: 0", "people": 6, "answers": 6, "right": 0.5,
    }  # fmt: skip
    (bar,) = drawing(report).bars
    assert (bar.name, bar.said) == ("Sales: 0", "50%")
    assert b"<svg" in draw(report, "svg")


def test_a_mail_goes_to_who_asked_for_it_once_a_week(world: World) -> None:
    passed(world, "ana", "bo")
    records.set_engagement(
        editor(world.db, world.clock()), world.person("ana"), {"board": None, "mail": True}
    )
    reminders.remind(world.db, world.clock())
    assert list(world.db.mails.find({})) == [], "nothing waits yet"
    for days in (3, 1, 3, 4):
        world.clock.forward(days=days)
        reminders.remind(world.db, world.clock())
        reminders.remind(world.db, world.clock())
    mails = list(world.db.mails.find({}))
    assert [one["to"] for one in mails] == ["ana@example.com"] * 2, "not to who did not ask, nor every day"
    assert mails[0]["values"]["count"] == "2"
    assert START < mails[0]["due_at"] <= mails[1]["due_at"] - dt.timedelta(days=7)
    assert mbox("ana") != mbox("bo")
