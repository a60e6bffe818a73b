"""Assignments over what is stored: plan equals apply, replay equals live, each for 500 generated histories."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, Final

import pytest
from conftest import empty
from factories_engine import START, World, batches, done, exam, mbox, simple, voiding

from rules.catalogue.store import cache_of
from rules.engine.identity import person_id
from rules.programmes.assigned import (
    Asking,
    asked_of_everybody_assigned,
    standing_of_person,
    standings_of,
)
from rules.programmes.assignments import UNMET

HISTORIES: Final = 500
TOUR: Final = "https://acme.example/launch/tour"
LAUNCH: Final = """
kind: Assignment
id: launch
version: "{version}"
title: Launch
effective_from: {since}
evidence:
  tour: {{verb: completed, activity: "https://acme.example/launch/*"}}
path: [{{done: tour, label: Product tour}}, {{holds: sales}}]
targets:
{targets}
window: {{opens: 2026-11-25, closes: 2027-02-28}}
exempt:
  - {{group: leave, reason: Parental leave, until: 2026-12-20}}
tests:
  - name: nobody is asked
    expect: [{{who: ana, at: 2026-12-01, status: null}}]
"""
SALES: Final = simple(more="max_lateness: 90 days")
FIRST: Final = """
  - {role: sales, due_within: 10 days}
  - {region: emea, hired_since: 2026-11-10, due_within: 2 weeks}
  - {group: team, due_on: 2026-12-24}
"""
SECOND: Final = """
  - {role: sales, due_within: 20 days}
  - {partner: south, role: delivery, due_within: 5 days}
  - {group: team, due_on: 2026-12-24}
