"""Merges, splits, moves, groups, approvals and tiers: exactly those concerned are decided anew."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import GATE, START, TIERS, World, done, exam, mbox, simple

from lrs.foundation.audit import Editor
from lrs.people.affiliations import affiliate, end_affiliation
from lrs.people.groups import put_group
from lrs.people.merge import merge, split
from rules import rebuild
from rules.catalogue.store import cache_of
from rules.engine import manual_decisions
from rules.engine.facts import to_fact
from rules.engine.queues import evaluation_queue
from rules.evidence.history import Fact
from rules.programmes import gate_checks, tier_recording
from rules.programmes.gate_checks import GateQuestion

SIGNED = """
kind: Certification
id: signed
version: "1"
title: Signed
evidence:
  practical:
    verb: passed
    activity: "https://acme.example/signed/practical"
    signed_by: {group: assessors, not: self}
award:
  when: {done: practical}
validity: {lasts: 12 months}
tests:
  - name: signed by a member
    groups: {assessors: [ines]}
    given: [{who: ana, verb: passed, activity: "https://acme.example/signed/practical", by: ines, at: 2026-01-10}]
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""


@pytest.fixture
def world(db: Any) -> World:
    made = World(db)
    made.partner("north")
    made.partner("south")
    made.publish(simple(), TIERS, GATE)
    made.settle()
    made.clock.forward(days=10)
    return made


def editor(world: World) -> Editor:
    return Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())


def tier(world: World, organization: str) -> str | None:
    rules = cache_of(world.db).get(fresh=True)
    return tier_recording.tier_at(world.db, rules, "partners", organization, world.clock()).tier


def test_a_move_takes_the_count_along_and_the_old_tier_falls_after_its_clock(world: World) -> None:
    world.send([exam("ana", START + dt.timedelta(days=1))], "north")
    world.settle()
    assert (tier(world, "north"), tier(world, "south")) == ("silver", "registered")
    world.clock.forward(days=5)
    affiliate(editor(world), world.person("ana"), "south", confirmed=True)
    world.settle()
    assert (tier(world, "north"), tier(world, "south")) == ("silver", "silver")
    moved = [row for row in world.events() if row["type"] == "tier.at_risk"]
    assert [(row["data"]["organization"], row["data"]["falls_to"]) for row in moved] == [
        ("north", "registered")
    ]
    assert moved[0]["data"]["missing"][0]["demands"][0]["required"] == 1
    world.clock.forward(days=62)
    assert tier(world, "north") == "registered"  # whether or not a worker ran
    world.settle()
    changes = [
        (row["organization"], row["before"], row["after"])
        for row in world.db.facts.find({"kind": "tier"}).sort("effective_at")
    ]
    assert ("north", "silver", "registered") in changes
    assert ("south", "registered", "silver") in changes


def test_an_affiliation_counts_from_its_confirmation(world: World) -> None:
    world.send([exam("ana", START + dt.timedelta(days=1))], "vendor")
    world.settle()
    row = affiliate(editor(world), world.person("ana"), "north", confirmed=False)
    world.settle()
    assert tier(world, "north") == "registered"
    from lrs.people.affiliations import confirm_affiliation

    world.clock.forward(days=1)
    confirm_affiliation(editor(world), row["_id"])
    world.settle()
    assert tier(world, "north") == "silver"
    world.clock.forward(days=1)
    end_affiliation(editor(world), row["_id"], world.clock())
    world.settle()
    rules = cache_of(world.db).get(fresh=True)
    asked = GateQuestion("north", "ana@example.com", {"product": "acme-platform"})
    assert gate_checks.check(world.db, rules, "deal", [asked], world.clock())[0]["failed"] == [
        "submitter_affiliated"
    ]


def test_merging_two_records_counts_their_evidence_together_and_splitting_undoes_it(world: World) -> None:
    world.publish(
        simple("two")
        .replace("when: {score: exam, at_least: 0.8}", "when: {all: [{done: exam}, {done: lab}]}")
        .replace("evidence:", 'evidence:\n  lab: {verb: passed, activity: "https://acme.example/lab"}')
        .replace("status: active", "status: in_progress")
    )
    world.settle()
    world.clock.forward(days=1)
    world.send([exam("ana", START + dt.timedelta(days=1), of="two")], "north")
    world.send([done("anna", "https://acme.example/lab", START + dt.timedelta(days=2))], "south")
    world.settle()
    assert world.standing("ana", "two").state == "in_progress"
    merge(editor(world), world.person("ana"), world.person("anna"))
    world.settle()
    assert world.standing("ana", "two").state == "active"
    assert world.standing("anna", "two") is None
    awarded = world.standing("ana", "two").award
    world.clock.forward(days=1)
    made = split(editor(world), world.person("ana"), [mbox("anna")])
    world.settle()
    assert world.standing("ana", "two").state == "active"  # until the settle time is over
    world.clock.forward(hours=2)
    world.settle()
    assert world.standing("ana", "two").state == "in_progress"
    merge(editor(world), world.person("ana"), made["_id"])
    world.settle()
    assert world.standing("ana", "two").state == "active"
    assert world.standing("ana", "two").award == awarded


