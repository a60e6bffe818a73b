"""Over 500 generated histories each: a plan's prediction is what apply does; states hold with the worker stopped."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from factories_engine import START, World, batches, done, exam, mbox, simple

from lrs.foundation.audit import Editor
from lrs.people.merge import merge, split
from rules import rebuild
from rules.engine.standings import state_at
from rules.publication import plans

SHAPES = """
kind: Certification
id: shapes
version: "{version}"
title: Shapes
role: technical
evidence:
  exam: {{verb: [passed, failed], activity: "https://acme.example/shapes/exam"}}
  lab: {{verb: passed, activity: "https://acme.example/shapes/lab"}}
award:
  within: 20 days
  when: {{all: [{{score: exam, at_least: {mark}}}, {{done: lab}}]}}
validity: {{lasts: {lasts}}}
renewal: {{opens: 20 days, grace: 10 days, when: {{score: exam, at_least: {mark}}}}}
{more}
badge: {{issue: false}}
tests:
  - name: nothing yet
    given: []
    expect: [{{who: ana, at: 2026-01-11, status: in_progress}}]
"""
LADDER = """
kind: Certification
id: ladder
version: "1"
title: Ladder
evidence:
  lab: {verb: passed, activity: "https://acme.example/shapes/lab"}
award:
  when: {all: [{holds: shapes}, {done: lab}]}
validity: {lasts: 6 months}
badge: {issue: false}
tests:
  - name: nothing yet
    given: []
    expect: [{who: ana, at: 2026-01-11, status: in_progress}]
"""
PEOPLE = 500
TWICE = 125  # who has two addresses


def shapes(version: str = "1", mark: str = "0.8", lasts: str = "40 days", more: str = "") -> str:
    return SHAPES.format(version=version, mark=mark, lasts=lasts, more=more)


def life(who: str, chance: random.Random) -> list[dict[str, Any]]:
    """Return the statements of one person over four months."""
    found = []
    for _ in range(chance.randint(1, 9)):
        at = START + dt.timedelta(days=chance.randint(0, 120), hours=chance.randint(0, 23))
        if chance.random() < 0.6:
            found.append(exam(who, at, chance.choice([0.5, 0.79, 0.8, 0.85, 0.95]), of="shapes"))
        else:
            found.append(done(who, "https://acme.example/shapes/lab", at))
    return found


@pytest.fixture
def world(db: Any) -> World:
    """Return a world after four months, whose statements all arrived when they were made, or a little later."""
    made = World(db)
    made.publish(shapes(), LADDER, simple())
    made.settle()
    chance = random.Random(11)
    statements = [one for i in range(PEOPLE) for one in life(f"p{i}", chance)]
    made.clock.forward(days=121)
    for batch in batches(statements, 400):
        made.send(batch)
    made.settle()
    return made


def states(world: World) -> dict[str, Any]:
    """Return how everybody stands now, read off without any worker; nothing at all is in_progress."""
    found = {}
    for row in world.db.standings.find({}):
        state = state_at(row, world.clock())
        if state is not None and state.state != "in_progress":
            found[row["_id"]] = (state.state, state.awarded, state.expires, state.version)
    return found


def test_what_holds_is_read_off_at_any_instant_with_the_worker_stopped(world: World) -> None:
    """cert#4: nothing starts, opens or ends late because a job did not run."""
    began = world.clock()
    chance = random.Random(3)
    instants = sorted(began + dt.timedelta(hours=chance.randint(1, 24 * 200)) for _ in range(12))
    stopped = []
    for at in instants:
        world.clock.at = at
        stopped.append(states(world))
    assert len({str(sorted(one.items())) for one in stopped}) > 3  # much expired meanwhile
    for at, expected in zip(instants, stopped, strict=True):
        world.clock.at = at
        world.settle()
        assert states(world) == expected


AGAIN = "transition: {existing: re_evaluate}"
OTHER = simple("other", more="badge: {issue: false}").replace(
    "acme.example/other/exam", "acme.example/shapes/exam"
)
CHANGES = {
    "new": OTHER,
    "stricter": shapes("2", "0.85", more=AGAIN),
    "shorter": shapes("3", "0.85", lasts="30 days", more=AGAIN),
    "kept": shapes("4", "0.9"),
    "milder": shapes("5", "0.5", more=AGAIN),
}


def test_what_plans_predict_is_what_apply_does_for_everybody(world: World) -> None:
    """cert#6-1, cert#6-2: gain, change and lose, with states and dates, prerequisites included; nobody else moves."""
    for change, text in CHANGES.items():
        before = states(world)
        plan = plans.make_plan(world.db, [("file.yaml", text)], world.clock(), "test")
        listed = {f"{one['person']}/{one['certification']}": one for one in plan_people(world, plan)}
        plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
        world.settle()
        after = states(world)
        moved = {name for name in before | after if before.get(name) != after.get(name)}
        assert moved == {name for name, one in listed.items() if one["at"] <= world.clock()}, change
        assert len(moved) > 20 or change == "kept"
        for name in moved:
            foretold, found = listed[name]["after"], after.get(name, ("in_progress", None, None, None))
            assert (foretold["state"], foretold.get("awarded"), foretold.get("expires")) == found[:3]
        kinds = [one["change"] for one in listed.values()]
        assert {kind: kinds.count(kind) for kind in ("gain", "change", "lose")} == {
            kind: plan["summary"][kind] for kind in ("gain", "change", "lose")
        }
        world.clock.forward(minutes=10)


def plan_people(world: World, plan: dict[str, Any]) -> list[dict[str, Any]]:
    return list(world.db.plan_people.find({"plan": plan["_id"]})) or plan["people"]


def test_splitting_people_and_merging_them_again_is_neutral(world: World) -> None:
    """A quarter of the people have a second address; both are merged, split and merged again, deciding between or not."""
    chance = random.Random(5)
    statements = [one for i in range(TWICE) for one in life(f"q{i}", chance)]
    for batch in batches(statements, 400):
        world.send(batch)
    world.settle()
    for i in range(TWICE):
        merge(editor(world), world.person(f"p{i}"), world.person(f"q{i}"))
    world.settle()
    whole = states(world)
    world.clock.forward(minutes=1)
    made = [split(editor(world), world.person(f"p{i}"), [mbox(f"q{i}")])["_id"] for i in range(TWICE)]
    world.settle()
    world.clock.forward(hours=2)
    world.settle()
    assert states(world) != whole
    for i, person in enumerate(made):
        merge(editor(world), world.person(f"p{i}"), person)
        if i == TWICE // 2:
            world.settle()
    world.settle()
    assert states(world) == whole
    name = rebuild.begin(world.db, world.clock())
    rebuild.run(world.services.engine, name, world.clock)
    assert rebuild.finish(world.services.engine, name, world.clock())["differences"] == 0


def editor(world: World) -> Editor:
    return Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())
