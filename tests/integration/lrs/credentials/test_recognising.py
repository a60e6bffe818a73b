"""A credential of another issuer counts where a rule recognises it, is told in explain, and falls when its issuer revokes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from factories_academy import ACHIEVEMENT, BASE, DID, LIST, Academy
from factories_credentials import MemorySigner
from factories_engine import World, mbox

from lrs.credentials.recognising import rechecking
from lrs.credentials.recognising.importing import Importer, NotRecognised
from lrs.credentials.recognising.store import RecognitionStore
from lrs.credentials.verifying.verify import Inquiry
from lrs.foundation.audit import Editor
from lrs.people.records import get_person
from rules import rebuild
from rules.catalogue.store import cache_of
from rules.credentials.proving.signing import make_private_key
from rules.engine.identity import new_person, person_id
from rules.explaining.text import as_text
from rules.queries import explain

RULE = """
kind: Certification
id: cloud
version: "{version}"
title: Cloud
effective_from: 2026-01-01
max_lateness: 12 months
evidence:
  course: {{verb: completed, activity: "https://acme.example/cloud"}}
  elsewhere: {{recognises: {{issuer: "{issuer}", achievement: "{achievement}", awarded_within: 6 months}}}}
award:
  when: {{any: [{{done: course}}, {{done: elsewhere, label: Earned elsewhere}}], key: basics}}
on_voided: {{action: recompute, settle: 1 hour}}
validity: {{lasts: 12 months}}
tests:
  - name: a course is an award
    given: [{{who: ana, verb: completed, activity: "https://acme.example/cloud", at: 2026-12-10}}]
    expect: [{{who: ana, at: 2026-12-11, status: active}}]
