"""What a session of cmi5 may say, in which order, and what is satisfied by it."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.cmi5.rules import MASTERY, Log, Session, SessionRefused, follow
from lrs.content.cmi5.satisfaction import is_met, satisfied
from lrs.content.packages.model import Cmi5Item, Item, ItemType

SESSION_ID = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
CATEGORY = "https://w3id.org/xapi/cmi5/context/categories/"
ADL = "http://adlnet.gov/expapi/verbs/"
ACTOR = {"objectType": "Agent", "account": {"homePage": "https://x.example", "name": "ana"}}
HELD = Session(
    "s1",
    "account::ana@https://x.example",
    "r1",
    "https://l.example/au",
    "https://p.example/au",
    mastery_score=0.8,
)
RESULTS: dict[str, dict[str, Any]] = {
    "initialized": {}, "completed": {"completion": True, "duration": "PT1S"}, "terminated": {"duration": "PT1S"},
    "passed": {"success": True, "duration": "PT1S", "score": {"scaled": 0.9}},
    "failed": {"success": False, "duration": "PT1S", "score": {"scaled": 0.1}},
}  # fmt: skip


def say(verb: str, /, **changes: Any) -> dict[str, Any]:
    """A statement as a well-made AU sends it."""
    judged = verb in {"completed", "passed", "failed"}
    categories = [{"id": f"{CATEGORY}cmi5"}] + ([{"id": f"{CATEGORY}moveon"}] if judged else [])
    extensions: dict[str, Any] = {SESSION_ID: "s1"} | ({MASTERY: 0.8} if verb in {"passed", "failed"} else {})
    made = {
        "id": str(uuid.uuid4()), "timestamp": "2026-11-29T10:00:00.000Z", "actor": ACTOR, "verb": {"id": ADL + verb},
        "object": {"id": "https://l.example/au"},
        "context": {
            "registration": "r1", "extensions": extensions,
            "contextActivities": {"grouping": [{"id": "https://p.example/au"}], "category": categories},
        },
    }  # fmt: skip
    if RESULTS[verb]:
        made["result"] = copy.deepcopy(RESULTS[verb])
    return made | changes


def run(*verbs: str, session: Session = HELD, log: Log | None = None) -> Log:
    found = log or Log()
    for verb in verbs:
        found = follow(session, found, say(verb))
    return found


def refused(statement: dict[str, Any], *before: str, session: Session = HELD, log: Log | None = None) -> str:
    with pytest.raises(SessionRefused) as error:
        follow(session, run(*before, session=session, log=log), statement)
    return str(error.value)


@pytest.mark.parametrize(
    "verbs",
    [
        ("initialized", "terminated"),
        ("initialized", "completed", "passed", "terminated"),
        ("initialized", "failed", "completed", "terminated"),
    ],
)
def test_sessions_in_order_pass(verbs: tuple[str, ...]) -> None:
    assert set(run(*verbs).session) == set(verbs)


@pytest.mark.parametrize(
    ("verb", "before"),
    [
        ("completed", ()), ("initialized", ("initialized",)), ("completed", ("initialized", "completed")),
        ("passed", ("initialized", "failed")), ("failed", ("initialized", "passed")),
        ("completed", ("initialized", "terminated")), ("terminated", ("initialized", "terminated")),
    ],
)  # fmt: skip
def test_sessions_out_of_order_are_refused(verb: str, before: tuple[str, ...]) -> None:
    assert refused(say(verb), *before)


def test_completed_and_passed_are_said_once_in_a_registration_and_failed_never_after_passed() -> None:
    earlier = run("initialized", "completed", "passed", "terminated")
    again = run("initialized", log=Log(unit=earlier.unit))
    for verb in ("completed", "passed", "failed"):
        assert refused(say(verb), log=again)


def test_the_same_statement_sent_again_passes() -> None:
    statement = say("initialized")
    log = follow(HELD, Log(), statement)
    assert follow(HELD, log, statement) == log


def change(statement: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    target, names = statement, path.split("/")
    for name in names[:-1]:
        target = target[name]
    if value is None:
        target.pop(names[-1], None)
    else:
        target[names[-1]] = value
    return statement


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", None), ("timestamp", None), ("timestamp", "2026-11-29T10:00:00+02:00"), ("timestamp", "2026-11-29T10:00:00"),
        ("actor", {"mbox": "mailto:ana@x.example"}), ("actor", ACTOR | {"objectType": "Group"}),
        ("actor", {"account": {"homePage": "https://x.example", "name": "bo"}}),
        ("context/registration", "r2"), ("context/extensions", {}), ("context/extensions", {SESSION_ID: "s2", MASTERY: 0.8}),
        ("context/contextActivities/grouping", []), ("object", {"id": "https://p.example/au"}),
        ("result/success", False), ("result/success", None), ("result/duration", None), ("result/completion", True),
        ("result/score", {"scaled": 0.5}), ("result/score", {"scaled": 0.9, "raw": 9}),
        ("context/extensions", {SESSION_ID: "s1"}), ("context/contextActivities/category", [{"id": f"{CATEGORY}cmi5"}]),
        ("context/contextActivities/category", [{"id": f"{CATEGORY}moveon"}]),
    ],
)  # fmt: skip
def test_a_passed_that_breaks_one_rule_is_refused(path: str, value: Any) -> None:
    follow(HELD, run("initialized"), say("passed"))
    assert refused(change(say("passed"), path, value), "initialized")


def test_a_verdict_without_a_score_rests_on_no_mastery_score_and_needs_not_name_it() -> None:
    unscored = change(say("passed"), "result/score", None)
    silent = change(unscored, "context/extensions", {SESSION_ID: "s1"})
    assert "passed" in follow(HELD, run("initialized"), silent).session
    wrong = change(unscored, "context/extensions", {SESSION_ID: "s1", MASTERY: 0.7})
    assert refused(wrong, "initialized")


@pytest.mark.parametrize("mode", ["Browse", "Review"])
@pytest.mark.parametrize("verb", ["completed", "passed", "failed"])
def test_nothing_is_judged_outside_the_normal_mode(mode: str, verb: str) -> None:
    session = Session(HELD.id, HELD.actor, HELD.registration, HELD.activity, HELD.publisher, mode)
    assert refused(say(verb), "initialized", session=session)


def test_a_video_may_be_initialized_but_the_unit_begins_once() -> None:
    """CATAPULT's example courses say `initialized` of a video, by the video profile."""
    of_video = say("initialized", object={"id": "https://example.com/vid/1924"})
    of_unit = say("initialized")
    for one in (of_video, of_unit):
        one["context"]["contextActivities"]["category"] = [{"id": "https://w3id.org/xapi/video"}]
    log = run("initialized")
    assert follow(HELD, log, of_video) == log
    assert "begins with initialized" in refused(of_video)
    assert "begins with initialized" in refused(of_unit)
    assert "begins with initialized" in refused(of_unit, "initialized")


