"""A statement becomes an award: publish, store, decide, read; on real MongoDB."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import START, World, exam, simple


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


def test_a_statement_stored_before_publication_counts_after_the_backfill(world: World) -> None:
    world.send([exam("ana", START - dt.timedelta(days=3))])
    world.settle()
    assert world.standing("ana") is None
    world.publish(simple())
    world.settle()
    assert world.standing("ana").state == "active"
