"""Every form of a requirement is known everywhere: its class, what satisfies it, its words, its schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation import requirements as evaluation
from rules.language.demands import Demand, PeopleHolding
from rules.language.forms import PARTS, walk
from rules.language.requirements import AllOf, AtLeast, Requirement, Use, missing_keys_of
from rules.wording.requirements import WORDS
from schemas.rules import demands as demand_schema
from schemas.rules import requirements as requirement_schema

EVALUATED = set(Requirement.forms.values()) - {Use}
NAMES = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(1, 5)


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("what satisfies it", evaluation.FORMS),
        ("its earliest instant", evaluation.EARLIEST),
        ("its words", WORDS),
    ],
)
def test_every_form_has(place: str, known: dict[type[Requirement], Any]) -> None:
    assert set(known) == EVALUATED, place


@pytest.mark.parametrize(
    ("family", "schemas"),
    [(Requirement, [requirement_schema.FORMS]), (Demand, [demand_schema.TIER, demand_schema.GATE])],
)
def test_a_form_has_the_keys_of_its_schema(family: Any, schemas: list[Any]) -> None:
    keys = {
        form[0].name: {field.name for field in (*form, *schema.common)}
        for schema in schemas
        for form in schema.forms
    }
    assert {name: {key.word for key in form.keys} for name, form in family.forms.items()} == keys


def requirements() -> st.SearchStrategy[Any]:
    """Return plain data of requirements of every form but `use`."""
    carried = {"key": NAMES, "label": NAMES, "disqualified_by": st.lists(NAMES, min_size=1, max_size=2)}
    leaves = st.one_of(
        NAMES,
        *(
            st.fixed_dictionaries(keys, optional=carried)
            for keys in (
                {"done": NAMES},
                {"score": NAMES, "at_least": st.just(Decimal("0.8"))},
                {"holds": NAMES, "status": st.just(["grace", "active"])},
                {"count": NAMES, "at_least": NUMBERS, "distinct": st.just("activity")},
                {"sum": NAMES, "field": st.just("score.raw"), "at_least": NUMBERS},
                {"another": NAMES},
                {"in_turn": st.lists(NAMES, min_size=1, max_size=3)},
                {"in_order": st.lists(NAMES, min_size=1, max_size=3), "within": st.just("2 weeks")},
            )
        ),
    )

    def above(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            st.fixed_dictionaries({"all": several}, optional=carried),
            st.fixed_dictionaries({"any": several}, optional=carried),
            st.fixed_dictionaries({"of": several, "at_least": NUMBERS}, optional=carried),
        )

    return st.recursive(leaves, above, max_leaves=8)


@given(requirements())
def test_what_is_written_is_read_again(data: Any) -> None:
    found = Requirement.read(data)
    assert Requirement.read(found.data()) == found


@given(requirements())
def test_looking_through_a_requirement_meets_every_part_once(data: Any) -> None:
    every = [*walk(Requirement.read(data))]
    listed = [id(part) for one in every for _, part in one.located()]
    assert sorted(map(id, every[1:])) == sorted(listed)


def test_the_missing_key_is_its_own_or_made_from_its_words() -> None:
    """2.5: `all` has none of its own, it reports those of its parts."""
    data = {
        "all": [
            "exam",
            {"holds": "tech"},
            {"at_least": 2, "of": ["a", "b"]},
            {"any": ["a"], "key": "mine"},
            {"in_order": ["a", "b"]},
        ]
    }
    assert missing_keys_of(Requirement.read(data)) == ["exam", "holds_tech", "at_least_2", "mine", "in_order"]
    assert missing_keys_of(Requirement.read({"all": ["a"], "key": "whole"})) == ["whole"]


def test_names_are_known_by_what_a_key_holds() -> None:
    found = Requirement.read({"in_order": ["a", "b"], "disqualified_by": "c"})
    assert found.evidence_selectors() == ("a", "b")
    assert found.all_selectors() == ("a", "b", "c")


def test_a_part_says_where_it_stands() -> None:
    found = Requirement.read({"at_least": 1, "of": ["a", "b"]})
    assert isinstance(found, AtLeast)
    assert [(where, part.missing_key) for where, part in found.located()] == [
        (("of", 0), "a"),
        (("of", 1), "b"),
    ]


def test_changing_a_condition_leaves_what_is_not_meant() -> None:
    found = Requirement.read({"all": ["a", "b"], "label": "Both"})
    kept = found.changed(lambda kind, value: value[:1] if kind is PARTS else value)
    assert isinstance(kept, AllOf)
    assert [part.missing_key for part in kept.parts] == ["a"]
    assert kept.label == "Both"


def test_demands_are_forms_too() -> None:
    data = {"all": [{"people_holding": {"role": "sales"}, "at_least": 2}, {"tier_at_least": "gold"}]}
    found = Demand.read(data)
    assert [type(one).form for one in walk(found)] == ["all", "people_holding", "tier_at_least"]
    assert found.data() == data
    assert [one.holding.role for one in walk(found) if isinstance(one, PeopleHolding)] == ["sales"]