def test_an_allowed_statement_passes_within_the_session_only() -> None:
    allowed = change(
        say("initialized", verb={"id": ADL + "experienced"}), "context/contextActivities/category", []
    )
    assert refused(allowed)
    assert refused(allowed, "initialized", "terminated")
    log = run("initialized")
    assert follow(HELD, log, allowed) == log


def test_an_abandoned_session_says_nothing_more() -> None:
    assert refused(say("terminated"), log=Log({"initialized": "x"}, {}, is_over=True))


def test_a_verb_that_is_none_of_cmi5s_may_not_have_its_category() -> None:
    assert refused(say("initialized", verb={"id": ADL + "experienced"}), "initialized")


# moveOn


@pytest.mark.parametrize(
    ("move_on", "said", "met"),
    [
        ("Passed", {"passed"}, True), ("Passed", {"completed"}, False), ("Completed", {"completed"}, True),
        ("CompletedAndPassed", {"completed"}, False), ("CompletedAndPassed", {"completed", "passed"}, True),
        ("CompletedOrPassed", {"passed"}, True), ("CompletedOrPassed", {"failed"}, False),
        ("NotApplicable", set(), True), ("Passed", {"waived"}, True),
    ],
)  # fmt: skip
def test_move_on(move_on: str, said: set[str], met: bool) -> None:
    assert is_met(move_on, said) is met


def node(name: str, *children: Item, move_on: str = "Passed") -> Item:
    kind = ItemType.BLOCK if children else ItemType.AU
    return Item(name, kind, {}, {}, cmi5=None if children else Cmi5Item(move_on), children=children)


def test_inner_blocks_are_satisfied_before_what_holds_them() -> None:
    root = node("course", node("block", node("a"), node("b")), node("c", move_on="NotApplicable"))
    assert satisfied(root, {"a": {"passed"}}, {}) == []
    assert [item.id for item in satisfied(root, {"a": {"passed"}, "b": {"waived"}}, {})] == [
        "block",
        "course",
    ]


@given(
    st.dictionaries(st.sampled_from("ab"), st.sets(st.sampled_from(["passed", "completed"]))),
    st.sampled_from("ab"),
)
def test_more_said_never_satisfies_less(said: dict[str, set[str]], unit: str) -> None:
    root = node("course", node("block", node("a"), node("b", move_on="Completed")))
    before = {item.id for item in satisfied(root, said, {})}
    after = {item.id for item in satisfied(root, said | {unit: {"passed", "completed"}}, {})}
    assert before <= after
