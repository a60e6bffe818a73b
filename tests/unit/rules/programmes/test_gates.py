"""Gates: allow or refuse with reasons, keys and messages (cert#2.9, cert#5-7, cert#10)."""

from __future__ import annotations

from typing import Any

import pytest

from rules.language.demands import AllDemands, AnyDemand, Demand, Holding, SubmitterHolds, TierAtLeast
from rules.language.model import Gate
from rules.programmes.gates import GateAnswer, Question, answer, filled
from rules.programmes.tiers import Standing

ORDER = ("registered", "silver", "gold")
HOLDS = SubmitterHolds(holding=Holding(role="sales", product="{deal.product}"), status=("active", "grace"))


def gate(when: Demand | None = None, **values: Any) -> Gate:
    return Gate(
        id="deals",
        version="1",
        title="Deals",
        subject="deal",
        allow_when=when or AllDemands(parts=(TierAtLeast(tier="silver"), HOLDS)),
        refusal="Needs Silver and a sales certification for {deal.product}.",
        **values,
    )


def ask(rule: Gate | None = None, **values: Any) -> GateAnswer:
    defaults: dict[str, Any] = {
        "order": ORDER,
        "tier": "gold",
        "standings": [Standing("sales-pro", "sales", "edge", state="grace", version="3", award="01A")],
        "affiliated": True,
        "subject": {"product": "edge"},
    }
    return answer(rule or gate(), Question(**(defaults | values)))


def test_all_conditions_hold() -> None:
    found = ask()
    assert (found.answer, found.failed, found.message) == ("allow", (), None)
    assert [(r.key, r.ok) for r in found.reasons] == [
        ("submitter_affiliated", True),
        ("tier_at_least", True),
        ("submitter_holds", True),
    ]
    assert found.reasons[2].awards == ("01A",)
    assert found.reasons[2].versions == ("3",)
    assert found.reasons[2].observed == "grace"


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({"tier": "registered"}, ("tier_at_least",)),
        ({"tier": None}, ("tier_at_least",)),
        ({"tier": "unheard"}, ("tier_at_least",)),
        ({"standings": []}, ("submitter_holds",)),
        ({"standings": [Standing(role="sales", product="edge", state="suspended")]}, ("submitter_holds",)),
        ({"subject": {"product": "core"}}, ("submitter_holds",)),
        ({"subject": {}}, ("submitter_holds",)),
        ({"affiliated": False}, ("submitter_affiliated",)),
        ({"affiliated": False, "tier": None}, ("submitter_affiliated", "tier_at_least")),
    ],
)
def test_each_condition_that_fails_is_named(values: dict[str, Any], failed: tuple[str, ...]) -> None:
    found = ask(**values)
    assert (found.answer, found.failed) == ("refuse", failed)


def test_renewal_open_counts_as_active() -> None:
    rule = gate(SubmitterHolds(holding=Holding(role="sales")))
    assert ask(rule, standings=[Standing(role="sales", state="renewal_open")]).answer == "allow"
    assert ask(rule, standings=[Standing(role="sales", state="grace")]).answer == "refuse"


def test_an_unmet_any_fails_as_any_or_its_key() -> None:
    parts = (TierAtLeast(tier="gold"), HOLDS)
    assert ask(gate(AnyDemand(parts=parts)), tier="silver").answer == "allow"
    assert ask(gate(AnyDemand(parts=parts)), tier="silver", standings=[]).failed == ("any",)
    assert ask(gate(AnyDemand(parts=parts, key="either")), tier="silver", standings=[]).failed == ("either",)


def test_a_key_replaces_the_name_of_the_form() -> None:
    rule = gate(AllDemands(parts=(TierAtLeast(tier="gold", key="needs-gold"), HOLDS)))
    assert ask(rule, tier="silver").failed == ("needs-gold",)


def test_mode_evaluate_allows_and_keeps_the_computed_answer() -> None:
    found = ask(gate(mode="evaluate"), tier=None)
    assert (found.answer, found.computed, found.enforced) == ("allow", "refuse", False)
    assert found.failed == ("tier_at_least",)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"product": "acme-edge"}, "for acme-edge."),
        ({"product": 7}, "for 7."),
        ({"product": True}, "for true."),
        ({}, "for {deal.product}."),
        ({"product": ["a"]}, "for {deal.product}."),
        ({"product": "{deal.price}", "price": "1"}, "for {deal.price}."),
        ({"product": "{0.__class__}"}, "for {0.__class__}."),
    ],
)
def test_placeholders_are_replaced_as_plain_text_once(fields: dict[str, Any], text: str) -> None:
    assert filled("for {deal.product}.", "deal", fields) == text


@pytest.mark.parametrize(
    "text", ["{deal.product.__class__}", "{deal[product]}", "{other.product}", "{}", "{deal}"]
)
def test_nothing_else_in_a_text_is_evaluated(text: str) -> None:
    assert filled(text, "deal", {"product": "edge"}) == text


@pytest.mark.parametrize("when", [None, AnyDemand(parts=(TierAtLeast(tier="silver"), HOLDS)), HOLDS])
def test_what_a_stranger_holds_is_not_told(when: Demand | None) -> None:
    """Who is not the organization's gets the same answer whatever they hold: gates are no way to ask (cert#5-6)."""
    holder, nobody = (ask(gate(when), affiliated=False, standings=held) for held in ([HELD], []))
    assert holder == nobody
    assert holder.answer == "refuse"
    assert not [one for one in holder.reasons if one.awards or one.key == "submitter_holds"]


HELD = Standing("sales-pro", "sales", "edge", state="grace", version="3", award="01A")
