"""Retention: what goes by age, what holds and awards keep, and that replay stays right afterwards."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import START, World, exam, mbox, simple

from lrs.foundation.audit import Editor
from lrs.foundation.errors import Collision, InvalidField
from lrs.people.privacy import erasure, legal_holds, retention, retention_work
from rules import rebuild
from statements.storage.documents import DocumentStore, Key, Preconditions

STALE = "http://c.example/stale"


@pytest.fixture
def world(db: Any) -> World:
    """Ana passed the exam and Bo failed it; both also read pages that no certification looks at."""
    made = World(db)
    made.partner("north")
    made.publish(simple())
    made.settle()
    made.clock.forward(days=1)
    made.send([exam("ana", START, 0.9), exam("bo", START, 0.5)], "north")
    made.send([page("ana"), page("bo")], "north")
    made.settle()
    made.clock.forward(days=40)
    made.send([page("ana")], "north")
    made.settle()
    return made


def page(who: str) -> dict[str, Any]:
    return {
        "actor": {"mbox": f"mailto:{who}@example.com", "name": who.title()},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
        "object": {"id": STALE},
    }


def editor(world: World) -> Editor:
    return Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())


def purge(world: World, evidence: str = "keep", what: str = "statements") -> dict[str, Any]:
    """Plan and apply; returns the plan as it ended."""
    retention.set_policy(editor(world), "north", [{"what": what, "days": 30}], evidence=evidence)
    plan = retention.make_plan(editor(world), "north")
    retention.apply_plan(editor(world), "north", plan["_id"])
    retention_work.run(world.db, world.clock, lambda: False)
    return retention.get_plan(world.db, "north", plan["_id"])


def differences(world: World) -> int:
    engine = world.services.engine
    name = rebuild.begin(world.db, world.clock())
    rebuild.run(engine, name, world.clock, limit=3)
    found: int = rebuild.finish(engine, name, world.clock())["differences"]
    return found


def test_a_plan_counts_and_changes_nothing(world: World) -> None:
    before = list(world.db.statements.find())
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 30}])
    plan = retention.make_plan(editor(world), "north")
    assert plan["counts"] == {"evidence_kept": 2, "removed": 2}
    retention_work.run(world.db, world.clock, lambda: False)
    assert list(world.db.statements.find()) == before


def test_rules_are_tried_before_anybody_keeps_them(world: World) -> None:
    rules = [{"what": "statements", "days": 30}]
    assert retention.would(editor(world), "north", rules, "keep", 100) == {"evidence_kept": 2, "removed": 2}
    assert retention.would(editor(world), "north", rules, "keep", 0) == {"unseen": 1}
    assert retention.get_policy(world.db, "north")["version"] == 0
    with pytest.raises(InvalidField, match="days"):
        retention.would(editor(world), "north", [{"what": "statements", "days": 0}], "keep", 100)


def test_an_age_from_before_1970_keeps_everything(world: World) -> None:
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 36_500}])
    assert retention.make_plan(editor(world), "north")["counts"] == {}


@pytest.mark.parametrize("evidence", retention.EVIDENCE)
def test_after_a_purge_awards_are_decided_anew_without_a_difference(world: World, evidence: str) -> None:
    """What certifications look at is kept or pseudonymised, so replay still equals live."""
    states, awards = world.states(), list(world.db.awards.find())
    assert len(awards) == 1
    done = purge(world, evidence)
    assert (done["state"], done["done"]["removed"]) == ("done", 2)
    assert world.db.statements.count_documents({"object.id": STALE}) == 1, "the young one stays"
    assert differences(world) == 0
    world.settle()
    assert (world.states(), list(world.db.awards.find())) == (states, awards)
    named = world.db.statements.count_documents({"actor": {"$in": [mbox("ana"), mbox("bo")]}})
    assert named == (3 if evidence == "keep" else 1)


def test_old_evidence_names_nobody_and_new_evidence_still_joins_it(world: World) -> None:
    purge(world, "pseudonymise")
    old = {"_id": {"$lt": world.db.statements.find_one({"object.id": STALE})["_id"]}}
    raws = b"".join(row["raw"] for row in world.db.statements.find(old))
    assert b"ana@example.com" not in raws
    assert retention_work.PSEUDONYMS.encode() in raws
    world.send([exam("bo", world.clock(), 0.95)], "north")
    world.settle()
    assert world.db.awards.count_documents({"person": world.person("bo")}) == 1
    assert differences(world) == 0
    again = purge(world, "pseudonymise")
    assert again["counts"] == {"settled": 2}, "what was done is not done again"


def test_identifiers_that_a_merge_moved_keep_their_evidence_as_it_is(world: World) -> None:
    """What was known before the merge can still be told afterwards."""
    from lrs.people import merge

    ana, bo = world.person("ana"), world.person("bo")
    merge.merge(editor(world), ana, bo, merge.preview_merge(world.db, ana, bo)["basis"])
    world.settle()
    done = purge(world, "pseudonymise")
    assert (done["done"]["pseudonymised"], done["done"]["evidence_kept"]) == (1, 1)
    assert differences(world) == 0


def test_nothing_of_a_held_person_goes(world: World) -> None:
    held = legal_holds.hold(editor(world), person=world.person("ana"), reason="case 7")
    done = purge(world, "pseudonymise")
    assert done["counts"] == {"held": 2, "pseudonymised": 1, "removed": 1}
    assert world.db.statements.count_documents({"actor": mbox("ana")}) == 3
    with pytest.raises(Collision, match="legal hold"):
        erasure.erase(editor(world), world.person("ana"), mode="remove", reason="asked")
    legal_holds.lift(editor(world), held["_id"])
    assert purge(world, "pseudonymise")["done"]["removed"] == 1
    erasure.erase(editor(world), world.person("ana"), mode="pseudonymise", reason="asked")


def test_a_held_store_stays_whole(world: World) -> None:
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 30}], automatic=True)
    plan = retention.make_plan(editor(world), "north")
    held = legal_holds.hold(editor(world), org="north", reason="case 8")
    count = world.db.statements.count_documents({})
    for refused in (
        lambda: retention.make_plan(editor(world), "north"),
        lambda: retention.apply_plan(editor(world), "north", plan["_id"]),
        lambda: erasure.erase(editor(world), world.person("bo"), mode="remove", reason="asked"),
    ):
        with pytest.raises(Collision, match="legal hold"):
            refused()
    assert retention.apply_automatic(world.db, world.clock()) == 0
    legal_holds.lift(editor(world), held["_id"])
    assert world.db.statements.count_documents({}) == count
    world.clock.forward(days=1)
    assert retention.apply_automatic(world.db, world.clock()) == 1
    assert retention_work.run(world.db, world.clock, lambda: False) == 1
    assert world.db.statements.count_documents({}) == count - 2


def test_a_plan_holds_for_the_policy_and_the_holds_of_its_day(world: World) -> None:
    held = legal_holds.hold(editor(world), person=world.person("ana"), reason="case 7")
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 30}])
    first = retention.make_plan(editor(world), "north")["_id"]
    with pytest.raises(Collision, match="two persons"):
        retention.apply_plan(editor(world), "north", first, two_persons=True)
    legal_holds.lift(editor(world), held["_id"])
    with pytest.raises(Collision, match="lifted"):
        retention.apply_plan(editor(world), "north", first)
    second = retention.make_plan(editor(world), "north")["_id"]
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 10}])
    with pytest.raises(Collision, match="policy"):
        retention.apply_plan(editor(world), "north", second)
    third = retention.make_plan(editor(world), "north")["_id"]
    world.clock.forward(days=1)
    with pytest.raises(Collision, match="expired"):
        retention.apply_plan(editor(world), "north", third)


def test_documents_go_by_when_they_were_last_written(world: World) -> None:
    store = DocumentStore(world.db, "north")
    for who, size in (("ana", 10), ("bo", 300_000)):
        for days, name in ((40, "old"), (1, "new")):
            at = world.clock() - dt.timedelta(days=days)
            store.put(
                Key("state", STALE, mbox(who), None, name),
                b"x" * size,
                "text/plain",
                preconditions=Preconditions(),
                version="1.0.3",
                now=at,
            )
    legal_holds.hold(editor(world), person=world.person("ana"), reason="case 7")
    done = purge(world, what="state")
    assert done["counts"] == {"state_held": 1, "state_removed": 1}
    left = sorted((row["ifi"], row["id"]) for row in world.db.documents.find())
    assert left == [(mbox("ana"), "new"), (mbox("ana"), "old"), (mbox("bo"), "new")]
    assert world.db["documents.chunks"].count_documents({}) == 1


def counting(world: World) -> dict[str, Any]:
    """Return a plan whose process died before it counted anything, its lease over."""
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 30}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "count_on", lambda *_: False)
        plan = retention.make_plan(editor(world), "north")
    assert (plan["state"], plan["counts"], plan.get("expires_at")) == ("counting", {}, None)
    world.clock.forward(minutes=3)
    return plan


def test_a_worker_goes_on_counting_where_a_process_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = counting(world)
    monkeypatch.setattr(retention_work, "PAGE", 1)
    stops = iter([False, False, True])  # before the second page is noted
    assert retention.count_left(world.db, world.clock, lambda: next(stops, True)) == 0
    half = retention.get_plan(world.db, "north", plan["_id"])
    assert (half["state"], sum(half["counts"].values())) == ("counting", 2)
    assert 0 <= half["share"] < 1
    assert retention.count_left(world.db, world.clock, lambda: False) == 1
    whole = retention.get_plan(world.db, "north", plan["_id"])
    assert (whole["state"], whole["share"]) == ("planned", 1.0)
    assert whole["counts"] == {"evidence_kept": 2, "removed": 2}, "no page is counted twice"


def test_whoever_lost_the_lease_of_a_count_writes_nothing(world: World) -> None:
    plan = counting(world)
    db = world.db
    assert retention.count_left(db, world.clock, lambda: False) == 1
    assert not retention_work.count_on(db, plan, world.clock)
    assert retention.get_plan(db, "north", plan["_id"])["counts"] == {"evidence_kept": 2, "removed": 2}


def test_a_plan_that_is_counted_cannot_be_applied_and_no_second_is_begun(world: World) -> None:
    plan = counting(world)
    with pytest.raises(Collision, match="counting"):
        retention.apply_plan(editor(world), "north", plan["_id"])
    assert retention.begin_plan(editor(world), "north", world.clock)["_id"] == plan["_id"]
    retention.count_left(world.db, world.clock, lambda: False)
    other = retention.begin_plan(editor(world), "north", world.clock)
    assert (other["_id"] != plan["_id"], other["state"], other["counts"]["removed"]) == (True, "planned", 2)


def test_an_automatic_plan_whose_worker_died_is_counted_and_applied_by_another(world: World) -> None:
    retention.set_policy(editor(world), "north", [{"what": "statements", "days": 30}], automatic=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "count_on", lambda *_: False)
        assert retention.apply_automatic(world.db, world.clock()) == 0
    world.clock.forward(minutes=3)
    assert retention.count_left(world.db, world.clock, lambda: False) == 1
    retention_work.run(world.db, world.clock, lambda: False)
    assert retention.newest_plan(world.db, "north")["state"] == "done"
