"""The in-memory test and the MongoDB filter select the same documents."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.collection import Collection
from pymongo.database import Database

from statements.query.mongo_filter import render
from statements.query.predicate import All, AnyOf, Compare, Extension, Not, Predicate, matches

TEXTS = st.sampled_from(
    [
        "",
        "a",
        "A",
        "ab",
        "http://e.org/x",
        "http://e.org/x.y",
        "é",
        "e\u0301",
        "\U0001f600",
        "z\0z",
        "1",
        "$a",
        "^a",
        "a|b",
    ]
)
NUMBERS = st.sampled_from(
    [0, -0.0, 1, 1.0, True, False, 0.1, 0.5, 2**53, 2.0**53, 2**53 + 1, 2**63 - 1, -1, 1e300, 5e-324]
)
DECIMALS = st.sampled_from(
    [Decimal("0.1"), Decimal(1), Decimal("1E+400"), Decimal(2**70), Decimal("-0.5000000001")]
)
INSTANTS = st.integers(0, 3).map(
    lambda n: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=n)
)
STORED_DECIMALS = DECIMALS.map(Decimal128)
SCALARS = st.one_of(st.none(), TEXTS, NUMBERS, STORED_DECIMALS)
LISTS = st.lists(TEXTS, max_size=3)

DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "verb": TEXTS,
        "actor": st.one_of(st.none(), TEXTS),
        "success": st.booleans(),
        "score": st.fixed_dictionaries({}, optional={"scaled": st.one_of(NUMBERS, STORED_DECIMALS)}),
        "timestamp": INSTANTS,
        "grouping": LISTS,
        "extensions": st.lists(
            st.fixed_dictionaries(
                {
                    "where": st.sampled_from(["result", "context"]),
                    "k": st.sampled_from(["http://k/1", "http://k/2"]),
                },
                optional={"v": SCALARS},
            ),
            max_size=3,
        ),
    },
)
FIELDS = st.sampled_from(["verb", "actor", "success", "score.scaled", "timestamp", "grouping", "score"])
OPERANDS = st.one_of(st.none(), TEXTS, NUMBERS, DECIMALS, INSTANTS)
ORDERED = st.one_of(TEXTS, NUMBERS.filter(lambda n: not isinstance(n, bool)), DECIMALS, INSTANTS)


def conditions(make: Any) -> st.SearchStrategy[Predicate]:
    return st.one_of(
        make(st.sampled_from(["eq", "ne", "contains"]), OPERANDS),
        make(st.sampled_from(["lt", "lte", "gt", "gte"]), ORDERED),
        make(st.just("in"), st.lists(OPERANDS, max_size=3)),
        make(st.just("prefix"), TEXTS),
        make(st.just("exists"), st.booleans()),
    )


LEAVES = st.one_of(
    conditions(lambda operator, value: st.builds(Compare, FIELDS, operator, value)),
    conditions(
        lambda operator, value: st.builds(
            Extension,
            st.sampled_from(["http://k/1", "http://k/3"]),
            operator,
            value,
            st.sampled_from([None, "result"]),
        )
    ),
)
PREDICATES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: All(tuple(items))),
        st.lists(inner, max_size=3).map(lambda items: AnyOf(tuple(items))),
        inner.map(Not),
    ),
    max_leaves=6,
)


@pytest.fixture
def collection(db: Database[dict[str, Any]]) -> Collection[dict[str, Any]]:
    return db["predicates"]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    documents=st.lists(DOCUMENTS, min_size=1, max_size=6),
    predicates=st.lists(PREDICATES, min_size=1, max_size=4),
)
def test_memory_and_mongodb_agree(
    collection: Collection[dict[str, Any]], documents: list[dict[str, Any]], predicates: list[Predicate]
) -> None:
    collection.delete_many({})
    collection.insert_many([{"_id": index, **document} for index, document in enumerate(documents)])
    for predicate in predicates:
        expected = [index for index, document in enumerate(documents) if matches(predicate, document)]
        assert sorted(found["_id"] for found in collection.find(render(predicate), {"_id": 1})) == expected, (
            predicate
        )
