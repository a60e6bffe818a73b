"""`--at` and `--known-at` through command and API: what was the case, and what was known when (cert#4, cert#4.12, cert#6)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from click.testing import CliRunner
from factories_engine import Clock, World, done, exam, mbox, simple, voiding

from lrs.access import clients, scopes
from lrs.app import create_app
from lrs.cli import cli
from lrs.foundation.audit import Editor
from lrs.foundation.context import utc_now
from lrs.foundation.settings import Settings
from lrs.people.groups import add_members, put_group
from lrs.people.merge import merge, split
from rules.catalogue.store import cache_of
from rules.engine import manual_decisions
from rules.evidence.history import Fact

PAIR = """
kind: Certification
id: pair
version: "1"
title: Pair
evidence:
  exam: {verb: passed, activity: "https://acme.example/pair/exam"}
  lab: {verb: passed, activity: "https://acme.example/lab"}
  cheat: {verb: failed, activity: "https://acme.example/cheat"}
award: {when: {all: [{done: exam, disqualified_by: cheat}, {done: lab}]}}
validity: {lasts: 12 months}
tests:
  - name: both
    given:
      - {who: ana, verb: passed, activity: "https://acme.example/pair/exam", at: 2026-01-10}
      - {who: ana, verb: passed, activity: "https://acme.example/lab", at: 2026-01-11}
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""
SIGNED = """
kind: Certification
id: signed
version: "1"
title: Signed
evidence:
  practical: {verb: passed, activity: "https://acme.example/practical", signed_by: {group: assessors, not: self}}
award: {when: {done: practical}}
validity: {lasts: 12 months}
tests:
  - name: signed
    groups: {assessors: [ines]}
    given: [{who: ana, verb: passed, activity: "https://acme.example/practical", by: ines, at: 2026-01-10}]
    expect: [{who: ana, at: 2026-01-11, status: active}]
"""
Told = dict[str, Any]


class Asking:
    """Asks command and API, and sees that both say the same."""

    def __init__(self, world: World, app: Any, headers: Any) -> None:
        self.world, self.client, self.headers = world, app.test_client(), headers

    def __call__(
        self, who: str, of: str, known_at: dt.datetime | None = None, at: dt.datetime | None = None
    ) -> Told:
        options = {"known-at": known_at or self.world.clock(), "at": at or self.world.clock()}
        args = [one for name, value in options.items() for one in (f"--{name}", value.isoformat())]
        run = CliRunner().invoke(cli, ["rules", "explain", who, of, *args, "--json"])
        assert run.exit_code == 0, (run.output, run.stderr, run.exception)
        told: Told = json.loads(run.stdout)
        query = {name.replace("-", "_"): value.isoformat() for name, value in options.items()}
        path = f"/api/v1/people/{told['person']}/certifications/{of}/explain"
        found = self.client.get(path, query_string=query, headers=self.headers)
        assert found.status_code == 200, found.json
        assert found.json == told
        return told

    def state(self, *args: Any, **more: Any) -> str:
        return str(self(*args, **more)["state"])


@pytest.fixture
def world(db: Any) -> World:
    """Return a world of the past weeks: the commands have the clock of this machine."""
    made = World(db, Clock(utc_now() - dt.timedelta(days=60)))
    put_group(editor(made), "assessors", [])
    made.publish(simple(), PAIR, SIGNED)
    made.settle()
    made.clock.forward(days=20)
    return made


@pytest.fixture
def ask(world: World, settings: Settings, auth: Any, monkeypatch: pytest.MonkeyPatch) -> Asking:
    for name in ("LRS_MONGODB_URI", "LRS_DATABASE", "LRS_DATA_FOLDER", "LRS_PUBLIC_URL"):
        monkeypatch.setenv(name, str(getattr(settings, name[4:].lower())))
    clients.create_client(
        world.db, "vendor", now=world.clock(), scopes=scopes.SCOPES, controlled_by="vendor", label="test",
        vendor_wide=True, key="test-key", secret="test-secret",
    )  # fmt: skip
    return Asking(world, create_app(settings, world.db), auth())


