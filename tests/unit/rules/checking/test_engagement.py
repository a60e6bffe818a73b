"""Recall and Engagement documents: what can be wrong with them, and that they come back as they were."""

from __future__ import annotations

import pytest

from rules.checking.check import PublishedNames, check
from rules.checking.load import load
from rules.language.dump import dump

RECALL = """kind: Recall
id: again
version: "1"
title: Again
certification: basics
questions:
  - {id: one, ask: Which?, answers: [this, that], right: this}
"""
ENGAGEMENT = """kind: Engagement
id: points
version: "1"
title: Points
seasons:
  - {id: spring, title: Spring, from: 2027-01-01, until: 2027-06-30, points: {certification: 100}}
milestones:
  - {id: first, title: First, certifications: 1}
"""


def problems(text: str, names: PublishedNames | None = None) -> list[str]:
    loaded = load(text, "f.yaml")
    return [f"{one.path}: {one.message} [{one.code}]" for one in check([loaded], names)]


@pytest.mark.parametrize("text", [RECALL, ENGAGEMENT])
def test_a_sound_document_has_no_problem_and_comes_back(text: str) -> None:
    assert problems(text) == []
    document = load(text, "f.yaml").document
    assert document is not None
    assert load(dump(document), "g.yaml").document == document


@pytest.mark.parametrize(
    ("text", "old", "new", "problem"),
    [
        (RECALL, "right: this", "right: thus", "questions[0].right: thus is none of the answers [E204]"),
        (RECALL, "[this, that]", "[this]", "questions[0].answers: has 1; at least 2 are needed [E204]"),
        (RECALL, "title: Again", "title: Again\nintervals: [1 week, 7 days]",
         "intervals[1]: 7 days is not longer than 1 week before it [E204]"),
        (RECALL, "title: Again", "title: Again\na_day: 0", "a_day: 0 is not between 1 and 20 [E204]"),
        (RECALL, "certification: basics\n", "", "certification: certification is missing [E202]"),
        (RECALL, "title: Again", "title: Again\ntests: []", "tests: unknown key tests [E201]"),
        (ENGAGEMENT, "until: 2027-06-30", "until: 2026-06-30",
         "seasons[0].until: until 2026-06-30 is before from 2027-01-01 [E204]"),
        (ENGAGEMENT, "certification: 100", "award: 100", "seasons[0].points.award: unknown key award [E201]"),
        (ENGAGEMENT, "certifications: 1", "certifications: 1, contents: 2",
         "milestones[0].contents: certifications does not go with contents [E308]"),
        (ENGAGEMENT, "certifications: 1", "products: some", "milestones[0].products: some is not all [E204]"),
        (ENGAGEMENT, "title: Points", "title: Points\nboards: {fewest: 1}",
         "boards.fewest: 1 is less than 3 [E204]"),
    ],
)  # fmt: skip
def test_a_problem_is_said_with_its_place(text: str, old: str, new: str, problem: str) -> None:
    assert problem in problems(text.replace(old, new))


def test_what_is_given_twice_is_refused() -> None:
    again = '\n  - {id: one, ask: "And?", answers: [a, b], right: a}\n'
    assert problems(RECALL.rstrip() + again) == [
        "questions[1].id: one stands among the questions twice [E204]"
    ]
    twice = ENGAGEMENT + "  - {id: first, title: Second, contents: 2}\n"
    assert problems(twice) == ["milestones[1].id: first stands among the milestones twice [E204]"]


def test_a_certification_that_nobody_knows_is_refused_where_the_store_was_asked() -> None:
    """cert#3-6: E302, with the nearest name."""
    known = PublishedNames(versions={("Certification", "basic"): {}})
    assert problems(RECALL, known) == ["certification: unknown certification basics [E302]"]


def test_a_document_without_season_or_milestone_says_nothing() -> None:
    bare = ENGAGEMENT.partition("seasons:")[0]
    assert problems(bare) == ["milestones: seasons or milestones is missing [E202]"]
