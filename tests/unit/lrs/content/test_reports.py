"""What H5P reports is completed with the launch's learner, registration and activity."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrs.content.player.commits import BadCommit
from lrs.content.player.reports import Report, complete, read_report
from statements.intake.validate import check_statement

NOW = dt.datetime(2026, 11, 29, 10, tzinfo=dt.UTC)
COURSE = "https://lrs.example/content/x"
LAUNCH = {
    "_id": "hash", "registration": "1b0d4f0e-8d0b-4c39-9f0e-6f6f2a1f7c11",
    "actor": {"objectType": "Agent", "account": {"homePage": "https://lrs.example", "name": "ana"}},
}  # fmt: skip
ANSWERED = {
    "actor": {"account": {"name": "x"}}, "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
    "object": {
        "id": "http://x.localhost/play/t/?subContentId=ab-1",
        "definition": {"interactionType": "true-false", "correctResponsesPattern": ["true"], "name": {"en": "Q"}, "extensions": {"a": 1}},
    },
    "context": {"registration": "made up"}, "result": {"score": {"raw": 5, "min": 0, "max": 4, "scaled": 1.25}, "success": True},
}  # fmt: skip


def made(statement: dict[str, Any], serial: str = "p-1") -> dict[str, Any]:
    return complete(Report(serial, statement), LAUNCH, COURSE, NOW)


def test_actor_registration_and_object_are_those_of_the_launch() -> None:
    found = made(ANSWERED)
    check_statement(found, "1.0.3", "$")
    assert found["actor"] == LAUNCH["actor"]
    assert found["context"]["registration"] == LAUNCH["registration"]
    assert found["object"]["id"] == f"{COURSE}/parts/ab-1"
    assert "extensions" not in found["object"]["definition"]
    assert found["result"]["score"] == {"raw": 5.0, "scaled": 1.0}


def test_the_same_report_is_the_same_statement_and_another_is_not() -> None:
    assert made(ANSWERED)["id"] == made(ANSWERED)["id"]
    assert made(ANSWERED)["id"] != made(ANSWERED, "p-2")["id"]


@pytest.mark.parametrize(
    "verb",
    ["https://w3id.org/xapi/adl/verbs/satisfied", "http://adlnet.gov/expapi/verbs/voided", None, 5, ["x"]],
)
def test_no_other_verb_is_said_for_the_learner(verb: Any) -> None:
    with pytest.raises(BadCommit):
        made(ANSWERED | {"verb": {"id": verb}})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"serial": "", "statement": {}}', b'{"serial": "x", "statement": []}', b"\xff",
        b'{"serial": "x", "statement": {"object": {"definition": {"choices": ' + b"[" * 300 + b"]" * 300 + b"}}}}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_report_is_refused(body: bytes) -> None:
    with pytest.raises(BadCommit):
        read_report(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "score", "raw", "definition", "name"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["object", "result", "context"]), JSON))
def test_no_shape_of_a_report_breaks_its_completion(parts: dict[str, Any]) -> None:
    orjson.dumps(made({"verb": ANSWERED["verb"], **parts}))
