"""Recipes of rules: whatever a form lets through becomes a sound file whose own tests pass; the rest is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from lrs.console.recipes.catalogue import RECIPES, TITLE, Field
from lrs.console.recipes.filling import filled, id_of
from rules.testing.files import run_files

ADDRESS = st.from_regex(r"https://[a-z]{1,8}\.example/[a-z0-9~'!$&()+,;=@%-]{1,12}", fullmatch=True)
ID = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True) | st.sampled_from(["true", "null", "on"])
NUMBERS = {
    "percent": (2, 100), "months": (6, 240), "opens": (8, 90), "grace": (0, 365), "many": (1, 3), "within": (1, 90),
    "minimum": (60, 300),
}  # fmt: skip


def values(field: Field) -> st.SearchStrategy[str]:
    """Return what somebody may type into a field."""
    if field.name in NUMBERS:
        return st.integers(*NUMBERS[field.name]).map(str)
    if field.kind == "lines":
        return st.lists(ADDRESS, min_size=3, max_size=6, unique=True).map("\n".join)
    if field.kind == "date":
        return st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)).map(str)
    if field.name == "launch":
        return ADDRESS.map(lambda address: address + "-{release}")
    if field.suggests == "activities":
        return ADDRESS
    return (
        st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and text.isprintable())
        if field.name == "title"
        else ID
    )


def forms(name: str) -> st.SearchStrategy[dict[str, str]]:
    """Return forms of a recipe; two activities of one rule are not the same."""
    each = {one.name: values(one) for one in (TITLE, *RECIPES[name].fields)}
    addresses = [one.name for one in RECIPES[name].fields if one.suggests == "activities"]
    return st.fixed_dictionaries(each).filter(
        lambda form: len({form[one] for one in addresses}) == len(addresses)
    )


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_form_that_is_accepted_makes_a_sound_file_whose_tests_pass(
    name: str, data: st.DataObject
) -> None:
    typed = data.draw(forms(name))
    text = filled(RECIPES[name], RECIPES[name].schema().load(typed))
    (found,) = run_files([("recipe.yaml", text)])
    assert found.ok, (text, [str(one) for one in found.problems])
    assert found.results, "it has tests"
    assert not [one for one in found.problems if one.severity == "warning"]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("course", "course", "example"), ("course", "course", "https://x.example/a b"), ("course", "course", 'https://x.example/"'),
        ("course", "months", "1.5"), ("course", "months", "241"), ("course", "title", "\n"), ("course", "title", "a\x7fb"),
        ("exam", "percent", "1"), ("yearly", "opens", "91"), ("some-of", "courses", "https://x.example/1"),
        ("some-of", "courses", "https://x.example/1\nnothing"), ("some-of", "many", "0"), ("practical", "group", "The Group"),
        ("launch", "launch", "https://x.example/launch"), ("launch", "product", "A product: yes"),
        ("year-end", "fixed", "31.12.2026"), ("year-end", "fixed", "0001-01-01"), ("ladder", "below_it", "x: y"),
    ],
)  # fmt: skip
def test_what_makes_no_sound_rule_is_refused_by_its_field(name: str, field: str, value: str) -> None:
    form = {one.name: one.example or "other" for one in (TITLE, *RECIPES[name].fields)}
    RECIPES[name].schema().load(form)
    with pytest.raises(ValidationError) as refused:
        RECIPES[name].schema().load({**form, field: value})
    assert set(refused.value.messages_dict) == {field}
    with pytest.raises(ValidationError) as refused:  # an empty field is not sent on
        RECIPES[name].schema().load({key: one for key, one in form.items() if key != field})
    assert set(refused.value.messages_dict) == {field}


@pytest.mark.parametrize(
    ("title", "name"),
    [("Sales Pro", "sales-pro"), ("Führerschein Ä", "fuhrerschein-a"), ("3D druck", "certification-3d-druck"), ("日本", "certification")],
)  # fmt: skip
def test_an_id_is_made_of_the_title(title: str, name: str) -> None:
    assert id_of(title) == name


@pytest.mark.parametrize("title", ["False", "null", "Yes", "#1: 'a' \"b\" & *c", "ß 日本 %(x)s {{ id }}"])
def test_a_title_is_taken_as_it_is(title: str) -> None:
    form = {one.name: one.example for one in (TITLE, *RECIPES["course"].fields)} | {"title": title}
    (found,) = run_files([("recipe.yaml", filled(RECIPES["course"], RECIPES["course"].schema().load(form)))])
    assert found.ok, found.problems
    assert found.checked.document is not None
    assert found.checked.loaded.data["title"] == title


def test_fields_of_a_recipe_have_names_of_their_own() -> None:
    for recipe in RECIPES.values():
        names: list[Any] = [one.name for one in (TITLE, *recipe.fields)]
        assert len(set(names)) == len(names)
