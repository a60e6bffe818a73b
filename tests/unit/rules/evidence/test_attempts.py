"""How often somebody may try (cert#4.3-5): which attempts count, whatever the order in which they became known."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from factories_decisions import (
    BASE,
    certification,
    fact,
    history,
    instant,
    last,
    statement,
    status,
    timeline_of,
    version,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.evaluation.evaluate import decide
from rules.evidence.attempts import attempt_log
from rules.evidence.evidence_index import order
from rules.evidence.history import END_OF_TIME, Evidence, Membership
from rules.evidence.published import published
from rules.explaining.explain import Explanation, explain
from rules.language.durations import Duration, Unit
from rules.language.model import Attempts, Certification

DAY = dt.timedelta(days=1)
GROUPS = {"office": (Membership("ines"),)}


def limited(attempts: str, when: str = "exam") -> Certification:
    return certification(
        f'evidence:\n  exam: {{verb: passed, activity: "{BASE}exam", attempts: {{{attempts}}}}}\n'
        f"award: {{when: {when}}}\nvalidity: {{lasts: forever}}\n"
    )


def failed(*days: str) -> list[Evidence]:
    return [statement("exam", day, verb="failed") for day in days]


def test_an_attempt_that_began_in_time_counts_whole_however_long_it_takes() -> None:
    rule = limited("at_most: 1")
    rows = [
        statement("exam", day, verb=verb, registration="r")
        for day, verb in (("2026-01-10", "failed"), ("2027-01-10", "passed"))
    ]
    assert status(timeline_of(rule, *rows), "2027-01-10").state == "active"
    assert status(timeline_of(rule, *failed("2026-01-09"), *rows), "2027-01-10").state == "in_progress"


def test_a_pass_ends_the_run_of_failures() -> None:
    rule = limited("wait: [1 day, 30 days]", "{count: exam, at_least: 3}")
    rows = [
        *failed("2026-01-10"),
        statement("exam", "2026-01-11"),
        *failed("2026-01-11T01:00:00Z"),
        statement("exam", "2026-01-12"),
    ]
    log = attempt_log(rule.evidence["exam"].attempts or Attempts(), rows, (), "UTC")
    assert (len(log.counted), log.refused) == (4, {})


def test_a_grant_serves_one_attempt_and_waits_until_it_is_needed() -> None:
    rule = limited("at_most: 1, granted_by: {group: office}", "{count: exam, at_least: 2}")
    granted = [fact("grant", "2026-01-01", by="ines")]
    rows = [statement("exam", day) for day in ("2026-01-10", "2026-01-20", "2026-01-30")]
    found = timeline_of(rule, *rows, facts=tuple(granted), groups=GROUPS)
    assert found.periods[0].awarded_at == instant("2026-01-20")
    rule = limited("at_most: 1, granted_by: {group: office}", "{count: exam, at_least: 3}")
    ignored = told(rule, "2026-02-01", *rows, facts=tuple(granted), groups=GROUPS).tree[0].ignored
    assert [(one.id[:15], one.why) for one in ignored] == [("exam-2026-01-30", "more than 1 attempt")]


@pytest.mark.parametrize(
    "values", [{"by": "bo"}, {"by": "ines", "of": "other"}, {"by": "ines", "decided_at": "2026-03-01"}]
)
def test_a_grant_counts_from_a_member_for_its_selector_and_once_it_is_known(values: Any) -> None:
    rule = limited("at_most: 1, granted_by: {group: office}")
    rows = [*failed("2026-01-10"), statement("exam", "2026-01-20")]
    grants = (fact("grant", "2026-01-15", **values),)
    found = timeline_of(rule, *rows, facts=grants, groups=GROUPS, known_at="2026-02-01")
    assert status(found, "2026-02-01").state == "in_progress"


def told(rule: Certification, at: str, *rows: Evidence, **values: Any) -> Explanation:
    return explain(published(version(rule)), history(*rows, **values), END_OF_TIME, last(at))


def test_explain_says_when_the_next_attempt_counts_and_who_can_grant_one() -> None:
    rule = limited("at_most: 2, within: 12 months, wait: 14 days, granted_by: {group: office}")
    (waiting,) = told(rule, "2026-01-12", *failed("2026-01-10")).next
    assert (waiting.at, waiting.what) == (
        dt.date(2026, 1, 24),
        "The next attempt at Exam counts from 2026-01-24 on. A member of office can grant one.",
    )
    (full,) = told(rule, "2026-03-12", *failed("2026-01-10", "2026-02-10")).next
    assert full.at == dt.date(2027, 1, 11)
    (never,) = told(limited("at_most: 1"), "2026-03-12", *failed("2026-01-10")).next
    assert never.what == "No further attempt at Exam counts: no more than 1 attempt."
    assert told(rule, "2026-01-24", *failed("2026-01-10")).next == ()


# The plainest way to decide it, over generated histories

limits = st.builds(
    Attempts,
    st.one_of(st.none(), st.integers(1, 3)),
    st.sampled_from([None, Duration(20, Unit.DAYS), Duration(1, Unit.MONTHS)]),
    st.lists(st.integers(0, 12).map(lambda n: Duration(n, Unit.DAYS)), max_size=3).map(tuple),
)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
instants = st.integers(0, 4 * 90).map(lambda n: START + n * dt.timedelta(hours=6))


@st.composite
def tries(draw: Any) -> list[Evidence]:
    found = []
    for index in range(draw(st.integers(0, 10))):
        registration = draw(st.sampled_from([None, None, "r1", "r2"]))
        verb = draw(st.sampled_from(["failed", "failed", "passed"]))
        found.append(
            statement("exam", draw(instants), verb=verb, registration=registration, id=f"s{index:02d}")
        )
    return found


def plus(day: dt.date, duration: Duration) -> dt.date:
    if duration.unit is Unit.DAYS:
        return day + duration.n * DAY
    month = day.month % 12 + 1
    last_day = (dt.date(day.year + month // 12, month % 12 + 1, 1) - DAY).day
    return dt.date(day.year + (month == 1), month, min(day.day, last_day))


def plain(limits: Attempts, rows: list[Evidence], grants: list[dt.datetime]) -> list[str]:
    """Return the ids of the statements that count, by going through all that was counted at every one."""
    left, attempts, kept = sorted(grants), {}, []
    for e in rows:
        key = e.registration or e.id
        if key not in attempts:
            before = [own for own in attempts.values() if own]
            span = limits.within
            before = [own for own in before if span is None or e.at.date() <= plus(own[0].at.date(), span)]
            ends = [own[-1] for own in before]
            failures = 0
            for end in reversed(ends):
                if end.verb.endswith("passed"):
                    break
                failures += 1
            early = False
            if failures and limits.wait:
                wait = limits.wait[min(failures, len(limits.wait)) - 1]
                early = e.at.date() < plus(max(end.at for end in ends[-failures:]).date(), wait)
            barred = early or (limits.at_most is not None and len(before) >= limits.at_most)
            if barred and left and left[0] <= e.at:
                barred = bool(left.pop(0) is None)
            attempts[key] = [] if barred else [e]
        elif attempts[key]:
            attempts[key].append(e)
        if attempts[key]:
            kept.append(e.id)
    return kept


@settings(max_examples=600)
@given(limits, tries(), st.lists(instants, max_size=2))
def test_the_plainest_way_counts_the_same_attempts(
    limits: Attempts, rows: list[Evidence], grants: list[dt.datetime]
) -> None:
    rows = sorted(rows, key=order)
    refused = attempt_log(limits, rows, grants, "UTC").refused
    assert [e.id for e in rows if e.id not in refused] == plain(limits, rows, grants)


RULE = limited("at_most: 2, within: 1 month, wait: [2 days, 9 days], granted_by: {group: office}")


@settings(max_examples=300)
@given(tries(), st.lists(instants, max_size=2), st.randoms(), instants)
def test_order_does_not_matter_and_knowledge_only_grows(
    rows: list[Evidence], granted: list[dt.datetime], random: Any, d: dt.datetime
) -> None:
    grants = tuple(fact("grant", at, by="ines", decided_at=at, id=f"g{i}") for i, at in enumerate(granted))  # type: ignore[arg-type]
    rule = published(version(RULE))
    expected = decide(rule, history(*rows, facts=grants, groups=GROUPS), d)
    mixed, turned = list(rows), list(grants)
    random.shuffle(mixed)
    random.shuffle(turned)
    again = decide(rule, history(*mixed, facts=tuple(turned), groups=GROUPS), d)
    assert (again.segments, again.periods) == (expected.segments, expected.periods)
    then = [e for e in rows if e.stored <= d]
    known = tuple(one for one in grants if one.decided_at <= d)
    of_that_day = decide(rule, history(*then, facts=known, groups=GROUPS), d)
    assert (of_that_day.segments, of_that_day.periods) == (expected.segments, expected.periods)
