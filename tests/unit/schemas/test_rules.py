"""The schema of rule files: the published file is what its source says, and what the source's words mean."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from schemas import rules
from schemas.rules import demands, requirements
from schemas.rules.keywords import (
    BOOLEAN,
    Forms,
    by_type,
    described,
    either,
    list_of,
    may,
    must,
    record,
    ref,
    scalar,
    when,
)

FOLDER = Path(rules.__file__).parents[1]


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return bool(Draft7Validator(schema).is_valid(value))


def test_the_published_file_is_what_the_source_says() -> None:
    """After a change of schemas/rules, run: python -m schemas.rules."""
    assert (FOLDER / "rules-1.json").read_text(encoding="utf-8") == rules.text()


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER, tmp_path / "schemas")
    (copy / "rules-1.json").write_text("{}")
    subprocess.run(
        [sys.executable, "-m", "schemas.rules"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True
    )
    assert (copy / "rules-1.json").read_bytes() == (FOLDER / "rules-1.json").read_bytes()


def test_it_is_a_schema_whose_references_resolve() -> None:
    document = rules.document()
    Draft7Validator.check_schema(document)
    used = set(re.findall(r'"#/definitions/([a-z_]+)"', rules.text()))
    unused = {"length"}  # published, so it stays
    assert used | unused == set(document["definitions"])


@pytest.mark.parametrize("forms", [requirements.FORMS, demands.TIER, demands.GATE])
def test_a_key_belongs_to_a_form_or_is_excluded_from_it(forms: Forms) -> None:
    common = {field.name for field in forms.common}
    for name, form in forms.by_name().items():
        assert form["x-form"] == name
        assert name in form["required"]
        assert not set(form["x-excludes"]) & set(form["properties"])
        assert set(form["x-excludes"]) | set(form["properties"]) == set(forms.words()) | common


KEYS = st.sampled_from("abcdefgh")


@st.composite
def tables(draw: st.DrawFn) -> Forms:
    """Draw a table of forms, whose names differ and are keys of no other form, as in the rule language."""
    names = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
    others = [key for key in "abcdefgh" if key not in names]
    assume(others)
    further = st.lists(st.sampled_from(others), max_size=2, unique=True)
    forms = tuple(
        (must(name, BOOLEAN), *(draw(st.sampled_from([must, may]))(key, BOOLEAN) for key in draw(further)))
        for name in names
    )
    return Forms(forms=forms, common=(may("label", BOOLEAN),))


@given(tables(), st.sets(KEYS | st.just("label")))
def test_a_mapping_has_one_form_and_the_keys_of_that_form(table: Forms, keys: set[str]) -> None:
    def fits(form: tuple[Any, ...]) -> bool:
        own = {key.name for key in form}
        return {key.name for key in form if key.required} <= keys <= own | {"label"}

    value = dict.fromkeys(keys, True)
    assert accepts(table.schema(table.by_name()), value) == any(map(fits, table.forms))


def test_editors_show_a_key_as_its_first_form_says_unless_told_otherwise() -> None:
    table = Forms(
        forms=(
            (must("a", BOOLEAN, "one"), may("n", BOOLEAN, "first")),
            (must("b", BOOLEAN), may("n", BOOLEAN, "later")),
        ),
        common=(),
    )
    shown = table.schema(table.by_name())["properties"]
    assert {key: value["description"] for key, value in shown.items()} == {"a": "one", "n": "first", "b": "b"}
    other = Forms(forms=table.forms, common=(), preview={"n": {"description": "any"}})
    assert other.schema(other.by_name())["properties"]["n"] == {"description": "any"}


def test_a_description_beside_a_reference_is_not_ignored() -> None:
    """draft-07 ignores everything that stands beside $ref."""
    assert described(ref("id"), "a name") == {"description": "a name", "allOf": [ref("id")]}


def test_a_record_refuses_what_it_does_not_know_and_asks_for_what_must_be_there() -> None:
    schema = record(must("a", BOOLEAN), may("b", BOOLEAN))
    assert accepts(schema, {"a": True})
    assert not accepts(schema, {"b": True})
    assert not accepts(schema, {"a": True, "c": True})
    assert accepts(record(must("a", BOOLEAN), rest=True), {"a": True, "c": True})
    assert not accepts(record(may("a", BOOLEAN), empty=False), {})


@pytest.mark.parametrize(
    ("mode", "has_a", "has_b"), list(product(("x", "y", None), (True, False), (True, False)))
)
def test_a_value_of_one_key_decides_about_others(mode: str | None, has_a: bool, has_b: bool) -> None:
    """With mode: x, a has to be there and b may; with anything else neither may."""
    keys = (may("mode", {"type": "string"}), may("a", BOOLEAN), may("b", BOOLEAN))
    schema = record(*keys, where=(when("mode", "x", needs="a", what="a flag", only=("a", "b")),))
    present = {"mode": mode, "a": has_a or None, "b": has_b or None}
    value = {key: each for key, each in present.items() if each is not None}
    assert accepts(schema, value) == (has_a if mode == "x" else not (has_a or has_b))


def test_conditions_stand_side_by_side() -> None:
    keys = (may("mode", {"type": "string"}), may("a", BOOLEAN), may("b", BOOLEAN))
    schema = record(*keys, where=(when("mode", "x", only=("a",)), when("mode", "y", only=("b",))))
    assert accepts(schema, {"mode": "x", "a": True})
    assert accepts(schema, {"mode": "y", "b": True})
    assert not accepts(schema, {"mode": "x", "b": True})
    assert not accepts(schema, {"mode": "y", "a": True})


def test_exactly_one_of_two_keys() -> None:
    schema = record(may("a", BOOLEAN), may("b", BOOLEAN), where=(either("a", "b"),))
    assert [accepts(schema, dict.fromkeys(keys, True)) for keys in ("", "a", "b", "ab")] == [
        False,
        True,
        True,
        False,
    ]


def test_exactly_one_of_three_keys() -> None:
    schema = record(*(may(key, BOOLEAN) for key in "abc"), where=(either("a", "b", "c"),))
    found = {
        keys
        for keys in ("", "a", "b", "c", "ab", "ac", "bc", "abc")
        if accepts(schema, dict.fromkeys(keys, True))
    }
    assert found == {"a", "b", "c"}


def test_lists_and_values_of_two_shapes() -> None:
    assert not accepts(list_of(BOOLEAN), [])
    assert accepts(list_of(BOOLEAN, empty=True), [])
    assert not accepts(list_of(BOOLEAN, unique=True), [True, True])
    either_shape = by_type("null", True, scalar("date", "[0-9]+"))
    assert [accepts(either_shape, value) for value in (None, "12", "x", 12)] == [True, True, False, False]


def test_editors_complete_verbs_and_say_what_a_pattern_asks_for() -> None:
    """The YAML language server reads `examples` beside a key, and shows `patternErrorMessage` for a pattern."""
    definitions = rules.document()["definitions"]
    for where in ("selector", "row"):
        assert {"passed", "satisfied"} <= set(definitions[where]["properties"]["verb"]["examples"])
    silent = [
        name for name, one in definitions.items() if "pattern" in one and "patternErrorMessage" not in one
    ]
    assert silent == []
    assert definitions["verb"]["patternErrorMessage"] == "not a known verb such as passed, and not an IRI"
