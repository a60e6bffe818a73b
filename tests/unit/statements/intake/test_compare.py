"""The comparison table of xapi#5, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from factories import agent, make_statement, new_id, reference

from statements.intake.compare import first_difference, place_of_difference

Json = dict[str, Any]
MEMBERS = [agent("a"), {**agent("b"), "name": "B"}]
BASE: Json = make_statement(
    result={"duration": "PT1.23S", "score": {"raw": 1}, "extensions": {"http://e/x": [1, {"a": None}]}},
    context={
        "registration": "01890a5d-ac96-474b-bcce-b302099a8057",
        "language": "en-US",
        "contextActivities": {
            "parent": [{"id": "http://e/p"}],
            "other": [{"id": "http://e/1"}, {"id": "http://e/2"}],
        },
        "team": {"objectType": "Group", "member": MEMBERS},
        "instructor": {"mbox": "mailto:I@Example.com"},
    },
    timestamp="2026-05-04T12:00:00.123Z",
)


def changed(path: str, value: Any, base: Json = BASE) -> Json:
    """Return a copy with one member set; `...` removes it."""
    head, _, rest = path.partition(".")
    if rest:
        return {**base, head: changed(rest, value, base[head])}
    copy = {**base, head: value}
    if value is ...:
        del copy[head]
    return copy


EQUAL = [
    ("id", "01890a5d-ac96-474b-bcce-b302099a8058"),
    ("authority", agent("lrs")),
    ("stored", "2001-01-01T00:00:00Z"),
    ("version", "1.0.9"),
    ("attachments", []),
    ("timestamp", ...),
    ("timestamp", "2026-05-04T14:00:00.1239+02:00"),
    ("verb.display", {"de": "x"}),
    ("verb.display", ...),
    ("object.definition", {"name": {}}),
    ("object.objectType", ...),
    ("context.contextActivities.parent", {"id": "http://e/p", "objectType": "Activity", "definition": {}}),
    ("context.team.member", MEMBERS[::-1]),
    ("context.registration", "01890A5D-AC96-474B-BCCE-B302099A8057"),
    ("context.language", "EN-us"),
    ("context.instructor", {"mbox": "mailto:I@EXAMPLE.com", "objectType": "Agent"}),
    ("result.duration", "PT1.239S"),
    ("result.score", {"raw": 1.0}),
]
DIFFERENT = [
    ("actor", agent("other")),
    ("actor.name", "x"),
    ("verb.id", "http://e/v"),
    ("object.id", "http://e/o"),
    ("result", ...),
    ("result.duration", "PT1.24S"),
    ("result.success", True),
    ("result.score", {"raw": True}),
    ("result.extensions", {"http://e/x": [1, {}]}),
    ("result.extensions", {"http://e/x": [True, {"a": None}]}),
    ("context.contextActivities.other", [{"id": "http://e/2"}, {"id": "http://e/1"}]),
    ("context.team.member", MEMBERS[:1]),
    ("context.instructor", {"mbox": "mailto:i@example.com"}),
    ("context.platform", ""),
]


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
@pytest.mark.parametrize(("path", "value"), EQUAL, ids=str)
def test_difference_that_does_not_count(path: str, value: Any, version: Any) -> None:
    assert first_difference(BASE, changed(path, value), version) is None
    assert first_difference(changed(path, value), BASE, version) is None


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
@pytest.mark.parametrize(("path", "value"), DIFFERENT, ids=str)
def test_difference_that_counts_is_named(path: str, value: Any, version: Any) -> None:
    place = first_difference(BASE, changed(path, value), version)
    assert place is not None
    assert place.startswith("$." + path.split(".", maxsplit=1)[0])


def test_timestamp_of_another_instant_counts_under_1_alone() -> None:
    """Decision 6."""
    other = changed("timestamp", "2026-05-04T12:00:00.124Z")
    assert first_difference(BASE, other, "1.0.3") == "$.timestamp"
    assert first_difference(BASE, other, "2.0.0") is None


def test_durations_of_equal_length_in_other_words_differ() -> None:
    one, other = (changed("result.duration", text) for text in ("PT60S", "PT1M"))
    assert first_difference(one, other, "2.0.0") == "$.result.duration"


def test_substatements_are_compared_in_the_same_way() -> None:
    inner = {
        "objectType": "SubStatement",
        "actor": agent(),
        "verb": {"id": "http://e/v"},
        "object": reference(new_id()),
    }
    one = make_statement(object=inner)
    upper = {
        **inner,
        "object": reference(inner["object"]["id"].upper()),
        "verb": {"id": "http://e/v", "display": {}},
    }
    assert first_difference(one, {**one, "object": upper}, "1.0.3") is None
    other = {**inner, "object": reference(new_id())}
    assert first_difference(one, {**one, "object": other}, "1.0.3") == "$.object.object.id"


BOB = {"mbox": "mailto:bob@example.com"}
ANN = {"account": {"homePage": "http://example.com", "name": "ann"}}


@pytest.mark.parametrize(
    ("stored", "received", "place"),
    [
        ({"actor": BOB}, {"actor": ANN}, "$.actor"),
        ({"actor": {"objectType": "Group", **BOB}}, {"actor": BOB}, "$.actor.objectType"),
        (
            {"actor": {"objectType": "Group", "member": [BOB, ANN]}},
            {"actor": {"objectType": "Group", "member": [ANN]}},
            "$.actor.member",
        ),
        (
            {"actor": {"objectType": "Group", "member": [{**BOB, "name": "x"}]}},
            {"actor": {"objectType": "Group", "member": [{**BOB, "name": "y"}]}},
            "$.actor.member",
        ),
        (
            {"result": {"extensions": {"http://e.x/a'b": [1, {"c": 2}]}}},
            {"result": {"extensions": {"http://e.x/a'b": [1, {"c": 3}]}}},
            "$.result.extensions['http://e.x/a\\'b'][1].c",
        ),
        (
            {"object": {"id": "http://e.x/1"}},
            {"object": {"objectType": "StatementRef", "id": "a"}},
            "$.object.objectType",
        ),
    ],
)
def test_a_conflict_names_a_place_that_one_of_the_statements_has(
    stored: dict[str, Any], received: dict[str, Any], place: str
) -> None:
    assert place_of_difference(stored, received, "1.0.3") == place
