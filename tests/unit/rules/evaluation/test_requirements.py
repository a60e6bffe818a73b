"""Requirements (cert#2.5), attempts and scores (cert#4.3), windows (cert#4.5), cmi5 (cert#2.6), and cert#10 about them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from factories_decisions import (
    BASE,
    certification,
    history,
    instant,
    simple,
    statement,
    status,
    timeline_of,
    version,
)  # fmt: skip

from rules.evaluation.as_of import know
from rules.evaluation.requirements import evidence_for
from rules.evidence.evidence_index import EvidenceView
from rules.evidence.from_statement import score_value
from rules.evidence.history import END_OF_TIME, Held, Membership
from rules.evidence.published import published
from rules.evidence.selectors import CMI5_CATEGORY, CMI5_EXTENSION, XAPI_ADL, is_practice

TODAY = "2026-06-30"


def cert(when: str, evidence: str = "", within: str = "", renewal: str = "") -> Any:
    names = "".join(
        f'  {n}: {{verb: [completed, passed, failed, scored], activity: "{BASE}{n}"}}\n' for n in "abcdx"
    )
    span = f"  within: {within}\n" if within else ""
    return certification(
        f"evidence:\n{names}{evidence}award:\n{span}  when: {when}\nvalidity: {{lasts: forever}}\n{renewal}"
    )


def missing(rule: Any, *evidence: Any, at: str = TODAY, **values: Any) -> tuple[str, ...]:
    found = status(timeline_of(rule, *evidence, **values), at)
    return () if found.state == "active" else found.missing


A, B, C = (statement(name, f"2026-01-0{i}") for i, name in enumerate("abc", 1))


@pytest.mark.parametrize(
    ("when", "evidence", "keys"),
    [
        ("{all: [a, b, c]}", [B], ("a", "c")),
        ("{any: [a, b]}", [], ("any",)),
        ("{any: [a, b]}", [B], ()),
        ("{at_least: 2, of: [a, b, c]}", [A], ("at_least_2",)),
        ("{at_least: 2, of: [a, b, c]}", [A, C], ()),
        ("a", [], ("a",)),
        ("{score: a, at_least: 0.8}", [A], ("a",)),
        ("{holds: prior}", [], ("holds_prior",)),
        ("{count: a, at_least: 2}", [A], ("a",)),
        ("{sum: a, field: score.scaled, at_least: 2}", [A], ("a",)),
        ("{in_order: [a, b]}", [A], ("in_order",)),
        ("{all: [{done: a, key: start}, {any: [b, c], key: either}]}", [], ("start", "either")),
        ("{all: [{all: [a, b], key: basics}, c]}", [A], ("basics", "c")),
        ("{all: [{all: [a, b]}, {any: [c, d]}]}", [A], ("b", "any")),
    ],
)
def test_missing_keys_of_each_form(when: str, evidence: list[Any], keys: tuple[str, ...]) -> None:
    assert missing(cert(when), *evidence) == keys


def test_an_entry_counts_once_however_often_it_was_repeated() -> None:
    again = statement("a", "2026-02-01")
    assert missing(cert("{at_least: 2, of: [a, b, c]}"), A, again) == ("at_least_2",)


# Scores (cert#4.3)

R1, R2 = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
TRIES = [
    statement("a", "2026-01-01", score=0.9, registration=R1),
    statement("a", "2026-01-02", score=0.5, registration=R1),
    statement("a", "2026-01-03", score=0.7, registration=R2),
    statement("a", "2026-01-04", score=0.6),
]


@pytest.mark.parametrize(
    ("attempt", "reached", "not_reached"),
    [("best", "0.7", "0.71"), ("latest", "0.6", "0.61"), ("first", "0.5", "0.51"), ("any", "0.9", "0.91")],
)
def test_attempts_have_the_value_of_their_newest_scored_statement(
    attempt: str, reached: str, not_reached: str
) -> None:
    def met(at_least: str) -> bool:
        rule = cert(f"{{score: a, at_least: {at_least}, attempt: {attempt}}}")
        late = statement("x", "2026-02-01")  # a candidate instant after all tries
        return evidence_at(rule, [*TRIES, late], "2026-02-01")

    assert met(reached)
    assert not met(not_reached)


def evidence_at(rule: Any, evidence: list[Any], at: str) -> bool:
    known = know(published(version(rule)), history(*evidence), END_OF_TIME)
    return evidence_for(rule.award.when, EvidenceView(known.evidence_index(0)), instant(at)) is not None


def test_ties_in_effective_time_are_broken_by_stored_then_id() -> None:
    at = "2026-01-01"
    one = statement("a", at, score=0.9, registration=R1, stored="2026-01-03", id="z")
    two = statement("a", at, score=0.5, registration=R1, stored="2026-01-02", id="y")
    three = statement("a", at, score=0.4, registration=R1, stored="2026-01-02", id="x")
    assert evidence_at(cert("{score: a, at_least: 0.9}"), [one, two, three], at)
    assert not evidence_at(cert("{score: a, at_least: 0.45}"), [two, three][::-1][:1], at)
    assert evidence_at(cert("{score: a, at_least: 0.45, attempt: latest}"), [two, three], at)


@pytest.mark.parametrize(
    ("score", "value"),
    [
        ({"scaled": 0.8}, Decimal("0.8")),
        ({"scaled": 0.8, "raw": 1, "max": 100}, Decimal("0.8")),
        ({"raw": 8, "max": 10}, Decimal("0.8")),
        ({"raw": 8, "min": 3, "max": 10}, Fraction(5, 7)),
        ({"raw": 1, "max": 3}, Fraction(1, 3)),
        ({"raw": 8}, None),
        ({"raw": 8, "min": 10, "max": 10}, None),
        ({"min": 0, "max": 10}, None),
        ({"raw": True, "max": 10}, None),
        ({}, None),
    ],
)
def test_score_value_of_4_3_2(score: dict[str, Any], value: Any) -> None:
    assert score_value(score) == value


def test_scores_compare_exactly_in_decimals() -> None:
    assert missing(cert("{score: a, at_least: 0.80}"), statement("a", "2026-01-01", score="0.8")) == ()
    assert missing(
        cert("{score: a, at_least: 0.80}"), statement("a", "2026-01-01", score="0.7999999999999999")
    ) == ("a",)


# Counting and adding


def test_count_distinct() -> None:
    two_registrations = [
        statement("a", "2026-01-01", registration=R1),
        statement("a", "2026-01-02", registration=R1),
        statement("a", "2026-01-03"),
        statement("a", "2026-01-04"),
    ]
    assert missing(cert("{count: a, at_least: 4}"), *two_registrations) == ()
    assert missing(cert("{count: a, at_least: 3, distinct: registration}"), *two_registrations) == ()
    assert missing(cert("{count: a, at_least: 4, distinct: registration}"), *two_registrations) == ("a",)
    assert missing(cert("{count: a, at_least: 2, distinct: activity}"), *two_registrations) == ("a",)


def test_sum_takes_the_highest_per_distinct_value_and_skips_non_numbers() -> None:
    credits_ = "https://acme.example/xapi/credits"

    def earned(at: str, value: Any, activity: str = "a") -> Any:
        return statement("a", at, result_extensions={credits_: value}, activity=BASE + activity)

    extra = f'  ce: {{verb: completed, activity: "{BASE}*"}}\n'
    rule = cert(f"{{sum: ce, field: '{credits_}', distinct: activity, at_least: 10.5}}", extra)
    rows = [
        earned("2026-01-01", 4),
        earned("2026-01-02", 6.5),
        earned("2026-01-03", "9"),
        earned("2026-01-04", 4, "b"),
    ]
    assert missing(rule, *rows) == ()
    assert missing(rule, *rows[:3]) == ("ce",)


def test_sum_of_score_scaled_skips_statements_with_raw_values_only() -> None:
    only_raw = statement("a", "2026-01-01")
    assert missing(cert("{sum: a, field: score.scaled, at_least: 0.5}"), only_raw) == ("a",)


# Sequences


def test_in_order_wants_non_decreasing_times_and_a_statement_for_each_name() -> None:
    rule = cert("{in_order: [a, b, a]}")
    assert missing(rule, A, B) == ("in_order",)
    assert missing(rule, A, B, statement("a", "2026-01-05")) == ()
    same = [
        statement("a", "2026-01-01", id="1"),
        statement("b", "2026-01-01", id="2"),
        statement("a", "2026-01-01", id="3"),
    ]
    assert missing(rule, *same) == ()


def test_in_order_uses_each_statement_once() -> None:
    both = f'  wide: {{verb: completed, activity: "{BASE}*"}}\n'
    rule = cert("{in_order: [wide, a]}", both)
    only = statement("a", "2026-01-01", id="1")
    assert missing(rule, only) == ("in_order",)
    assert missing(rule, only, statement("b", "2026-01-01", id="2")) == ()
    assert missing(rule, only, statement("a", "2026-01-01", id="3")) == ()


def test_in_order_within_counts_local_dates_and_the_last_day_counts() -> None:
    rule = cert("{in_order: [a, b], within: 10 days}")
    assert missing(rule, statement("a", "2026-01-01T08:00:00Z"), statement("b", "2026-01-11T22:00:00Z")) == ()
    assert missing(rule, A, statement("b", "2026-01-12")) == ("in_order",)
    assert missing(rule, A, statement("a", "2026-01-05"), statement("b", "2026-01-12")) == ()


# Disqualification


def test_a_disqualifier_at_or_before_t_blocks_and_a_later_one_does_not_end_an_award() -> None:
    rule = cert("{done: a, disqualified_by: x}")
    assert missing(rule, A, statement("x", "2026-01-01", id="x")) == ("a",)
    assert missing(rule, A, statement("x", "2026-01-02")) == ()


def test_disqualifiers_of_any_time_count_whatever_within_admits() -> None:
    rule = cert("{all: [a, b], disqualified_by: x}", within="1 month")
    rows = [statement("x", "2020-01-01"), A, B]
    assert missing(rule, *rows, at="2026-01-05") == ("x",)


# Prerequisites


def held(from_at: str, until: str | None, version: str = "1", state: Any = "active") -> Any:
    return {"prior": (Held(instant(from_at), instant(until) if until else None, version, state),)}


def test_the_start_of_a_prerequisite_is_a_candidate_and_its_later_end_does_not_matter() -> None:
    timeline = timeline_of(cert("{all: [a, {holds: prior}]}"), A, holds=held("2026-03-01", "2026-04-01"))
    assert timeline.periods[0].awarded_at == instant("2026-03-01")
    assert status(timeline, TODAY).state == "active"


def test_holds_wants_the_status_listed() -> None:
    grace = held("2026-01-01", None, state="grace")
    assert missing(cert("{all: [a, {holds: prior}]}"), A, holds=grace) == ("holds_prior",)
    assert missing(cert("{all: [a, {holds: prior, status: [active, grace]}]}"), A, holds=grace) == ()


def test_version_at_least_compares_by_effective_from_where_known_else_by_equality() -> None:
    rule = cert('{all: [a, {holds: prior, version_at_least: "9"}]}')
    ten = held("2026-01-01", None, "10")
    assert missing(rule, A, holds=ten) == ("holds_prior",)
    assert missing(rule, A, holds=ten, version_order={"prior": ("9", "10")}) == ()
    assert missing(rule, A, holds=ten, version_order={"prior": ("10", "9")}) == ("holds_prior",)
    assert missing(rule, A, holds=held("2026-01-01", None, "9")) == ()


def test_prerequisites_are_exempt_from_within() -> None:
    rule = cert("{all: [a, {holds: prior}]}", within="1 month")
    assert missing(rule, A, holds=held("2020-01-01", None)) == ()


# Windows (cert#4.5)


def test_the_last_day_of_the_span_counts() -> None:
    rule = cert("{all: [a, b]}", within="1 month")
    first = statement("a", "2026-01-31T10:00:00Z")
    assert missing(rule, first, statement("b", "2026-02-28T23:59:59Z")) == ()
    assert missing(rule, first, statement("b", "2026-03-01"), at="2026-03-01") == ("a",)


def test_attempts_are_formed_from_the_statements_that_the_window_admits() -> None:
    rule = cert("{all: [{score: a, at_least: 0.8}, b]}", within="1 month")
    rows = [
        statement("a", "2026-01-01", score=0.9, registration=R1),
        statement("a", "2026-02-20", score=0.5, registration=R1),
        statement("b", "2026-03-01"),
    ]
    assert missing(rule, *rows, at="2026-03-01") == ("a",)
    assert missing(rule, rows[0], statement("b", "2026-02-01")) == ()
    both = [rows[0], statement("a", "2026-01-20", score=0.5, registration=R1), statement("b", "2026-02-01")]
    assert missing(rule, *both, at="2026-02-01") == ("a",)


# Selectors


def test_signed_by_wants_a_member_at_the_effective_time_who_is_not_the_person() -> None:
    extra = f'  lab: {{verb: passed, activity: "{BASE}lab", signed_by: {{group: assessors, not: self}}}}\n'
    rule = cert("lab", extra)
    groups = {
        "assessors": (Membership("ines", instant("2026-01-01"), instant("2026-02-01")), Membership("ana"))
    }

    def signed(by: str | None, at: str) -> tuple[str, ...]:
        return missing(rule, statement("lab", at, verb="passed", signer=by), groups=groups)

    assert signed("ines", "2026-01-15") == ()
    assert signed("ines", "2026-02-15") == ("lab",)
    assert signed("ana", "2026-01-15") == ("lab",)
    assert signed("zoe", "2026-01-15") == ("lab",)
    assert signed(None, "2026-01-15") == ("lab",)


@pytest.mark.parametrize(
    ("source", "label", "controlled_by", "accepted"),
    [
        ("", "lms", "vendor", True),
        ("", "lms", "partner", False),
        (", from: any", "lms", "partner", True),
        (", from: [exams]", "lms", "vendor", False),
        (", from: [exams, lms]", "lms", "partner", True),
    ],
)
def test_sources(source: str, label: str, controlled_by: Any, accepted: bool) -> None:
    rule = cert("e", f'  e: {{verb: passed, activity: "{BASE}e"{source}}}\n')
    row = statement("e", "2026-01-01", verb="passed", client_label=label, controlled_by=controlled_by)
    assert (missing(rule, row) == ()) is accepted


def test_result_and_context_must_be_equal_or_contained() -> None:
    extra = (
        f'  e: {{verb: passed, activity: "{BASE}e", '
        "result: {success: true, extensions: {'https://x.example/n': 2}}, "
        "context: {category: 'https://x.example/c', platform: web, extensions: {'https://x.example/k': v}}}\n"
    )
    good: dict[str, Any] = {
        "success": True,
        "result_extensions": {"https://x.example/n": 2.0},
        "category": ("https://x.example/c", "https://x.example/d"),
        "platform": "web",
        "context_extensions": {"https://x.example/k": "v"},
    }
    rule = cert("e", extra)
    assert missing(rule, statement("e", "2026-01-01", verb="passed", **good)) == ()
    for key, bad in {
        "success": None,
        "result_extensions": {"https://x.example/n": True},
        "category": (),
        "platform": "app",
        "context_extensions": {},
    }.items():
        assert missing(rule, statement("e", "2026-01-01", verb="passed", **(good | {key: bad}))) == ("e",), (
            key
        )


@pytest.mark.parametrize("verb", ["passed", "failed", "completed"])
@pytest.mark.parametrize("success", [None, True, False])
@pytest.mark.parametrize("completion", [None, True, False])
def test_a_result_only_takes_back_what_its_own_verb_says(
    verb: str, success: bool | None, completion: bool | None
) -> None:
    """cert#2.4-1: alike for each verb; a value that is missing takes nothing back."""
    taken_back = {"passed": success is False, "failed": success is True, "completed": completion is False}
    said = statement("a", "2026-01-01", verb=verb, success=success, completion=completion)
    assert missing(cert("a"), said) == (("a",) if taken_back[verb] else ())