def test_a_group_change_decides_those_anew_whose_evidence_its_members_signed(world: World) -> None:
    put_group(editor(world), "assessors", [])
    world.publish(SIGNED)
    world.settle()
    instructor = {"context": {"instructor": {"mbox": "mailto:ines@example.com"}}}
    at = START + dt.timedelta(days=3)
    world.send(
        [
            done("ines", "https://acme.example/sales/exam", at),
            done("ana", "https://acme.example/signed/practical", at, **instructor),
        ]
    )
    world.settle()
    assert world.standing("ana", "signed").state == "in_progress"
    put_group(editor(world), "assessors", [{"person": world.person("ines"), "from": START, "until": None}])
    assert world.db.work.count_documents({"due_at": {"$lte": world.clock()}}) == 1
    world.settle()
    assert world.standing("ana", "signed").state == "active"


def test_a_first_award_waits_for_its_approval(world: World) -> None:
    put_group(editor(world), "approvers", [])
    text = (
        simple("approved")
        .replace("at_least: 0.8}", "at_least: 0.8}\n  approval: {group: approvers}")
        .replace("status: active", "status: pending_review")
    )
    world.publish(text)
    world.settle()
    world.send(
        [exam("ana", START + dt.timedelta(days=1), of="approved"), exam("boss", START + dt.timedelta(days=1))]
    )
    world.settle()
    put_group(editor(world), "approvers", [{"person": world.person("boss"), "from": START, "until": None}])
    assert world.standing("ana", "approved").state == "pending_review"
    waiting = manual_decisions.open_reviews(world.db)
    assert [(one["item"], one["person"]) for one in waiting] == [("approval", world.person("ana"))]
    world.clock.forward(hours=1)
    now = world.clock()
    fact = Fact(kind="approval", at=now, decided_at=now, certification="approved", by=world.person("boss"))
    manual_decisions.decide_manually(world.db, cache_of(world.db).get(), world.person("ana"), fact, now)
    world.settle()
    assert world.standing("ana", "approved").state == "active"
    assert manual_decisions.open_reviews(world.db) == []
    types = [row["type"] for row in world.events() if row["data"].get("certification") == "approved"]
    assert types.count("review.opened") == types.count("review.closed") == types.count("award.issued") == 1


def test_a_revocation_is_final_and_a_new_award_has_a_new_id(world: World) -> None:
    world.send([exam("ana", START + dt.timedelta(days=1))])
    world.settle()
    first = world.standing("ana").award
    now = world.clock.forward(days=1)
    fact = Fact(kind="revocation", at=now, decided_at=now, certification="sales", reason="misconduct")
    row = manual_decisions.decide_manually(
        world.db, cache_of(world.db).get(), world.person("ana"), fact, now, recorded_by="x"
    )
    assert to_fact(row).reason == "misconduct"
    world.settle()
    assert world.standing("ana").state == "revoked"
    world.clock.forward(days=1)
    world.send([exam("ana", world.clock() - dt.timedelta(hours=1))])
    world.settle()
    assert world.standing("ana").state == "active"
    assert world.standing("ana").award != first


def test_an_extension_moves_the_end_and_tells_so_once(world: World) -> None:
    world.send([exam("ana", START + dt.timedelta(days=1))])
    world.settle()
    now = world.clock.forward(days=1)
    fact = Fact(
        kind="extension", at=now, decided_at=now, certification="sales", until_day=dt.date(2028, 1, 31)
    )
    manual_decisions.decide_manually(world.db, cache_of(world.db).get(), world.person("ana"), fact, now)
    world.settle()
    assert world.standing("ana").expires == "2028-01-31"
    world.clock.forward(days=1)
    world.services.engine.recompute([world.person("ana")], world.clock())
    assert [row["type"] for row in world.events()].count("award.extended") == 1


@pytest.mark.parametrize(
    ("fact", "path"),
    [
        ({"kind": "hold"}, "reason"),
        ({"kind": "hold", "reason": "bad mood"}, "reason"),
        ({"kind": "hold", "reason": "other"}, "note"),
        ({"kind": "hold", "reason": "identity", "until": START}, "until"),
        ({"kind": "extension"}, "until"),
        ({"kind": "acceptance"}, "statement"),
        ({"kind": "resolution", "statement": "x"}, "choice"),
        ({"kind": "lift", "of": "fact_none"}, "of"),
        ({"kind": "lift"}, "of"),
    ],
)
def test_a_fact_that_lacks_something_is_refused_with_its_place(world: World, fact: Any, path: str) -> None:
    now = world.clock()
    with pytest.raises(manual_decisions.InvalidFact) as refused:
        manual_decisions.decide_manually(
            world.db, cache_of(world.db).get(), world.person("ana"),
            Fact(at=now, decided_at=now, certification="sales", **fact), now,
        )  # fmt: skip
    assert refused.value.path == path
    assert world.db.facts.count_documents({"by_people": True}) == 0


