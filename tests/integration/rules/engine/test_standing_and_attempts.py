"""What has to be held, limited attempts, grants and readmissions, live: as a rebuild decides them, as a plan foretells."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import START, World, done, mbox, simple

from lrs.foundation.audit import Editor
from lrs.people.groups import put_group
from rules import rebuild
from rules.catalogue.store import cache_of
from rules.engine import manual_decisions
from rules.engine.identity import person_id
from rules.evidence.history import Fact

EXPERT = """
kind: Certification
id: expert
version: "{version}"
title: Expert
role: technical
evidence:
  lab:
    verb: passed
    activity: "https://acme.example/expert/lab*"
    attempts: {{at_most: {most}, wait: 10 days, granted_by: {{group: office}}}}
award: {{when: {{another: lab}}, readmission: {{group: office, after: [misconduct]}}}}
validity: {{lasts: 6 months, while: {{holds: sales}}, otherwise: suspend}}
renewal: {{opens: 3 months, grace: 1 month}}
badge: {{issue: false}}
{more}
tests:
  - name: nothing yet
    given: []
    expect: [{{who: ana, at: 2026-01-11, status: in_progress}}]
"""
DAY = dt.timedelta(days=1)


def expert(version: str = "1", most: int = 2, more: str = "") -> str:
    return EXPERT.format(version=version, most=most, more=more)


@pytest.fixture
def world(db: Any) -> World:
    made = World(db)
    office(made)
    made.publish(simple(), expert())
    made.settle()
    return made


def office(world: World, *members: str) -> None:
    editor = Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())
    rows = [{"person": world.person(who), "from": START, "until": None} for who in members]
    put_group(editor, "office", rows)


def lab(who: str, days: int, verb: str = "passed", which: str = "1") -> dict[str, Any]:
    return done(who, f"https://acme.example/expert/lab{which}", START + days * DAY, verb)


def sales(who: str, days: int) -> dict[str, Any]:
    return done(who, "https://acme.example/sales/exam", START + days * DAY, "passed", 0.9)


def said(world: World, kind: Any, who: str, **values: Any) -> None:
    now = world.clock()
    fact = Fact(kind=kind, at=now, decided_at=now, certification="expert", **values)
    manual_decisions.decide_manually(
        world.db, cache_of(world.db).get(fresh=True), world.person(who), fact, now
    )
    world.settle()


def state(world: World, who: str) -> str:
    found = world.standing(who, "expert")
    return "none" if found is None else found.state


def differences(world: World) -> int:
    name = rebuild.begin(world.db, world.clock())
    rebuild.run(world.services.engine, name, world.clock)
    return int(rebuild.finish(world.services.engine, name, world.clock())["differences"])


def test_a_failure_counts_as_an_attempt_though_only_passes_are_selected(world: World) -> None:
    world.clock.forward(days=30)
    world.send([sales("ana", 1), lab("ana", 2, "failed"), lab("ana", 5), sales("bo", 1), lab("bo", 5)])
    world.settle()
    assert (state(world, "ana"), state(world, "bo")) == ("in_progress", "active")
    world.send([lab("ana", 20)])
    world.settle()
    assert state(world, "ana") == "active"
    assert differences(world) == 0


def test_a_grant_of_a_member_lets_a_further_attempt_count(world: World) -> None:
    world.send([sales("ines", 0)])
    world.settle()
    office(world, "ines")
    world.clock.forward(days=30)
    world.send([sales("ana", 1), lab("ana", 2, "failed"), lab("ana", 14, "failed")])
    world.settle()
    with pytest.raises(manual_decisions.InvalidFact) as refused:
        said(world, "grant", "ana")
    assert refused.value.path == "by"
    with pytest.raises(manual_decisions.InvalidFact) as refused:
        said(world, "grant", "ana", by=world.person("ines"), of="exam")
    assert refused.value.path == "of"
    said(world, "grant", "ana", by=world.person("ana"))
    world.clock.forward(days=1)
    world.send([lab("ana", 31)])
    world.settle()
    assert state(world, "ana") == "in_progress"
    said(world, "grant", "ana", by=world.person("ines"))
    world.clock.forward(days=1)
    world.send([lab("ana", 32)])
    world.settle()
    assert state(world, "ana") == "active"
    assert differences(world) == 0


def test_an_award_is_suspended_when_its_prerequisite_is_revoked_and_told_so(world: World) -> None:
    world.clock.forward(days=10)
    world.send([sales("ana", 1), lab("ana", 2)])
    world.settle()
    assert state(world, "ana") == "active"
    now = world.clock.forward(days=1)
    hold = Fact(
        kind="hold", at=now, decided_at=now, certification="sales", reason="identity", until=now + DAY
    )
    manual_decisions.decide_manually(world.db, cache_of(world.db).get(), world.person("ana"), hold, now)
    world.settle()
    assert state(world, "ana") == "suspended"
    world.clock.forward(days=2)
    world.settle()
    assert state(world, "ana") == "active"
    told = [row["type"] for row in world.events() if row["data"].get("certification") == "expert"]
    assert told == ["award.issued", "award.suspended", "award.reinstated"]
    assert differences(world) == 0


def test_after_misconduct_an_award_follows_only_when_a_member_agrees(world: World) -> None:
    world.send([sales("ines", 0)])
    world.settle()
    office(world, "ines")
    world.clock.forward(days=10)
    world.send([sales("ana", 1), lab("ana", 2)])
    world.settle()
    said(world, "revocation", "ana", reason="misconduct")
    world.clock.forward(days=10)
    world.send([lab("ana", 15, which="2")])
    world.settle()
    assert state(world, "ana") == "revoked"
    world.clock.forward(days=1)
    said(world, "readmission", "ana", by=world.person("ines"))
    found = world.standing("ana", "expert")
    assert (found.state, found.awarded) == ("active", f"{world.clock():%Y-%m-%d}")
    assert differences(world) == 0


def test_a_plan_foretells_whom_fewer_attempts_take_the_award_from(world: World) -> None:
    world.clock.forward(days=30)
    world.send([sales("ana", 1), lab("ana", 2, "failed"), lab("ana", 14), sales("bo", 1), lab("bo", 2)])
    world.settle()
    plan = world.publish(expert("2", 1, "transition: {existing: re_evaluate}"))
    lost = {row["person"] for row in plan["people"] if row["change"] == "lose"}
    world.settle()
    assert lost == {person_id(mbox("ana"))}
    assert (state(world, "ana"), state(world, "bo")) == ("in_progress", "active")