@pytest.mark.parametrize(
    "extensions",
    [
        {CMI5_EXTENSION + "launchmode": "Browse"},
        {CMI5_EXTENSION + "launchmode": "Review"},
        {"https://w3id.org/xapi/scorm/cmi.mode": "browse"},
        {"https://w3id.org/xapi/scorm/cmi.credit": "no-credit"},
    ],
)
def test_practice_modes_never_match(extensions: dict[str, str]) -> None:
    practice = any(is_practice(k, v) for k, v in extensions.items())
    assert missing(cert("a"), statement("a", "2026-01-01", practice=practice)) == ("a",)


def test_prefix_matches_the_text_before_the_star() -> None:
    rule = cert("e", f'  e: {{verb: passed, activity: "{BASE}course/*"}}\n')
    for activity, ok in ((BASE + "course/", True), (BASE + "course/1", True), (BASE + "course", False)):
        row = statement("e", "2026-01-01", verb="passed", activity=activity)
        assert (missing(rule, row) == ()) is ok


# cmi5 (cert#2.6)

AU = "https://acme.example/au/1"
MOVEON = "https://w3id.org/xapi/cmi5/context/categories/moveon"
SESSION = CMI5_EXTENSION + "sessionid"
CMI5_RULE = cert("unit", f'  unit: {{cmi5: {{au: "{AU}", moveon: met}}}}\n')


