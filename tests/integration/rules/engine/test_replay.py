"""Replay equals live: arrival order, duplication, batching and crashes change nothing (design 4.4)."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from factories_engine import START, World, batches, done, exam, mbox, simple, voiding

from rules.engine.identity import person_id

LADDER = """
kind: Certification
id: expert
version: "1"
title: Expert
role: technical
evidence:
  lab: {verb: passed, activity: "https://acme.example/expert/lab"}
award:
  when: {all: [{holds: sales}, {done: lab}]}
validity: {lasts: 6 months}
tests:
  - name: both
    holds: {ana: [{certification: sales, from: 2026-01-01, until: 2027-01-01}]}
    given: [{who: ana, verb: passed, activity: "https://acme.example/expert/lab", at: 2026-01-10}]
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""

BROKEN_AT = ("marks read", "leased", "evidence read", "written", "committed", "decided")


@pytest.fixture
def world(db: Any) -> World:
    return World(db)


def life(who: str, seed: int) -> list[dict[str, Any]]:
    """Return the statements of one person over some days: exams failed and passed, labs."""
    chance = random.Random(seed)
    found = []
    for i in range(chance.randint(2, 7)):
        at = START + dt.timedelta(days=chance.randint(0, 20), hours=i)
        if chance.random() < 0.6:
            found.append(exam(who, at, chance.choice([0.5, 0.79, 0.8, 0.95])))
        else:
            found.append(done(who, "https://acme.example/expert/lab", at))
    return found


def view(world: World) -> dict[str, Any]:
    """Return all that a replay has to give again: states, periods, award ids."""
    awards = {
        row["_id"]: (row["person"], row["certification"], row["periods"], row["states"], row["final"])
        for row in world.db.awards.find({"annulled": False})
    }
    return {"standings": world.states(), "awards": awards}


def everybody(count: int) -> list[dict[str, Any]]:
    return [one for i in range(count) for one in life(f"p{i}", i)]


def ready(world: World) -> None:
    """Publish two certifications, then let a month pass in which statements will have been made."""
    world.publish(simple(), LADDER)
    world.settle()
    world.clock.forward(days=25)


def test_arrival_in_any_order_in_any_batches_gives_the_same_awards(world: World, db: Any) -> None:
    """Each person is a history of its own: 170 of them, three orders each."""
    statements = everybody(170)
    ready(world)
    world.send(statements)
    world.settle()
    expected = view(world)
    assert sum(1 for _, (_, name, *_) in expected["awards"].items() if name == "expert") > 20
    for seed in (1, 2, 3):
        other = fresh(db)
        ready(other)
        shuffled = statements[:]
        random.Random(seed).shuffle(shuffled)
        for n, batch in enumerate(batches(shuffled, seed * 20)):
            other.send(batch)
            if n % 2:
                other.send(batch[:1])  # sent again: it is stored already
                other.services.engine.run_marked(other.clock())
        other.settle()
        assert view(other) == expected


def test_voiding_a_statement_equals_never_having_had_it_once_settled(world: World, db: Any) -> None:
    """500 histories of which some statements are voided later, against the same without these statements."""
    statements = everybody(500)
    chance = random.Random(7)
    voided = {one["id"] for one in statements if chance.random() < 0.3}
    ready(world)
    world.send([one for one in statements if one["id"] not in voided])
    world.settle()
    expected = view(world)["awards"]
    other = fresh(db)
    ready(other)
    other.send(statements)
    other.settle()
    assert view(other)["awards"] != expected
    other.clock.forward(minutes=1)
    other.send([voiding(one) for one in sorted(voided)])
    other.settle()
    other.clock.forward(hours=2)
    other.settle()
    assert view(other)["awards"] == expected


def fresh(db: Any) -> World:
    """Return a world on the emptied database."""
    from conftest import empty

    empty(db)
    return World(db)


class Killed(BaseException):
    """The worker process is gone."""


@pytest.mark.parametrize("step", BROKEN_AT)
def test_a_worker_killed_at_any_step_loses_and_repeats_nothing(world: World, step: str, db: Any) -> None:
    statements = everybody(8)
    ready(world)
    world.send(statements)
    world.settle()
    expected, events = view(world), event_keys(world)
    other = fresh(db)
    ready(other)
    other.send(statements)
    engine = other.services.engine

    def kill(at: str) -> None:
        if at == step:
            raise Killed

    dying = type(engine)(engine.db, engine.cache, engine.admit, kill)
    with pytest.raises(Killed):
        dying.run_marked(other.clock())
    other.clock.forward(seconds=61)  # its lease runs out
    other.settle()
    assert view(other) == expected
    assert event_keys(other) == events
    assert other.db.statements.count_documents({"pending": True}) == 0


def event_keys(world: World) -> list[str]:
    return sorted(row["effect"] for row in world.db.outbox.find({"type": {"$regex": "^award"}}))


def test_dropping_everything_derived_and_deciding_again_gives_the_same(world: World) -> None:
    ready(world)
    for batch in batches(everybody(20), 7):
        world.send(batch)
        world.settle()
    expected = view(world)
    credentials = {row["_id"]: row["core"] for row in world.db.credentials.find({})}
    assert credentials
    for name in ("standings", "awards"):
        world.db[name].delete_many({})
    world.db.facts.delete_many({"by_people": False})
    world.db.outbox.delete_many({})
    world.services.engine.recompute([row["_id"] for row in world.db.work.find({})], world.clock())
    world.settle()
    assert view(world) == expected
    assert {row["_id"]: row["core"] for row in world.db.credentials.find({})} == credentials