def editor(world: World) -> Editor:
    return Editor(world.db, {"kind": "test", "id": "t", "name": "t"}, world.clock())


def decide(world: World, who: str, **fact: Any) -> None:
    now = world.clock()
    made = Fact(**{"at": now, "decided_at": now, "certification": "sales", **fact})
    manual_decisions.decide_manually(
        world.db, cache_of(world.db).get(fresh=True), world.person(who), made, now
    )
    world.settle()


def test_late_evidence_is_known_from_when_it_was_stored(world: World, ask: Asking) -> None:
    taken = world.clock()
    world.send([done("ana", "https://acme.example/lab", taken)])
    before = world.clock.forward(days=3)
    stored = world.clock.forward(days=1)
    world.send([exam("ana", taken)])
    world.settle()
    world.clock.forward(days=1)
    assert ask.state("ana@example.com", "sales", before) == "in_progress"
    assert ask.state("ana@example.com", "sales", stored - dt.timedelta(seconds=1), at=taken) == "in_progress"
    known = ask("ana@example.com", "sales", stored + dt.timedelta(seconds=1), at=taken)
    assert (known["state"], known["awarded"]) == ("active", f"{taken:%Y-%m-%d}")
    assert ask.state("ana@example.com", "sales", at=taken - dt.timedelta(seconds=1)) == "in_progress"


def test_evidence_later_than_the_bound_is_known_as_accepted_from_then(world: World, ask: Asking) -> None:
    statement = exam("ana", world.clock() - dt.timedelta(days=31))
    world.send([statement])
    world.settle()
    before = world.clock.forward(days=1)
    accepted = world.clock.forward(days=1)
    decide(world, "ana", kind="acceptance", statement=statement["id"])
    world.clock.forward(days=1)
    assert ask.state("ana@example.com", "sales", before) == "pending_review"
    assert ask.state("ana@example.com", "sales", accepted, at=before) == "active"


def test_a_void_is_known_from_when_it_was_stored_and_counts_after_the_settle_time(
    world: World, ask: Asking
) -> None:
    statement = exam("ana", world.clock())
    world.send([statement])
    world.settle()
    voided = world.clock.forward(days=2)
    world.send([voiding(statement["id"])])
    world.settle()
    world.clock.forward(days=2)
    world.settle()
    minute = dt.timedelta(minutes=1)
    assert ask.state("ana@example.com", "sales", voided - minute) == "active"
    assert ask.state("ana@example.com", "sales", voided + 59 * minute) == "active"
    assert ask.state("ana@example.com", "sales", voided + 61 * minute) == "in_progress"
    told = ask("ana@example.com", "sales", voided + 61 * minute, at=voided - minute)
    assert told["state"] == "in_progress"  # annulled from its start
    assert told["tree"][0]["ignored"] == [{"id": statement["id"], "why": "voided"}]


def test_a_hold_that_is_entered_later_is_not_known_before(world: World, ask: Asking) -> None:
    world.send([exam("ana", world.clock())])
    world.settle()
    begins = world.clock.forward(days=2)
    entered = world.clock.forward(days=3)
    decide(world, "ana", kind="hold", reason="misconduct", at=begins)
    world.clock.forward(days=1)
    during = begins + dt.timedelta(days=1)
    assert ask.state("ana@example.com", "sales", entered - dt.timedelta(seconds=1), at=during) == "active"
    assert ask.state("ana@example.com", "sales", entered, at=during) == "suspended"
    assert ask.state("ana@example.com", "sales", at=begins - dt.timedelta(seconds=1)) == "active"


