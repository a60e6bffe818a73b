"""Fragments are resolved and frozen into the document that uses them (cert#2.7)."""

from __future__ import annotations

import pytest

from rules.checking.load import document_hash, load
from rules.errors import UnknownRule
from rules.language.fragments import resolve, uses
from rules.language.model import AnyDocument, Certification, Fragment
from rules.language.requirements import AllOf, Requirement
from rules.testing.files import check_files

FRAGMENT = """\
kind: Fragment
id: conduct
version: "1"
evidence:
  course: {verb: completed, activity: "https://a.example/conduct"}
  quiz: {verb: passed, activity: "https://a.example/quiz"}
requirements:
  understood: {all: [course, {score: quiz, at_least: 0.9, label: Quiz}], label: Conduct}
  one: {done: course, disqualified_by: quiz}
"""
USER = """\
kind: Certification
id: c
version: "1"
title: C
evidence:
  course: {verb: completed, activity: "https://a.example/course"}
  shared: {use: conduct/quiz}
award:
  when:
    all:
      - course
      - {use: conduct/understood}
      - shared
validity: {lasts: 12 months}
"""


def document(text: str) -> AnyDocument:
    loaded = load(text, "a.yaml")
    assert loaded.document is not None, loaded.problems
    return loaded.document


def fragment(text: str = FRAGMENT) -> Fragment:
    found = document(text)
    assert isinstance(found, Fragment)
    return found


def frozen(text: str = USER, from_text: str = FRAGMENT) -> Certification:
    found = resolve(document(text), {"conduct": fragment(from_text)})
    assert isinstance(found, Certification)
    return found


def parts(requirement: Requirement) -> tuple[Requirement, ...]:
    assert isinstance(requirement, AllOf)
    return requirement.parts


def test_selectors_and_requirements_are_replaced() -> None:
    found = frozen()
    assert uses(document(USER)) == {"conduct"}
    assert uses(found) == frozenset()
    assert found.evidence["shared"].activities == ("https://a.example/quiz",)
    assert found.evidence["shared"].name == "shared"


def test_a_name_that_is_taken_gets_the_name_of_the_fragment_before_it() -> None:
    """The missing key stays that of the fragment's form (cert#2.5)."""
    found = frozen()
    assert sorted(found.evidence) == ["conduct_course", "course", "quiz", "shared"]
    timeline, quiz = parts(parts(found.award.when)[1])
    assert (timeline.selector, timeline.key) == ("conduct_course", "course")  # type: ignore[attr-defined]  # a Done
    assert (quiz.selector, quiz.key, quiz.label) == ("quiz", None, "Quiz")  # type: ignore[attr-defined]  # a Done


def test_two_requirements_with_one_key_through_a_fragment_are_found() -> None:
    """E307."""
    checked, _ = check_files([("a.yaml", USER), ("b.yaml", FRAGMENT)])
    assert [problem.code for problem in checked.problems if problem.severity == "error"] == ["E307"]


def test_modifiers_of_the_use_override_those_of_the_fragment() -> None:
    text = USER.replace(
        "{use: conduct/understood}", "{use: conduct/one, label: Mine, key: mine, disqualified_by: shared}"
    )
    one = parts(frozen(text).award.when)[1]
    assert (one.label, one.key, one.disqualified_by) == ("Mine", "mine", ("quiz", "shared"))


def test_an_unknown_fragment_or_entry_raises() -> None:
    with pytest.raises(UnknownRule):
        resolve(document(USER), {})
    with pytest.raises(UnknownRule):
        resolve(document(USER.replace("understood", "other")), {"conduct": fragment()})


def test_a_document_without_use_stays_the_same_object() -> None:
    plain = document(
        USER.replace("{use: conduct/understood}", "shared")
        .replace("{use: conduct/quiz}", "{verb: passed, activity: 'https://a.example/z'}")
        .replace("      - shared\n      - shared\n", "      - shared\n")
    )
    assert resolve(plain, {}) is plain


def test_the_hash_is_that_of_the_resolved_document() -> None:
    """cert#4.12-3: another version of the fragment gives another hash."""
    other = FRAGMENT.replace("at_least: 0.9", "at_least: 0.8")
    assert document_hash(frozen()) == document_hash(frozen())
    assert document_hash(frozen()) != document_hash(frozen(USER, other))
    assert document_hash(frozen()) != document_hash(document(USER))
