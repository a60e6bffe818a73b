"""The runner of inline tests: dates, people, orders, tiers, gates (cert#2.10, cert#10)."""

from __future__ import annotations

from typing import Any

import pytest

from rules.checking.load import load
from rules.errors import Problem
from rules.evaluation.timeline import AwardTimeline
from rules.language.model import AnyDocument, Certification
from rules.testing import runner
from rules.testing.files import check_files
from rules.testing.histories import Clock, histories, statement
from rules.testing.runner import CaseResult, case_problems, run_tests

BASE = """\
kind: Certification
id: c
version: "1"
title: C
evidence:
  course: {verb: completed, activity: "https://a.example/course"}
  exam: {verb: [passed, failed, scored], activity: "https://a.example/exam"}
award:
  when: {all: [course, {score: exam, at_least: 0.8, attempt: latest}]}
validity: {lasts: 12 months, timezone: Pacific/Auckland}
"""
CLOCK = Clock("Pacific/Auckland")


def document(tests: str, base: str = BASE) -> AnyDocument:
    loaded = load(base + tests, "c.yaml")
    assert loaded.document is not None, loaded.problems
    return loaded.document


def run(tests: str, base: str = BASE, others: tuple[AnyDocument, ...] = ()) -> list[CaseResult]:
    return run_tests(document(tests, base), others)


def test_a_date_given_is_the_first_instant_and_one_expected_the_last() -> None:
    """cert#2.10: local days of the programme zone, daylight saving included."""
    assert CLOCK.first("2026-01-10").isoformat() == "2026-01-09T11:00:00+00:00"
    assert CLOCK.last("2026-01-10").isoformat() == "2026-01-10T10:59:59.999999+00:00"
    assert CLOCK.first("2026-07-10").isoformat() == "2026-07-09T12:00:00+00:00"
    assert CLOCK.first("2026-01-10T09:00:00+02:00") == CLOCK.last("2026-01-10T07:00:00Z")


def test_an_expected_instant_is_asked_at_that_instant() -> None:
    """cert#10: `expect.at` may be an instant."""
    (result,) = run("""\
tests:
  - name: instants
    given:
      - {who: ana, verb: completed, activity: "https://a.example/course", at: 2026-01-10T10:00:00Z}
      - {who: ana, verb: passed, activity: "https://a.example/exam", score: 0.8, at: 2026-01-10T10:00:00Z}
    expect:
      - {who: ana, at: 2026-01-10T09:59:59Z, status: in_progress, missing: [course, exam]}
      - {who: ana, at: 2026-01-10T10:00:00Z, status: active, awarded: 2026-01-10, expires: 2027-01-10}
""")
    assert result.ok, result.differences


def row(**keys: Any) -> dict[str, Any]:
    return {"who": "ana", "verb": "passed", "activity": "https://a.example/exam", "at": "2026-01-10", **keys}


def test_a_row_becomes_the_evidence_it_describes() -> None:
    """cert#2.10: default client, signer, score, registration and result."""
    plain = statement("1", row(), CLOCK)
    assert (plain.controlled_by, plain.client_label, plain.signer, plain.score) == (
        "vendor",
        None,
        None,
        None,
    )
    assert plain.verb == "http://adlnet.gov/expapi/verbs/passed"
    full = statement("2", row(score={"raw": 3, "max": 4}, by="ines", registration="r", success=True), CLOCK)
    assert (str(full.score), full.scaled, full.raw) == ("0.75", None, 3)
    assert (full.signer, full.registration, full.success) == ("ines", "r", True)


def test_a_client_named_by_its_label_is_not_the_vendor() -> None:
    """cert#10-1: it matches `any` and lists."""
    assert statement("1", {**row(), "from": "portal"}, CLOCK).controlled_by == "partner"
    assert statement("1", {**row(), "from": "portal"}, CLOCK).client_label == "portal"


def test_effective_time_is_the_earlier_of_timestamp_and_stored() -> None:
    """cert#4.1-1."""
    late = statement("1", row(stored="2026-03-01"), CLOCK)
    assert (late.at, late.stored) == (CLOCK.first("2026-01-10"), CLOCK.first("2026-03-01"))
    early = statement("1", row(stored="2025-03-01"), CLOCK)
    assert early.at == early.stored