"""


def launch(version: str, targets: str, since: str = "2026-11-22") -> str:
    return LAUNCH.format(version=version, targets=targets.strip("\n"), since=since)


@pytest.fixture
def world(db: Any) -> World:
    return ready(World(db))


def ready(world: World) -> World:
    """Let there be two partners in two regions."""
    for org, region in (("north", "emea"), ("south", "apac")):
        world.partner(org)
        world.db.orgs.update_one({"_id": org}, {"$set": {"region": region}})
    return world


def who(seed: int) -> str:
    return f"p{seed}"


def belongs(seed: int) -> list[dict[str, Any]]:
    """Return where somebody belongs over two months: hired, moved, in another role, gone."""
    chance = random.Random(seed)
    found: list[dict[str, Any]] = []
    start = START - dt.timedelta(days=chance.randint(0, 40))
    for i in range(chance.randint(0, 3)):
        end = start + dt.timedelta(days=chance.randint(1, 40)) if chance.random() < 0.5 else None
        found.append({
            "_id": f"a{seed}-{i}", "person": person_id(mbox(who(seed))), "primary": True,
            "org": chance.choice(("north", "south")), "role": chance.choice(("sales", "delivery", None)),
            "from": start, "until": end, "confirmed_at": start,
        })  # fmt: skip
        if end is None:
            break
        start = end
    return found


def did(seed: int) -> list[dict[str, Any]]:
    """Return the statements of somebody over a month, some of them later taken back."""
    chance = random.Random(-seed - 1)
    found = []
    for i in range(chance.randint(0, 5)):
        at = START + dt.timedelta(days=chance.randint(-20, 30), hours=i)
        if chance.random() < 0.5:
            found.append(exam(who(seed), at, chance.choice([0.5, 0.79, 0.8, 0.95])))
        else:
            found.append(done(who(seed), TOUR, at, "completed"))
    return found


def people(world: World) -> None:
    """Let everybody be there, belong somewhere, and some be in groups."""
    everybody = [person_id(mbox(who(seed))) for seed in range(HISTORIES)]
    world.db.people.insert_many([
        {
            "_id": person, "org": "vendor", "name": None, "email": None, "confirmed": True,
            "ifis": [{"ifi": mbox(who(seed)), "from": None, "until": None}],
        }
        for seed, person in enumerate(everybody)
    ])  # fmt: skip
    world.db.affiliations.insert_many([row for seed in range(HISTORIES) for row in belongs(seed)])
    for group, step in (("team", 7), ("leave", 5)):
        members = [{"person": one, "from": None, "until": None} for one in everybody[::step]]
        world.db.groups.insert_one({"_id": group, "org": "vendor", "name": group, "members": members})


def stand(world: World) -> dict[str, Any]:
    rules = cache_of(world.db).get(fresh=True)
    return dict(standings_of(world.db, rules, Asking(["launch"], None, world.clock()), world.clock()))


def asked(world: World) -> dict[str, Any]:
    rules = cache_of(world.db).get(fresh=True)
    found = asked_of_everybody_assigned(world.db, rules, "launch", world.clock())
    return {
        person: {"since": one.since.isoformat(), "due": one.due and one.due.isoformat()}
        for person, one in found.items()
    }


def test_what_a_plan_says_of_whom_it_asks_is_what_is_asked_when_it_is_applied(world: World) -> None:
    people(world)
    world.publish(SALES, launch("1", FIRST))
    world.clock.forward(days=13)
    before = asked(world)
    plan = world.publish(launch("2", SECOND, "2026-12-05"))
    rows = {one["person"]: one for one in plan["asked"]}
    assert {one["change"] for one in rows.values()} == {"asked", "due_changed", "not_asked"}
    assert {one["assignment"] for one in rows.values()} == {"launch"}
    foreseen = {**before, **{person: one["after"] for person, one in rows.items()}}
    assert {person: one for person, one in foreseen.items() if one is not None} == asked(world)
    assert all(before.get(person) == one["before"] for person, one in rows.items())


def test_replay_equals_live(world: World, db: Any) -> None:
    """Published first and sent in parts, or without what was voided, in another order, and published last."""
    people(world)
    world.publish(SALES, launch("1", FIRST))
    world.settle()
    statements = [one for seed in range(HISTORIES) for one in did(seed)]
    taken_back = random.Random(1).sample([one["id"] for one in statements], 40)
    world.clock.forward(days=35)
    random.Random(2).shuffle(statements)
    for some in batches(statements, 300):
        world.send(some)
        world.settle()
    world.clock.forward(hours=1)
    world.send([voiding(one) for one in taken_back])
    world.settle()
    world.clock.forward(hours=2)
    world.settle()
    live = stand(world)
    assert {one.state for one in live.values()} >= {"met", "overdue"}
    assert sum(one.state in UNMET for one in live.values()) > 20
    empty(db)
    other = ready(World(db))
    other.publish(SALES)
    people(other)
    other.clock.forward(days=35)
    kept = [one for one in statements if one["id"] not in taken_back]
    random.Random(3).shuffle(kept)
    other.send(kept)
    other.publish(launch("1", FIRST))
    other.settle()
    other.clock.forward(hours=3)
    other.settle()
    assert stand(other) == live


def test_statements_of_before_the_publication_count_once_the_worker_looked(world: World) -> None:
    """2.11: statements get their evidence key by the backfill; those that come later are marked at once."""
    people(world)
    world.publish(SALES)
    statements = [one for seed in range(60) for one in did(seed)]
    world.clock.forward(days=35)
    world.send(statements[::2])
    world.settle()
    world.publish(launch("1", "  - {group: team}"))
    world.settle()
    world.clock.forward(minutes=5)
    world.settle()
    world.send(statements[1::2])
    world.settle()
    late = stand(world)
    tours = {one["actor"]["mbox"] for one in statements if one["object"]["id"] == TOUR}
    for seed in range(0, 60, 7):
        found = late[person_id(mbox(who(seed)))]
        assert ("tour" in found.missing) is (f"mailto:{who(seed)}@example.com" not in tours), seed


def test_a_person_named_by_address_is_asked_wherever_they_belong(world: World) -> None:
    people(world)
    text = launch("1", "  - {person: P3@example.com, due_on: 2026-12-01}")
    world.publish(simple(), text)
    world.clock.forward(days=10)
    assert set(stand(world)) == {person_id(mbox("p3"))}
    rules = cache_of(world.db).get(fresh=True)
    found = standing_of_person(world.db, rules, person_id(mbox("p3")), "launch", world.clock())
    assert found is not None
    assert (found.state, found.asked.due) == ("overdue", dt.date(2026, 12, 1))
