"""The life of an award: what counts (cert#4.2), renewal (cert#4.7), releases (cert#4.8), facts (cert#4.10), states (cert#4.11)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_decisions import (
    BASE,
    EXAM,
    certification,
    fact,
    instant,
    last,
    simple,
    statement,
    states,
    status,
    timeline_of,
)

from rules.evaluation.states import TRANSITIONS, trigger
from rules.evidence.history import PublishedRelease

RENEWING = simple(rest="renewal: {opens: 90 days, grace: 30 days}")


def exams(*dates: str) -> list[Any]:
    return [statement("exam", d) for d in dates]


# Award and renewal


def test_award_is_dated_by_the_last_needed_piece_not_by_its_arrival() -> None:
    timeline = timeline_of(simple(), statement("exam", "2026-01-10", stored="2026-01-20"))
    assert timeline.periods[0].awarded_at == instant("2026-01-10")


def test_effective_time_is_the_earlier_of_timestamp_and_stored() -> None:
    timeline = timeline_of(simple(), statement("exam", "2026-01-20", stored="2026-01-10"))
    assert timeline.periods[0].awarded_at == instant("2026-01-10")


def test_states_of_an_award_without_renewal() -> None:
    timeline = timeline_of(simple(), *exams("2026-03-10"))
    assert states(timeline) == [("2026-03-10", "active"), ("2027-03-11", "expired")]


def test_states_of_an_award_with_window_and_grace() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10"))
    assert states(timeline) == [
        ("2026-03-10", "active"),
        ("2026-12-10", "renewal_open"),
        ("2027-03-11", "grace"),
        ("2027-04-10", "expired"),
    ]


def test_early_evidence_changes_no_expiry() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2026-12-09T23:59:59Z"))
    assert len(timeline.periods) == 1
    assert status(timeline, "2027-05-01").state == "expired"


def test_the_first_day_of_the_window_counts() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2026-12-10"))
    assert [p.kind for p in timeline.periods] == ["first", "renewal"]
    assert timeline.periods[0].ending == "superseded"
    assert timeline.periods[1].awarded_at == timeline.periods[1].valid_from == instant("2026-12-10")


def test_a_renewal_in_grace_counts_as_in_time() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2027-04-09T23:00:00Z"))
    assert timeline.periods[1].valid_until == dt.date(2028, 3, 10)
    assert status(timeline, "2027-04-08").state == "grace"


def test_after_grace_one_new_period_whatever_cycles_were_missed_under_the_same_award() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2031-05-01"))
    assert [(p.kind, p.award) for p in timeline.periods] == [("first", 1), ("after_lapse", 1)]
    assert status(timeline, "2030-01-01").state == "expired"
    assert status(timeline, "2031-05-01").expires == dt.date(2032, 5, 1)


def test_evidence_before_the_lapse_needs_a_candidate_instant_after_it() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2026-08-01"), statement("other", "2027-06-01"))
    assert timeline.periods[1].awarded_at == instant("2027-06-01")
    assert timeline.periods[1].kind == "after_lapse"
    assert status(timeline_of(RENEWING, *exams("2026-03-10", "2026-08-01")), "2027-06-01").missing == ()


def test_within_does_not_bound_renewals() -> None:
    rule = simple(rest="renewal: {opens: 6 months, when: {all: [exam, other]}}", when="{done: exam}")
    timeline = timeline_of(rule, *exams("2026-01-01", "2026-07-02"), statement("other", "2026-12-20"))
    assert timeline.periods[1].awarded_at == instant("2026-12-20")


def test_a_renewal_lies_after_the_award_it_renews() -> None:
    rule = simple("lasts: 30 days", "renewal: {opens: 90 days, counted_from: completion}")
    timeline = timeline_of(rule, *exams("2026-01-01", "2026-01-10"))
    assert [p.awarded_at for p in timeline.periods] == [instant("2026-01-01"), instant("2026-01-10")]


def test_missing_names_what_renews_while_the_window_is_open() -> None:
    rule = simple(rest="renewal: {opens: 90 days, grace: 30 days, when: other}")
    timeline = timeline_of(rule, *exams("2026-03-10"))
    assert status(timeline, "2026-06-01").missing == ()
    assert status(timeline, "2027-01-01").missing == ("other",)
    assert status(timeline, "2027-03-20").missing == ("other",)
    assert status(timeline, "2027-05-20").missing == ("exam",)


# Late evidence (cert#4.1-3)


def test_late_evidence_makes_a_first_award_pending() -> None:
    late = statement("exam", "2026-01-01", stored="2026-02-01", id="late")
    timeline = timeline_of(simple(), late)
    assert status(timeline, "2026-03-01").state == "pending_review"
    assert [(r.kind, r.statement) for r in timeline.reviews] == [("late_evidence", "late")]


@pytest.mark.parametrize(
    ("bound", "stored", "late"),
    [
        ("30 days", "2026-01-31T10:00:00Z", False),
        ("30 days", "2026-01-31T10:00:01Z", True),
        ("1 month", "2026-02-01T23:59:00Z", False),
        ("1 month", "2026-02-02T00:00:00Z", True),
    ],
)
def test_lateness_in_days_is_elapsed_time_and_in_months_by_local_date(
    bound: str, stored: str, late: bool
) -> None:
    rule = simple(rest=f"max_lateness: {bound}")
    row = statement("exam", "2026-01-01T10:00:00Z", stored=stored)
    assert (status(timeline_of(rule, row), "2026-03-01").state == "pending_review") is late


@pytest.mark.parametrize(("allowed", "state"), [(True, "active"), (False, "in_progress")])
def test_acceptance_decides_late_evidence(allowed: bool, state: str) -> None:
    late = statement("exam", "2026-01-01", stored="2026-02-15", id="late")
    verdict = fact("acceptance", "2026-02-20", statement="late", allowed=allowed)
    timeline = timeline_of(simple(), late, facts=(verdict,))
    assert status(timeline, "2026-03-01").state == state
    assert status(timeline, "2026-01-05").state == state
    assert [(r.outcome, r.closed_at) for r in timeline.reviews] == [
        ("accepted" if allowed else "rejected", instant("2026-02-20"))
    ]


def test_late_evidence_changes_no_existing_award_but_opens_a_review() -> None:
    late = statement("exam", "2027-02-01", stored="2027-06-01", id="late")
    timeline = timeline_of(RENEWING, *exams("2026-03-10"), late)
    assert status(timeline, "2027-07-01").state == "expired"
    assert [(r.kind, r.statement) for r in timeline.reviews] == [("late_evidence", "late")]


def test_pending_review_stays_where_the_award_would_be_over() -> None:
    late = statement("exam", "2020-01-01", stored="2026-02-01")
    assert status(timeline_of(simple(), late), "2026-03-01").state == "pending_review"


def test_late_disqualifying_evidence_waits_for_a_reviewer_too() -> None:
    rule = simple(when="{done: exam, disqualified_by: other}")
    late = statement("other", "2026-01-01", stored="2026-06-01")
    timeline = timeline_of(rule, *exams("2026-02-01"), late)
    assert status(timeline, "2026-07-01").state == "active"
    assert [r.kind for r in timeline.reviews] == ["late_evidence"]


def test_late_evidence_waits_before_an_award_that_wants_approval() -> None:
    rule = simple(when="exam, approval: {group: approvers}")
    timeline = timeline_of(rule, statement("exam", "2026-01-01", stored="2026-06-01"))
    assert status(timeline, "2026-07-01").state == "pending_review"
    assert [r.kind for r in timeline.reviews] == ["late_evidence"]


def test_late_evidence_that_answers_a_release_waits_for_a_reviewer() -> None:
    late = statement("delta", "2026-08-01", verb="passed", activity=f"{BASE}delta-6", stored="2026-12-01")
    timeline = timeline_of(DELTA, *exams("2026-01-31"), late, releases=(release("6", "2026-06-01"),))
    assert status(timeline, "2026-12-02").state == "expired"
    assert [r.kind for r in timeline.reviews] == ["late_evidence"]


# Approval


APPROVED = simple(when="exam, approval: {group: approvers}")


def test_requirements_met_without_approval_are_pending() -> None:
    timeline = timeline_of(APPROVED, *exams("2026-01-01"))
    assert states(timeline) == [("2026-01-01", "pending_review")]
    assert [(r.kind, r.closed_at) for r in timeline.reviews] == [("approval", None)]


def test_an_approved_award_is_effective_at_its_award_instant() -> None:
    timeline = timeline_of(APPROVED, *exams("2026-01-01"), facts=(fact("approval", "2026-01-15"),))
    assert states(timeline)[0] == ("2026-01-01", "active")
    assert status(timeline, "2026-01-02").awarded == dt.date(2026, 1, 1)


def test_before_the_approval_is_known_the_state_is_pending() -> None:
    approval = fact("approval", "2026-01-15")
    timeline = timeline_of(APPROVED, *exams("2026-01-01"), facts=(approval,), known_at="2026-01-10")
    assert status(timeline, "2026-01-10").state == "pending_review"


def test_a_denial_leads_back_until_the_next_candidate() -> None:
    denial = fact("approval", "2026-01-15", allowed=False)
    timeline = timeline_of(APPROVED, *exams("2026-01-01", "2026-02-01"), facts=(denial,))
    assert states(timeline) == [
        ("2026-01-01", "pending_review"),
        ("2026-01-15", "in_progress"),
        ("2026-02-01", "pending_review"),
    ]


def test_an_approval_before_the_award_instant_has_no_effect() -> None:
    timeline = timeline_of(APPROVED, *exams("2026-01-10"), facts=(fact("approval", "2026-01-05"),))
    assert status(timeline, "2026-02-01").state == "pending_review"


def test_an_award_after_a_lapse_needs_no_approval() -> None:
    timeline = timeline_of(
        APPROVED, *exams("2026-01-01", "2027-06-01"), facts=(fact("approval", "2026-01-02"),)
    )
    assert status(timeline, "2027-06-01").state == "active"


# Releases (cert#4.8)


def release(number: str, published: str, level: Any = "major") -> PublishedRelease:
    return PublishedRelease("edge", number, level, dt.date.fromisoformat(published), instant("2020-01-01"))


def with_rules(*rules: str, renewal: str = "") -> Any:
    rows = "".join(f"  - {{when_release: {{product: edge, level: major}}, {r}}}\n" for r in rules)
    selectors = f'  delta: {{verb: passed, activity: "{BASE}delta-{{release}}"}}\n'
    return certification(
        f'evidence:\n  exam: {EXAM}\n  other: {{verb: completed, activity: "{BASE}other"}}\n{selectors}'
        f"award: {{when: exam}}\nvalidity: {{lasts: 24 months}}\n{renewal}release_rules:\n{rows}"
    )


DELTA = with_rules("unless: delta, ends_after: 90 days, reinstates_within: 180 days")


def delta(number: str, at: str) -> Any:
    return statement("delta", at, verb="passed", activity=f"{BASE}delta-{number}")


def test_deadline_is_shown_from_the_day_of_publication_and_gone_when_met() -> None:
    timeline = timeline_of(
        DELTA, *exams("2026-01-31"), delta("6", "2026-08-15"), releases=(release("6", "2026-06-01"),)
    )
    assert status(timeline, "2026-05-31").expires == dt.date(2028, 1, 31)
    assert status(timeline, "2026-06-01").expires == dt.date(2026, 8, 30)
    assert status(timeline, "2026-08-15").expires == dt.date(2028, 1, 31)
    assert states(timeline)[-1] == ("2028-02-01", "expired")


def test_missed_deadline_without_grace_and_reinstatement_with_visible_gap() -> None:
    rule = with_rules(
        "unless: delta, ends_after: 90 days, reinstates_within: 180 days",
        renewal="renewal: {opens: 90 days, grace: 60 days}\n",
    )
    timeline = timeline_of(
        rule, *exams("2026-01-31"), delta("6", "2026-10-01"), releases=(release("6", "2026-06-01"),)
    )
    assert states(timeline)[:3] == [
        ("2026-01-31", "active"),
        ("2026-08-31", "expired"),
        ("2026-10-01", "active"),
    ]
    assert status(timeline, "2026-09-15").missing == ("delta",)
    assert status(timeline, "2026-10-01").expires == dt.date(2028, 1, 31)
    assert len(timeline.periods) == 1


def test_after_the_chance_to_reinstate_only_a_new_period_helps() -> None:
    timeline = timeline_of(
        DELTA, *exams("2026-01-31"), delta("6", "2027-02-27"), releases=(release("6", "2026-06-01"),)
    )
    assert status(timeline, "2027-02-26").missing == ("delta",)
    assert status(timeline, "2027-02-27").state == "expired"
    assert status(timeline, "2027-02-27").missing == ("exam",)


def test_award_evidence_after_a_deadline_makes_a_new_period_at_once_and_ends_the_chance() -> None:
    rows = [*exams("2026-01-31", "2026-09-10"), delta("6", "2026-10-01")]
    timeline = timeline_of(DELTA, *rows, releases=(release("6", "2026-06-01"),))
    assert [(p.kind, p.valid_until) for p in timeline.periods] == [
        ("first", dt.date(2028, 1, 31)),
        ("after_lapse", dt.date(2028, 9, 10)),
    ]
    assert timeline.periods[0].ending == "release_deadline"
    assert timeline.periods[0].gaps == ()


@pytest.mark.parametrize(
    ("affects", "awarded", "affected"),
    [
        ("awarded_before_release", "2026-05-31", True),
        ("awarded_before_release", "2026-06-01", False),
        ("all", "2026-06-01", True),
        ("all", "2026-06-02", False),
    ],
)
def test_which_periods_a_release_affects(affects: str, awarded: str, affected: bool) -> None:
    rule = with_rules(f"unless: delta, ends_after: 90 days, affects: {affects}")
    timeline = timeline_of(rule, *exams(awarded), releases=(release("6", "2026-06-01"),))
    assert (status(timeline, "2026-09-15").state == "expired") is affected


def test_a_renewal_after_publication_answers_the_rule() -> None:
    rule = with_rules("unless: delta, ends_after: 90 days", renewal="renewal: {opens: 24 months}\n")
    timeline = timeline_of(rule, *exams("2026-01-31", "2026-07-01"), releases=(release("6", "2026-06-01"),))
    assert (
        status(timeline, "2026-09-15").state == "active"
        or status(timeline, "2026-09-15").state == "renewal_open"
    )
    assert status(timeline, "2026-09-15").expires == dt.date(2030, 1, 31)


def test_delta_from_before_the_release_keeps_the_period() -> None:
    timeline = timeline_of(
        DELTA, *exams("2026-01-31"), delta("6", "2026-05-01"), releases=(release("6", "2026-06-01"),)
    )
    assert status(timeline, "2026-06-02").expires == dt.date(2028, 1, 31)


def test_several_deadlines_name_each_missing_key_in_document_order() -> None:
    rule = with_rules(
        "unless: other, ends_after: 60 days, reinstates_within: 300 days",
        "unless: delta, ends_after: 30 days, reinstates_within: 300 days",
    )
    timeline = timeline_of(rule, *exams("2026-01-31"), releases=(release("6", "2026-06-01"),))
    assert status(timeline, "2026-07-15").missing == ("delta",)
    assert status(timeline, "2026-08-15").missing == ("other", "delta")
    cured = timeline_of(
        rule,
        *exams("2026-01-31"),
        delta("6", "2026-09-01"),
        statement("other", "2026-09-20"),
        releases=(release("6", "2026-06-01"),),
    )
    assert states(cured)[:3] == [
        ("2026-01-31", "active"),
        ("2026-07-02", "expired"),
        ("2026-09-20", "active"),
    ]


def test_releases_of_another_product_or_level_do_not_matter() -> None:
    other = PublishedRelease("core", "6", "major", dt.date(2026, 6, 1), instant("2020-01-01"))
    timeline = timeline_of(
        DELTA, *exams("2026-01-31"), releases=(release("6.1", "2026-06-01", "minor"), other)
    )
    assert status(timeline, "2026-10-01").state == "active"


def test_deadline_in_grace_ends_the_grace() -> None:
    rule = with_rules(
        "unless: delta, ends_after: 90 days", renewal="renewal: {opens: 90 days, grace: 60 days}\n"
    )
    timeline = timeline_of(rule, *exams("2026-01-31"), releases=(release("6", "2027-11-20"),))
    assert states(timeline)[-2:] == [("2028-02-01", "grace"), ("2028-02-19", "expired")]


# Facts of people (cert#4.10)


def test_a_hold_suspends_and_does_not_stop_the_clock() -> None:
    hold = fact("hold", "2026-06-01", until="2026-09-01", reason="identity")
    timeline = timeline_of(simple(), *exams("2026-03-10"), facts=(hold,))
    assert states(timeline) == [
        ("2026-03-10", "active"),
        ("2026-06-01", "suspended"),
        ("2026-09-01", "active"),
        ("2027-03-11", "expired"),
    ]


def test_a_hold_lifted_after_the_end_leaves_an_expired_award() -> None:
    hold = fact("hold", "2026-06-01", id="h")
    lift = fact("lift", "2027-06-01", of="h")
    timeline = timeline_of(simple(), *exams("2026-03-10"), facts=(hold, lift))
    assert states(timeline)[1:] == [("2026-06-01", "suspended"), ("2027-06-01", "expired")]


def test_a_hold_on_an_expired_award_shows_suspended() -> None:
    timeline = timeline_of(simple(), *exams("2026-03-10"), facts=(fact("hold", "2027-06-01"),))
    assert status(timeline, "2027-06-02").state == "suspended"


def test_a_suspended_award_can_be_renewed() -> None:
    hold = fact("hold", "2026-12-01", until="2027-06-01")
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2027-01-15"), facts=(hold,))
    assert status(timeline, "2027-02-01").state == "suspended"
    assert status(timeline, "2027-02-01").expires == dt.date(2028, 3, 10)
    assert status(timeline, "2027-06-01").state == "active"


def test_a_hold_uncured_at_revoke_at_is_a_revocation_and_a_cured_one_is_not() -> None:
    open_ = fact("hold", "2026-06-01", revoke_at="2026-07-01")
    cured = fact("hold", "2026-06-01", revoke_at="2026-07-01", until="2026-06-15")
    assert (
        status(timeline_of(simple(), *exams("2026-03-10"), facts=(open_,)), "2026-07-02").state == "revoked"
    )
    assert status(timeline_of(simple(), *exams("2026-03-10"), facts=(cured,)), "2026-07-02").state == "active"


@pytest.mark.parametrize(("kind", "state"), [("revocation", "revoked"), ("withdrawal", "withdrawn")])
def test_a_final_fact_is_final_until_the_first_statement_of_a_new_award(kind: str, state: str) -> None:
    rule = simple(when="{all: [exam, other]}")
    rows = [
        *exams("2026-03-10", "2026-09-01"),
        statement("other", "2026-03-11"),
        statement("other", "2026-10-01"),
    ]
    timeline = timeline_of(rule, *rows, facts=(fact(kind, "2026-06-01"),))
    assert states(timeline) == [
        ("2026-03-11", "active"),
        ("2026-06-01", state),
        ("2026-09-01", "in_progress"),
        ("2026-10-01", "active"),
        ("2027-10-02", "expired"),
    ]
    assert status(timeline, "2026-09-02").missing == ("other",)
    assert [a.ordinal for a in timeline.awards] == [1, 2]
    assert [p.kind for p in timeline.periods] == ["first", "new_award"]


def test_cooling_off_counts_from_the_first_instant_of_the_local_date() -> None:
    rule = simple(when="exam, cooling_off: 30 days")
    revoked = fact("revocation", "2026-06-01T15:00:00Z")
    early = timeline_of(rule, *exams("2026-03-10", "2026-06-30T23:00:00Z"), facts=(revoked,))
    assert status(early, "2026-08-01").state == "revoked"
    on_time = timeline_of(rule, *exams("2026-03-10", "2026-07-01T00:00:00Z"), facts=(revoked,))
    assert status(on_time, "2026-07-01").state == "active"


def test_cooling_off_does_not_follow_a_withdrawal() -> None:
    rule = simple(when="exam, cooling_off: 30 days")
    timeline = timeline_of(
        rule, *exams("2026-03-10", "2026-06-02"), facts=(fact("withdrawal", "2026-06-01"),)
    )
    assert status(timeline, "2026-06-02").state == "active"


def test_of_several_final_facts_the_earliest_counts() -> None:
    facts = (fact("withdrawal", "2026-07-01"), fact("revocation", "2026-06-01"))
    assert status(timeline_of(simple(), *exams("2026-03-10"), facts=facts), "2026-08-01").state == "revoked"


@pytest.mark.parametrize(("before", "state"), [("revocation", "revoked"), (None, "in_progress")])
def test_an_award_that_begins_at_the_instant_of_a_withdrawal_ends_there(
    before: str | None, state: str
) -> None:
    """cert#10-42: facts precede dates, so it is on record as an award of no length, and nothing later counts less."""
    facts = [fact("withdrawal", "2026-09-01"), *([fact(before, "2026-06-01")] if before else [])]
    rows = exams(*(["2026-03-10"] if before else []), "2026-09-01", "2026-10-01")
    timeline = timeline_of(simple(), *rows, facts=tuple(facts))
    assert status(timeline, "2026-08-31").state == state
    assert status(timeline, "2026-09-01").state == "withdrawn"
    ended = timeline.awards[1 if before else 0]
    assert (ended.final, ended.awarded_at) == ("withdrawn", ended.final_at)
    assert status(timeline, "2026-10-01").state == "active"
    assert timeline.awards[-1].ordinal == ended.ordinal + 1