def test_a_version_is_known_from_its_publication(world: World, ask: Asking) -> None:
    world.send([exam("ana", world.clock(), 0.85)])
    world.settle()
    published = world.clock.forward(days=2)
    world.publish(simple(version="2", pass_mark="0.9", more="transition: {existing: re_evaluate}"))
    world.settle()
    world.clock.forward(days=2)
    assert ask.state("ana@example.com", "sales", published - dt.timedelta(seconds=1)) == "active"
    assert ask.state("ana@example.com", "sales") == "in_progress"


def test_a_membership_is_known_from_when_it_was_entered(world: World, ask: Asking) -> None:
    signed = {"context": {"instructor": {"mbox": "mailto:ines@example.com"}}}
    taken = world.clock()
    world.send([exam("ines", taken), done("ana", "https://acme.example/practical", taken, **signed)])
    world.settle()
    entered = world.clock.forward(days=2)
    add_members(editor(world), "assessors", [world.person("ines")], None)
    world.settle()
    world.clock.forward(days=1)
    assert ask.state("ana@example.com", "signed", entered - dt.timedelta(seconds=1)) == "in_progress"
    assert ask.state("ana@example.com", "signed", entered, at=taken) == "active"


@pytest.fixture
def two(world: World) -> World:
    """Return a world in which one human being was seen as two persons, each with half of the evidence."""
    world.send([done("ana", "https://acme.example/pair/exam", world.clock())])
    world.send([done("anna", "https://acme.example/lab", world.clock()), exam("anna", world.clock())])
    world.settle()
    world.clock.forward(days=2)
    return world


def missing(told: Told) -> list[str]:
    return [one["key"] for one in told["tree"] if not one["ok"]]


def test_a_merge_is_known_from_its_instant_and_both_are_apart_before(two: World, ask: Asking) -> None:
    merged = two.clock()
    merge(editor(two), two.person("ana"), two.person("anna"))
    two.settle()
    two.clock.forward(days=1)
    before = merged - dt.timedelta(seconds=1)
    assert ask.state("ana@example.com", "pair", merged) == "active"
    assert missing(ask("ana@example.com", "pair", before)) == ["lab"]
    assert ask.state("ana@example.com", "sales", before) == "in_progress"
    for named in ("anna@example.com", two.person("anna"), mbox("anna")):
        then = ask(named, "pair", before)
        assert (then["person"], missing(then)) == (two.person("anna"), ["exam"])
        assert ask.state(named, "sales", before) == "active"
        assert ask(named, "pair", merged)["person"] == two.person("ana")
    assert ask.state("ana@example.com", "pair", merged, at=before) == "active"  # it was so, though not known


def test_what_people_decided_about_one_is_known_of_the_other_from_the_merge(two: World, ask: Asking) -> None:
    two.send([exam("ana", two.clock())])
    decide(two, "anna", kind="hold", reason="identity")
    merged = two.clock.forward(days=1)
    merge(editor(two), two.person("ana"), two.person("anna"))
    two.settle()
    assert ask.state("ana@example.com", "sales", merged - dt.timedelta(seconds=1)) == "active"
    assert ask.state("ana@example.com", "sales", merged) == "suspended"


def test_a_disqualifier_that_a_merge_brings_takes_the_award_after_the_settle_time(
    world: World, ask: Asking
) -> None:
    """cert#4.9-3: it arrives with the merge, however long it was stored."""
    taken = world.clock()
    world.send([
        done("ana", "https://acme.example/pair/exam", taken), done("ana", "https://acme.example/lab", taken),
    ])  # fmt: skip
    world.send([done("anna", "https://acme.example/cheat", taken - dt.timedelta(days=1), "failed")])
    world.settle()
    merged = world.clock.forward(days=2)
    merge(editor(world), world.person("ana"), world.person("anna"))
    world.settle()
    assert world.standing("ana", "pair").state == "active"
    world.clock.forward(minutes=61)
    world.settle()
    assert world.standing("ana", "pair").state == "in_progress"
    assert ask.state("ana@example.com", "pair", merged + dt.timedelta(minutes=59)) == "active"
    assert ask.state("ana@example.com", "pair") == "in_progress"


