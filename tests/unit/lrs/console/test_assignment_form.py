"""The form of an assignment: whatever is typed becomes one document that says exactly that."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lrs.console.models.assignment_form import as_yaml, slug
from rules.checking.load import load
from rules.language.model import Assignment

BASE = "https://lrs.example.com"
FORM = {
    "title": "Launch of 9", "activities": "Product tour: https://acme.example/xapi/tour", "role": "sales",
    "due_within": "30", "opens": "2026-12-01", "closes": "2027-03-31", "managers_may_exempt": "1",
    "before_due": "7", "after_due": "0",
}  # fmt: skip


def test_a_filled_form_is_a_sound_file() -> None:
    loaded = load(as_yaml(FORM, ["sales-pro"], BASE), "x.yaml")
    assert not loaded.problems
    found = loaded.document
    assert isinstance(found, Assignment)
    assert (found.id, found.title, len(found.path)) == ("launch-of-9", "Launch of 9", 2)
    assert (str(found.managers_may_exempt), str(found.targets[0].due_within)) == ("1 day", "30 days")
    assert [str(found.opens), str(found.closes)] == ["2026-12-01", "2027-03-31"]


def test_what_is_missing_or_wrong_is_left_to_the_checker() -> None:
    for wrong in ({"title": ""}, {"role": ""}, {"activities": ""}, {"due_on": "soon", "due_within": ""}):
        form = {name: value for name, value in {**FORM, **wrong}.items() if value}
        assert load(as_yaml(form, [], BASE), "x.yaml").problems, wrong


@given(
    st.dictionaries(st.sampled_from([*FORM, "id", "tier", "due_on"]), st.text(max_size=60)),
    st.text(max_size=30),
)
def test_nothing_that_is_typed_becomes_another_key(form: dict[str, str], name: str) -> None:
    printable = {key: "".join(one for one in value if one.isprintable()) for key, value in form.items()}
    found: Any = YAML(typ="safe").load(as_yaml(printable, [name] if name.isprintable() else [], BASE))
    assert set(found) <= {
        "kind", "id", "version", "title", "evidence", "path", "targets", "window", "managers_may_exempt",
        "notices", "tests",
    }  # fmt: skip
    assert found["kind"] == "Assignment"
    assert found["title"] == printable.get("title", "").strip()
    assert len(found["targets"]) == 1


def test_an_id_is_made_of_any_title() -> None:
    assert [slug(one) for one in ("Launch: 9!", "9 lives", "", "日本")] == ["launch-9", "a-9-lives", "a", "a"]
