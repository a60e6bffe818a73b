"""Extensions of any kind and length in columns and measures."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from lrs.analysis.readable_stores import Scope
from lrs.analysis.run import Analyst
from lrs.foundation.context import utc_now
from statements.errors import InvalidQuery
from statements.ingest import Writer, store_statements
from statements.parsing.parse import parse_statements
from statements.query.grouping import percentile
from statements.storage.store import StatementStore

IRI = "http://x.example/e"
WRITER = Writer("k", "vendor", "vendor", {"mbox": "mailto:k@x.example"})
LONG = "é" * 5_000


def ask(db: Any, question: dict[str, Any]) -> list[dict[str, Any]]:
    return Analyst(db, Scope(("north",)), utc_now()).ask(question).rows


def put(db: Any, *values: Any, where: str = "result") -> None:
    for value in values:
        extensions = {"extensions": {IRI: value}}
        target: dict[str, Any] = {"id": "http://x.example/a"}
        if where == "activity":
            target["definition"] = extensions
        body = {
            "actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "http://x.example/v"}, "object": target,
            **({} if where == "activity" else {where: extensions}),
        }  # fmt: skip
        batch = parse_statements(orjson.dumps(body))
        store_statements(StatementStore(db, "north"), batch, writer=WRITER, version="2.0.0", now=utc_now())


def test_long_values_are_grouped_and_measured_like_others(db: Any) -> None:
    other = LONG + "!"
    put(db, LONG, LONG, other, "short", {"b": LONG}, None)
    of = {"field": "result.extensions", "key": IRI}
    rows = ask(db, {"group": [{**of, "name": "e"}], "measures": {"n": "count"}})
    assert {row["e"]: row["n"] for row in rows} == {
        LONG: 2, other: 1, "short": 1, '{"b":"' + LONG + '"}': 1, None: 1,
    }  # fmt: skip
    measures = {"kinds": {"distinct": of}, "first": {"first": of}, "last": {"last": of}, "sum": {"sum": of}}
    assert ask(db, {"measures": measures}) == [
        {"kinds": 4, "first": LONG, "last": '{"b":"' + LONG + '"}', "sum": 0}
    ]


def test_many_long_values_are_refused_rather_than_held(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statements.query.long_values.MOST_BYTES", 8_000)
    put(db, LONG, LONG + "!")
    with pytest.raises(InvalidQuery, match="long values"):
        ask(db, {"group": [{"field": "result.extensions", "key": IRI}]})


@pytest.mark.parametrize("where", ["result", "context", "activity"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (LONG, LONG),
        ({"b": LONG, "a": 1}, '{"a":1,"b":"' + LONG + '"}'),
        (None, None),
        ("", ""),
        (False, False),
    ],
    ids=["long text", "long object", "null", "empty", "false"],
)
def test_a_value_is_shown_as_what_it_is(db: Any, where: str, value: Any, shown: Any) -> None:
    """Also beyond the length that is searched."""
    put(db, value, where=where)
    column = {"field": f"{where}.extensions", "key": IRI, "name": "e"}
    assert ask(db, {"select": [column]}) == [{"e": shown}]


def test_numbers_in_extensions_are_measured_and_all_else_is_left_out(db: Any) -> None:
    values = [3, 1.5, 10, "7", None, True, LONG, {"a": 1}]
    put(db, *values)
    numbers = [3, 1.5, 10]
    e = {"field": "result.extensions", "key": IRI}
    measures = {name: {name: e} for name in ("sum", "avg", "min", "max", "distinct", "first", "last")}
    measures["p50"] = {"percentile": e, "p": 0.5}
    (row,) = ask(db, {"measures": measures})
    assert row["sum"] == sum(numbers)
    assert row["avg"] == pytest.approx(sum(numbers) / 3)
    assert (row["min"], row["max"], row["p50"]) == (1.5, 10, percentile(numbers, 0.5))
    assert row["distinct"] == 7  # all but null: three numbers, a text, true, a short object and a long value
    assert (row["first"], row["last"]) == (3, '{"a":1}')


@pytest.mark.parametrize(
    ("measure", "place"),
    [
        ({"avg": "result.extensions"}, "measures.m.avg"),
        ({"avg": {"field": "result.extensions"}}, "measures.m.avg"),
        ({"avg": {"field": "verb", "key": IRI}}, "measures.m.avg"),
        ({"avg": {"field": "result.extensions", "key": IRI, "x": 1}}, "measures.m.avg"),
        ({"avg": 7}, "measures.m.avg"),
        ({"distinct": {"field": "verb", "key": IRI}}, "measures.m.distinct"),
    ],
)
def test_a_wrong_measure_of_an_extension_is_refused_with_its_place(db: Any, measure: Any, place: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        ask(db, {"measures": {"m": measure}})
    assert refused.value.parameter.startswith(place)