def test_a_withdrawal_an_instant_before_the_evidence_changes_no_revocation() -> None:
    """cert#4.11: it finds no award, so what was revoked stays so until the evidence makes a new one."""
    facts = (fact("revocation", "2026-06-01"), fact("withdrawal", "2026-08-31T23:59:59Z"))
    timeline = timeline_of(simple(), *exams("2026-03-10", "2026-09-01"), facts=facts)
    assert [state for _, state in states(timeline)][:3] == ["active", "revoked", "active"]


@pytest.mark.parametrize("kind", ["hold", "revocation", "withdrawal", "extension"])
def test_facts_without_a_period_have_no_effect(kind: str) -> None:
    early = (
        fact(kind, "2026-01-01", until_day="2030-01-01") if kind == "extension" else fact(kind, "2026-01-01")
    )
    timeline = timeline_of(simple(), *exams("2026-03-10"), facts=(early,))
    assert states(timeline) == [("2026-03-10", "active"), ("2027-03-11", "expired")]


def test_revocation_takes_precedence_over_a_hold() -> None:
    facts = (fact("hold", "2026-05-01"), fact("revocation", "2026-06-01"))
    timeline = timeline_of(simple(), *exams("2026-03-10"), facts=facts)
    assert status(timeline, "2026-06-02").state == "revoked"
    assert status(timeline, "2026-06-02").expires == dt.date(2027, 3, 10)