"""


def rule(issuer=DID, achievement=f"{BASE}/achievements/*", version="1"):
    return RULE.format(issuer=issuer, achievement=achievement, version=version)


class Here(World):
    """An installation, a person of it, and an academy elsewhere."""

    def __post_init__(self):
        super().__post_init__()
        self.academy = Academy(self.clock)
        self.ana = self.person_with("ana")

    def person_with(self, who, **interval):
        made = new_person(person_id(mbox(who)), mbox(who), self.clock())
        made["ifis"] = [row | interval for row in made["ifis"]]
        self.db.people.insert_one(made)
        return get_person(self.db, made["_id"])

    def importer(self):
        editor = Editor(self.db, {"kind": "user", "id": "u", "name": "u"}, self.clock())
        ask = Inquiry(self.academy.get, self.clock())
        return Importer(editor, cache_of(self.db).get(fresh=True), ask, "http://lrs.example")

    def bring(self, copy, person=None):
        found = self.importer().bring(person or self.ana, copy)
        self.settle()
        return found

    def refused(self, copy, person=None):
        before = self.stored()
        with pytest.raises(NotRecognised) as refusal:
            self.importer().bring(person or self.ana, copy)
        assert self.stored() == before
        return str(refusal.value)

    def stored(self):
        counted = ("recognitions", "statements", "audit")
        return [self.db[name].count_documents({}) for name in counted]

    def recheck(self, **later):
        self.clock.forward(**later)
        done = rechecking.recheck(self.db, "http://lrs.example", self.academy.get, self.clock)
        self.settle()
        return done

    def state(self, who="ana"):
        standing = self.standing(who, "cloud")
        return standing if standing is None else standing.state

    def explained(self):
        return as_text(explain(self.db, self.ana["_id"], "cloud", self.clock(), now=self.clock()))


@pytest.fixture
def here(db):
    world = Here(db)
    world.publish(rule())
    return world


FORMS = {
    "token": lambda academy: academy.token(),
    "document": lambda academy: json.dumps(academy.document()).encode(),
    "record": lambda academy: academy.record(academy.document()),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_was_earned_elsewhere_is_evidence_from_the_day_of_its_award(here, form):
    [found] = here.bring(FORMS[form](here.academy))
    assert (found["counts"], found["issuer"], found["achievement"]) == (True, DID, ACHIEVEMENT)
    assert here.state() == "active"
    told = here.explained()
    assert f"recognised 2026-11-12 from {DID}" in told
    assert found["statement"][:4] in told
    award = here.db.awards.find_one({})
    assert award["awarded_at"] == here.clock() - dt.timedelta(days=10)
    assert here.db.audit.count_documents({"action": "credential.recognise"}) == 1


def test_bringing_the_same_again_changes_nothing(here):
    first = here.bring(here.academy.token())
    before = here.stored()
    assert here.bring(here.academy.token()) == first
    assert here.stored() == before


def test_what_its_issuer_revokes_is_taken_back_and_the_award_with_it(here):
    [found] = here.bring(here.academy.token())
    assert here.recheck(hours=1) == 1
    assert here.state() == "active"
    here.academy.revoked.add(7)
    assert here.recheck(days=2) == 1
    here.clock.forward(hours=2)  # the time to settle
    here.settle()
    assert here.state() != "active"
    assert "taken back, its issuer no longer stands by it" in here.explained()
    row = RecognitionStore(here.db).get(found["id"])
    assert (row["reason"], "copy" in row, "stands" in row) == ("its issuer revoked it", False, False)
    assert here.recheck(days=30) == 0
    assert here.db.audit.count_documents({"action": "credential.unrecognise"}) == 1
    assert "status" in here.refused(here.academy.token())


def test_replay_equals_live_after_import_and_taking_back(here):
    here.bring(here.academy.token())
    bo = here.person_with("bo")
    here.bring(here.academy.token("bo@example.com", index=8), bo)
    here.academy.revoked.add(8)
    here.recheck(days=2)
    here.clock.forward(hours=2)
    here.settle()
    assert (here.state("ana"), here.state("bo")) != ("active", "active")
    live = here.states()
    job = rebuild.begin(here.db, here.clock())
    rebuild.run(here.services.engine, job, here.clock)
    assert rebuild.progress(here.db, job).differences == 0
    for name in ("standings", "awards"):
        here.db[name].delete_many({})
    here.services.engine.recompute([here.ana["_id"], bo["_id"]], here.clock())
    here.settle()
    assert here.states() == live


def test_an_issuer_that_does_not_answer_takes_nothing_back(here):
    [found] = here.bring(here.academy.token())
    here.academy.silent = True
    for _ in range(5):
        assert here.recheck(days=2) == 1
    assert here.state() == "active"
    row = RecognitionStore(here.db).get(found["id"])
    assert "no answer" in row["problem"]
    assert row["checked_at"] == dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    here.academy.silent = False
    here.recheck(days=2)
    assert RecognitionStore(here.db).get(found["id"])["problem"] is None


@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"<html>", "three parts"), (b"", "three parts"), (b"{}", "status"), (b"[" * 100_000, "status"), (b"\xff", "status")],
)  # fmt: skip
def test_rubbish_in_place_of_a_status_list_takes_nothing_back(here, answer, told):
    here.bring(here.academy.token())
    here.academy.answers[LIST] = answer
    here.recheck(days=2)
    assert here.state() == "active"
    assert here.db.recognitions.find_one({})["problem"].startswith("status: ")


def test_a_list_signed_by_another_takes_nothing_back(here):
    here.bring(here.academy.token())
    stranger = dataclasses.replace(
        here.academy, signer=MemorySigner({"k2": make_private_key("ES256"), "k3": make_private_key("EdDSA")}),
        revoked={7}, answers={},
    )  # fmt: skip
    here.academy.answers[LIST] = stranger.get(LIST).body
    here.recheck(days=2)
    assert here.state() == "active"


def test_what_ran_out_elsewhere_stays_evidence_and_can_still_be_revoked(here):
    here.bring(here.academy.token(at=here.clock() - dt.timedelta(days=150)))
    here.recheck(days=160)
    row = here.db.recognitions.find_one({})
    assert (row["problem"], here.state()) == (None, "active")
    assert row["check_at"] - here.clock() > dt.timedelta(days=6)
    here.academy.revoked.add(7)
    here.recheck(days=8)
    assert "stands" not in here.db.recognitions.find_one({})


def test_an_import_that_was_cut_off_is_told_by_the_worker(here, monkeypatch):
    def cut(*_args):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("lrs.credentials.recognising.telling.tell", cut)
        with pytest.raises(SystemExit):
            here.importer().bring(here.ana, here.academy.token())
    assert here.state() is None
    here.recheck(minutes=11)
    assert here.state() == "active"
    assert here.db.statements.count_documents({}) == 1


def test_a_taking_back_that_was_cut_off_is_done_again(here, monkeypatch):
    here.bring(here.academy.token())
    here.academy.revoked.add(7)
    with monkeypatch.context() as patch:
        patch.setattr(RecognitionStore, "take_back", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            here.recheck(days=2)
    here.recheck(minutes=11)
    assert "stands" not in here.db.recognitions.find_one({})
    assert here.db.statements.count_documents({}) == 2


REFUSED = {
    "a changed byte": (lambda a: a.token()[:-6] + b"AAAAAA", "signature"),
    "a revoked one": (lambda a: (a.revoked.add(7), a.token())[1], "status"),
    "one that is over": (lambda a: a.token(at=a.now() - dt.timedelta(days=400)), "dates"),
    "one that is not valid yet": (lambda a: a.token(at=a.now() + dt.timedelta(days=2)), "dates"),
    "an old award in a new dress": (
        lambda a: a.token(awarded_at=a.now() - dt.timedelta(days=250)), "awarded too long ago"
    ),
    "somebody else's": (lambda a: a.token("bo@example.com"), "another mail address"),
    "one that names nobody": (lambda a: a.token(None), "whom it was made for"),
    "an unknown achievement": (
        lambda a: a.token(credentialSubject=subject(a, id="https://other.example/x")), "no rule recognises this"
    ),
    "an achievement that no statement can name": (
        lambda a: a.token(credentialSubject=subject(a, id=f"{BASE}/achievements/{{x}}")), "told as a statement"
    ),
    "an issuer whose keys are not there": (
        lambda a: (a.answers.update({f"{BASE}/.well-known/did.json": b"{}"}), a.token())[1], "signature"
    ),
    "an issuer that is silent": (lambda a: (setattr(a, "silent", True), a.token())[1], "no answer"),
    "no credential": (lambda _: b"hello", "three parts"),
    "nothing": (lambda _: b"", ""),
    "deep JSON": (lambda _: b'{"a":' * 50_000 + b"1" + b"}" * 50_000, ""),
    "half a picture": (lambda _: b"\x89PNG\r\n\x1a\n", ""),
    "an address inside": (lambda _: b"https://127.0.0.1/credential", "not there"),
    "a record of somebody else's": (
        lambda a: a.record(a.document("bo@example.com"), email="ana@example.com"), "another mail address"
    ),
}  # fmt: skip


def subject(academy, **changes):
    found = academy.claims()["credentialSubject"]
    return {**found, "achievement": {**found["achievement"], **changes}}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_and_nothing_changed(here, name):
    make, told = REFUSED[name]
    assert told in here.refused(make(here.academy))


def test_an_issuer_that_no_rule_names_is_refused_by_its_name(here):
    stranger = dataclasses.replace(here.academy)
    stranger.issuer = dataclasses.replace(stranger.issuer, did="did:web:stranger.example")
    did = stranger.get(f"{BASE}/.well-known/did.json").body
    here.academy.answers["https://stranger.example/.well-known/did.json"] = did
    here.academy.answers[LIST] = stranger.get(LIST).body
    assert "no rule recognises it from did:web:stranger.example" in here.refused(stranger.token())


def test_what_counts_for_one_counts_for_nobody_else(here):
    twice = here.academy.claims()
    twice["credentialSubject"]["identifier"] += here.academy.claims("bo@example.com")["credentialSubject"][
        "identifier"
    ]
    copy = here.academy.sign(twice)
    here.bring(copy)
    assert "somebody else already" in here.refused(copy, here.person_with("bo"))


def test_a_record_binds_what_its_own_issuer_put_into_it(here):
    bare = here.academy.document(None)
    [found] = here.bring(here.academy.record(bare, email="ana@example.com"))
    assert found["counts"]


def test_a_record_of_another_issuer_binds_nothing(here):
    wrapped = dataclasses.replace(here.academy)
    wrapped.issuer = dataclasses.replace(wrapped.issuer, did="did:web:wrapper.example")
    record = json.loads(wrapped.record(here.academy.document(None), email="ana@example.com"))
    del record["credentialStatus"], record["proof"]
    here.academy.answers["https://wrapper.example/.well-known/did.json"] = wrapped.get(
        f"{BASE}/.well-known/did.json"
    ).body
    assert "whom it was made for" in here.refused(json.dumps(wrapped.prove(record)).encode())


def test_of_a_record_the_parts_that_are_recognised_count(here):
    other = here.academy.document(
        index=8, credentialSubject=subject(here.academy, id="https://other.example/x")
    )
    found = here.bring(here.academy.record(here.academy.document(), other))
    assert [one["achievement"] for one in found] == [ACHIEVEMENT]


def test_an_identifier_has_to_reach_back_to_the_award(here):
    late = here.person_with("late", **{"from": here.clock() - dt.timedelta(days=1)})
    assert "reaches back" in here.refused(here.academy.token("late@example.com"), late)


def test_nobody_else_can_write_such_a_statement(here):
    forged = {
        "actor": {"mbox": "mailto:ana@example.com"}, "object": {"id": ACHIEVEMENT},
        "verb": {"id": "https://laurel.example/verbs/recognised"}, "timestamp": here.clock().isoformat(),
        "context": {"extensions": {"https://laurel.example/extensions/issuer": DID}},
    }  # fmt: skip
    here.send([forged])
    here.settle()
    assert here.state() == "in_progress"
    assert "source not accepted" in here.explained()


def test_a_newer_version_that_names_other_issuers_is_seen_by_its_plan(here):
    here.bring(here.academy.token())
    here.clock.forward(days=1)
    stricter = (
        rule(issuer="did:web:else.example", version="2").replace("2026-01-01\n", "2026-11-23\n", 1)
        + "transition: {existing: re_evaluate}\n"
    )
    here.publish(stricter)
    here.settle()
    assert here.state() != "active"
    assert "issuer is not recognised" in here.explained()


def test_an_import_asks_few_addresses(here):
    here.bring(here.academy.token())
    assert (
        sorted(set(here.academy.asked))
        == sorted(here.academy.asked)
        == sorted([f"{BASE}/.well-known/did.json", LIST])
    )