def test_a_chain_of_merges_is_told_link_by_link(two: World, ask: Asking) -> None:
    first = two.clock()
    merge(editor(two), two.person("ana"), two.person("anna"))
    two.send([exam("annie", two.clock())])
    two.settle()
    second = two.clock.forward(days=1)
    merge(editor(two), two.person("annie"), two.person("ana"))
    two.settle()
    two.clock.forward(days=1)
    tick = dt.timedelta(seconds=1)
    for at, person in ((first - tick, "anna"), (second - tick, "ana"), (second, "annie")):
        for named in ("anna@example.com", two.person("anna")):
            assert ask(named, "pair", at)["person"] == two.person(person)
    assert ask.state("annie@example.com", "pair") == "active"
    assert ask.state("annie@example.com", "pair", second - tick) == "in_progress"


def test_between_a_split_and_the_merge_that_undoes_it_they_are_apart(two: World, ask: Asking) -> None:
    merge(editor(two), two.person("ana"), two.person("anna"))
    two.settle()
    whole = two.clock.forward(days=1)
    apart = two.clock.forward(days=1)
    made = split(editor(two), two.person("ana"), [mbox("anna")])
    two.settle()
    again = two.clock.forward(days=2)
    two.settle()
    assert two.standing("ana", "pair").state == "in_progress"
    merge(editor(two), two.person("ana"), made["_id"])
    two.settle()
    two.clock.forward(days=1)
    tick = dt.timedelta(seconds=1)
    assert ask.state("ana@example.com", "pair", whole) == "active"
    assert ask.state("ana@example.com", "pair", apart + tick) == "active"  # until the settle time is over
    assert ask.state("ana@example.com", "pair", again - tick) == "in_progress"
    assert ask("anna@example.com", "sales", again - tick)["person"] == made["_id"]
    assert ask.state("anna@example.com", "sales", again - tick) == "active"
    assert ask.state("ana@example.com", "pair") == "active"
    row = next(
        one
        for one in two.db.people.find_one({"_id": two.person("ana")})["ifis"]
        if one["ifi"] == mbox("anna")
    )
    assert [gain["of"] for gain in row["gains"]] == [two.person("anna")]  # as before the split


def test_erasing_leaves_the_identifiers_nowhere_a_merge_or_split_put_them(two: World) -> None:
    from lrs.people.privacy.erasure import erase

    merge(editor(two), two.person("ana"), two.person("anna"))
    two.clock.forward(days=1)
    made = split(editor(two), two.person("ana"), [mbox("anna")])
    two.settle()
    erase(editor(two), made["_id"], mode="pseudonymise", reason="asked")
    assert (
        two.db.people.count_documents({"$or": [{"former.ifi": mbox("anna")}, {"ifis.ifi": mbox("anna")}]})
        == 0
    )
    erase(editor(two), two.person("ana"), mode="pseudonymise", reason="asked")
    kept = json.dumps(list(two.db.people.find({}, {"former": 1, "had": 1, "ifis": 1})), default=str)
    assert "ana@example.com" not in kept
    assert "anna@example.com" not in kept


def test_an_identifier_that_ended_in_the_past_takes_evidence_along_after_the_settle_time(
    world: World,
) -> None:
    """cert#4.9-3: like a split."""
    from lrs.people.records import add_identifier, end_identifier

    world.send([exam("ana", world.clock()), done("bo", "https://acme.example/lab", world.clock())])
    world.settle()
    began = world.clock()
    world.clock.forward(days=2)
    add_identifier(editor(world), world.person("ana"), mbox("spare"))
    end_identifier(editor(world), world.person("ana"), mbox("ana"), began - dt.timedelta(days=1))
    world.settle()
    assert world.standing("ana").state == "active"
    world.clock.forward(minutes=61)
    world.settle()
    assert world.standing("ana").state == "in_progress"
