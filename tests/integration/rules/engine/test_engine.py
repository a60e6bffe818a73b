"""A statement becomes an award: publish, store, decide, read; on real MongoDB."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import ADL, START, World, exam, simple

from rules import queries
from rules.catalogue.relevance import CMI5_CATEGORY
from statements.parsing.search_keys import evidence_key


@pytest.fixture
def world(db: Any) -> World:
    return World(db)


def test_a_relevant_statement_becomes_an_award_with_its_event(world: World) -> None:
    world.publish(simple())
    world.settle()
    world.clock.forward(minutes=10)
    world.send([exam("ana", START + dt.timedelta(minutes=5))])
    assert world.db.statements.count_documents({"pending": True}) == 1
    world.settle()
    standing = world.standing("ana")
    assert (standing.state, standing.awarded, standing.expires) == ("active", "2026-11-22", "2027-11-22")
    assert world.db.statements.count_documents({"pending": True}) == 0
    events = list(world.db.outbox.find({"type": "award.issued"}))
    assert len(events) == 1
    assert events[0]["data"]["award"] == standing.award
    assert events[0]["seq"] > 0


@pytest.mark.parametrize("published", ["before", "after"])
def test_what_launched_content_says_beyond_its_launch_satisfies_nothing(world: World, published: str) -> None:
    if published == "before":
        world.publish(simple())
    world.send([exam("ana", START - dt.timedelta(minutes=5))], is_beyond=lambda _: True)
    if published == "after":
        world.publish(simple())
    world.settle()
    person = world.person("ana")
    assert world.standing("ana").state == "in_progress"
    found = queries.explain(world.db, person, "sales", None, world.clock())
    assert [one.why for one in found.tree[0].ignored] == ["beyond what was launched"]


def test_a_statement_stored_before_publication_counts_after_the_backfill(world: World) -> None:
    world.send([exam("ana", START - dt.timedelta(days=3))])
    world.settle()
    assert world.standing("ana") is None
    world.publish(simple())
    world.settle()
    assert world.standing("ana").state == "active"


CMI5 = """
kind: Certification
id: unit
version: "1"
title: Unit
evidence:
  unit: {cmi5: {au: "https://acme.example/au", moveon: met}}
award: {when: {done: unit}}
validity: {lasts: 12 months}
"""


@pytest.mark.parametrize("place", ["object", "grouping"])
def test_a_cmi5_unit_stored_before_publication_is_found_wherever_it_stands(world: World, place: str) -> None:
    unit = {"id": "https://acme.example/au"}
    groups = {"category": [{"id": CMI5_CATEGORY}]} | ({"grouping": [unit]} if place == "grouping" else {})
    world.send(
        [
            {
                "actor": {"mbox": "mailto:ana@x.example"},
                "verb": {"id": ADL + "passed"},
                "object": unit if place == "object" else {"id": "https://lms.example/1"},
                "context": {"contextActivities": groups},
            }
        ]
    )
    world.publish(CMI5)
    world.settle()
    assert evidence_key("mbox::mailto:ana@x.example") in world.db.statements.find_one()["keys"]


@pytest.mark.parametrize(("behind", "is_taken_back"), [(10, False), (120, True)])
def test_a_worker_whose_clock_is_behind_takes_back_nothing_that_another_told(
    db: Any, behind: int, is_taken_back: bool
) -> None:
    """Ten minutes are two machines; two hours are a clock that was wrong, and its decisions are put right."""
    world = World(db)
    world.publish(simple())
    world.clock.forward(minutes=behind)
    world.send([exam("ana", world.clock())])
    world.settle()
    world.clock.forward(minutes=-behind)
    world.send([exam("ana", world.clock(), scaled=0.1)])  # it counts for nothing, and she is looked at again
    world.settle()
    kinds = [row["kind"] for row in db.facts.find({"by_people": False})]
    assert ("retraction" in kinds) == is_taken_back
    world.clock.forward(minutes=behind + 1)
    world.send([exam("ana", world.clock(), scaled=0.1)])
    world.settle()
    issued = [one["type"] for one in world.events()].count("award.issued")
    assert issued == (2 if is_taken_back else 1)
    assert db.credentials.count_documents({}) == issued
    assert world.standing("ana").state == "active"