def test_a_voided_row_is_as_if_never_stored() -> None:
    """cert#10-20."""
    test = {"given": [row(voided=True), row(voided=False)], "expect": [{"who": "ana", "at": "2026-01-10"}]}
    people = histories(test, "c", "UTC", {}, backwards=False)
    assert len(people["ana"].evidence) == 1


def test_everybody_a_test_names_has_a_history_of_their_own() -> None:
    test = {
        "given": [row(), row(who="bo")],
        "holds": {
            "cy": [{"certification": "x", "version": "2", "from": "2026-01-01", "until": "2026-01-31"}]
        },
        "facts": [{"who": "dov", "fact": "hold", "at": "2026-01-01", "until": "2026-01-31"}],
        "groups": {"g": ["ana", "bo"]},
        "expect": [{"who": "eva", "at": "2026-01-10"}],
    }
    people = histories(test, "c", "UTC", {"x": ("1", "2")}, backwards=True)
    assert sorted(people) == ["ana", "bo", "cy", "dov", "eva"]
    (held,) = people["cy"].holds["x"]
    assert (held.from_at.isoformat(), held.version) == ("2026-01-01T00:00:00+00:00", "2")
    assert held.until_at is not None
    assert held.until_at.isoformat() == "2026-02-01T00:00:00+00:00"  # until includes the day
    (fact,) = people["dov"].facts
    assert fact.until is not None
    assert fact.until.isoformat() == "2026-02-01T00:00:00+00:00"
    assert [member.person for member in people["eva"].groups["g"]] == ["ana", "bo"]


ORDERED = """\
tests:
  - name: latest attempt
    given:
      - {who: ana, verb: completed, activity: "https://a.example/course", at: 2026-01-01}
      - {who: ana, verb: passed, activity: "https://a.example/exam", score: 0.9, at: 2026-01-02}
      - {who: ana, verb: failed, activity: "https://a.example/exam", score: 0.5, at: 2026-01-03}
    expect:
      - {who: ana, at: 2026-01-03, status: active}
"""


def test_a_test_that_depends_on_the_order_of_statements_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """cert#2.10: given and reversed order must agree; a decision that looks at the order is caught."""
    real = runner.decide

    def by_order(certification: Any, history: Any, known_at: Any) -> AwardTimeline:
        timeline = real(certification, history, known_at)
        turned = history.evidence[0].id > history.evidence[-1].id
        return real(certification, type(history)(person="x"), known_at) if turned else timeline

    assert run(ORDERED)[0].ok
    monkeypatch.setattr(runner, "decide", by_order)
    (result,) = run(ORDERED)
    assert [str(each) for each in result.differences] == [
        "ana at 2026-01-03: status expected active, observed in_progress with the statements reversed"
    ]


def test_a_failed_test_is_a_problem_at_the_expected_value() -> None:
    """cert#3-4: E402, with expected beside observed."""
    text = BASE + ORDERED.replace("status: active", "status: expired, awarded: 2026-01-05")
    (checked,) = check_files([("c.yaml", text)])
    assert isinstance(checked.document, Certification)
    problems = case_problems(run_tests(checked.document), checked.loaded.positions)
    assert [(each.line, each.column, each.path) for each in problems] == [
        (18, 44, "tests[0].expect[0].status"),
        (18, 62, "tests[0].expect[0].awarded"),
    ]
    assert problems[1].message == (
        "test 'latest attempt': ana at 2026-01-03: awarded expected 2026-01-05, observed 2026-01-02"
    )
    assert {each.code for each in problems} == {"E402"}
    assert all(isinstance(each, Problem) and each.severity == "error" for each in problems)


def test_only_the_keys_given_are_compared() -> None:
    assert run(ORDERED.replace(", status: active", ""))[0].ok


@pytest.mark.parametrize("mode", ["evaluate", "disabled"])
def test_other_modes_are_tested_as_active(mode: str) -> None:
    """cert#10."""
    assert run(ORDERED, BASE.replace("title: C", f"title: C\nmode: {mode}"))[0].ok


def test_a_fault_of_the_engine_is_a_failed_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> AwardTimeline:
        raise KeyError("x")

    monkeypatch.setattr(runner, "decide", broken)
    (result,) = run(ORDERED)
    assert not result.ok
    assert result.error == "the test could not be decided: KeyError: 'x'"


