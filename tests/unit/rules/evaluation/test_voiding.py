"""Voided and split-off evidence, and disqualifiers that arrive late (cert#4.9), as knowledge grows."""

from __future__ import annotations

import datetime as dt
from typing import Any

from factories_decisions import fact, instant, simple, statement, states, status, timeline_of

VOID = "2026-05-01T12:00:00Z"
BEFORE_SETTLE, AFTER_SETTLE = "2026-05-01T12:59:59Z", "2026-05-01T13:00:00Z"


def voided(at: str = "2026-03-10", name: str = "exam", **values: Any) -> Any:
    return statement(name, at, voided_at=values.pop("voided_at", VOID), id="gone", **values)


def acting(action: str, **more: str) -> Any:
    settings = "".join(f", {k}: {v}" for k, v in more.items())
    return simple(rest=f"on_voided: {{action: {action}{settings}}}\n")


def known(rule: Any, at: str, *rows: Any, **values: Any) -> str:
    """Return the state at an instant as known then."""
    return timeline_of(rule, *rows, known_at=at, **values).status_at(instant(at)).state


# recompute


def test_new_decisions_ignore_a_voided_statement_at_once() -> None:
    rule = simple(when="{all: [exam, other]}")
    rows = [voided(), statement("other", "2026-05-01T12:30:00Z")]
    assert known(rule, "2026-05-01T12:30:00Z", *rows) == "in_progress"


def test_an_existing_period_is_decided_again_when_settle_has_passed() -> None:
    assert known(simple(), BEFORE_SETTLE, voided()) == "active"
    assert known(simple(), AFTER_SETTLE, voided()) == "in_progress"


def test_correction_by_void_and_resend_leaves_no_trace_in_the_state() -> None:
    resent = statement("exam", "2026-03-10", stored="2026-04-01", id="new")
    for at in ("2026-04-30", VOID, BEFORE_SETTLE, AFTER_SETTLE, "2026-06-01"):
        timeline = timeline_of(simple(), voided(), resent, known_at=at)
        assert status(timeline, "2026-06-01").awarded == dt.date(2026, 3, 10)
        assert states(timeline) == [("2026-03-10", "active"), ("2027-03-11", "expired")]
    assert timeline_of(simple(), voided(), resent, known_at=AFTER_SETTLE).periods[0].evidence == ("new",)


def test_the_period_is_replaced_by_the_one_the_remaining_evidence_gives() -> None:
    later = statement("exam", "2026-04-01")
    assert known(simple(), AFTER_SETTLE, voided(), later) == "active"
    timeline = timeline_of(simple(), voided(), later, known_at=AFTER_SETTLE)
    assert timeline.periods[0].awarded_at == instant("2026-04-01")


def test_a_statement_voided_before_it_arrived_never_counted() -> None:
    early = voided(stored="2026-06-01", voided_at="2026-05-01T12:00:00Z")
    assert known(simple(rest="max_lateness: 1 year"), "2026-06-01T00:30:00Z", early) == "in_progress"


def test_a_split_of_persons_is_treated_the_same_way() -> None:
    assert known(simple(), BEFORE_SETTLE, voided()) == "active"  # `voided_at` is the instant of the split


def test_evidence_that_came_by_a_merge_is_known_from_then() -> None:
    merged = statement("exam", "2026-03-10", known_at="2026-04-01")
    assert known(simple(), "2026-03-31", merged) == "in_progress"
    assert known(simple(), "2026-04-01", merged) == "active"
    assert timeline_of(simple(), merged).periods[0].awarded_at == instant("2026-03-10")


# suspend


def test_suspend_holds_from_settle_until_satisfied_again() -> None:
    rule = acting("suspend")
    again = statement("exam", "2026-07-01")
    timeline = timeline_of(rule, voided(), again)
    assert [s for _, s in states(timeline)] == ["active", "suspended", "active", "expired"]
    assert timeline.segments[2].at == instant(AFTER_SETTLE)
    assert status(timeline, "2026-06-01").awarded == dt.date(2026, 3, 10)
    assert status(timeline, "2026-07-01").expires == dt.date(2027, 3, 10)


def test_suspend_becomes_a_revocation_after_revoke_after() -> None:
    rule = acting("suspend", revoke_after="30 days")
    assert [s for _, s in states(timeline_of(rule, voided()))] == ["active", "suspended", "revoked"]
    cured = timeline_of(rule, voided(), statement("exam", "2026-05-20"))
    assert "revoked" not in [s for _, s in states(cured)]


def test_suspend_with_the_same_dates_leaves_no_trace() -> None:
    twin = statement("exam", "2026-03-10", id="twin")
    timeline = timeline_of(acting("suspend"), voided(), twin)
    assert states(timeline) == [("2026-03-10", "active"), ("2027-03-11", "expired")]