def test_a_rebuild_finds_nothing_and_mends_what_was_broken(world: World) -> None:
    for i in range(12):
        world.send([exam(f"p{i}", START + dt.timedelta(days=1), 0.7 + i / 50)], "north" if i % 2 else "south")
    world.settle()
    engine, now = world.services.engine, world.clock
    name = rebuild.begin(world.db, now())
    rebuild.run(engine, name, now, limit=3)
    ended = rebuild.finish(engine, name, now())
    assert (ended["people"], ended["differences"], ended["listed"]) == (12, 0, [])
    whole = world.states()
    world.db.standings.delete_many({"person": world.person("p7")})
    world.db.standings.update_one({"person": world.person("p8")}, {"$set": {"digest": "x", "states": []}})
    world.db.standings.insert_one({
        "_id": f"{world.person('p9')}/ghost", "org": "vendor", "person": world.person("p9"), "certification": "ghost",
        "states": [], "digest": "x",
    })  # fmt: skip
    name = rebuild.begin(world.db, now())
    rebuild.run(engine, name, now)
    ended = rebuild.finish(engine, name, now())
    assert ended["differences"] == 3
    assert {one["person"] for one in ended["listed"]} == {world.person(f"p{i}") for i in (7, 8, 9)}
    assert world.states() == whole


def test_a_rebuild_that_was_stopped_goes_on_where_it_was(world: World) -> None:
    for i in range(6):
        world.send([exam(f"p{i}", START + dt.timedelta(days=1))])
    world.settle()
    name = rebuild.begin(world.db, world.clock())

    class Stopped(Exception):
        pass

    def stop(progress: Any) -> None:
        if progress.people >= 2:
            raise Stopped

    with pytest.raises(Stopped):
        rebuild.run(world.services.engine, name, world.clock, stop, limit=1)
    assert rebuild.begin(world.db, world.clock()) == name
    rebuild.run(world.services.engine, name, world.clock, limit=1)  # the stopped one gave its shard back
    assert rebuild.progress(world.db, name).done
    assert rebuild.progress(world.db, name).people == 6


def test_a_rebuild_is_not_done_before_it_decided_whom_a_killed_worker_held(world: World) -> None:
    world.send([exam(who, START + dt.timedelta(days=1)) for who in ("ana", "bo")])
    world.settle()
    ana = world.person("ana")
    world.db.standings.delete_many({"person": ana})
    assert evaluation_queue.lease(world.db, [ana], world.clock()).rows  # by a worker that never comes back
    name = rebuild.begin(world.db, world.clock())
    rebuild.run(world.services.engine, name, world.clock)
    assert not rebuild.progress(world.db, name).done
    assert rebuild.progress(world.db, name).people == 1
    world.clock.forward(seconds=61)
    rebuild.run(world.services.engine, name, world.clock)
    assert rebuild.progress(world.db, name).done
    ended = rebuild.finish(world.services.engine, name, world.clock())
    assert (ended["people"], ended["differences"]) == (2, 1)
    assert world.standing("ana").state == "active"


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_decision_gives_its_people_back(world: World, signal: type[BaseException]) -> None:
    world.send([exam("ana", START + dt.timedelta(days=1))])
    engine = world.services.engine

    def interrupt(at: str) -> None:
        if at == "evidence read":
            raise signal

    with pytest.raises(signal):
        type(engine)(engine.db, engine.cache, engine.admit, interrupt).run_marked(world.clock())
    world.settle()  # at the same instant: no lease has run out
    assert world.standing("ana").state == "active"


def test_a_rebuild_is_not_done_while_the_shard_of_a_killed_process_waits(world: World) -> None:
    world.send([exam("ana", START + dt.timedelta(days=1))])
    world.settle()
    name = rebuild.begin(world.db, world.clock())
    killed = rebuild._take(world.db, name, world.clock(), ())  # held by a process that never comes back
    assert killed is not None
    rebuild.run(world.services.engine, name, world.clock)
    assert not rebuild.progress(world.db, name).done
    world.clock.forward(seconds=121)
    rebuild.run(world.services.engine, name, world.clock)
    assert rebuild.progress(world.db, name).done
    assert rebuild.progress(world.db, name).people == 1


def test_a_partner_without_a_running_agreement_has_no_tier(world: World) -> None:
    from lrs.access.organizations import edit_org

    world.send([exam("ana", START + dt.timedelta(days=1))], "north")
    world.settle()
    edit_org(editor(world), "north", {"status": "closed"}, 1)
    world.settle()
    assert tier(world, "north") is None
    world.clock.forward(days=3)
    edit_org(editor(world), "north", {"status": "active"}, 2)
    world.settle()
    assert tier(world, "north") == "silver"
