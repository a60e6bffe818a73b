"""A plan that decides only whom it may change lists what a plan that decides everybody lists (cert#6-1)."""

from __future__ import annotations

import datetime as dt
import os
import random
from typing import Any

import pytest
from factories_engine import START, TIERS, World, batches, done, exam, mbox, simple, voiding
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lrs.foundation.audit import Editor
from lrs.people.merge import merge, split
from rules.catalogue.store import cache_of
from rules.checking.load import load
from rules.engine import manual_decisions
from rules.evidence.history import Fact
from rules.publication.affected import Affected, affected_people
from rules.publication.before_and_after import people_concerned, people_newly_matched, sides_of
from rules.publication.comparing import PlannedChanges, planned_changes

# 500 changes: LAUREL_PLAN_EXAMPLES=500 pytest tests/integration/rules/publication/test_affected.py
EXAMPLES = int(os.environ.get("LAUREL_PLAN_EXAMPLES", "8"))
PEOPLE = int(os.environ.get("LAUREL_PLAN_PEOPLE", "500"))
HEAD = """
kind: Certification
id: {id}
version: "{version}"
title: {id}
role: sales
evidence:
  exam: {{verb: [passed, failed], activity: "https://acme.example/shapes/exam"}}
  lab: {{verb: passed, activity: "https://acme.example/shapes/lab"}}
badge: {{issue: false}}
tests: [{{name: nothing yet, given: [], expect: [{{who: ana, at: 2026-01-11, status: in_progress}}]}}]
{more}
"""
BODIES = {
    "usual": """
award: {{within: 20 days, when: {{all: [{{score: exam, at_least: {mark}}}, {{done: lab}}]}}}}
validity: {{lasts: 40 days}}
renewal: {{opens: 20 days, grace: 10 days, when: {{score: exam, at_least: {other}}}}}
""",
    "latest": """
award: {{when: {{any: [{{score: exam, at_least: {mark}, attempt: latest}}, {{count: lab, at_least: 4}}]}}}}
validity: {{lasts: 2 months, counted_from: previous_expiry}}
renewal: {{opens: 60 days, grace: 0 days, when: {{any: [{{score: exam, at_least: {other}}}, {{done: lab}}]}}}}
""",
    "ladder": """
award: {{when: {{all: [{{holds: usual, status: [active, grace]}}, {{score: exam, at_least: {mark}, attempt: any}}]}}}}
validity: {{lasts: 90 days, while: {{holds: usual, status: [active, grace]}}, otherwise: suspend}}
renewal: {{opens: 30 days, when: {{all: [{{holds: usual}}, {{score: exam, at_least: {other}}}]}}}}
""",
    "first": """
award: {{within: 15 days, when: {{score: exam, at_least: {mark}, attempt: first}}}}
validity: {{lasts: 100 days}}
""",
    "revoked": """
award: {{when: {{score: exam, at_least: {mark}}}}}
validity: {{lasts: 30 days}}
on_voided: {{action: revoke, settle: 2 days}}
""",
}
SCORES = (0.5, 0.6, 0.79, 0.8, 0.81, 0.85, 0.9, 0.95)


def rule(name: str, version: str = "1", mark: Any = 0.8, other: Any = 0.8, more: str = "") -> str:
    head = HEAD.format(id=name, version=version, more=more)
    return head + BODIES[name].format(mark=mark, other=other)


def life(who: str, chance: random.Random) -> list[dict[str, Any]]:
    """Return the statements of one person over four months; some are late, some scores have other bounds."""
    found = []
    for _ in range(chance.randint(1, 9)):
        at = START + dt.timedelta(days=chance.randint(0, 120), hours=chance.randint(0, 23))
        if chance.random() < 0.3:
            found.append(done(who, "https://acme.example/shapes/lab", at))
            continue
        scaled = chance.choice(SCORES)
        one = exam(who, at, scaled, of="shapes")
        if chance.random() < 0.3:
            one["result"]["score"] = {"raw": round(scaled * 40, 2), "min": 0, "max": 40}
        found.append(one)
    return found


def told(world: World, chance: random.Random) -> None:
    """Let people hold, revoke, extend and withdraw, and voiders void, for a tenth of everybody."""
    now = world.clock()
    rules = cache_of(world.db).get(fresh=True)
    for i in range(0, PEOPLE, 20):
        kind = chance.choice(["hold", "revocation", "withdrawal", "extension"])
        fact = Fact(
            kind=kind,  # type: ignore[arg-type]
            at=now - dt.timedelta(days=chance.randint(0, 30)),
            decided_at=now,
            certification=chance.choice(list(BODIES)),
            reason="identity",
            until_day=(now + dt.timedelta(days=60)).date() if kind == "extension" else None,
        )
        manual_decisions.decide_manually(world.db, rules, world.person(f"p{i}"), fact, now)
    rows = list(world.db.statements.find({"object.id": "https://acme.example/shapes/exam"}, {"id": 1}))
    world.send([voiding(str(row["id"])) for row in chance.sample(rows, 50)])