def test_facts_of_another_certification_do_not_matter() -> None:
    timeline = timeline_of(
        simple(), *exams("2026-03-10"), facts=(fact("revocation", "2026-06-01", certification="else"),)
    )
    assert status(timeline, "2026-07-01").state == "active"


# Reading a course


def test_every_row_of_the_table_of_4_11_is_in_the_transitions() -> None:
    table = {
        "in_progress": ["pending_review", "active"],
        "pending_review": ["in_progress", "active"],
        "active": ["renewal_open", "grace", "expired", "suspended", "revoked", "in_progress", "withdrawn"],
        "renewal_open": ["active", "grace", "expired", "suspended", "revoked", "in_progress", "withdrawn"],
        "grace": ["active", "expired", "suspended", "revoked", "in_progress", "withdrawn"],
        "expired": ["active", "revoked", "in_progress", "withdrawn"],
        "suspended": ["active", "renewal_open", "grace", "expired", "revoked", "withdrawn"],
        "revoked": ["in_progress"],
        "withdrawn": ["in_progress"],
    }
    rows: list[Any] = [(before, after) for before, afters in table.items() for after in afters]
    assert all(trigger(before, after) for before, after in rows)
    assert len(TRANSITIONS) == 16


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("revoked", "withdrawn"),
        ("withdrawn", "revoked"),
        ("expired", "pending_review"),
        ("grace", "pending_review"),
    ],
)
def test_transitions_outside_the_table_are_not_allowed(before: Any, after: Any) -> None:
    assert trigger(before, after) is None


def test_next_change_is_the_instant_of_the_next_segment() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10"))
    seen, at = [], last("2026-01-01")
    while (at := timeline.next_change_after(at)) is not None:  # type: ignore[assignment]  # ends the loop
        seen.append(f"{at:%Y-%m-%d}")
    assert seen == ["2026-03-10", "2026-12-10", "2027-03-11", "2027-04-10"]


def test_transitions_carry_reason_version_and_evidence() -> None:
    timeline = timeline_of(RENEWING, *exams("2026-03-10", "2027-01-15"))
    assert [(t.before, t.after, t.reason, t.award, t.period) for t in timeline.transitions[:3]] == [
        ("in_progress", "active", "first", 1, 0),
        ("active", "renewal_open", "renewal window opens", 1, 0),
        ("renewal_open", "active", "renewal", 1, 1),
    ]
    assert timeline.transitions[2].evidence == timeline.periods[1].evidence
    assert timeline.transitions[0].version == "1"
