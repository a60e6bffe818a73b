"""Boards and next steps over what is stored: by consent, sealed for the few, the same in any order of arrival."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from conftest import empty
from factories_access import editor
from factories_engine import START, World, batches, exam, simple, voiding

from lrs.engagement import leaderboards, next_steps
from lrs.engagement.explained import explained
from lrs.engagement.published import seasons
from lrs.people import affiliations, records
from rules.catalogue.store import cache_of
from rules.engine.manual_decisions import decide_manually
from rules.evidence.history import Fact

ENGAGEMENT = """
kind: Engagement
id: points
version: "1"
title: Points
seasons:
  - {id: now, title: Now, from: 2026-11-23, until: 2026-12-31, points: {certification: 100, renewal: 50}}
boards: {top: 3, fewest: 4}
milestones:
  - {id: first, title: First, certifications: 1}
  - {id: every, title: Every, products: all}
"""
WIDE = "max_lateness: 90 days"
PEOPLE = [f"p{n}" for n in range(12)]


@pytest.fixture
def world(db: Any) -> World:
    return begun(db)


def begun(db: Any) -> World:
    made = World(db)
    made.partner("north")
    made.partner("south")
    made.publish(simple(more=WIDE), simple("pro", title="Pro", more=WIDE), ENGAGEMENT)
    return made


def agree(world: World, *who: str, board: str | None = "full") -> None:
    for one in who:
        chosen = {"board": board, "mail": False}
        records.set_engagement(editor(world.db, world.clock()), world.person(one), chosen)


def counted(world: World) -> dict[str, Any]:
    rules, now = cache_of(world.db).get(fresh=True), world.clock()
    leaderboards.count(world.db, rules, seasons(rules, now), now)
    found = world.db.leaderboards.find_one({"_id": "points.now"})
    assert found is not None
    return {name: value for name, value in found.items() if name != "at"}


def shown(world: World, mine: int = 0) -> Any:
    ((document, season),) = seasons(cache_of(world.db).get(), world.clock())
    return leaderboards.shown(world.db, document, season, mine)


def test_only_who_agreed_is_counted_and_nobody_learns_who_is_last(world: World) -> None:
    world.clock.forward(days=2)
    world.send([exam(one, world.clock()) for one in PEOPLE])
    world.send([exam(one, world.clock(), of="pro") for one in PEOPLE[:3]])
    world.settle()
    world.db.people.update_many({}, [{"$set": {"name": {"$concat": ["Person ", "$email"]}}}])
    agree(world, *PEOPLE[:3])
    assert counted(world)["top"] == [], "three are too few"
    agree(world, *PEOPLE[3:7], board="initials")
    board = counted(world)
    assert board["values"] == [200, 200, 200, 100, 100, 100, 100]
    found = shown(world, 100)
    assert [(one["place"], one["points"]) for one in found["people"]] == [(1, 200)] * 3
    assert found["people"][0]["name"].startswith("Person p0@")
    assert found["place"] == 4
    agree(world, "p0", board=None)
    assert [one["person"] for one in shown(world, 0)["people"]] == [world.person("p1"), world.person("p2")], (
        "who changes their mind is gone at once"
    )
    agree(world, "p1", board="initials")
    assert shown(world)["people"][0]["name"] == "P. P."


def test_a_partner_is_shown_where_enough_of_its_people_agreed(world: World) -> None:
    for i, one in enumerate(PEOPLE):
        place = "north" if i < 5 else "south"
        person = world.person(one)
        records.add_person(editor(world.db, world.clock()), [f"mbox::mailto:{one}@example.com"])
        affiliations.affiliate(editor(world.db, world.clock()), person, place, role="sales")
    world.clock.forward(days=2)
    world.send([exam(one, world.clock()) for one in PEOPLE])
    world.settle()
    agree(world, *PEOPLE[:8])
    assert counted(world)["partners"] == [{"org": "north", "points": 100.0}], "three of south are too few"
    agree(world, *PEOPLE[8:])
    world.clock.forward(days=1)
    affiliations.affiliate(editor(world.db, world.clock()), world.person("p0"), "south", role="sales")
    world.settle()
    assert counted(world)["partners"] == [
        {"org": "north", "points": 100.0},
        {"org": "south", "points": 100.0},
    ]


def test_what_is_taken_back_brings_no_points(world: World) -> None:
    world.clock.forward(days=2)
    (told,) = world.send([exam("p0", world.clock())])
    world.send([exam("p1", world.clock())])
    world.settle()
    assert explained(world.db, world.person("p0"), world.clock())["seasons"][0]["points"] == 100
    world.clock.forward(hours=2)
    world.send([voiding(told)])
    world.clock.forward(hours=2)
    world.settle()
    found = explained(world.db, world.person("p0"), world.clock())
    assert found["seasons"][0]["points"] == 0
    assert [one["reached_at"] for one in found["milestones"]] == [None, None]
    fact = Fact(
        kind="revocation",
        at=world.clock(),
        decided_at=world.clock(),
        certification="sales",
        reason="misconduct",
    )
    rules = cache_of(world.db).get(fresh=True)
    decide_manually(world.db, rules, world.person("p1"), fact, world.clock(), recorded_by="test")
    world.settle()
    assert explained(world.db, world.person("p1"), world.clock())["seasons"][0]["points"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_boards_are_the_same_in_any_order_of_arrival(db: Any, seed: int) -> None:
    """Replay equals live: awards told in order, or all at the end and backwards, some voided."""
    chance = random.Random(seed)
    told = []
    for _ in range(60):
        at = START + dt.timedelta(hours=chance.randrange(24 * 30))
        score, of = chance.choice((0.9, 0.85, 0.4)), chance.choice(("sales", "pro"))
        told.append(exam(chance.choice(PEOPLE), at, score, of))
    told.sort(key=lambda one: one["timestamp"])
    voids = [voiding(one["id"]) for one in chance.sample(told, 8)]
    world = begun(db)
    for batch in batches(told, 10):
        world.clock.at = max(world.clock.at, dt.datetime.fromisoformat(batch[-1]["timestamp"]))
        world.send(batch)
        world.settle()
    end = START + dt.timedelta(days=40)
    world.send(voids)
    for _ in range(2):
        world.clock.at += dt.timedelta(days=2)
        world.settle()
    world.clock.at = end
    world.settle()
    agree(world, *(one for one in PEOPLE if world.db.people.find_one({"_id": world.person(one)})))
    live = counted(world)
    assert live["values"]
    empty(db)
    again = begun(db)
    again.clock.at = end - dt.timedelta(days=3)
    again.send(told[::-1])
    again.send(voids[::-1])
    again.settle()
    again.clock.at = end
    again.settle()
    agree(again, *(one for one in PEOPLE if again.db.people.find_one({"_id": again.person(one)})))
    assert counted(again) == live


def test_what_others_in_the_role_did_next_is_counted_and_can_be_switched_off(world: World) -> None:
    for one in PEOPLE:
        records.add_person(editor(world.db, world.clock()), [f"mbox::mailto:{one}@example.com"])
        affiliations.affiliate(editor(world.db, world.clock()), world.person(one), "north", role="sales")
    world.clock.forward(days=1)
    world.send([exam(one, world.clock()) for one in PEOPLE])
    world.clock.forward(days=1)
    world.send([exam(one, world.clock(), of="pro") for one in PEOPLE[:6]])
    world.settle()
    next_steps.count(world.db, 5, world.clock())
    asked = (world.db, world.person("p9"), ["pro"])
    found = next_steps.suggested(*asked, 5, world.clock())
    assert found is not None
    assert (found.certification, found.count, found.of, found.group) == (
        "pro",
        6,
        6,
        ("sales", None, "sales"),
    )
    assert next_steps.suggested(*asked, 7, world.clock()) is None, "six are too few for seven"
    assert next_steps.suggested(*asked, 0, world.clock()) is None
    assert next_steps.suggested(world.db, world.person("p0"), [], 5, world.clock()) is None
    assert next_steps.refresh(world.db, 0, world.clock()) is False
    world.clock.forward(days=1)
    next_steps.count(world.db, 7, world.clock())
    assert list(world.db.followers.find({})) == [], "what is too few is not even kept"


def test_boards_are_counted_once_in_ten_minutes_and_only_in_a_season(world: World) -> None:
    assert leaderboards.refresh(world.db, world.clock()) is False, "before its first day"
    world.clock.forward(days=2)
    assert leaderboards.refresh(world.db, world.clock()) is True
    assert leaderboards.refresh(world.db, world.clock()) is False
    world.clock.forward(minutes=10)
    assert leaderboards.refresh(world.db, world.clock()) is True
    world.clock.at = dt.datetime(2027, 1, 9, tzinfo=dt.UTC)
    assert leaderboards.refresh(world.db, world.clock()) is False, "a week after the last day"