def test_two_workers_never_decide_the_same_person_at_once(world: World) -> None:
    from rules.engine.queues import evaluation_queue

    ready(world)
    world.send([exam("ana", START), exam("bo", START)])
    ana = world.person("ana")
    evaluation_queue.enqueue_stores(
        world.db, {ana: ["vendor"]}, world.clock(), priority=evaluation_queue.LIVE
    )
    held = evaluation_queue.lease(world.db, [ana], world.clock())
    report, _ = world.services.engine.run_marked(world.clock())
    assert report.people == 1
    assert world.standing("ana") is None
    assert world.db.statements.count_documents({"pending": True}) == 1
    assert world.standing("bo").state == "active"
    evaluation_queue.give_back(world.db, held)
    world.settle()
    assert world.standing("ana").state == "active"


def test_a_worker_whose_lease_was_taken_over_writes_nothing(world: World) -> None:
    ready(world)
    world.send([exam("ana", START)])
    engine = world.services.engine

    def overtaken(at: str) -> None:
        if at == "evidence read":
            world.db.work.update_many({}, {"$set": {"leased_by": "another"}})

    slow = type(engine)(engine.db, engine.cache, engine.admit, overtaken)
    slow.run_marked(world.clock())
    assert world.standing("ana") is None
    assert world.db.outbox.count_documents({"type": "award.issued"}) == 0
    world.clock.forward(seconds=61)
    world.settle()
    assert world.standing("ana").state == "active"


def test_a_lease_that_is_lost_keeps_the_marks_and_frees_the_others(world: World) -> None:
    """People of the same batch wait neither for the lease to run out nor for a rebuild."""
    ready(world)
    world.send([exam("ana", START, 0.1), exam("bo", START, 0.1)])
    world.settle()
    world.send([exam("ana", START), exam("bo", START)])
    engine, ana = world.services.engine, world.person("ana")

    def overtaken(at: str) -> None:
        if at == "evidence read":
            world.db.work.update_one({"_id": ana}, {"$set": {"leased_by": "another"}})

    slow = type(engine)(engine.db, engine.cache, engine.admit, overtaken)
    report, _ = slow.run_marked(world.clock())
    assert (report.people, report.marks) == (0, 0)
    assert world.db.statements.count_documents({"pending": True}) == 2
    world.settle()
    assert world.standing("bo").state == "active"
    assert world.standing("ana").state != "active"
    world.clock.forward(seconds=61)
    world.settle()
    assert world.standing("ana").state == "active"


def test_a_statement_that_is_voided_counts_no_more_after_the_settle_time(world: World) -> None:
    ready(world)
    sent = exam("ana", START)
    world.send([sent])
    world.settle()
    assert world.standing("ana").state == "active"
    world.clock.forward(minutes=5)
    world.send([voiding(sent["id"])])
    world.settle()
    assert world.standing("ana").state == "active"
    world.clock.forward(minutes=61)
    world.settle()
    assert world.standing("ana").state == "in_progress"
    assert [row["type"] for row in world.events() if row["type"].startswith("award")] == [
        "award.issued", "award.corrected",
    ]  # fmt: skip


def test_one_failing_rule_is_recorded_and_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rules.catalogue.store import RuleStore
    from rules.engine import decisions

    world.publish(simple("good"), simple("bad"))
    world.settle()
    world.clock.forward(days=1)
    whole = decisions.decide

    def failing(certification: Any, history: Any, known_at: Any) -> Any:
        if certification.id == "bad":
            raise ZeroDivisionError("boom")
        return whole(certification, history, known_at)

    monkeypatch.setattr(decisions, "decide", failing)
    world.send([exam("ana", START, of="good"), exam("ana", START, of="bad")])
    world.settle()
    assert world.standing("ana", "good").state == "active"
    assert world.standing("ana", "bad") is None
    failure = RuleStore(world.db).failures()["bad"]
    assert "boom" in failure["error"]
    assert world.db.statements.count_documents({"pending": True}) == 0
    first = failure["retry_at"]
    world.clock.at = first + dt.timedelta(seconds=1)
    world.settle()
    assert RuleStore(world.db).failures()["bad"]["retry_at"] - world.clock() > dt.timedelta(seconds=2)
    monkeypatch.setattr(decisions, "decide", whole)
    world.clock.forward(hours=2)
    world.settle()
    assert world.standing("ana", "bad").state == "active"
    assert RuleStore(world.db).failures() == {}


def test_an_award_expires_at_its_instant_with_the_worker_stopped(world: World) -> None:
    ready(world)
    world.send([exam("ana", START)])
    world.settle()
    world.clock.at = dt.datetime(2027, 11, 22, 23, 59, 59, tzinfo=dt.UTC)
    assert world.standing("ana").state == "renewal_open"
    world.clock.at = dt.datetime(2027, 11, 23, tzinfo=dt.UTC)
    assert world.standing("ana").state == "grace"
    world.clock.at = dt.datetime(2027, 12, 23, tzinfo=dt.UTC)
    assert world.standing("ana").state == "expired"
    world.settle()
    events = [row for row in world.events() if row["type"].startswith("award")]
    assert [row["type"] for row in events] == [
        "award.issued", "award.renewal_open", "award.grace", "award.expired",
    ]  # fmt: skip
    assert events[2]["data"]["effective_at"] == dt.datetime(2027, 11, 23, tzinfo=dt.UTC)
    assert events[2]["data"]["decided_at"] == world.clock()


def test_a_prerequisite_cascades_in_whatever_order_the_statements_come(world: World) -> None:
    ready(world)
    world.send([done("ana", "https://acme.example/expert/lab", START)])
    world.settle()
    assert world.standing("ana", "expert").state == "in_progress"
    world.send([exam("ana", START + dt.timedelta(days=2))])
    world.settle()
    assert world.standing("ana", "expert").state == "active"
    assert world.standing("ana", "expert").awarded == "2026-11-24"
    assert person_id(mbox("ana")) == world.person("ana")
