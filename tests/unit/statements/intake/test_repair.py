"""The table of repairs: each makes its shape right, keeps what came, and touches nothing that is right."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statements.errors import StatementError
from statements.intake.repair import NAMES, repaired
from statements.intake.validate import check_statement
from statements.parsing.parse import Parsed, parse_statement

GUID = "2b3c4d5e-0000-4000-8000-00000000000A"
BASE: dict[str, Any] = {
    "actor": {"mbox": "mailto:a@x.example"},
    "verb": {"id": "http://x.example/v"},
    "object": {"id": "http://x.example/a"},
}


def with_(path: str, value: Any) -> dict[str, Any]:
    """Return the base statement with the member at a dotted path."""
    made = copy.deepcopy(BASE)
    *parents, last = path.split(".")
    at = made
    for name in parents:
        at = at.setdefault(name, {})
    at[last] = value
    return made


def of(statement: Any, version: Any = "1.0.3") -> Parsed:
    return repaired(parse_statement(orjson.dumps(statement)), version)


CASES = [
    ("null", "context", {"registration": None, "platform": "x"}, {"platform": "x"}),
    ("null", "object.definition", {"name": {"en": None, "de": "x"}}, {"name": {"de": "x"}}),
    ("object-type", "object.objectType", "activity", "Activity"),
    ("object-type", "object.objectType", "Course", ...),
    ("object-type", "actor.objectType", "Person", ...),
    ("bare-guid", "object.id", GUID, f"urn:uuid:{GUID.lower()}"),
    ("bare-guid", "object.id", "{" + GUID + "}", f"urn:uuid:{GUID.lower()}"),
    ("bare-guid", "context.contextActivities", {"parent": [{"id": GUID}]}, {"parent": [{"id": f"urn:uuid:{GUID.lower()}"}]}),
    ("iri-characters", "object.id", " http://x.example/a b|c", "http://x.example/a%20b%7Cc"),
    ("mbox", "actor.mbox", " a@x.example", "mailto:a@x.example"),
    ("mbox", "actor.mbox", "MAILTO: a@x.example", "mailto:a@x.example"),
    ("score-range", "result.score", {"min": 0, "max": 0, "raw": 0}, {"raw": 0}),
    ("interaction-type", "object.definition", {"interactionType": "drag-and-drop"}, {"interactionType": "other"}),
    ("interaction-type", "object.definition", {"interactionType": "Fill In"}, {"interactionType": "fill-in"}),
    ("interaction-type", "object.definition", {"choices": [{"id": "a"}]}, {"choices": [{"id": "a"}], "interactionType": "other"}),
    ("language-map", "verb.display", "passed", {"und": "passed"}),
    ("language-tag", "verb.display", {"en_US": "passed"}, {"en-US": "passed"}),
    ("language-tag", "verb.display", {"": "passed"}, {"und": "passed"}),
    ("language-tag", "context.language", "de_DE", "de-DE"),
    ("number-as-text", "result.score", {"raw": "12.50", "scaled": "1"}, {"raw": 12.5, "scaled": 1}),
    ("boolean-as-text", "result", {"success": "true", "completion": 0}, {"success": True, "completion": False}),
    ("response", "result.response", ["a", 1], '["a",1]'),
    ("response", "result.response", 4, "4"),
    ("duration", "result.duration", 12.5, "PT12.5S"),
    ("duration", "result.duration", "0001:02:03.5", "PT1H2M03.5S"),
    ("timestamp", "timestamp", "2026-05-04 12:00:00", "2026-05-04T12:00:00Z"),
    ("unknown-property", "result.grade", "A", ...),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path", "wrong", "right"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
def test_each_repair_makes_its_shape_right(
    name: str, path: str, wrong: Any, right: Any, version: Any
) -> None:
    sent = orjson.dumps(with_(path, wrong))
    made = repaired(parse_statement(sent), version)
    assert (made.repairs, made.received) == ((name,), sent)
    *parents, last = path.split(".")
    at = made.value
    for step in parents:
        at = at[step]
    assert at.get(last, ...) == right
    check_statement(made.value, version)
    assert orjson.loads(made.text) == made.value


def test_a_zone_is_added_where_the_version_asks_for_one() -> None:
    assert (
        of(with_("timestamp", "2026-05-04T12:00:00+0200"), "2.0.0").value["timestamp"]
        == "2026-05-04T12:00:00+02:00"
    )
    assert of(with_("timestamp", "2026-05-04T12:00:00"), "2.0.0").value["timestamp"] == "2026-05-04T12:00:00Z"


def test_several_repairs_are_all_named() -> None:
    made = of({**with_("result.score", {"min": 1, "max": 1}), "object": {"id": GUID, "objectType": "Thing"}})
    assert set(made.repairs) == {"score-range", "object-type", "bare-guid"}


@pytest.mark.parametrize(
    "hopeless",
    [
        with_("actor", {"name": "Nobody"}),
        with_("id", "12"),
        with_("result.score", {"scaled": 7}),
        with_("result.score", {"min": 2, "max": 1}),
        with_("context.registration", "12"),
        with_("object.id", "not an iri"),
        with_("actor.mbox", "nobody"),
        with_("result.duration", "soon"),
        with_("result.duration", "-4"),
        with_("timestamp", "yesterday"),
        7,
        [],
    ],
)
def test_what_no_repair_makes_right_stays_as_it_came(hopeless: Any) -> None:
    parsed = Parsed(hopeless, orjson.dumps(hopeless), True)
    assert repaired(parsed, "1.0.3") is parsed


def test_what_is_right_is_never_touched() -> None:
    parsed = parse_statement(
        b'{ "actor":{"mbox":"mailto:a@x.example"},"verb":{"id":"u:v"},"object":{"id":"u:a"}, "result":{"score":{"raw":1e400}}}'
    )
    assert repaired(parsed, "1.0.3") is parsed


def test_numbers_beside_a_repair_keep_their_value() -> None:
    text = b'{"actor":{"mbox":"a@x.example"},"verb":{"id":"u:v"},"object":{"id":"u:a"},"result":{"score":{"raw":12345678901234567890123.10}}}'
    assert b"12345678901234567890123.10" in repaired(parse_statement(text), "1.0.3").text


LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from([GUID, "en_US", "1:2:3", {}, []])
)
PLACES = st.sampled_from(
    [case[1] for case in CASES]
    + ["object", "actor", "verb", "result", "context.x", "object.definition.name.en_US"]
)


@given(changes=st.lists(st.tuples(PLACES, LEAF), max_size=4), version=st.sampled_from(["1.0.3", "2.0.0"]))
def test_a_repaired_statement_is_always_valid(changes: list[tuple[str, Any]], version: Any) -> None:
    """Whatever is wrong: the result is a statement, or exactly what came."""
    made = copy.deepcopy(BASE)
    for path, value in changes:
        *parents, last = path.split(".")
        at: Any = made
        for name in parents:
            at = at.get(name) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at[last] = copy.deepcopy(value)
    parsed = parse_statement(json.dumps(made).encode())
    done = repaired(parsed, version)
    if done is not parsed:
        check_statement(done.value, version)
        assert done.received == parsed.text
        assert set(done.repairs) <= set(NAMES)
        with pytest.raises(StatementError):
            check_statement(parsed.value, version)


def test_the_page_names_every_repair() -> None:
    page = (Path(__file__).parents[4] / "docs" / "xapi.md").read_text()
    table = page.partition("| repair |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(NAMES)
