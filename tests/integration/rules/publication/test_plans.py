"""A plan says what applying it does; a stale one is refused (cert#6-1, cert#6-2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_engine import START, TIERS, World, exam, simple, voiding

from rules.catalogue.store import RuleStore, VersionTaken
from rules.engine.queues import evaluation_queue
from rules.engine.standings import state_at
from rules.errors import AlreadyEnded, InvalidRuleFile, StalePlan
from rules.publication import backfill, plans, publishing, reviews

STRICTER = "transition: {existing: re_evaluate}"


@pytest.fixture
def world(db: Any) -> World:
    made = World(db)
    made.partner("north")
    made.publish(simple(), TIERS)
    made.settle()
    made.clock.forward(days=30)
    for who, scaled in (("ana", 0.95), ("bo", 0.82), ("cy", 0.6)):
        made.send([exam(who, START + dt.timedelta(days=2), scaled)], "north")
    made.settle()
    return made


def plan_of(world: World, *texts: str, by: str = "test") -> dict[str, Any]:
    files = [(f"file{i}.yaml", text) for i, text in enumerate(texts)]
    return plans.make_plan(world.db, files, world.clock(), by)


def test_a_plan_names_who_would_lose_where_and_why_and_what_tier_follows(world: World) -> None:
    plan = plan_of(world, simple(version="2", pass_mark="0.9", more=STRICTER))
    assert plan["summary"] == {"gain": 0, "change": 1, "lose": 1, "same": 1}
    lose = next(one for one in plan["people"] if one["change"] == "lose")
    assert lose["person"] == world.person("bo")
    assert lose["name"] == "bo@north"
    assert lose["before"]["state"] == "active"
    assert lose["after"]["state"] == "in_progress"
    assert "(v2 award.when)" in lose["reason"]
    assert "82 %" in lose["reason"]
    assert plan["tiers"] == []  # ana alone keeps silver
    stricter = plan_of(world, simple(version="2", pass_mark="0.97", more=STRICTER))
    assert stricter["summary"]["lose"] == 2
    assert [(one["organization"], one["before"], one["after"]) for one in stricter["tiers"]] == [
        ("north", "silver", "registered")
    ]
    assert "role sales 0 of 1" in stricter["tiers"][0]["text"]


def test_6_1_a_plan_of_a_release_names_who_would_lose_at_its_deadline(world: World) -> None:
    rule = (
        "{when_release: {product: acme, level: major}, unless: {score: exam, at_least: 0.9}, "
        "ends_after: 30 days, reinstates_within: 30 days}"
    )
    world.publish(simple(version="2", more=f"release_rules: [{rule}]"))
    world.settle()
    world.publish(simple(version="3", more=f"release_rules: [{rule}]\ntransition: {{existing: re_evaluate}}"))
    world.settle()
    published = world.clock().date() + dt.timedelta(days=5)
    release = (
        "kind: Release\nid: acme-6\nversion: '1'\nproduct: acme\nrelease: '6'\nlevel: major\n"
        f"published: {published}\n"
    )
    plan = plan_of(world, release)
    assert plan["summary"] == {"gain": 0, "change": 0, "lose": 1, "same": 2}
    (lose,) = plan["people"]
    assert lose["name"] == "bo@north"
    assert lose["at"].date() == published + dt.timedelta(days=31)
    assert lose["after"]["state"] == "expired"
    assert "82 %" in lose["reason"]


def test_6_1_a_plan_tells_what_the_newer_version_asks_of_who_must_upgrade(world: World) -> None:
    day = world.clock().date() + dt.timedelta(days=20)
    transition = f"transition: {{existing: {{must_upgrade_by: {day}}}}}"
    plan = plan_of(world, simple(version="2", pass_mark="0.9", more=transition))
    lose = next(one for one in plan["people"] if one["change"] == "lose")
    assert lose["name"] == "bo@north"
    assert lose["at"].date() == day + dt.timedelta(days=1)
    assert "82 %" in lose["reason"]
    assert "90 %" in lose["reason"]
    assert "(v2 award.when)" in lose["reason"]


def test_what_a_plan_predicts_is_what_applying_it_does(world: World) -> None:
    before = {row["_id"]: state_at(row, world.clock()) for row in world.db.standings.find({})}
    plan = plan_of(world, simple(version="2", pass_mark="0.9", more=STRICTER))
    plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
    world.settle()
    after = {row["_id"]: state_at(row, world.clock()) for row in world.db.standings.find({})}
    predicted = {f"{one['person']}/{one['certification']}": one["after"] for one in plan["people"]}
    for name, state in after.items():
        if name in predicted:
            assert predicted[name]["state"] == state.state
            assert predicted[name].get("expires") == (None if state.state == "in_progress" else state.expires)
        else:
            assert (before[name].state, before[name].expires) == (state.state, state.expires)
    job = world.db.backfills.find_one({"_id": plan["_id"]})
    assert job["phase"] == "closing"
    world.clock.forward(seconds=200)
    world.settle()
    assert backfill.unfinished(world.db) == []


def test_a_version_that_annuls_awards_tells_so_and_corrects_the_tier_that_hung_on_them(world: World) -> None:
    world.publish(simple(version="2", pass_mark="0.97", more=STRICTER))
    world.settle()
    told = [one["data"] for one in world.events() if one["type"] == "award.corrected"]
    assert len(told) == 2
    assert {(one["previous_state"], one["state"]) for one in told} == {("active", "in_progress")}
    changes = [one["data"] for one in world.events() if one["type"] == "tier.changed"]
    assert (changes[-1]["previous_tier"], changes[-1]["tier"]) == ("silver", "registered")


def test_a_correction_of_the_past_tells_once_what_holds_now_of_award_and_tier(world: World) -> None:
    world.partner("south")
    sent = exam("eva", world.clock() - dt.timedelta(hours=1))
    world.send([sent], "south")
    world.settle()
    world.clock.forward(minutes=5)
    world.send([voiding(sent["id"])], "south")
    world.clock.forward(hours=2)
    world.settle()
    told = [one["data"] for one in world.events() if one["type"] == "award.corrected"]
    assert [(one["previous_state"], one["state"]) for one in told] == [("active", "in_progress")]
    changes = [one["data"] for one in world.events() if one["type"] == "tier.changed"]
    assert [one["tier"] for one in changes if one["organization"] == "south"] == [
        "registered", "silver", "registered",
    ]  # fmt: skip
    world.clock.forward(days=1)
    world.services.engine.recompute([world.person("eva")], world.clock())
    world.settle()
    assert len([one for one in world.events() if one["type"] == "award.corrected"]) == 1


def test_a_plan_is_refused_when_facts_arrived_that_it_did_not_foresee(world: World) -> None:
    plan = plan_of(world, simple(version="2", pass_mark="0.9", more=STRICTER))
    world.clock.forward(minutes=5)
    world.send([exam("dov", START + dt.timedelta(days=3), 0.85)], "north")
    world.settle()
    with pytest.raises(StalePlan, match="lose " + world.person("dov")):
        plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
    again = plan_of(world, simple(version="2", pass_mark="0.9", more=STRICTER))
    assert again["summary"]["lose"] == 2
    plans.apply_plan(world.db, again["_id"], world.clock(), "test")


def test_a_plan_stays_good_when_what_arrived_changes_nothing_unforeseen(world: World) -> None:
    plan = plan_of(world, simple(version="2", pass_mark="0.9", more=STRICTER))
    world.clock.forward(minutes=5)
    world.send([exam("eva", START + dt.timedelta(days=3), 0.5)], "north")
    world.settle()
    assert plans.apply_plan(world.db, plan["_id"], world.clock(), "test")


def test_a_plan_lives_a_day_and_is_applied_once(world: World) -> None:
    plan = plan_of(world, simple(version="2"))
    world.clock.forward(hours=24)
    with pytest.raises(StalePlan, match="expired"):
        plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
    again = plan_of(world, simple(version="2"))
    plans.apply_plan(world.db, again["_id"], world.clock(), "test")
    with pytest.raises(StalePlan, match="was applied"):
        plans.apply_plan(world.db, again["_id"], world.clock(), "test")
    with pytest.raises(plans.UnknownPlan):
        plans.apply_plan(world.db, "none", world.clock(), "test")


def test_a_plan_is_stale_when_another_version_was_published_meanwhile(world: World) -> None:
    one = plan_of(world, simple(version="2"))
    other = plan_of(world, simple(version="3"))
    plans.apply_plan(world.db, other["_id"], world.clock(), "test")
    with pytest.raises(StalePlan, match="another version"):
        plans.apply_plan(world.db, one["_id"], world.clock(), "test")


def test_where_two_persons_are_asked_for_the_planner_cannot_apply(world: World) -> None:
    plan = plan_of(world, simple(version="2"), by="ann")
    with pytest.raises(plans.SamePerson):
        plans.apply_plan(world.db, plan["_id"], world.clock(), "ann", two_persons=True)
    rows = plans.apply_plan(world.db, plan["_id"], world.clock(), "ben", two_persons=True)
    assert (rows[0]["planned_by"], rows[0]["by"]) == ("ann", "ben")


def say(world: World, plan: str, who: str, verdict: str, comment: str = "") -> None:
    reviews.review_plan(world.db, plan, world.clock(), who, verdict=verdict, comment=comment)


def test_6_2_the_planner_applies_what_somebody_else_approved(world: World) -> None:
    plan = plan_of(world, simple(version="2"), by="ann")["_id"]
    with pytest.raises(plans.SamePerson):
        say(world, plan, "ann", "approve")
    say(world, plan, "ben", "comment", "who asked for this?")
    with pytest.raises(plans.SamePerson):
        plans.apply_plan(world.db, plan, world.clock(), "ann", two_persons=True)
    say(world, plan, "ben", "approve")
    rows = plans.apply_plan(world.db, plan, world.clock(), "ann", two_persons=True)
    assert (rows[0]["planned_by"], rows[0]["by"]) == ("ann", "ann")
    kept = plans.reply(plans.get_plan(world.db, plan))["reviews"]
    assert [(one["by"], one["verdict"]) for one in kept] == [("ben", "comment"), ("ben", "approve")]


def test_6_2_an_objection_holds_a_plan_until_the_same_person_approves(world: World) -> None:
    plan = plan_of(world, simple(version="2"), by="ann")["_id"]
    say(world, plan, "ben", "object", "too strict")
    say(world, plan, "cy", "approve")
    with pytest.raises(plans.ObjectedPlan, match="ben"):
        plans.apply_plan(world.db, plan, world.clock(), "cy")
    assert world.db.rule_versions.count_documents({"plan": plan}) == 0
    say(world, plan, "ben", "approve")
    assert plans.apply_plan(world.db, plan, world.clock(), "ann", two_persons=True)


def test_a_review_says_something_of_a_plan_that_is_open(world: World) -> None:
    plan = plan_of(world, simple(version="2"), by="ann")["_id"]
    with pytest.raises(plans.UnknownPlan):
        say(world, "none", "ben", "approve")
    with pytest.raises(plans.ReviewMissing):
        say(world, plan, "ben", "object")
    world.clock.forward(days=2)
    with pytest.raises(StalePlan):
        say(world, plan, "ben", "approve")
    assert plans.get_plan(world.db, plan).get("reviews") is None


def test_a_file_with_problems_or_failing_tests_gets_no_plan(world: World) -> None:
    with pytest.raises(InvalidRuleFile, match="E206"):
        plan_of(world, simple(version="1", pass_mark="0.7"))
    with pytest.raises(InvalidRuleFile, match="E402"):
        plan_of(world, simple(version="2").replace("status: active", "status: expired"))
    with pytest.raises(InvalidRuleFile, match="E2"):
        plan_of(world, "kind: Certification\nid: 7\n")


def test_a_version_is_immutable_and_publishing_it_again_is_harmless(world: World) -> None:
    store = RuleStore(world.db)
    record = store.rule_set().documents["Certification", "sales"][0]
    store.publish(record.document, source="", now=world.clock(), by=None)
    assert len(store.rows("Certification", "sales")) == 1
    import dataclasses

    with pytest.raises(VersionTaken):
        store.publish(dataclasses.replace(record.document, title="x"), source="", now=world.clock(), by=None)


def test_evaluate_mode_records_but_issues_sends_and_counts_nothing(world: World) -> None:
    world.publish(simple("trial", more="mode: evaluate"))
    world.settle()
    world.clock.forward(minutes=5)
    world.send([exam("ana", START + dt.timedelta(days=2), 0.9, "trial")], "north")
    world.settle()
    standing = world.standing("ana", "trial")
    assert (standing.state, standing.counts) == ("active", False)
    award = world.db.awards.find_one({"_id": standing.award})
    assert award["evaluated"]
    assert world.db.credentials.find_one({"award": standing.award}) is None
    assert world.db.outbox.find_one({"data.certification": "trial"}) is None
    world.publish(simple("trial"))
    world.settle()
    assert world.standing("ana", "trial").counts
    assert world.db.credentials.find_one({"award": standing.award}) is not None


def test_the_backlog_waits_for_live_work(world: World) -> None:
    evaluation_queue.enqueue(world.db, [world.person("cy")], world.clock(), priority=evaluation_queue.BACKLOG)
    assert evaluation_queue.due(world.db, world.clock(), 10) == []
    assert evaluation_queue.due(world.db, world.clock(), 10, [evaluation_queue.BACKLOG]) == [
        world.person("cy")
    ]
    evaluation_queue.enqueue(world.db, [world.person("cy")], world.clock())
    assert evaluation_queue.due(world.db, world.clock(), 10) == [world.person("cy")]


def test_a_backfill_that_was_interrupted_goes_on_where_it_was(world: World) -> None:
    plan = plan_of(world, simple("other"))
    plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
    rules = RuleStore(world.db).rule_set()
    assert backfill.step(world.db, rules, world.clock())
    job = backfill.unfinished(world.db)[0]
    assert job["pair"] == 1
    world.db.backfills.update_one(
        {"_id": job["_id"]}, {"$set": {"leased_until": world.clock() + backfill.LEASE}}
    )
    assert not backfill.step(world.db, rules, world.clock())
    world.clock.forward(seconds=61)
    assert backfill.step(world.db, rules, world.clock())
    assert backfill.unfinished(world.db)[0]["phase"] == "people"


def test_a_statement_stored_by_a_process_with_old_rules_is_found_by_the_closing_pass(world: World) -> None:
    from rules.catalogue.relevance import relevance_of

    old = relevance_of(RuleStore(world.db).rule_set())
    world.publish(simple("late"))
    world.settle()
    sent = exam("ana", START + dt.timedelta(days=2), 0.9, "late")
    assert not old.is_relevant(
        {"actor": "x", "verb": sent["verb"]["id"], "object": {"id": sent["object"]["id"]}}
    )
    world.clock.forward(milliseconds=900)
    world.send([sent], "north", relevant=old.is_relevant)
    world.settle()
    assert world.standing("ana", "late") is None
    world.clock.forward(seconds=3)
    world.settle()
    assert world.standing("ana", "late").state == "active"


def test_retirement_gives_no_new_awards_and_withdrawal_ends_all(world: World) -> None:
    world.clock.forward(days=1)
    publishing.retire(world.db, "sales", world.clock(), "test", reason="replaced")
    world.settle()
    world.clock.forward(days=1)
    world.send([exam("fin", world.clock() - dt.timedelta(hours=1), 0.9)], "north")
    world.settle()
    assert world.standing("fin").state == "in_progress"
    assert world.standing("ana").state == "active"
    plan = plans.plan_withdrawal(world.db, "sales", world.clock(), "test", "replaced by another")
    world.settle()
    assert world.standing("ana").state == "active"  # a plan ends nothing
    assert sorted((one["name"], one["change"], one["reason"]) for one in plan["people"]) == [
        ("ana@north", "lose", "the certification is withdrawn"),
        ("bo@north", "lose", "the certification is withdrawn"),
    ]
    assert [(one["before"], one["after"]) for one in plan["tiers"]] == [("silver", "registered")]
    row = plans.apply_plan(world.db, plan["_id"], world.clock(), "somebody else")[0]
    assert (row["planned_by"], row["by"], row["reason"]) == ("test", "somebody else", "replaced by another")
    world.settle()
    assert world.standing("ana").state == "withdrawn"


def test_6_2_a_planned_withdrawal_is_stale_once_it_would_end_more_than_it_says(world: World) -> None:
    plan = plans.plan_withdrawal(world.db, "sales", world.clock(), "test")
    world.clock.forward(hours=1)
    world.send([exam("cy", world.clock() - dt.timedelta(minutes=5), 0.9)], "north")
    world.settle()
    with pytest.raises(StalePlan, match="it would now also do this: lose"):
        plans.apply_plan(world.db, plan["_id"], world.clock(), "test")
    assert world.standing("ana").state == "active"
    fresh = plans.plan_withdrawal(world.db, "sales", world.clock(), "test")
    plans.apply_plan(world.db, fresh["_id"], world.clock(), "test")
    with pytest.raises(AlreadyEnded):
        plans.plan_withdrawal(world.db, "sales", world.clock(), "test")