def au(verb: str, minute: int, *, session: str = "s1", registration: str = R1, **values: Any) -> Any:
    decided = verb in {"passed", "completed", "failed", "waived"}
    ends = XAPI_ADL + verb if verb in {"waived", "abandoned", "satisfied"} else verb
    context = {SESSION: session} | values.pop("context", {})
    return statement(
        verb,
        instant("2026-01-01") + dt.timedelta(minutes=minute),
        id=f"{verb}-{minute}-{registration[:1]}",
        verb=ends,
        activity="https://lms.example/launch/1",
        grouping=(AU,),
        category=(CMI5_CATEGORY, MOVEON) if decided else (CMI5_CATEGORY,),
        success=verb == "passed" or None,
        completion=verb == "completed" or None,
        registration=registration,
        context_extensions=context,
        **values,
    )


def launched(move_on: str, mastery: float | None = None, mode: str = "Normal", **values: Any) -> Any:
    context: dict[str, Any] = {CMI5_EXTENSION + "moveon": move_on, CMI5_EXTENSION + "launchmode": mode}
    if mastery is not None:
        context[CMI5_EXTENSION + "masteryscore"] = mastery
    return au("launched", 0, context=context, practice=mode != "Normal", **values)


@pytest.mark.parametrize(
    ("move_on", "verbs", "met_by"),
    [
        ("Passed", ["passed"], ["passed-1-1"]),
        ("Passed", ["completed"], None),
        ("Completed", ["completed"], ["completed-1-1"]),
        ("CompletedAndPassed", ["completed"], None),
        ("CompletedAndPassed", ["passed", "completed"], ["passed-1-1", "completed-2-1"]),
        ("CompletedOrPassed", ["passed", "completed"], ["passed-1-1"]),
        ("NotApplicable", [], ["launched-0-1"]),
    ],
)
def test_move_on_is_met_by(move_on: str, verbs: list[str], met_by: list[str] | None) -> None:
    timeline = timeline_of(CMI5_RULE, launched(move_on), *(au(v, i) for i, v in enumerate(verbs, 1)))
    assert [list(p.evidence) for p in timeline.periods] == ([met_by] if met_by else [])


