"""Predicates in memory: each operator on missing, null, list, number and text values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from bson.decimal128 import Decimal128

from statements.query.mongo_filter import render
from statements.query.predicate import All, AnyOf, Compare, Extension, Not, matches

DOCUMENT = {
    "verb": "http://example.com/verbs/passed",
    "actor": None,
    "success": True,
    "score": {"scaled": 0.5, "raw": Decimal128("12345678901234567890.5")},
    "grouping": ["http://example.com/a", "http://example.com/b"],
    "parent": [],
    "timestamp": dt.datetime(2026, 5, 4, 12, 0, 0, 123000, tzinfo=dt.UTC),
    "extensions": [
        {"where": "result", "k": "http://e/x", "v": 5},
        {"where": "context", "k": "http://e/x", "v": None},
        {"where": "context", "k": "http://e/long"},
        {"where": "context", "k": "http://e/object", "v": '{"a":1,"b":[2]}'},
    ],
}


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("verb", "eq", "http://example.com/verbs/passed", True),
        ("verb", "=", "http://example.com/verbs/failed", False),
        ("verb", "ne", "http://example.com/verbs/failed", True),
        ("verb", "prefix", "http://example.com/verbs/", True),
        ("verb", "starts with", "http://example.com/verbs/passed!", False),
        ("verb", "prefix", ".", False),
        ("verb", "in", ("x", "http://example.com/verbs/passed"), True),
        ("verb", "lt", "http://example.com/verbs/q", True),
        ("actor", "eq", None, True),
        ("actor", "exists", True, False),
        ("actor", "exists", False, True),
        ("platform", "eq", None, True),
        ("platform", "ne", "x", True),
        ("platform", "exists", True, False),
        ("parent", "exists", True, True),
        ("parent", "contains", "http://example.com/a", False),
        ("grouping", "contains", "http://example.com/b", True),
        ("grouping", "ne", "http://example.com/b", False),
        ("grouping", "prefix", "http://example.com/", True),
        ("success", "eq", True, True),
        ("success", "eq", 1, False),
        ("success", "gte", 0, False),
        ("score.scaled", "gte", Decimal("0.5"), True),
        ("score.scaled", "lt", 0.5, False),
        ("score.raw", "gt", 12345678901234567890, True),
        ("score.max", "lt", 5, False),
        ("score.scaled", "lt", "z", False),
        ("timestamp", "lte", dt.datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=dt.UTC), True),
        ("timestamp", "gt", dt.datetime(2026, 5, 4, 14, 0, tzinfo=dt.timezone(dt.timedelta(hours=2))), True),
    ],
)
def test_operator_on_a_field(field: str, operator: str, value: object, expected: bool) -> None:
    assert matches(Compare(field, operator, value), DOCUMENT) is expected


@pytest.mark.parametrize(
    ("iri", "operator", "value", "where", "expected"),
    [
        ("http://e/x", "eq", 5, "result", True),
        ("http://e/x", "eq", 5, "context", False),
        ("http://e/x", "gte", 4.5, None, True),
        ("http://e/x", "eq", None, None, True),
        ("http://e/x", "ne", 5, None, False),
        ("http://e/x", "ne", 6, None, True),
        ("http://e/long", "exists", True, None, True),
        ("http://e/long", "eq", None, None, False),
        ("http://e/long", "exists", False, None, False),
        ("http://e/none", "exists", False, None, True),
        ("http://e/none", "in", (None, 1), None, False),
        ("http://e/object", "eq", {"b": [2], "a": 1}, None, True),
    ],
)
def test_operator_on_an_extension(
    iri: str, operator: str, value: object, where: str | None, expected: bool
) -> None:
    assert matches(Extension(iri, operator, value, where), DOCUMENT) is expected


def test_empty_all_holds_and_empty_any_does_not() -> None:
    assert matches(All(()), DOCUMENT)
    assert not matches(AnyOf(()), DOCUMENT)
    assert matches(Not(AnyOf(())), DOCUMENT)


@pytest.mark.parametrize(
    ("operator", "value"),
    [("near", 1), ("lt", None), ("lt", True), ("prefix", 5), ("prefix", "x" * 5000), ("eq", {})],
)
def test_unknown_operator_or_unfit_value_is_refused_by_both(operator: str, value: object) -> None:
    predicate = Compare("verb", operator, value)
    with pytest.raises(ValueError, match=r"operator|needs|compared"):
        matches(predicate, DOCUMENT)
    with pytest.raises(ValueError, match=r"operator|needs|compared"):
        render(predicate)
