"""Selectors as a predicate and as a test on evidence (cert#2.4); evidence from statement documents (cert#4.1, cert#4.3-2)."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from bson.decimal128 import Decimal128
from factories import WRITER, make_statement
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.evidence.evidence_index import is_countable
from rules.evidence.from_statement import evidence, parse_instant
from rules.evidence.selectors import ADL, ISSUER, compile_selector, has_release, is_practice, predicate, same
from rules.language import build
from rules.language.build import OWN_SOURCE, RECOGNISED
from rules.language.model import ContextMatch, ResultMatch, Selector
from statements.intake.prepare import Setting, prepare
from statements.parsing.parse import parse_statements
from statements.query.predicate import matches

AT = dt.datetime(2026, 5, 4, 12, 0, 0, 123000, tzinfo=dt.UTC)
STORED = dt.datetime(2026, 5, 4, 12, 0, 1, 456789, tzinfo=dt.UTC)
MICROSECONDS = int((STORED - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1))
X = "https://x.example/"


def document(**values: Any) -> dict[str, Any]:
    """Return a statement document as the store keeps it."""
    return {
        "_id": MICROSECONDS.to_bytes(8, "big") + b"12345678",
        "id": UUID("11111111-1111-4111-8111-111111111111"),
        "stored": STORED.replace(microsecond=456000),
        "timestamp": AT,
        "actor": "mbox::mailto:ana@example.com",
        "verb": ADL + "passed",
        "object": {"type": "Activity", "id": X + "exam"},
        "controlled_by": "vendor",
        "client_label": "lms",
    } | values


# Evidence


def test_stored_has_the_microseconds_of_the_order_key() -> None:
    assert evidence(document()).stored == STORED


def test_timestamp_has_the_microseconds_that_a_date_leaves_out() -> None:
    assert evidence(document(timestamp_us=7)).at == AT + dt.timedelta(microseconds=7)


def test_naive_dates_are_utc() -> None:
    assert evidence(document(timestamp=AT.replace(tzinfo=None))).at == AT


def test_effective_time_is_stored_where_the_timestamp_lies_ahead() -> None:
    assert evidence(document(timestamp=STORED + dt.timedelta(days=1))).at == STORED


@pytest.mark.parametrize(
    ("score", "value"),
    [
        ({"scaled": 0.1}, Decimal("0.1")),
        ({"scaled": Decimal128("0.10000000000000000000000001")}, Decimal("0.10000000000000000000000001")),
        ({"raw": 8, "max": 10}, Decimal("0.8")),
        (None, None),
    ],
)
def test_score_is_the_decimal_that_was_received(score: Any, value: Any) -> None:
    assert evidence(document(score=score)).score == value


def test_extensions_are_kept_per_place_and_too_long_ones_come_from_raw() -> None:
    pairs = [{"where": "result", "k": X + "n", "v": 5}, {"where": "context", "k": X + "long"}]
    raw = orjson.dumps(
        {"context": {"extensions": {X + "long": "y" * 9000}}, "result": {"extensions": {X + "n": 5}}}
    )
    found = evidence(document(extensions=pairs, raw=raw))
    assert found.result_extensions == {X + "n": 5}
    assert found.context_extensions == {X + "long": "y" * 9000}


def test_an_object_that_is_no_activity_is_nobodys_evidence() -> None:
    assert evidence(document(object={"type": "SubStatement"})).activity == ""
    assert evidence(document(object={"type": "Agent", "id": "mbox::mailto:b@c.d"})).activity == ""


@pytest.mark.parametrize(
    ("values", "signer"),
    [
        ({"instructor": "i", "authority": "a"}, "I"),
        ({"instructor": "unknown", "authority": "a"}, "A"),
        ({"authority": "client"}, None),
        ({}, None),
    ],
)
def test_signer_is_the_person_of_the_instructor_else_of_the_authority(
    values: Any, signer: str | None
) -> None:
    people = {"i": "I", "a": "A"}
    assert evidence(document(**values), lambda ifi, _at: people.get(ifi)).signer == signer


def test_signer_may_be_the_user_of_an_authority_group() -> None:
    members = [
        {"account": {"homePage": "http://l.example", "name": "c"}},
        {"mbox": "mailto:ines@example.com"},
    ]
    raw = orjson.dumps({"authority": {"objectType": "Group", "member": members}})
    people = {"mbox::mailto:ines@example.com": "ines"}
    found = evidence(document(authority=None, raw=raw), lambda ifi, _at: people.get(ifi))
    assert found.signer == "ines"


def test_voided_at_is_when_the_voiding_statement_was_stored() -> None:
    assert evidence(document(voided=STORED)).voided_at == STORED
    assert evidence(document()).voided_at is None


def test_practice_is_read_from_extensions() -> None:
    pair = {
        "where": "context",
        "k": "https://w3id.org/xapi/cmi5/context/extensions/launchmode",
        "v": "Review",
    }
    assert evidence(document(extensions=[pair])).practice
    assert not evidence(document(extensions=[pair | {"v": "Normal"}])).practice


@pytest.mark.parametrize(
    ("iri", "value", "practice"),
    [
        ("https://w3id.org/xapi/scorm/mode", "Browse", True),
        ("https://w3id.org/xapi/scorm/credit", "no-credit", True),
        ("https://w3id.org/xapi/scorm/credit", "credit", False),
        ("https://x.example/mode", "browse", False),
        ("https://w3id.org/xapi/scorm/mode", 7, False),
    ],
)
def test_what_marks_practice(iri: str, value: Any, practice: bool) -> None:
    assert is_practice(iri, value) is practice


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-04T12:00:00Z", dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)),
        ("2026-05-04T12:00:00.123456789+02:00", dt.datetime(2026, 5, 4, 10, 0, 0, 123456, tzinfo=dt.UTC)),
        ("2026-05-04T12:00:00.5", dt.datetime(2026, 5, 4, 12, 0, 0, 500000, tzinfo=dt.UTC)),
    ],
)
def test_instants_are_cut_to_microseconds(text: str, instant: dt.datetime) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (Decimal("0.1"), 0.1, True),
        (True, 1, False),
        ("1", 1, False),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}', True),
        (None, None, True),
    ],
)
def test_extension_values_compare_exactly(left: Any, right: Any, equal: bool) -> None:
    assert same(left, right) is equal


# The predicate says the same as the test on evidence

flags = st.sampled_from([None, True, False])
activities = st.sampled_from([X + "exam", X + "exams/1", X + "exam-6", X + "other", X])
values = st.sampled_from([1, 2, "v", True])

selectors = st.builds(
    Selector,
    name=st.just("s"),
    verbs=st.lists(st.sampled_from([ADL + "passed", ADL + "failed", ADL + "completed"]), min_size=1, max_size=3, unique=True).map(tuple),
    activities=st.lists(st.sampled_from([X + "exam", X + "exams/*", X + "*"]), min_size=1, max_size=2, unique=True).map(tuple),
    sources=st.sampled_from(["vendor", "any", ("lms",), ("lms", "exams")]),
    result=st.none() | st.builds(ResultMatch, flags, flags, st.dictionaries(st.just(X + "k"), values, max_size=1)),
    context=st.none()
    | st.builds(
        ContextMatch,
        parent=st.sampled_from([None, X + "p"]),
        category=st.sampled_from([None, X + "c"]),
        platform=st.sampled_from([None, "web"]),
        extensions=st.dictionaries(st.just(X + "k"), values, max_size=1),
    ),
)  # fmt: skip

documents = st.builds(
    document,
    verb=st.sampled_from([ADL + "passed", ADL + "failed", ADL + "completed", ADL + "scored"]),
    object=st.builds(
        lambda i, t: {"type": t, "id": i}, activities, st.sampled_from(["Activity", "Activity", "Agent"])
    ),
    controlled_by=st.sampled_from(["vendor", "partner"]),
    client_label=st.sampled_from([None, "lms", "exams", "x"]),
    success=flags,
    completion=flags,
    platform=st.sampled_from([None, "web", "app"]),
    parent=st.lists(st.sampled_from([X + "p", X + "q"]), max_size=2),
    category=st.lists(st.sampled_from([X + "c", X + "d"]), max_size=2),
    extensions=st.lists(
        st.builds(
            lambda w, v: {"where": w, "k": X + "k", "v": v}, st.sampled_from(["result", "context"]), values
        ),
        max_size=2,
        unique_by=lambda pair: pair["where"],
    ),
)


@settings(max_examples=1500)
@given(selectors, documents)
def test_predicate_and_evidence_select_the_same_documents(selector: Selector, found: dict[str, Any]) -> None:
    e = evidence(found)
    by_evidence = is_countable(e) and compile_selector(selector).matches(e, "ana", {})
    assert matches(predicate(selector), found) == by_evidence


def test_a_release_placeholder_is_a_prefix_for_the_store_and_exact_for_the_engine() -> None:
    selector = Selector("delta", (ADL + "passed",), (X + "delta-{release}",))
    assert has_release(selector)
    assert matches(predicate(selector), document(object={"type": "Activity", "id": X + "delta-7"}))
    six = compile_selector(selector, "6")
    assert six.names(X + "delta-6")
    assert not six.names(X + "delta-7")


def test_evidence_of_a_document_as_ingest_makes_it() -> None:
    raw = make_statement(
        timestamp="2026-05-04T14:00:00.1234567+02:00",
        verb={"id": ADL + "passed"},
        result={"score": {"raw": 8, "min": 0, "max": 10}, "success": True, "extensions": {X + "n": 0.1}},
        context={
            "registration": "11111111-1111-4111-8111-11111111111A",
            "instructor": {"mbox": "mailto:ines@example.com"},
            "contextActivities": {"grouping": [{"id": X + "g"}], "category": {"id": X + "c"}},
        },
    )
    (parsed,) = parse_statements(json.dumps(raw).encode())
    found = evidence(
        prepare(parsed, Setting.of("o", WRITER, "2.0.0"), MICROSECONDS),
        lambda ifi, _at: {"mbox::mailto:ines@example.com": "ines"}.get(ifi),
    )
    assert found.at == dt.datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=dt.UTC)
    assert found.stored == STORED
    assert (found.score, found.raw, found.success) == (Decimal("0.8"), Decimal(8), True)
    assert found.registration == "11111111-1111-4111-8111-11111111111a"
    assert (found.grouping, found.category) == ((X + "g",), (X + "c",))
    assert found.result_extensions == {X + "n": 0.1}
    assert (found.signer, found.client_label, found.controlled_by) == ("ines", "content", "vendor")


# Earned elsewhere


def recognised(**values: Any) -> dict[str, Any]:
    """Return the document of a statement by which Laurel tells of an import."""
    extensions = [{"where": "context", "k": ISSUER, "v": "did:web:a.example"}]
    return document(verb=RECOGNISED, client_label=OWN_SOURCE, extensions=extensions) | values


ELSEWHERE = build.selector(
    "e", {"recognises": {"issuer": "did:web:a.example", "achievement": X + "*", "awarded_within": "6 months"}}
)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, True),
        ({"client_label": "lms"}, False),
        ({"client_label": None}, False),
        ({"extensions": [{"where": "context", "k": ISSUER, "v": "did:web:b.example"}]}, False),
        ({"extensions": [{"where": "result", "k": ISSUER, "v": "did:web:a.example"}]}, False),
        ({"extensions": []}, False),
        ({"object": {"type": "Activity", "id": "https://y.example/exam"}}, False),
        ({"verb": ADL + "passed"}, False),
    ],
)
def test_only_an_import_from_a_named_issuer_is_recognised(values: Any, counts: bool) -> None:
    row = recognised(**values)
    assert compile_selector(ELSEWHERE).matches(evidence(row), "ana", {}) is counts
    assert matches(predicate(ELSEWHERE), row) is counts


@pytest.mark.parametrize(
    ("awarded", "counts"), [("2025-11-04T23:00:00", True), ("2025-11-03T23:00:00", False)]
)
def test_what_was_awarded_too_long_before_its_import_is_not(awarded: str, counts: bool) -> None:
    row = recognised(timestamp=parse_instant(awarded))
    assert compile_selector(ELSEWHERE).matches(evidence(row), "ana", {}) is counts
