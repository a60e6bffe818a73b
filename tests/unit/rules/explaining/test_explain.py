"""Explanations: labels, observed against required, evidence, near misses, next dates (cert#6-3, cert#6-4)."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from factories_decisions import BASE, certification, fact, history, last, simple, statement, version

from rules.evaluation.evaluate import decide
from rules.evidence.history import END_OF_TIME, Held, Membership, PublishedRelease
from rules.evidence.published import published
from rules.explaining.explain import Explanation, as_dict, explain
from rules.explaining.text import as_text
from rules.wording.phrases import percent, plural

SALES = certification(
    "".join(["evidence:\n"] + [f'  {n}: {{verb: completed, activity: "{BASE}{n}"}}\n' for n in ("overview", "competitive", "demo")])
    + f'  exam: {{verb: [passed, failed], activity: "{BASE}exam"}}\n'
    + """award:
  within: 12 months
  when:
    all:
      - {done: overview, label: Overview}
      - {done: competitive, label: Competitive}
      - {done: demo, label: Demo}
      - {score: exam, at_least: 0.80, label: "Sales exam, 80 % or better"}
validity: {lasts: 12 months}
renewal: {opens: 90 days, grace: 30 days, when: {score: exam, at_least: 0.80}}
""",
    id="sales-pro",
    version='"3"',
)  # fmt: skip

ROWS = [
    statement("overview", "2026-01-10", id="6f1c-0"),
    statement("competitive", "2026-01-11", id="9a02-0"),
    statement("exam", "2026-01-12", score="0.62", verb="failed", id="1111-0"),
    statement("exam", "2026-02-01", score="0.91", id="41d7-0"),
    statement("exam", "2026-02-03", score="0.70", verb="failed", id="2222-0"),
]


def told(rule: Any, at: str, *rows: Any, **values: Any) -> Explanation:
    return explain(published(version(rule)), history(*rows, **values), END_OF_TIME, last(at))


def test_text_of_an_award_that_is_not_there_yet() -> None:
    assert as_text(told(SALES, "2026-02-28", *ROWS)).splitlines() == [
        "sales-pro v3  ana  not yet (3 of 4)",
        "  ok   Overview                     completed 2026-01-10  stmt 6f1c…",
        "  ok   Competitive                  completed 2026-01-11  stmt 9a02…",
        "  --   Demo                         nothing yet",
        "  ok   Sales exam, 80 % or better   best 91 % of 3 attempts, 2026-02-01  stmt 41d7…",
        "If Demo is done by 2027-01-10 the overview still counts (12-month span).",
    ]


def test_json_carries_the_same_tree() -> None:
    found = as_dict(told(SALES, "2026-02-28", *ROWS))
    assert (found["state"], found["met"], found["of"]) == ("in_progress", 3, 4)
    assert found["tree"][3] == {
        "key": "exam",
        "label": "Sales exam, 80 % or better",
        "ok": True,
        "observed": "best 91 % of 3 attempts, 2026-02-01",
        "required": "80 % or better, best attempt",
        "evidence": [{"id": "41d7-0", "at": "2026-02-01T00:00:00Z"}],
        "ignored": [],
    }
    assert found["next"][0]["at"] == "2027-01-10"


def test_an_active_award_shows_what_it_was_given_for_and_its_dates() -> None:
    text = as_text(told(SALES, "2026-04-01", *ROWS, statement("demo", "2026-03-10", id="7777-0")))
    assert text.splitlines()[0] == "sales-pro v3  ana  active (4 of 4)  until 2027-03-10"
    assert "The renewal window opens on 2026-12-10." in text


@pytest.mark.parametrize(
    ("at", "words"), [("2027-01-05", "active, renewal open"), ("2027-03-20", "renewal overdue")]
)
def test_an_open_window_asks_for_the_renewal(at: str, words: str) -> None:
    found = told(SALES, at, *ROWS, statement("demo", "2026-03-10", id="7777-0"))
    assert words in as_text(found)
    assert [(n.key, n.ok) for n in found.tree] == [("exam", False)]
    assert "Renewal is accepted until 2027-04-09." in [n.what for n in found.next]


MISSES = [
    ({"controlled_by": "partner"}, "source not accepted"),
    ({"voided_at": "2026-01-02"}, "voided"),
    ({"score": None}, "no score"),
    ({"signer": "ana"}, "self-signed"),
    ({"signer": None}, "not signed"),
    ({"signer": "zoe"}, "signer is not in assessors"),
    ({"practice": True}, "practice mode"),
    ({"success": False}, "verb and result contradict each other"),
    ({"platform": "app"}, "context differs"),
]


@pytest.mark.parametrize(("values", "why"), MISSES)
def test_near_misses_say_why(values: dict[str, Any], why: str) -> None:
    rule = certification(
        f'evidence:\n  lab: {{verb: passed, activity: "{BASE}lab", context: {{platform: web}}, '
        "signed_by: {group: assessors, not: self}}\n"
        "award: {when: {score: lab, at_least: 0.5}}\nvalidity: {lasts: forever}\n"
    )
    groups = {"assessors": (Membership("ines"), Membership("ana"))}
    good: dict[str, Any] = {
        "verb": "passed",
        "signer": "ines",
        "score": "0.9",
        "platform": "web",
        "id": "row",
    }
    assert (
        told(rule, "2026-05-01", statement("lab", "2026-01-01", **good), groups=groups).tree[0].ignored == ()
    )
    found = told(rule, "2026-05-01", statement("lab", "2026-01-01", **(good | values)), groups=groups)
    assert [(i.id, i.why) for i in found.tree[0].ignored] == [("row", why)]


def test_statements_outside_the_span_are_near_misses() -> None:
    old = statement("overview", "2024-01-10", id="old")
    found = told(SALES, "2026-02-28", old)
    assert [(i.id, i.why) for i in found.tree[0].ignored] == [("old", "older than the 12 months span")]


def test_text_counts_near_misses_of_one_kind() -> None:
    rows = [statement("exam", f"2026-01-0{i}", controlled_by="partner", id=f"a{i}bcd") for i in (1, 2, 3)]
    assert "         not counted   source not accepted  3 statements" in as_text(
        told(simple(), "2026-05-01", *rows)
    )
    assert "source not accepted  stmt a1bc…" in as_text(told(simple(), "2026-05-01", rows[0]))


def test_a_late_statement_says_so() -> None:
    late = statement("exam", "2026-01-01", stored="2026-06-01", id="late")
    found = told(simple(when="{all: [exam, other]}"), "2026-07-01", late)
    assert [(i.id, i.why) for i in found.tree[0].ignored] == [("late", "late")]


def test_a_rejected_late_statement_says_so() -> None:
    late = statement("exam", "2026-01-01", stored="2026-06-01", id="late")
    verdict = fact("acceptance", "2026-06-02", statement="late", allowed=False)
    found = told(simple(), "2026-07-01", late, facts=(verdict,))
    assert [i.why for i in found.tree[0].ignored] == ["late, rejected by a reviewer"]


def test_choices_show_their_parts_and_the_nearest_path() -> None:
    names = "".join(
        f'  {n}: {{verb: passed, activity: "{BASE}{n}"}}\n' for n in ("network", "storage", "identity")
    )
    rule = certification(
        f"evidence:\n{names}award: {{when: {{at_least: 2, of: [network, storage, identity], label: Electives}}}}\n"
        "validity: {lasts: forever}\n"
    )
    found = told(rule, "2026-05-01", statement("network", "2026-01-01", verb="passed", id="n"))
    assert (found.met, found.of) == (0, 1)
    assert found.tree[0].observed == "1 of 2"
    assert [(p.label, p.ok) for p in found.tree[0].parts] == [
        ("Network", True),
        ("Storage", False),
        ("Identity", False),
    ]
    assert found.next[0].what == "Electives needs 1 more: Storage or Identity."


def test_prerequisites_counts_sums_and_sequences_in_words() -> None:
    rule = certification(
        f'evidence:\n  a: {{verb: completed, activity: "{BASE}a"}}\n  b: {{verb: completed, activity: "{BASE}b"}}\n'
        "award:\n  when:\n    all:\n      - {holds: prior, status: [active, grace]}\n      - {count: a, at_least: 3, key: n}\n"
        "      - {sum: a, field: score.scaled, at_least: 2.50, key: s}\n      - {in_order: [a, b]}\n"
        "validity: {lasts: forever}\n"
    )
    held = {"prior": (Held(last("2025-01-01"), last("2026-03-01"), "1"),)}
    found = told(rule, "2026-05-01", statement("a", "2026-01-01", score="0.50"), holds=held)
    assert [(n.label, n.observed, n.required) for n in found.tree] == [
        ("Holds prior", "active until 2026-03-01", "prior active or grace"),
        ("A", "1 of 3", "3 times"),
        ("A", "0.5 of 2.5", "2.5 in all"),
        ("A then B", "1 of 2", "in this order"),
    ]


def test_a_disqualifier_is_named() -> None:
    rule = simple(when="{done: exam, disqualified_by: other}")
    found = told(rule, "2026-05-01", statement("exam", "2026-02-01"), statement("other", "2026-01-01"))
    assert found.tree[0].observed == "passed 2026-02-01, but other on 2026-01-01 disqualifies"


@pytest.mark.parametrize(
    "form", ["any: [exam, other]", "all: [exam, other]", "at_least: 1, of: [exam, other]"]
)
def test_a_choice_that_is_met_but_disqualified_promises_no_path(form: str) -> None:
    rule = simple(when=f"{{{form}, key: way, label: Way, disqualified_by: other}}")
    found = told(rule, "2026-05-01", statement("exam", "2026-02-01"), statement("other", "2026-01-01"))
    assert [(n.key, n.ok, [part.ok for part in n.parts]) for n in found.tree] == [
        ("way", False, [True, True])
    ]
    assert [step.what for step in found.next if "needs" in step.what] == []


def test_an_open_deadline_and_the_chance_to_restore_are_next() -> None:
    rule = certification(
        f'evidence:\n  exam: {{verb: passed, activity: "{BASE}exam"}}\n'
        f'  delta: {{verb: passed, activity: "{BASE}delta-{{release}}"}}\n'
        "award: {when: exam}\nvalidity: {lasts: 24 months}\nrelease_rules:\n"
        "  - {when_release: {product: edge, level: major}, unless: delta, ends_after: 90 days, "
        "reinstates_within: 180 days}\n"
    )
    released = (PublishedRelease("edge", "6", "major", dt.date(2026, 6, 1)),)
    exam = statement("exam", "2026-01-31")
    assert [n.what for n in told(rule, "2026-07-01", exam, releases=released).next] == [
        "Release 6 ends validity after 2026-08-30 unless delta is done."
    ]
    gap = told(rule, "2026-09-15", exam, releases=released)
    assert [n.key for n in gap.tree] == ["delta"]
    assert gap.next[0].what == "Restored if delta is done by 2027-02-26."


def test_a_decision_under_mode_evaluate_is_marked() -> None:
    rule = certification(
        f'mode: evaluate\nevidence:\n  exam: {{verb: passed, activity: "{BASE}exam"}}\n'
        "award: {when: exam}\nvalidity: {lasts: forever}\n"
    )
    assert as_text(told(rule, "2026-05-01")).endswith("nothing yet")
    assert "(evaluated)" in as_text(told(rule, "2026-05-01"))


@pytest.mark.parametrize("kind", ["hold", "revocation", "withdrawal"])
def test_every_state_has_an_explanation(kind: str) -> None:
    rows = [statement("exam", "2026-01-01")]
    found = told(simple(), "2026-05-01", *rows, facts=(fact(kind, "2026-03-01"),))
    timeline = decide(
        published(version(simple())), history(*rows, facts=(fact(kind, "2026-03-01"),)), END_OF_TIME
    )
    assert found.state == timeline.status_at(last("2026-05-01")).state
    assert found.tree[0].ok


def test_pending_review_says_what_is_open() -> None:
    found = told(simple(), "2026-08-01", statement("exam", "2026-01-01", stored="2026-06-01"))
    assert found.state == "pending_review"
    assert found.next[0].what == "A human decision is open: late evidence."


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.91", "91 %"), ("0.625", "62.5 %"), ("0.79999", "79.99 %"), ("1", "100 %"), ("-0.5", "-50 %")],
)
def test_percent_is_cut_not_rounded(value: str, text: str) -> None:
    assert percent(Decimal(value)) == text


def test_plural() -> None:
    assert [plural(1, "attempt"), plural(2, "attempt"), plural(2, "activity")] == [
        "1 attempt",
        "2 attempts",
        "2 activities",
    ]


def test_6_3_what_people_decided_is_told_with_its_reason_and_no_misleading_date() -> None:
    revoked = as_text(
        told(SALES, "2026-09-01", *ROWS, statement("demo", "2026-03-10"), facts=(fact("revocation", "2026-08-01", reason="misconduct"),))
    )  # fmt: skip
    assert revoked.splitlines()[0] == "sales-pro v3  ana  revoked (4 of 4)"
    assert revoked.endswith("Revoked on 2026-08-01: misconduct.")
    held = as_text(
        told(SALES, "2026-09-01", *ROWS, statement("demo", "2026-03-10"), facts=(fact("hold", "2026-08-01", reason="agreement_lapsed"),))
    )  # fmt: skip
    assert "suspended (4 of 4)  expires 2027-03-10" in held
    assert "Suspended since 2026-08-01: agreement lapsed." in held


def test_6_3_who_has_everything_and_no_award_is_told_what_for_it_waits() -> None:
    lapsed = told(simple(), "2027-03-01", statement("exam", "2026-01-10"), statement("exam", "2026-06-10"))
    assert lapsed.state == "expired"
    assert as_text(lapsed).endswith("the next statement that matches makes a new award.")
    taken = told(
        SALES, "2026-05-01", *ROWS, statement("demo", "2026-03-10", voided_at="2026-04-30T23:30:00Z")
    )
    assert taken.state == "in_progress"


def test_6_3_the_name_of_the_person_stands_in_the_headline() -> None:
    found = replace(told(SALES, "2026-02-28", *ROWS), name="Ana Lima")
    assert as_text(found).startswith("sales-pro v3  Ana Lima  not yet (3 of 4)")
    assert as_dict(found)["name"] == "Ana Lima"


def test_4_8_a_deadline_set_after_a_revocation_does_not_change_the_expiry_it_shows() -> None:
    rule = simple(
        rest="release_rules: [{when_release: {product: acme, level: major}, unless: {score: exam, at_least: 1}, ends_after: 30 days}]\n"
    )
    found = told(
        rule, "2026-09-01", statement("exam", "2026-01-10"),
        facts=(fact("revocation", "2026-03-01", reason="identity"),),
        releases=(PublishedRelease("acme", "6", "major", dt.date(2026, 6, 1)),),
    )  # fmt: skip
    assert (found.state, found.expires) == ("revoked", dt.date(2027, 1, 10))


def test_4_4_what_has_to_be_held_is_told_before_while_and_after() -> None:
    prior = {"prior": (Held(last("2026-03-01"), last("2026-06-01"), "1"),)}
    rule = simple("lasts: 12 months, while: {holds: prior, label: Prior}")
    before, during, after = (
        as_text(told(rule, at, statement("exam", "2026-01-10", id="0000-0"), holds=prior)).splitlines()
        for at in ("2026-02-01", "2026-04-01", "2026-07-01")
    )
    assert before[0] == "cert v1  ana  not yet (1 of 2)"
    assert before[2] == "  --   Prior   not held"
    assert during[2] == "  ok   Prior   active since 2026-03-01"
    assert after == [
        "cert v1  ana  suspended (0 of 1)  expires 2027-03-01",
        "  --   Prior   active until 2026-06-01",
        "Suspended since 2026-06-01, until what it builds on is held again.",
    ]
    ended = simple("lasts: 12 months, while: {holds: prior}, otherwise: end")
    assert "Ended on 2026-06-01: what it builds on was no longer held." in as_text(
        told(ended, "2026-07-01", statement("exam", "2026-01-10"), holds=prior)
    )


def test_4_7_the_renewal_says_what_is_the_same_as_last_time_and_whose_turn_it_is() -> None:
    rule = certification(
        f'evidence:\n  course: {{verb: completed, activity: "{BASE}c*"}}\n'
        f'  ethics: {{verb: completed, activity: "{BASE}ethics"}}\n  safety: {{verb: completed, activity: "{BASE}safety"}}\n'
        "award: {when: {all: [{another: course}, {in_turn: [ethics, safety]}]}}\nvalidity: {lasts: 12 months}\n"
        "renewal: {opens: 90 days}\n"
    )
    rows = [
        statement("c1", "2026-01-10"),
        statement("ethics", "2026-01-10"),
        statement("c1", "2026-12-01", id="9999-0"),
    ]
    assert [(one.label, one.observed) for one in told(rule, "2026-12-01", *rows).tree] == [
        ("Course, another than last time", "the same as last time"),
        ("Ethics or Safety, in turn", "Safety is next, nothing yet"),
    ]


def test_4_2_who_is_revoked_for_cause_is_told_whose_agreement_is_needed() -> None:
    rule = certification(
        f'evidence:\n  exam: {{verb: passed, activity: "{BASE}exam"}}\n'
        "award: {when: exam, readmission: {group: board}}\nvalidity: {lasts: forever}\n"
    )
    rows = [statement("exam", "2026-01-10"), statement("exam", "2026-03-01")]
    facts = (fact("revocation", "2026-02-01", reason="misconduct"), fact("readmission", "2026-05-01"))
    found = told(rule, "2026-04-01", *rows, facts=facts)
    assert [one.what for one in found.next] == [
        "Revoked on 2026-02-01: misconduct.",
        "Certified again only when a member of board agrees.",
    ]
    assert told(rule, "2026-05-01", *rows, facts=facts).state == "active"
    denied = (facts[0], fact("readmission", "2026-05-01", allowed=False))
    assert told(rule, "2026-05-01", *rows, facts=denied).state == "revoked"
    early = (facts[0], fact("readmission", "2026-01-20"))
    assert told(rule, "2026-05-01", *rows, facts=early).state == "revoked"
    withdrawn = (fact("withdrawal", "2026-01-31"), facts[0])
    assert [one.what for one in told(rule, "2026-01-31", *rows, facts=withdrawn).next] == [
        "Withdrawn on 2026-01-31."
    ]
    assert [one.what for one in told(rule, "2026-04-01", *rows, facts=withdrawn).next] == [
        "Withdrawn on 2026-01-31.",
        "Certified again only when a member of board agrees.",
    ]
