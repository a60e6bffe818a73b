"""What a gate has to be told: the fields its document names, and questions that lack them (cert#2.9, cert#5-7)."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from rules.language.demands import AllDemands, AnyDemand, Holding, SubmitterHolds, TierAtLeast
from rules.language.model import Gate
from rules.programmes.gate_fields import FieldsMissing, flaws, needs, question_schema

GATE = Gate(
    id="deals",
    version="1",
    title="Deals",
    subject="deal",
    allow_when=AllDemands(
        parts=(
            AnyDemand(parts=(TierAtLeast(tier="{deal.tier}"), TierAtLeast(tier="gold", key="gold"))),
            SubmitterHolds(holding=Holding(role="sales", product="{deal.product}")),
        )
    ),
    refusal="Needs {deal.tier} and a certification for {deal.product}, not {order.id}.",
)
GOOD = {"product": "edge", "tier": "silver"}


def test_needs_are_the_fields_of_conditions_and_refusal_with_their_places() -> None:
    assert [(one.field, one.places) for one in needs(GATE)] == [
        ("tier", ("allow_when.all[0].any[0].tier_at_least", "refusal")),
        ("product", ("allow_when.all[1].submitter_holds.product", "refusal")),
    ]


@pytest.mark.parametrize(
    ("subject", "wrong"),
    [
        (GOOD, []),
        (GOOD | {"amount": 5, "tier": 3}, []),
        ({"product": "edge"}, [("deal.tier", "is missing")]),
        ({}, [("deal.tier", "is missing"), ("deal.product", "is missing")]),
        (GOOD | {"product": None}, [("deal.product", "is missing")]),
        (GOOD | {"product": "  "}, [("deal.product", "is missing")]),
        (GOOD | {"product": ["edge"]}, [("deal.product", "is not a text, a number, true or false")]),
    ],
)
def test_a_question_lacks_what_is_not_there_or_cannot_be_compared(
    subject: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    assert [(one.path, one.detail) for one in flaws(GATE, subject)] == wrong
    asked = {"organization": "north", "submitter": "ana", "deal": subject}
    blank = any(isinstance(value, str) and not value.strip() for value in subject.values())
    assert Draft7Validator(question_schema(GATE)).is_valid(asked) == (not wrong or blank)


def test_the_error_names_what_is_missing_where_and_all_that_the_gate_needs() -> None:
    error = FieldsMissing(GATE, list(flaws(GATE, {"tier": "silver"}, "questions.2")))
    assert error.path == "questions.2.deal.product"
    assert str(error) == "questions.2.deal.product is missing: gate deals needs deal.tier, deal.product"
    many = FieldsMissing(GATE, [one for i in range(4) for one in flaws(GATE, {}, f"questions.{i}")])
    assert "and 3 more: gate deals" in str(many)
    assert len(many.places) == 8