@pytest.fixture(scope="module")
def world(mongo_client: Any) -> World:
    """Return a world after four months, in which people failed, passed, lapsed, were merged and split."""
    from conftest import empty, worker_database

    db = mongo_client[worker_database("_affected")]
    empty(db)
    made = World(db)
    made.publish(*(rule(name) for name in BODIES), simple(), TIERS)
    made.settle()
    chance = random.Random(17)
    statements = [one for i in range(PEOPLE) for one in life(f"p{i}", chance)]
    made.clock.forward(days=100)
    for batch in batches(statements, 400):
        made.send(batch)
    made.clock.forward(seconds=1)  # what is sent together is stored in the microseconds after the clock
    made.settle()
    made.clock.forward(days=10)
    told(made, chance)
    made.clock.forward(seconds=1)
    made.settle()
    editor = Editor(db, {"kind": "test", "id": "t", "name": "t"}, made.clock())
    for i in range(0, 60, 2):
        merge(editor, made.person(f"p{i + 1}"), made.person(f"p{i + 2}"))
    made.settle()
    made.clock.forward(days=1)
    editor = Editor(db, {"kind": "test", "id": "t", "name": "t"}, made.clock())
    for i in range(0, 30, 2):
        split(editor, made.person(f"p{i + 1}"), [mbox(f"p{i + 2}")])
    made.settle()
    made.clock.forward(days=1, hours=3)
    made.settle()
    return made


def both_plans(world: World, text: str) -> tuple[PlannedChanges, PlannedChanges, Affected]:
    """Return what a publication would change, found by deciding whom it may change, and everybody."""
    now, document = world.clock(), load(text, "file.yaml").document
    assert document is not None
    sides = sides_of(world.db, [document], now)
    affected = affected_people(world.db, sides, now)
    everybody = people_newly_matched(world.db, sides, now) | people_concerned(world.db, sides.concerned)
    whole = Affected(frozenset(everybody), frozenset(everybody))
    return (
        planned_changes(world.db, sides, affected, now),
        planned_changes(world.db, sides, whole, now),
        affected,
    )


TRANSITIONS = st.sampled_from(
    [
        "",
        "transition: {existing: keep}",
        "transition: {existing: re_evaluate}",
        "transition: {existing: {must_upgrade_by: 2027-06-01}}",
        "transition: {existing: keep, in_flight: {finish_old_until: 2027-06-01}}",
    ]
)
MARKS = st.sampled_from([*SCORES, 0.7, 0.82, 0.96])


@given(
    name=st.sampled_from(list(BODIES)),
    mark=MARKS,
    other=MARKS,
    begins=st.none() | st.integers(-100, 60),
    transition=TRANSITIONS,
)
@settings(max_examples=EXAMPLES, phases=[Phase.generate])
def test_only_whom_a_moved_mark_may_change_is_decided_and_the_plan_is_the_same(
    world: World, name: str, mark: float, other: float, begins: int | None, transition: str
) -> None:
    day = "" if begins is None else f"effective_from: {world.clock().date() + dt.timedelta(days=begins)}\n"
    quick, whole, affected = both_plans(world, rule(name, "2", mark, other, day + transition))
    assert quick == whole
    assert affected.decided <= affected.concerned


def test_who_has_no_score_between_the_marks_is_not_decided(world: World) -> None:
    quick, whole, affected = both_plans(world, rule("usual", "2", 0.81, 0.81))
    assert quick == whole
    assert len(affected.concerned) > 4 * PEOPLE // 5
    between = {
        row["actor"]
        for row in world.db.statements.find({"object.id": "https://acme.example/shapes/exam"})
        if 0.8 <= round(row["score"].get("scaled", row["score"].get("raw", 0) / 40), 6) < 0.81
    }
    owners = {row["_id"] for row in world.db.people.find({"ifis.ifi": {"$in": sorted(between)}}, {"_id": 1})}
    assert owners & affected.concerned <= affected.decided
    assert len(affected.decided) < len(affected.concerned) * 3 // 4


def test_where_the_engine_has_work_those_people_are_decided(world: World) -> None:
    world.send([exam("p80", world.clock(), 0.99, of="shapes")])
    quick, whole, affected = both_plans(world, rule("usual", "2", 0.81, 0.81))
    assert quick == whole
    assert world.person("p80") in affected.decided
    world.settle()


@pytest.mark.parametrize(
    "changed",
    [
        rule("usual", "2", 0.85).replace("within: 20 days", "within: 21 days"),
        rule("usual", "2", 0.85).replace("grace: 10 days", "grace: 11 days"),
        rule("usual", "2", 0.85).replace("shapes/lab", "shapes/workshop"),
        rule("first", "2", 0.85),
        rule("usual", "2", 0.85, more="mode: evaluate"),
    ],
)
def test_what_does_more_than_move_marks_decides_everybody(world: World, changed: str) -> None:
    quick, whole, affected = both_plans(world, changed)
    assert quick == whole
    assert affected.decided == affected.concerned