def test_the_past_of_a_suspended_award_stays_as_it_was() -> None:
    assert status(timeline_of(acting("suspend"), voided()), "2026-04-01").state == "active"


# review and revoke


def test_review_leaves_the_state_and_opens_an_item() -> None:
    timeline = timeline_of(acting("review"), voided())
    assert states(timeline) == [("2026-03-10", "active"), ("2027-03-11", "expired")]
    assert [(r.kind, r.statement, r.closed_at) for r in timeline.reviews] == [("voided", "gone", None)]


def test_a_human_chooses_what_follows_from_a_review() -> None:
    def chosen(choice: str) -> list[str]:
        verdict = fact("resolution", "2026-06-01", statement="gone", choice=choice)
        return [s for _, s in states(timeline_of(acting("review"), voided(), facts=(verdict,)))]

    assert chosen("keep") == ["active", "expired"]
    assert chosen("recompute") == []
    assert chosen("suspend") == ["active", "suspended"]
    assert chosen("revoke") == ["active", "revoked"]


def test_revoke_is_final_from_settle_on() -> None:
    timeline = timeline_of(acting("revoke"), voided(), statement("exam", "2026-05-01T13:30:00Z"))
    assert [s for _, s in states(timeline)] == ["active", "revoked", "active", "expired"]
    assert timeline.awards[0].reason == "evidence_voided"
    assert [a.ordinal for a in timeline.awards] == [1, 2]


# superseded periods

RENEWING = "renewal: {opens: 90 days}\n"
PAIR = [voided(voided_at="2027-05-01"), statement("exam", "2027-02-01")]


def test_voided_evidence_of_a_superseded_period_leaves_the_later_ones() -> None:
    timeline = timeline_of(simple(rest=RENEWING), *PAIR)
    assert [p.valid_until for p in timeline.periods] == [dt.date(2027, 3, 10), dt.date(2028, 3, 10)]


def test_chain_decides_the_later_ones_again() -> None:
    timeline = timeline_of(simple(rest=RENEWING + "on_voided: {chain: true}\n"), *PAIR)
    assert [(p.kind, p.valid_until) for p in timeline.periods] == [("first", dt.date(2028, 2, 1))]


def test_voided_evidence_of_the_current_period_leaves_the_superseded_one() -> None:
    rows = [statement("exam", "2026-03-10"), voided("2027-02-01", voided_at="2027-02-10")]
    timeline = timeline_of(simple(rest=RENEWING), *rows)
    assert [(p.kind, p.ending) for p in timeline.periods] == [("first", "expired")]


# disqualifiers that arrive after the decision (cert#4.9-3)


def disqualified(action: str) -> Any:
    return simple(
        when="{done: exam, disqualified_by: other}",
        rest=f"max_lateness: 1 year\non_voided: {{action: {action}}}\n",
    )


CHEATED = statement("other", "2026-03-01", stored=VOID)
EXAM = statement("exam", "2026-03-10")


def test_a_late_arriving_disqualifier_counts_when_settle_has_passed() -> None:
    assert known(disqualified("recompute"), BEFORE_SETTLE, EXAM, CHEATED) == "active"
    assert known(disqualified("recompute"), AFTER_SETTLE, EXAM, CHEATED) == "in_progress"


def test_a_late_arriving_disqualifier_acts_as_on_voided_says() -> None:
    assert [s for _, s in states(timeline_of(disqualified("revoke"), EXAM, CHEATED))] == ["active", "revoked"]
    assert [s for _, s in states(timeline_of(disqualified("suspend"), EXAM, CHEATED))] == [
        "active",
        "suspended",
    ]
    assert [s for _, s in states(timeline_of(disqualified("review"), EXAM, CHEATED))] == ["active", "expired"]


def test_a_disqualifier_that_was_there_before_the_decision_just_blocks() -> None:
    early = statement("other", "2026-03-01")
    assert states(timeline_of(disqualified("revoke"), EXAM, early)) == []


def test_accepted_late_disqualifiers_count_from_their_acceptance() -> None:
    rule = simple(when="{done: exam, disqualified_by: other}", rest="on_voided: {action: revoke}\n")
    late = statement("other", "2026-03-01", stored="2026-06-01", id="late")
    accepted = fact("acceptance", "2026-07-01", statement="late")
    timeline = timeline_of(rule, EXAM, late, facts=(accepted,))
    assert [s for _, s in states(timeline)] == ["active", "revoked"]
    assert timeline.awards[0].final_at == instant("2026-07-01T01:00:00Z")
