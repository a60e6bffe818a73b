"""From a statement to a credential and back: the engine's decisions become signed documents and bits."""

from __future__ import annotations

import datetime as dt

import pytest
from factories_engine import World, exam, simple, voiding

from lrs.credentials.consent import Display, DisplayStore
from lrs.credentials.issuer import issuer_of
from rules.catalogue.store import cache_of
from rules.credentials.due_awards import issue_due
from rules.credentials.proving.signing import read_compact
from rules.credentials.proving.status_list import decode, get_bit
from rules.credentials.status_publishing import current_list
from rules.engine.facts import from_fact
from rules.evaluation.award_ids import award_id
from rules.evidence.history import Fact

TITLES = simple(title="Sales Professional")


@pytest.fixture
def world(db):
    world = World(db)
    world.publish(TITLES)
    return world


def credential_issuer(world):
    return issuer_of(world.services.settings, world.db)


def newest(world, who="ana", ordinal=1):
    return credential_issuer(world).store.newest(award_id(world.person(who), "sales", ordinal))


def claims(world, who="ana"):
    return read_compact(newest(world, who).jwt).claims


def bit(world, record):
    listed = read_compact(current_list(credential_issuer(world), record.list, world.clock()).jwt).claims
    return get_bit(decode(listed["credentialSubject"]["encodedList"]), record.index)


def assert_fact(world, kind, who="ana", **values):
    """Record a fact of 4.10 as the API does, and let the engine see it."""
    now = world.clock()
    fact = Fact(
        kind=kind, at=now, decided_at=now, id=f"{kind}-{now.timestamp()}", certification="sales", **values
    )
    world.db.facts.insert_one(from_fact(fact, world.person(who)))
    world.services.engine.recompute([world.person(who)], now)
    world.settle()
    return fact


def test_a_statement_becomes_a_credential_with_its_evidence_in_words(world):
    world.send([exam("ana", world.clock(), 0.91)])
    world.settle()
    found = claims(world)
    assert found["name"] == "Sales Professional"
    assert found["credentialSubject"]["achievement"]["criteria"] == {"narrative": "- Exam, 80 % or better"}
    assert [(one["name"], one["narrative"]) for one in found["evidence"]] == [
        ("Exam, 80 % or better", "91 % on 22 November 2026")
    ]
    assert found["credentialSubject"]["result"] == [{"type": ["Result"], "value": "91 %"}]
    assert found["validUntil"] == "2027-11-22T23:59:59Z"
    assert len(found["credentialSubject"]["identifier"]) == 1


def test_the_event_is_written_once_with_credential_and_index_as_its_effect(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    record = newest(world)
    events = [one for one in world.events() if one["type"] == "credential.issued"]
    assert [one["effect"] for one in events] == [
        f"credential.issued:{record.award}:{record.list}.{record.index}"
    ]
    assert events[0]["data"]["certification"] == "sales"


def test_a_failed_exam_makes_no_credential(world):
    world.send([exam("ana", world.clock(), 0.4)])
    world.settle()
    assert newest(world) is None


def test_renewal_reissues_under_the_same_id_and_leaves_the_old_bit_clear(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    first = newest(world)
    world.clock.forward(days=330)
    world.send([exam("ana", world.clock())])
    world.settle()
    second = newest(world)
    assert (second.award, second.reason, second.period) == (first.award, "renewal", 2)
    assert claims(world)["awardedDate"] == read_compact(first.jwt).claims["awardedDate"]
    assert claims(world)["validUntil"] == "2028-11-22T23:59:59Z"
    assert not bit(world, first)


def test_hold_sets_the_bit_and_its_end_reissues_with_a_new_index(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    first = newest(world)
    world.clock.forward(days=1)
    assert_fact(world, "hold", until=world.clock() + dt.timedelta(days=10), reason="identity")
    assert bit(world, first)
    assert newest(world) == first
    world.clock.forward(days=11)
    world.settle()
    again = newest(world)
    assert (again.reason, again.seq) == ("reinstatement", 2)
    assert again.valid_from > first.valid_from
    assert bit(world, first)
    assert not bit(world, again)


def test_revocation_sets_the_bit_for_good(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    world.clock.forward(days=1)
    assert_fact(world, "revocation", reason="misconduct")
    assert bit(world, newest(world))


def test_voided_evidence_spends_the_bit_of_an_annulled_award(world):
    [sent] = world.send([exam("ana", world.clock())])
    world.settle()
    first = newest(world)
    world.clock.forward(hours=1)
    world.send([voiding(sent)])
    world.clock.forward(hours=2)
    world.settle()
    assert bit(world, first)


def test_expiry_leaves_the_bit_clear(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    world.clock.forward(days=500)
    world.settle()
    assert newest(world).seq == 1
    assert not bit(world, newest(world))


def test_a_crash_between_decision_and_credential_is_healed_by_the_next_round(world, monkeypatch):
    world.send([exam("ana", world.clock())])
    world.services.engine.run_marked(world.clock())
    assert newest(world) is None
    rules = cache_of(world.db).get()
    for step in ("settle", "issue_first"):
        monkeypatch.setattr(f"rules.credentials.due_awards.{step}", crash)
    issue_due(world.db, credential_issuer(world), rules, world.clock())
    monkeypatch.undo()
    assert newest(world) is None
    world.clock.forward(minutes=2)
    world.settle()
    assert newest(world).seq == 1


def crash(*_):
    raise RuntimeError("the worker died")


def test_settling_again_changes_nothing(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    first = newest(world)
    world.db.awards.update_many({}, {"$set": {"credential_due": world.clock()}})
    world.settle()
    assert newest(world) == first
    assert world.db.credentials.count_documents({}) == 1


def test_an_award_first_seen_when_revoked_gets_a_credential_that_says_so(world):
    world.send([exam("ana", world.clock())])
    world.services.engine.run_marked(world.clock())
    world.clock.forward(days=1)
    assert_fact(world, "revocation", reason="misconduct")
    assert bit(world, newest(world))


def test_badge_issue_false_makes_no_credential(world):
    world.publish(simple("quiet", more="badge: {issue: false}"))
    world.send([exam("ana", world.clock(), of="quiet")])
    world.settle()
    assert world.db.credentials.count_documents({"certification": "quiet"}) == 0
    DisplayStore(world.db).choose(None, world.person("ana"), Display(shown=True), world.clock())
    world.db.awards.update_many({}, {"$set": {"credential_due": world.clock()}})
    world.settle()
    assert world.db.credentials.count_documents({"certification": "quiet"}) == 0


def test_showing_a_credential_gives_it_a_refresh_service(world):
    world.send([exam("ana", world.clock())])
    world.settle()
    first = newest(world)
    assert "refreshService" not in claims(world)
    world.clock.forward(hours=1)
    DisplayStore(world.db).choose(first.award, first.person, Display(shown=True), world.clock())
    world.settle()
    assert newest(world).reason == "display"
    assert "refreshService" in claims(world)
    assert not bit(world, first)
    world.settle()
    assert newest(world).seq == 2
