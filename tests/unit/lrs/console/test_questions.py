"""A question as a form, as a sentence and as a picture: what leads from one to the other, and to statements."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lrs.console.models.chart import drawing
from lrs.console.models.questions import form as form_of
from lrs.console.models.questions import picture as question_picture
from lrs.console.models.questions.form import Condition, Form
from lrs.console.models.questions.words import sentence
from statements.errors import InvalidQuery
from statements.query.analyst_query import AnalystQuery
from statements.query.predicate import All

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
MONTHS = {"bucket": "month", "field": "timestamp", "timezone": "Europe/Berlin"}
FORMS = [
    Form(),
    Form(blocks=((Condition("verb", "eq", "passed"),),), measures=(("count", ""),)),
    Form(
        blocks=((Condition("verb", "in", "passed, failed"),), (Condition("score.scaled", "gte", "0.5"),)),
        groups=("person.organization", "month:timestamp"), timezone="Europe/Berlin", order="largest",
        measures=(("count", ""), ("distinct", "person"), ("p90", "duration_s")), limit="20",
    ),
    Form(
        match="any",
        blocks=(
            (Condition("success", "eq", "yes"), Condition("timestamp", "last", "30 days")),
            (Condition("result.extensions|https://x.example/size", "eq", "3"),),
            (Condition("platform", "exists", "no"),),
        ),
        groups=("person.award|sales-pro",), order="group", measures=(("avg", "success"),),
    ),
]  # fmt: skip


def parsed(asked: dict[str, Any]) -> AnalystQuery:
    return AnalystQuery.parse(asked, now=NOW, people=lambda *_: All(()))


@pytest.mark.parametrize("form", FORMS)
def test_what_a_form_asks_is_an_expression_of_the_language_that_makes_the_same_form(form: Form) -> None:
    asked = form_of.expression(form)
    parsed(asked)
    assert form_of.shown(asked) == form


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": {"not": {"field": "verb", "eq": "passed"}}}, {"select": ["verb"]}, {"compare": "x"}, [], "x",
        {"filter": {"all": [{"any": [{"all": []}]}]}}, {"sort": "odd", "group": ["verb"]}, {"group": [3]},
        {"measures": {"own": "count"}, "group": ["verb"]}, {"measures": {"p": {"percentile": "duration_s", "p": 0.3}}},
    ],
)  # fmt: skip
def test_what_fits_into_no_form_stays_text(asked: Any) -> None:
    assert form_of.shown(asked) is None


def test_rows_without_a_field_are_left_out_and_a_wrong_value_is_refused_by_the_language() -> None:
    sent = {
        "block": ["1", "1", "2"], "field": ["verb", "", "score.raw"], "operator": ["eq", "eq", "gt"],
        "value": ["passed", "x", "many"], "function": ["count", ""], "of": ["verb", ""], "group": ["", "verb"],
    }  # fmt: skip
    asked = form_of.expression(form_of.read(sent))
    assert asked["filter"] == {
        "all": [{"field": "verb", "eq": "passed"}, {"field": "score.raw", "gt": "many"}]
    }
    with pytest.raises(InvalidQuery, match="'many' is not a number"):
        parsed(asked)


def test_the_sentence_says_what_is_counted_by_what_and_where() -> None:
    asked = {
        "filter": {"all": [
            {"any": [{"field": "verb", "eq": "http://x.example/passed"}, {"field": "success", "eq": True}]},
            {"field": "timestamp", "gte": "2026-01-01"}, {"not": {"field": "person.role", "in": ["sales", "tech"]}},
        ]},
        "group": ["person.organization", MONTHS], "measures": {"n": "count", "p": {"distinct": "person"}},
    }  # fmt: skip
    parsed(asked)
    assert sentence(asked, {}) == (
        "Number of statements, number of people by partner of the person and by month, where (verb is passed or "
        "success is yes) and time from 2026-01-01 and (not (role of the person is sales or tech))."
    )
    assert sentence({"group": ["verb"]}, {}) == "Number of statements by verb, of all statements."


def shown(asked: dict[str, Any], rows: list[dict[str, Any]], wanted: str = "auto") -> question_picture.Shown:
    return question_picture.shown(parsed(asked), asked, rows, wanted, {"north": "North"}, link=str)


def test_a_row_leads_to_the_statements_that_it_counts() -> None:
    asked = {"filter": {"field": "verb", "eq": "passed"}, "group": [MONTHS, "platform", "person", "category"]}
    start = dt.datetime(2026, 3, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    row = {
        "month": start,
        "platform": None,
        "person": "mbox::mailto:a@x.example",
        "category": "http://c.example",
    }
    (under,) = shown(asked, [{**row, "count": 2}]).under
    assert under["all"] == [
        {"field": "verb", "eq": "passed"},
        {"field": "timestamp", "gte": "2026-02-28T23:00:00+00:00"},
        {"field": "timestamp", "lt": "2026-03-31T22:00:00+00:00"},  # summer time came meanwhile
        {"field": "platform", "exists": False},
        {"field": "actor", "eq": "mbox::mailto:a@x.example"},
        {"field": "category", "contains": "http://c.example"},
    ]  # fmt: skip
    parsed({"filter": under})


@pytest.mark.parametrize(
    ("asked", "wanted", "kind"),
    [
        ({"group": ["verb"]}, "auto", "bars"), ({"group": ["verb"]}, "lines", "bars"), ({"group": ["verb"]}, "table", None),
        ({"group": [MONTHS]}, "auto", "lines"), ({"group": [MONTHS, "verb"]}, "heat", "heat"),
        ({"group": ["org", "verb"]}, "auto", "stacked"), ({"measures": {"n": "count"}}, "auto", None),
        ({"group": ["org", "verb"], "measures": {"count": {"avg": "score.raw"}}}, "auto", "bars"),
    ],
)  # fmt: skip
def test_the_picture_is_the_wanted_one_where_it_can_be_drawn(
    asked: Any, wanted: str, kind: str | None
) -> None:
    rows = [
        {"month": NOW + dt.timedelta(days=31 * i), "verb": f"v{i}", "org": None if i else "north", "count": 3 - i, "n": i}
        for i in range(2)
    ]  # fmt: skip
    found = shown(asked, rows, wanted)
    assert (found.report.chart.kind if found.report else None) == kind
    if found.report is not None:
        drawn = drawing(found.report)
        assert drawn.bars or drawn.lines or drawn.cells
        links = [one.link for one in (*drawn.bars, *drawn.strips)]
        assert all(links), "everything that is drawn leads to its statements"
        assert [one.name for one in drawn.bars][:1] in ([], ["v0"], ["North"], ["North · v0"])