HOLDS = """\
kind: Certification
id: h
version: "1"
title: H
evidence:
  x: {verb: completed, activity: "https://a.example/x"}
award:
  when: {all: [x, {holds: c, version_at_least: "10"}]}
validity: {lasts: forever}
tests:
  - name: versions
    holds:
      ana: [{certification: c, version: "9", from: 2026-01-01}]
      bo: [{certification: c, version: "10", from: 2026-01-01}]
    given:
      - {who: ana, verb: completed, activity: "https://a.example/x", at: 2026-01-01}
      - {who: bo, verb: completed, activity: "https://a.example/x", at: 2026-01-01}
    expect:
      - {who: bo, at: 2026-01-02, status: active, expires: null}
      - {who: ana, at: 2026-01-02, status: STATUS}
"""


def versions() -> tuple[AnyDocument, ...]:
    """Version 9 follows version 10 here, to show that the text of a version does not order it."""
    old = BASE.replace('"1"', '"10"').replace("title: C", "title: C\neffective_from: 2025-01-01")
    new = BASE.replace('"1"', '"9"').replace("title: C", "title: C\neffective_from: 2026-01-01")
    return document("", old), document("", new)


@pytest.mark.parametrize(("others", "status"), [((), "in_progress"), (versions(), "active")])
def test_version_at_least_compares_by_effective_from_where_known(
    others: tuple[AnyDocument, ...], status: str
) -> None:
    """cert#10: else by equality."""
    (result,) = run("", HOLDS.replace("STATUS", status), others)
    assert result.ok, result.differences


TIERS = """\
kind: PartnerTiers
id: p
version: "1"
order: [none, silver]
tiers: {silver: {people_holding: {role: sales}, at_least: 1}}
tests:
  - name: states
    roster:
      north: [{who: ana, holds: [{role: sales, status: renewal_open}]}]
      south: [{who: bo, holds: [{role: sales, status: grace}]}]
    expect: {north: silver, south: SOUTH, east: none}
"""


def test_tiers_are_compared_by_organization() -> None:
    """cert#10: roster status `renewal_open` counts as active; an organization without people has none."""
    assert run("", TIERS.replace("SOUTH", "none"))[0].ok
    (result,) = run("", TIERS.replace("SOUTH", "silver"))
    (difference,) = result.differences
    assert (difference.who, difference.expected, difference.observed) == ("south", "silver", "none")
    assert difference.path == ("tests", 0, "expect", "south")


GATE = """\
kind: Gate
id: g
version: "1"
mode: evaluate
subject: deal
allow_when: {tier_at_least: silver}
refusal: "No, {deal.name}."
tests:
  - name: both
    tiers: {north: silver, south: none}
    roster: {north: [{who: ana}], south: [{who: bo}]}
    expect:
      - {organization: north, submitter: ana, deal: {name: X}, answer: allow}
      - organization: south
        submitter: bo
        deal: {name: X}
        answer: refuse
        failed: [tier_at_least]
        message: "No, X."
      - {organization: south, submitter: ana, deal: {name: X}, failed: [submitter_affiliated, tier_at_least]}
"""


def test_gates_are_answered_in_mode_active_with_the_order_of_another_file() -> None:
    tiers = document("", TIERS.replace("SOUTH", "none"))
    (result,) = run("", GATE, (tiers,))
    assert result.ok, result.differences
    (result,) = run("", GATE.replace("answer: refuse", "answer: allow"), (tiers,))
    assert [str(each) for each in result.differences] == [
        "bo of south: answer expected allow, observed refuse"
    ]


def test_a_gate_without_a_tier_order_cannot_be_run() -> None:
    (result,) = run("", GATE)
    assert result.error == "no programmes are at hand; name the one meant under tiers"


def test_fields_of_the_subject_are_usable_as_the_tier_asked_for() -> None:
    """cert#2.9: in strings of `allow_when`."""
    tiers = document("", TIERS.replace("SOUTH", "none"))
    text = GATE.replace("{tier_at_least: silver}", '{tier_at_least: "{deal.tier}"}').replace(
        "name: X", "name: X, tier: silver"
    )
    (result,) = run("", text, (tiers,))
    assert result.ok, result.differences
