"""A disqualifying statement in, before and behind the batch of the last evidence (cert#4.9-3, cert#2.5)."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from factories_engine import START, World, batches, done, voiding

from rules import rebuild

CLEAN = """
kind: Certification
id: clean
version: "1"
title: Clean
evidence:
  exam: {verb: passed, activity: "https://acme.example/clean/exam"}
  cheat: {verb: failed, activity: "https://acme.example/clean/cheat"}
award:
  when: {done: exam, disqualified_by: cheat}
validity: {lasts: 6 months}
tests:
  - name: a pass is an award
    given: [{who: ana, verb: passed, activity: "https://acme.example/clean/exam", at: 2026-01-10}]
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""


@pytest.fixture
def world(db: Any) -> World:
    made = World(db)
    made.publish(CLEAN, CLEAN.replace("clean", "strict") + "on_voided: {action: suspend}\n")
    made.settle()
    made.clock.forward(days=5)
    return made


def passed(of: str = "clean", **more: Any) -> dict[str, Any]:
    return done("ana", f"https://acme.example/{of}/exam", START + dt.timedelta(days=2), **more)


def cheated(of: str = "clean", days: float = 1) -> dict[str, Any]:
    return done("ana", f"https://acme.example/{of}/cheat", START + dt.timedelta(days=days), "failed")


def told(world: World) -> list[str]:
    return [row["type"] for row in world.events() if row["type"].startswith("award")]


def rebuilt(world: World) -> int:
    name = rebuild.begin(world.db, world.clock())
    rebuild.run(world.services.engine, name, world.clock)
    differences: int = rebuild.finish(world.services.engine, name, world.clock())["differences"]
    return differences


@pytest.mark.parametrize("of", ["clean", "strict"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_disqualifier_in_the_batch_of_the_last_evidence_lets_no_award_begin(
    world: World, of: str, turned: bool
) -> None:
    batch = [passed(of), done("bo", f"https://acme.example/{of}/exam", START), cheated(of)]
    world.send(batch[::-1] if turned else batch)
    world.settle()
    assert world.standing("ana", of).state == "in_progress"
    assert world.standing("bo", of).state == "active"
    assert told(world) == ["award.issued"]
    assert rebuilt(world) == 0
    world.clock.forward(hours=2)
    assert rebuilt(world) == 0
    assert world.standing("ana", of).state == "in_progress"


def test_one_that_arrives_later_takes_the_award_when_the_settle_time_is_over(world: World) -> None:
    """Nothing else happens: the worker comes back by itself, and a rebuild finds nothing to mend."""
    world.send([passed(), passed("strict")])
    world.settle()
    world.clock.forward(minutes=5)
    world.send([cheated(), cheated("strict")])
    world.settle()
    assert world.standing("ana", "clean").state == world.standing("ana", "strict").state == "active"
    assert rebuilt(world) == 0
    world.clock.forward(minutes=59)
    world.settle()
    assert world.standing("ana", "clean").state == "active"
    world.clock.forward(minutes=2)
    world.settle()
    assert world.standing("ana", "clean").state == "in_progress"
    assert world.standing("ana", "strict").state == "suspended"
    assert sorted(told(world)) == ["award.corrected", "award.issued", "award.issued", "award.suspended"]
    assert rebuilt(world) == 0


def test_one_that_takes_effect_after_the_award_does_not_end_it(world: World) -> None:
    world.send([passed(), cheated(days=3)])
    world.settle()
    world.clock.forward(hours=2)
    world.settle()
    assert world.standing("ana", "clean").state == "active"
    assert rebuilt(world) == 0


def test_a_batch_that_voids_its_own_evidence_never_gives_an_award(world: World) -> None:
    statement = passed()
    world.send([statement, voiding(statement["id"])])
    world.settle()
    standing = world.standing("ana", "clean")
    assert standing is None or standing.state == "in_progress"
    assert told(world) == []
    assert rebuilt(world) == 0


def test_what_was_decided_as_it_came_in_is_what_a_rebuild_decides(world: World) -> None:
    """500 histories of passes, disqualifiers and voidings, in batches over weeks, decided after each."""
    chance = random.Random(17)
    sent: dict[str, list[str]] = {f"p{i}": [] for i in range(500)}
    for action in ("review", "revoke"):
        world.publish(CLEAN.replace("clean", action) + f"on_voided: {{action: {action}}}\n")
    world.settle()
    for _ in range(5):
        world.clock.forward(hours=chance.choice([0.3, 0.9, 1.1, 30, 200]))
        now, statements = world.clock(), []
        for who, own in sent.items():
            for _ in range(chance.randint(0, 2)):
                of = chance.choice(["clean", "strict", "review", "revoke"])
                at = now - dt.timedelta(hours=chance.choice([0, 1, 20, 100]))
                what, verb = chance.choice([("exam", "passed"), ("exam", "passed"), ("cheat", "failed")])
                statements.append(done(who, f"https://acme.example/{of}/{what}", at, verb))
                own.append(statements[-1]["id"])
            if own and chance.random() < 0.2:
                statements.append(voiding(own.pop(chance.randrange(len(own)))))
        for batch in batches(statements, chance.choice([1, 40, 500])):
            world.send(batch)
            if chance.random() < 0.2:
                world.services.engine.run_marked(now)
        world.settle()
    assert rebuilt(world) == 0
    world.clock.forward(hours=2)
    world.settle()
    states = [row["states"][-1]["state"] for row in world.db.standings.find({})]
    assert {"in_progress", "suspended", "revoked"} <= set(states)
    assert len(states) > 500
    assert world.db.standings.count_documents({"reviews": {"$gt": 0}}) > 10
    assert rebuilt(world) == 0


def test_a_mark_is_cleared_only_after_what_it_touches_was_decided(world: World) -> None:
    """Statements past the end of a batch of marks, or stored while it is decided, concern other certifications."""
    engine = world.services.engine

    def meanwhile(at: str) -> None:
        if at == "leased" and not world.db.statements.count_documents({"verb": {"$regex": "failed"}}):
            world.send([done("ana", "https://acme.example/review/exam", START)])
            world.send([cheated("review", days=4)])

    world.publish(CLEAN.replace("clean", "review"))
    world.settle()
    world.clock.forward(days=1)
    world.send([passed("clean"), passed("strict")])
    slow = type(engine)(engine.db, engine.cache, engine.admit, meanwhile)
    slow.run_marked(world.clock(), limit=1)
    assert world.db.statements.count_documents({"pending": True}) == 0
    assert {name: world.standing("ana", name).state for name in ("clean", "strict", "review")} == {
        "clean": "active", "strict": "active", "review": "active",
    }  # fmt: skip
    assert rebuilt(world) == 0
