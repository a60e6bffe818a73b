"""Workers whose clocks differ, or that were held, give nobody a credential twice and take none back."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from factories_engine import START, World, exam, simple
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrs.credentials.issuer import issuer_of
from rules.catalogue.store import cache_of
from rules.credentials.due_awards import issue_due
from rules.engine.facts import from_fact
from rules.evidence.history import Fact
from statements import ingest

APART = dt.timedelta(minutes=2)


@pytest.fixture
def world(db: Any) -> World:
    world = World(db)
    world.publish(simple())
    return world


def credentials(world: World) -> tuple[list[str], int]:
    """Return why each credential was made, and how many bits are set."""
    reasons = [row["reason"] for row in world.db.credentials.find({}).sort("_id")]
    return reasons, world.db.status_entries.count_documents({"set_at": {"$exists": True}})


def issue(world: World, at: dt.datetime, **hooks: Any) -> None:
    """Let a worker whose clock shows this instant make the credentials that are due."""
    issuer = replace(issuer_of(world.services.settings, world.db), **hooks)
    issue_due(world.db, issuer, cache_of(world.db).get(), at)


def test_a_worker_behind_does_not_annul_what_one_ahead_issues_meanwhile(world: World) -> None:
    """The torture's seed 31: an award that begins in the future of one clock, and both at its credential."""
    behind = world.clock()
    ahead = world.clock.forward(seconds=APART.total_seconds())
    world.send([exam("ana", ahead)])
    world.services.engine.run_marked(behind)

    def meanwhile(awards: Any) -> Any:
        issue(world, ahead)
        return ()

    issue(world, behind, detailed=meanwhile)
    world.services.engine.run_due(ahead)
    issue(world, ahead)
    assert credentials(world) == (["award"], 0)


def test_a_worker_behind_decides_as_of_what_it_knows_and_issues_at_once(world: World) -> None:
    behind = world.clock()
    world.send([exam("ana", world.clock.forward(seconds=APART.total_seconds()))])
    world.services.engine.run_marked(behind)
    issue(world, behind)
    assert credentials(world) == (["award"], 0)
    assert world.db.outbox.count_documents({"type": "award.issued"}) == 1
    world.settle()
    assert credentials(world) == (["award"], 0)


def test_a_worker_that_was_held_gives_no_credential_for_what_was_revoked_meanwhile(world: World) -> None:
    """It took the award, was stopped for longer than its lease, and goes on with what it had read."""
    world.send([exam("ana", world.clock())])
    world.services.engine.run_marked(world.clock())
    held, done = world.clock(), list[int]()

    def meanwhile(awards: Any) -> Any:
        if not done:
            done.append(1)
            now = world.clock.forward(minutes=2)
            reasons = {"certification": "sales", "reason": "misconduct"}
            fact = Fact(kind="revocation", at=now, decided_at=now, id="r", **reasons)
            world.db.facts.insert_one(from_fact(fact, world.person("ana")))
            world.services.engine.recompute([world.person("ana")], now)
            world.settle()
        return ()

    issue(world, held, displayed=meanwhile)
    world.settle()
    assert credentials(world) == (["award"], 1)


def test_an_award_that_a_decision_marked_anew_is_left_to_the_next_look(world: World) -> None:
    world.send([exam("ana", world.clock())])
    world.settle()
    world.db.awards.update_one({}, {"$set": {"credential_due": world.clock()}})

    def meanwhile(awards: Any) -> Any:
        world.db.awards.update_one({}, {"$set": {"credential_due": world.clock()}})
        return ()

    world.db.people.update_one({}, {"$set": {"email": "ana@new.example"}})  # it has to say something else
    issue(world, world.clock(), detailed=meanwhile)
    assert credentials(world) == (["award"], 0)
    assert world.db.awards.count_documents({"credential_due": world.clock()}) == 1
    world.settle()
    assert credentials(world)[0] == ["award", "correction"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["decide", "both", "both", "issue", "again", "send"]), st.integers(0, 1)),
    min_size=3, max_size=8,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(0, 1), steps=STEPS, apart=st.integers(31, 600))
def test_whatever_two_workers_with_clocks_apart_do_an_award_gets_one_credential(
    world: World, first: int, steps: list[tuple[str, int]], apart: int
) -> None:
    """Each step is done by one of two clocks; `both` lets the other one issue between taking and issuing."""
    for name in (
        "statements",
        "facts",
        "work",
        "standings",
        "awards",
        "outbox",
        "credentials",
        "status_entries",
    ):
        world.db[name].delete_many({})
    ingest.CLOCK._last = 0  # `stored` rises within a process
    clocks = (START, START + dt.timedelta(seconds=apart))
    engine, sent = world.services.engine, 0
    for step, number in [("send", first), *steps]:
        now, other = clocks[number], clocks[1 - number]
        if step in {"send", "again"}:
            world.clock.at = now
            who = f"learner{sent if step == 'send' else max(sent - 1, 0)}"
            world.send([exam(who, START - dt.timedelta(days=1) if step == "again" else now)])
            sent += step == "send"
        elif step == "decide":
            engine.run_marked(now)
            engine.run_due(now)
        else:
            hooks = {"detailed": lambda awards, at=other: issue(world, at) or ()} if step == "both" else {}
            issue(world, now, **hooks)
    world.clock.at = clocks[1] + dt.timedelta(minutes=2)
    world.settle()
    awards = [row["_id"] for row in world.db.awards.find({"annulled": {"$ne": True}})]
    issued = [
        row["award"] for row in world.db.credentials.find({"reason": {"$in": ["award", "reinstatement"]}})
    ]
    assert sorted(issued) == sorted(awards)
    assert set(world.db.status_entries.distinct("reason")) <= {"corrected"}
