"""What scripts/torture.py calls right and wrong: each judge finds what was planted, and nothing in a good history."""

from __future__ import annotations

import pytest

from scripts.torturing.judging import (
    READ,
    REFUSED,
    UNKNOWN,
    WRITTEN,
    Operation,
    in_force,
    judge_document,
    judge_events,
    judge_mails,
    judge_once,
    judge_statements,
    out_of_date,
    shortened,
)


def op(kind: str, number: int, by: str, began: float, ended: float) -> Operation:
    return Operation(kind, number, by, began, ended)


GOOD = [
    op(READ, 0, "", 0, 1),
    op(WRITTEN, 1, "a", 1, 3),
    op(REFUSED, 1, "b", 1, 4),
    op(READ, 1, "a", 2, 3),  # while it is written, before its writer was told
    op(UNKNOWN, 2, "c", 4, 34),
    op(READ, 1, "a", 5, 6),  # what has no answer may come late
    op(READ, 2, "c", 40, 41),
    op(UNKNOWN, 3, "d", 42, 72),  # ... or never
]


def test_a_good_history_of_a_document_has_no_findings() -> None:
    assert judge_document(GOOD) == []


@pytest.mark.parametrize(
    ("planted", "finding"),
    [
        (op(WRITTEN, 1, "e", 1, 3), "number 1 has 2 writers"),
        (op(READ, 2, "x", 41, 42), "number 2 has 2 writers"),
        (op(READ, 3, "x", 43, 44), "number 3 was read and never sent by x"),
        (op(READ, 1, "a", 42, 43), "read 1 after 2 was told 1.00 s before"),
        (op(READ, 0, "", 4, 5), "read 0 after 1 was told 1.00 s before"),
        (op(READ, 3, "d", 41, 41.5), "number 3 was read before it was sent"),
        (op(WRITTEN, 5, "f", 80, 81), "number 4 is missing"),
    ],
)
def test_what_is_not_linearizable_is_found(planted: Operation, finding: str) -> None:
    assert finding in judge_document([*GOOD, planted])


def test_a_refused_write_that_is_read_is_found() -> None:
    history = [op(REFUSED, 1, "a", 0, 1), op(READ, 1, "a", 2, 3)]
    assert "number 1 was read, its writer was refused" in judge_document(history)


def test_a_write_of_what_was_told_before_is_out_of_date() -> None:
    history = [op(WRITTEN, 1, "a", 0, 1), op(WRITTEN, 1, "b", 3, 4)]
    assert out_of_date(history) == [("written 1 after 1 was told 2.00 s before", 2.0)]


def test_statements_are_stored_once_and_no_others() -> None:
    assert judge_statements({"a", "b"}, ["a", "b"]) == []
    found = judge_statements({"a", "b"}, ["a", "a", "c"])
    assert found == ["lost: b", "stored 2 times: a", "stored and never acknowledged: c"]


def test_each_who_passed_has_one() -> None:
    assert judge_once("award", {"a"}, ["a"]) == []
    found = judge_once("award", {"a", "b"}, ["a", "a", "c"])
    assert found == ["no award of b", "2 times award of a", "award of c, which should not be"]


def test_a_retracted_fact_is_not_in_force() -> None:
    facts = [
        {"_id": "1", "kind": "transition", "person": "a"}, {"_id": "2", "kind": "retraction", "person": "a", "of": "1"},
        {"_id": "3", "kind": "transition", "person": "a"}, {"_id": "4", "kind": "review", "person": "a"},
    ]  # fmt: skip
    assert in_force(facts) == ["a"]


def test_a_mail_comes_once_or_is_listed_as_unconfirmed() -> None:
    assert judge_mails({"a": "sent", "b": "unconfirmed"}, ["a"]) == []
    found = judge_mails({"a": "sent", "b": "sent"}, ["a", "a", "c"])
    assert found == ["mail a came 2 times", "mail c came and is unknown", "mail b is sent and did not come"]


def test_an_event_may_come_again_but_with_the_same_body() -> None:
    assert judge_events({"a"}, [("a", b"1"), ("a", b"1")]) == []
    found = judge_events({"a", "b"}, [("a", b"1"), ("a", b"2"), ("c", b"1")])
    assert found == [
        "event b was not delivered", "event c was delivered and is not decided", "event a has 2 bodies",
    ]  # fmt: skip


def test_of_many_findings_of_a_kind_some_are_listed() -> None:
    assert shortened(f"number {n} is missing" for n in range(9))[-1] == "... and 4 more of these"
