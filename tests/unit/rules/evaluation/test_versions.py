"""Versions (4.12, `transition` of 2.3), and retired, withdrawn and disabled certifications (cert#1, cert#2.2)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_decisions import (
    BASE,
    certification,
    fact,
    instant,
    statement,
    states,
    status,
    timeline_of,
    version,
)

from rules.evidence.published import LifecycleChange, published


def cert(number: str, when: str = "a", rest: str = "", validity: str = "lasts: 12 months") -> Any:
    names = "".join(f'  {n}: {{verb: completed, activity: "{BASE}{n}"}}\n' for n in "abx")
    return certification(
        f"evidence:\n{names}award: {{when: {when}}}\nvalidity: {{{validity}}}\n{rest}", version=f'"{number}"'
    )


def two(new: Any, old: Any = None, since: str = "2027-01-01", decided: str | None = None) -> Any:
    return published(version(old or cert("1")), version(new, since, decided))


A = statement("a", "2026-06-01")


def test_a_period_keeps_its_version_and_a_renewal_uses_the_one_applicable_then() -> None:
    old = cert("1", rest="renewal: {opens: 90 days}")
    new = cert("2", rest="renewal: {opens: 90 days, when: b}", validity="lasts: 6 months")
    timeline = timeline_of(two(new, old), A, statement("b", "2027-05-01"))
    assert [(p.version, p.valid_until) for p in timeline.periods] == [
        ("1", dt.date(2027, 6, 1)),
        ("2", dt.date(2027, 12, 1)),
    ]
    assert status(timeline, "2027-04-01").missing == ("b",)


def test_the_latest_effective_from_applies_not_the_greatest_text() -> None:
    rule = published(version(cert("10")), version(cert("9", "b"), "2026-01-01"))
    assert status(timeline_of(rule, A), "2026-06-01").missing == ("b",)


def test_prior_learning_is_awarded_at_effective_from() -> None:
    rule = published(version(cert("1"), "2026-09-01"))
    timeline = timeline_of(rule, A)
    assert timeline.periods[0].awarded_at == instant("2026-09-01")
    assert status(timeline, "2026-08-31").state == "in_progress"


def test_a_version_counts_only_once_it_is_known() -> None:
    rule = two(cert("2", "b"), decided="2026-12-01")
    timeline = timeline_of(rule, statement("b", "2027-02-01"), known_at="2026-11-30")
    assert status(timeline, "2027-02-01").missing == ("a",)


def test_keep_lets_existing_periods_run_to_their_end() -> None:
    timeline = timeline_of(two(cert("2", "b")), A)
    assert states(timeline) == [("2026-06-01", "active"), ("2027-06-02", "expired")]


# must_upgrade_by

UPGRADE = "transition: {existing: {must_upgrade_by: 2027-03-31}}"


def test_must_upgrade_by_ends_older_periods_on_that_day() -> None:
    timeline = timeline_of(two(cert("2", "b", UPGRADE)), A)
    assert states(timeline) == [("2026-06-01", "active"), ("2027-04-01", "expired")]
    assert status(timeline, "2026-12-31").expires == dt.date(2027, 6, 1)
    assert status(timeline, "2027-01-01").expires == dt.date(2027, 3, 31)
    assert timeline.periods[0].ending == "must_upgrade"
    assert status(timeline, "2027-05-01").missing == ("b",)


def test_an_upgrade_changes_no_expiry() -> None:
    timeline = timeline_of(two(cert("2", "b", UPGRADE)), A, statement("b", "2027-03-31T20:00:00Z"))
    assert len(timeline.periods) == 1
    assert status(timeline, "2027-04-01").expires == dt.date(2027, 6, 1)
    assert status(timeline, "2027-04-01").version == "2"
    assert status(timeline, "2027-03-30").version == "1"


def test_must_upgrade_by_shortens_only() -> None:
    late = "transition: {existing: {must_upgrade_by: 2028-03-31}}"
    timeline = timeline_of(two(cert("2", "b", late)), A)
    assert status(timeline, "2027-06-01").expires == dt.date(2027, 6, 1)


def test_after_a_missed_upgrade_the_new_award_when_gives_a_new_period() -> None:
    timeline = timeline_of(two(cert("2", "b", UPGRADE)), A, statement("b", "2027-05-10"))
    assert [(p.kind, p.version) for p in timeline.periods] == [("first", "1"), ("after_lapse", "2")]


# re_evaluate

AGAIN = "transition: {existing: re_evaluate}"


def test_re_evaluate_computes_the_expiry_again_from_the_same_award_instant() -> None:
    timeline = timeline_of(two(cert("2", "a", AGAIN, "lasts: 18 months")), A)
    assert status(timeline, "2026-12-31").expires == dt.date(2027, 6, 1)
    assert status(timeline, "2027-01-01").expires == dt.date(2027, 12, 1)
    assert status(timeline, "2027-01-01").awarded == dt.date(2026, 6, 1)
    assert status(timeline, "2027-01-01").version == "2"


def test_re_evaluate_annuls_who_no_longer_satisfies_under_recompute() -> None:
    timeline = timeline_of(two(cert("2", "b", AGAIN)), A, statement("b", "2027-08-01"))
    assert states(timeline) == [
        ("2026-06-01", "active"),
        ("2027-01-01", "in_progress"),
        ("2027-08-01", "active"),
        ("2028-08-02", "expired"),
    ]
    assert {p.award for p in timeline.periods} == {1}


def test_re_evaluate_suspends_until_satisfied() -> None:
    new = cert("2", "b", AGAIN + "\non_voided: {action: suspend, revoke_after: 90 days}")
    cured = timeline_of(two(new), A, statement("b", "2027-02-01"))
    assert states(cured)[1:3] == [("2027-01-01", "suspended"), ("2027-02-01", "active")]
    uncured = timeline_of(two(new), A)
    assert [s for _, s in states(uncured)] == ["active", "suspended", "revoked"]


def test_re_evaluate_revokes_or_asks() -> None:
    revoking = timeline_of(two(cert("2", "b", AGAIN + "\non_voided: {action: revoke}")), A)
    assert states(revoking)[1] == ("2027-01-01", "revoked")
    asking = timeline_of(two(cert("2", "b", AGAIN + "\non_voided: {action: review}")), A)
    assert states(asking)[1] == ("2027-06-02", "expired")
    assert [r.kind for r in asking.reviews] == ["re_evaluation"]


def test_re_evaluate_concerns_running_periods_only() -> None:
    timeline = timeline_of(two(cert("2", "b", AGAIN), since="2027-09-01"), A)
    assert states(timeline) == [("2026-06-01", "active"), ("2027-06-02", "expired")]


# finish_old_until

FINISH = "transition: {in_flight: {finish_old_until: 2027-03-31}}"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("a", "2026-12-01"), ("x", "2027-03-31")], ("1", "2027-03-31")),  # under way: the old version
        ([("a", "2027-01-02"), ("x", "2027-03-01")], None),  # no statement before effective_from
        ([("a", "2026-12-01"), ("x", "2027-04-01")], None),  # after the day
        (
            [("a", "2026-12-01"), ("b", "2027-02-01"), ("x", "2027-03-01")],
            ("2", "2027-02-01"),
        ),  # earlier wins
        (
            [("a", "2026-12-01"), ("b", "2027-02-01"), ("x", "2027-02-01")],
            ("2", "2027-02-01"),
        ),  # new on a tie
    ],
)
def test_finish_old_until(rows: list[tuple[str, str]], found: tuple[str, str] | None) -> None:
    rule = two(cert("2", "{all: [a, b]}", FINISH), cert("1", "{all: [a, x]}"))
    timeline = timeline_of(rule, *(statement(n, at) for n, at in rows))
    assert [(p.version, f"{p.awarded_at:%Y-%m-%d}") for p in timeline.periods] == ([found] if found else [])


# Lifecycle


def change(to: Any, at: str) -> LifecycleChange:
    return LifecycleChange(to, instant(at), instant(at))


def test_retired_gives_no_new_awards_and_running_periods_end_by_date() -> None:
    rule = cert("1", rest="renewal: {opens: 90 days}")
    retired = (change("retired", "2026-09-01"),)
    timeline = timeline_of(rule, A, statement("a", "2027-05-01"), lifecycle=retired)
    assert states(timeline)[-1] == ("2027-06-02", "expired")
    assert states(timeline_of(rule, statement("a", "2026-09-02"), lifecycle=retired)) == []


def test_withdrawn_ends_all_periods() -> None:
    timeline = timeline_of(
        cert("1"), A, statement("a", "2027-01-01"), lifecycle=(change("withdrawn", "2026-09-01"),)
    )
    assert states(timeline) == [("2026-06-01", "active"), ("2026-09-01", "withdrawn")]


def test_disabled_makes_no_new_decision_and_enabling_again_makes_up_for_it() -> None:
    rows = [A, statement("b", "2026-10-01")]
    off = (change("disabled", "2026-05-01"),)
    assert states(timeline_of(cert("1"), *rows, lifecycle=off)) == []
    on = (*off, change("published", "2026-09-01"))
    assert timeline_of(cert("1"), *rows, lifecycle=on).periods[0].awarded_at == instant("2026-06-01")


def test_disabled_leaves_running_periods_to_their_end() -> None:
    timeline = timeline_of(cert("1"), A, lifecycle=(change("disabled", "2026-09-01"),))
    assert states(timeline) == [("2026-06-01", "active"), ("2027-06-02", "expired")]


def test_withdrawal_by_the_holder_before_that_of_the_certification_counts() -> None:
    timeline = timeline_of(
        cert("1"), A, facts=(fact("withdrawal", "2026-08-01", reason="holder_request"),),
        lifecycle=(change("withdrawn", "2026-09-01"),),
    )  # fmt: skip
    assert timeline.awards[0].reason == "holder_request"


# Two versions of one day: the later published one applies, the other never does (cert#4.12-3)

AGAIN = "transition: {existing: re_evaluate}"


def three(second: Any, third: Any) -> Any:
    day = "2027-01-01"
    return published(
        version(cert("1")), version(second, day, f"{day}T09:00:00Z"), version(third, day, f"{day}T11:00:00Z")
    )


def test_a_version_put_right_on_the_same_day_is_as_if_it_had_never_been() -> None:
    corrected = three(cert("2", "b", AGAIN), cert("3", "a", AGAIN, validity="lasts: 9 months"))
    timeline = timeline_of(corrected, A)
    assert states(timeline) == [("2026-06-01", "active"), ("2027-03-02", "expired")]
    assert [p.version for p in timeline.periods] == ["1", "3"]
    assert states(timeline_of(three(cert("2", "b", AGAIN), cert("3", "a")), A)) == states(
        timeline_of(two(cert("3")), A)
    )


def test_its_upgrade_deadline_and_its_overlap_are_gone_too() -> None:
    forced = three(cert("2", "b", UPGRADE), cert("3", "a"))
    assert states(timeline_of(forced, A)) == states(timeline_of(two(cert("3")), A))
    overlap = "transition: {in_flight: {finish_old_until: 2027-06-30}}"
    both = statement("a", "2026-12-01"), statement("b", "2027-02-01")
    old = cert("1", "{all: [a, b]}")
    overlapping = published(
        version(old),
        version(cert("2", "x"), "2027-01-01", "2027-01-01T09:00:00Z"),
        version(cert("3", "x", overlap), "2027-01-01", "2027-01-01T11:00:00Z"),
    )
    assert status(timeline_of(overlapping, *both), "2027-02-02").version == "1"


def test_before_it_was_put_right_the_first_of_them_applied() -> None:
    corrected = three(cert("2", "b", AGAIN), cert("3", "a", AGAIN))
    timeline = timeline_of(corrected, A, known_at="2027-01-01T10:00:00Z")
    assert status(timeline, "2027-01-02").state == "in_progress"
