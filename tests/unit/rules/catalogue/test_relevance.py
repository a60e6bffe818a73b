"""Which statements a published certification may look at: a superset of its selectors (cert#2.4), by table."""

from __future__ import annotations

from typing import Any

import pytest

from rules.catalogue.relevance import (
    CMI5_CATEGORY,
    REMEMBERED,
    SelectedActivities,
    activity_prefix,
    compile_relevance,
)
from rules.catalogue.rule_set import sort_by_prerequisite
from rules.checking.load import load
from rules.evaluation.award_ids import award_id, encode
from rules.language.model import Certification

ADL = "http://adlnet.gov/expapi/verbs/"
TEXT = """
kind: Certification
id: c1
version: "1"
title: C
evidence:
  exam: {verb: [passed, failed], activity: "https://a.example/exam"}
  any_lab: {verb: completed, activity: "https://a.example/lab/*"}
  delta: {verb: passed, activity: "https://a.example/delta-{release}"}
  unit: {cmi5: {au: "https://a.example/au", moveon: met}}
award: {when: {done: exam}}
validity: {lasts: 12 months}
release_rules:
  - {when_release: {product: p, level: major}, unless: {done: delta}, ends_after: 90 days}
"""


@pytest.fixture(scope="module")
def relevance() -> Any:
    loaded = load(TEXT, "c.yaml")
    assert isinstance(loaded.document, Certification), loaded.problems
    return compile_relevance([loaded.document])


def statement(verb: str, activity: str, **more: Any) -> dict[str, Any]:
    return {
        "actor": "mbox::mailto:a@b",
        "verb": ADL + verb,
        "object": {"type": "Activity", "id": activity},
        **more,
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (statement("passed", "https://a.example/exam"), True),
        (statement("completed", "https://a.example/exam"), False),
        (statement("passed", "https://a.example/exam2"), False),
        (statement("completed", "https://a.example/lab/"), True),
        (statement("completed", "https://a.example/lab/7"), True),
        (statement("completed", "https://a.example/la"), False),
        (statement("passed", "https://a.example/delta-9.9"), True),
        (statement("launched", "https://x/y", category=[CMI5_CATEGORY], grouping=["https://a.example/au"]), True),
        (statement("launched", "https://x/y", grouping=["https://a.example/au"]), False),
        (statement("launched", "https://a.example/exam", category=[CMI5_CATEGORY]), True),
        (statement("passed", "https://a.example/exam", actor=None), False),
        (statement("passed", "https://a.example/exam", actor_type="Group"), False),
        ({**statement("passed", "x"), "object": {"type": "StatementRef", "id": "https://a.example/exam"}}, False),
    ],
)  # fmt: skip
def test_a_statement_is_relevant_if_any_selector_may_match_it(
    relevance: Any, document: dict[str, Any], expected: bool
) -> None:
    assert relevance.is_relevant(document) is expected
    assert relevance.certifications(document) == (frozenset({"c1"}) if expected else frozenset())


def test_a_prefix_ends_at_its_star_or_at_the_release() -> None:
    assert activity_prefix("https://a/x/*") == "https://a/x/"
    assert activity_prefix("https://a/d-{release}-x") == "https://a/d-"
    assert activity_prefix("https://a/x") is None


def test_prerequisites_come_first_and_a_cycle_ends() -> None:
    needs = {"expert": {"pro"}, "pro": {"basic"}, "basic": set(), "a": {"b"}, "b": {"a"}, "c": {"gone"}}
    order = sort_by_prerequisite({name: frozenset(each) for name, each in needs.items()})
    assert order.index("basic") < order.index("pro") < order.index("expert")
    assert sorted(order) == sorted(needs)


def test_an_award_id_is_ulid_text_that_follows_from_what_it_names() -> None:
    one = award_id("p", "c", 1)
    assert one == award_id("p", "c", 1)
    assert len(one) == 26
    assert one[0] in "01234567"
    assert (
        len({award_id("p", "c", 1), award_id("p", "c", 2), award_id("q", "c", 1), award_id("p", "d", 1)}) == 4
    )
    assert encode(0) == "0" * 26


def test_an_activity_seen_before_is_answered_as_the_first_time_and_little_is_remembered() -> None:
    verb = SelectedActivities(
        {"https://a.example/x/exam": frozenset({"one"})},
        (("https://a.example/x/", frozenset({"two"})), ("https://a.example/", frozenset({"three"}))),
    )
    for _ in range(2):
        assert verb.of("https://a.example/x/exam") == {"one", "two", "three"}
        assert verb.of("https://a.example/y") == {"three"}
        assert verb.of("https://b.example/") == frozenset()
    for i in range(2 * REMEMBERED):
        verb.of(f"https://b.example/{i}")
    assert len(verb.memo) <= REMEMBERED