def test_passed_below_the_mastery_score_does_not_count() -> None:
    assert missing(CMI5_RULE, launched("Passed", 0.8), au("passed", 1, score=0.7)) == ("unit",)
    assert missing(CMI5_RULE, launched("Passed", 0.8), au("passed", 1, score=0.8)) == ()


def test_both_statements_must_be_of_one_registration() -> None:
    rows = [launched("CompletedAndPassed"), au("passed", 1), au("completed", 2, registration=R2)]
    assert missing(CMI5_RULE, *rows, launched("CompletedAndPassed", registration=R2)) == ("unit",)


@pytest.mark.parametrize("end", ["terminated", "abandoned"])
def test_statements_after_the_end_of_their_session_do_not_count(end: str) -> None:
    assert missing(CMI5_RULE, launched("Passed"), au(end, 1), au("passed", 2)) == ("unit",)
    assert missing(CMI5_RULE, launched("Passed"), au(end, 2), au("passed", 1)) == ()
    assert missing(CMI5_RULE, launched("Passed"), au(end, 1, session="s0"), au("passed", 2)) == ()


def test_only_cmi5_defined_statements_count() -> None:
    allowed = au("passed", 1)._replace(category=(CMI5_CATEGORY,))
    assert missing(CMI5_RULE, launched("Passed"), allowed) == ("unit",)


def test_waived_with_a_reason_from_an_accepted_source_meets_any_move_on() -> None:
    reason = {"https://w3id.org/xapi/cmi5/result/extensions/reason": "Administrative"}
    rows = [launched("CompletedAndPassed")]
    assert missing(CMI5_RULE, *rows, au("waived", 1)) == ("unit",)
    assert missing(CMI5_RULE, *rows, au("waived", 1, result_extensions=reason)) == ()
    foreign = au("waived", 1, result_extensions=reason, controlled_by="partner")
    assert missing(CMI5_RULE, *rows, foreign) == ("unit",)


def test_a_session_in_browse_mode_does_not_count_for_any_selector() -> None:
    rows = [launched("Passed", mode="Browse"), au("passed", 1)]
    assert missing(CMI5_RULE, *rows) == ("unit",)
    plain = simple()
    browsed = statement("exam", "2026-01-02", context_extensions={SESSION: "s1"})
    assert status(timeline_of(plain, rows[0], browsed), TODAY).state == "in_progress"
