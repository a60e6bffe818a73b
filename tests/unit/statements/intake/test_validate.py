"""Validation: every row of xapi#2, and any statement broken in one place."""

from __future__ import annotations

from typing import Any

import pytest
from factories import VOIDED, agent, make_statement, new_id, reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statement_strategies import places, replaced, statements

from statements.errors import InvalidStatement
from statements.intake.validate import check_statement
from statements.parsing.parse import json_path

Json = dict[str, Any]
SLOW = settings(max_examples=150, suppress_health_check=list(HealthCheck))
BOTH = pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])

DEFINITION: Json = {"interactionType": "choice", "choices": [{"id": "a"}, {"id": "b"}]}
ATTACHMENT: Json = {
    "usageType": "http://e.org/u", "display": {"en": "x"}, "contentType": "text/plain", "length": 3, "sha2": "a" * 64,
}  # fmt: skip
GROUP: Json = {"objectType": "Group", "member": [agent("a")]}


def activity(**definition: Any) -> Json:
    return {"id": "http://e.org/a", "definition": definition}


def sub(**overrides: Any) -> Json:
    return {"objectType": "SubStatement", **make_statement(id=None, **overrides)}


VALID: list[Json] = [
    {"id": "00000000-0000-0000-0000-000000000000"},
    {"id": "01890A5D-AC96-774B-BCCE-B302099A8057"},
    {"actor": GROUP},
    {"actor": {"objectType": "Group", "mbox": "mailto:g@example.com"}},
    {"actor": {"mbox": "mailto:O'Brien+x=y%41/z{}@sub.example.com"}},
    {"object": activity()},
    {"object": {"id": "http://example.com/فعل"}},
    {"object": reference(new_id())},
    {"object": sub(verb={"id": VOIDED})},
    {"object": activity(**DEFINITION)},
    {"object": activity(interactionType="numeric", choices=[{"id": ""}])},
    {"object": activity(interactionType="other", correctResponsesPattern=[])},
    {"result": {"score": {}}},
    {"result": {"score": {"raw": 50, "min": 0, "max": 50}}},
    {"result": {"score": {"scaled": 1.0}}},
    {"result": {"duration": "PT16559.14S"}},
    {"result": {"duration": "P1Y2M3DT4H5M6,5S"}},
    {"result": {"extensions": {"http://e.org/x": None, "urn:x:$where": {}, "a:b": ""}}},
    {"context": {"revision": "1", "platform": ""}},
    {"context": {"team": GROUP, "instructor": GROUP}},
    {"context": {"contextActivities": {"parent": {"id": "http://e.org/p"}, "other": []}}},
    {"context": {"language": "zh-Hant"}},
    {"context": {}},
    {"timestamp": "2030-01-01T00:00:00+02:00"},
    {"attachments": [ATTACHMENT, {**ATTACHMENT, "sha2": "A" * 56, "length": 27.0}]},
    {"version": "1.0"},
    {"version": "1.0.9"},
    {
        "authority": {
            "objectType": "Group",
            "member": [agent(), {"account": {"homePage": "http://x.y", "name": "k"}}],
        }
    },
    {"verb": {"id": "http://e.org/v", "display": {}}},
]


@BOTH
@pytest.mark.parametrize("overrides", VALID)
def test_valid_statement_is_accepted(overrides: Json, version: Any) -> None:
    check_statement(make_statement(**overrides), version)


INVALID: list[tuple[Json, str]] = [
    ({"iD": new_id()}, "$.iD"),
    ({"Version": "1.0"}, "$.Version"),
    ({"id": "{01890a5d-ac96-774b-bcce-b302099a8057}"}, "$.id"),
    ({"id": "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057"}, "$.id"),
    ({"id": "01890a5dac96774bbcceb302099a8057"}, "$.id"),
    ({"id": "01890a5d-ac96-774b-bcce-b302099a8057\n"}, "$.id"),
    ({"actor": {"objectType": "agent", **agent()} | {"objectType": "agent"}}, "$.actor.objectType"),
    ({"actor": {"name": "nobody"}}, "$.actor"),
    ({"actor": {**agent(), "openid": "http://e.org"}}, "$.actor"),
    ({"actor": {**agent(), "member": [agent()]}}, "$.actor.member"),
    ({"actor": {"objectType": "Group"}}, "$.actor"),
    ({"actor": {"objectType": "Group", "member": []}}, "$.actor.member"),
    ({"actor": {"objectType": "Group", "member": [GROUP]}}, "$.actor.member[0].objectType"),
    ({"actor": {"mbox": "mailto:should.fail.com"}}, "$.actor.mbox"),
    ({"actor": {"mbox": "a@example.com"}}, "$.actor.mbox"),
    ({"actor": {"mbox": "mailto:a@example.com,b@example.com"}}, "$.actor.mbox"),
    ({"actor": {"mbox": "mailto:a@example.com?subject=x"}}, "$.actor.mbox"),
    ({"actor": {"mbox_sha1sum": "a" * 39}}, "$.actor.mbox_sha1sum"),
    ({"actor": {"openid": "ab=c://should.fail"}}, "$.actor.openid"),
    ({"actor": {"account": {"homePage": "example.com", "name": "x"}}}, "$.actor.account.homePage"),
    ({"actor": {"account": {"name": "x"}}}, "$.actor.account"),
    ({"actor": {"mbox": "mailto:a@example.com", "name": None}}, "$.actor.name"),
    ({"verb": {"id": "should fail"}}, "$.verb.id"),
    ({"verb": {"id": ""}}, "$.verb.id"),
    ({"verb": {"id": "http://e.org/v", "display": {"something": "x"}}}, "$.verb.display.something"),
    ({"verb": {"id": "http://e.org/v", "display": {"a12345678": "x"}}}, "$.verb.display.a12345678"),
    (
        {"verb": {"id": "http://e.org/v", "display": {"zh-z-aaa-z-bbb-c-ccc": "x"}}},
        "$.verb.display['zh-z-aaa-z-bbb-c-ccc']",
    ),
    ({"verb": {"id": "http://e.org/v", "display": {"en": None}}}, "$.verb.display.en"),
    ({"object": {"mbox": "mailto:a@example.com"}}, "$.object.mbox"),
    ({"object": {"objectType": "activity", "id": "http://e.org/a"}}, "$.object.objectType"),
    ({"object": activity(moreInfo="#frag")}, "$.object.definition.moreInfo"),
    ({"object": activity(choices=[])}, "$.object.definition"),
    ({"object": activity(interactionType="Choice")}, "$.object.definition.interactionType"),
    (
        {"object": activity(interactionType="choice", choices=[{"id": "a"}, {"id": "a"}])},
        "$.object.definition.choices[1].id",
    ),
    (
        {"object": activity(interactionType="choice", choices=[{"id": "a", "x": 1}])},
        "$.object.definition.choices[0].x",
    ),
    ({"object": {**reference(new_id()), "name": "x"}}, "$.object.name"),
    ({"object": {"objectType": "StatementRef", "id": "x"}}, "$.object.id"),
    ({"object": {**sub(), "id": new_id()}}, "$.object.id"),
    ({"object": {**sub(), "version": "1.0"}}, "$.object.version"),
    ({"object": sub(object=sub())}, "$.object.object.objectType"),
    ({"object": sub(result={"duration": "P"})}, "$.object.result.duration"),
    ({"object": sub(object=agent(), context={"platform": "x"})}, "$.object.context.platform"),
    ({"object": agent(), "context": {"revision": "x"}}, "$.context.revision"),
    ({"verb": {"id": VOIDED}}, "$.object"),
    ({"result": {"success": 1}}, "$.result.success"),
    ({"result": {"completion": "false"}}, "$.result.completion"),
    ({"result": {"score": {"raw": True}}}, "$.result.score.raw"),
    ({"result": {"score": {"raw": "100"}}}, "$.result.score.raw"),
    ({"result": {"score": {"scaled": 1.01}}}, "$.result.score.scaled"),
    ({"result": {"score": {"scaled": -1.00001}}}, "$.result.score.scaled"),
    ({"result": {"score": {"min": 5, "max": 5}}}, "$.result.score.min"),
    ({"result": {"score": {"min": 0.6767676, "max": 0.6767355, "raw": 0.6767643}}}, "$.result.score.min"),
    ({"result": {"score": {"raw": 6, "max": 5}}}, "$.result.score.raw"),
    ({"result": {"extensions": {"no-iri": 1}}}, "$.result.extensions['no-iri']"),
    ({"result": {"extensions": None}}, "$.result.extensions"),
    *(
        ({"result": {"duration": text}}, "$.result.duration")
        for text in (
            "P",
            "PT",
            "P1DT",
            "P4W1D",
            "PA1H0M0S",
            "P0003-06-04T12:30:05",
            "-PT1S",
            "P16559.14S",
            "PT1.5H1M",
            "",
        )
    ),
    ({"result": {"duration": 5}}, "$.result.duration"),
    ({"context": {"team": agent()}}, "$.context.team.objectType"),
    ({"context": {"contextActivities": {"Parent": []}}}, "$.context.contextActivities.Parent"),
    (
        {"context": {"contextActivities": {"parent": [{"id": "x"}]}}},
        "$.context.contextActivities.parent[0].id",
    ),
    ({"context": {"registration": None}}, "$.context.registration"),
    ({"context": {"statement": {"id": new_id()}}}, "$.context.statement"),
    ({"context": {"language": "something"}}, "$.context.language"),
    ({"attachments": ATTACHMENT}, "$.attachments"),
    ({"attachments": ["x"]}, "$.attachments[0]"),
    ({"attachments": [{**ATTACHMENT, "length": "3"}]}, "$.attachments[0].length"),
    ({"attachments": [{**ATTACHMENT, "length": True}]}, "$.attachments[0].length"),
    ({"attachments": [{**ATTACHMENT, "length": -1}]}, "$.attachments[0].length"),
    ({"attachments": [{**ATTACHMENT, "sha2": 5}]}, "$.attachments[0].sha2"),
    ({"attachments": [{**ATTACHMENT, "sha2": "a" * 40}]}, "$.attachments[0].sha2"),
    ({"attachments": [{**ATTACHMENT, "contentType": "text"}]}, "$.attachments[0].contentType"),
    ({"authority": {**agent(), "objectType": "Group", "member": [agent(), agent()]}}, "$.authority.mbox"),
    ({"authority": GROUP}, "$.authority.member"),
    ({"authority": {"objectType": "Group", "member": [agent("a"), agent("b")]}}, "$.authority.member"),
    ({"timestamp": None}, "$"),
    ({"stored": "yesterday"}, "$.stored"),
    ({"version": "0.9.9"}, "$.version"),
    ({"version": "1.1.0"}, "$.version"),
    ({"version": 1.0}, "$.version"),
]


@BOTH
@pytest.mark.parametrize(("overrides", "path"), INVALID)
def test_invalid_statement_is_refused_at_its_place(overrides: Json, path: str, version: Any) -> None:
    statement = {**make_statement(), **overrides}
    with pytest.raises(InvalidStatement) as caught:
        check_statement(statement, version)
    if path != "$":
        assert caught.value.path == path
    assert caught.value.reason


@pytest.mark.parametrize("name", ["actor", "verb", "object"])
def test_missing_member_is_named(name: str) -> None:
    with pytest.raises(InvalidStatement, match=rf"^\$: needs the property {name}$"):
        check_statement(make_statement(**{name: None}), "2.0.0")


@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_value_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(InvalidStatement, match="must be an object"):
        check_statement(value, "1.0.3")


CONTEXT_AGENT: Json = {"objectType": "contextAgent", "agent": agent()}
CONTEXT_GROUP: Json = {"objectType": "contextGroup", "group": GROUP}


def test_context_agents_are_of_version_2_alone() -> None:
    statement = make_statement(context={"contextAgents": [CONTEXT_AGENT], "contextGroups": [CONTEXT_GROUP]})
    check_statement(statement, "2.0.0")
    with pytest.raises(InvalidStatement):
        check_statement(statement, "1.0.3")


@pytest.mark.parametrize(
    ("context", "path"),
    [
        (
            {"contextAgents": [{**CONTEXT_AGENT, "relevantTypes": []}]},
            "$.context.contextAgents[0].relevantTypes",
        ),
        (
            {"contextAgents": [{**CONTEXT_AGENT, "relevantTypes": ["x"]}]},
            "$.context.contextAgents[0].relevantTypes[0]",
        ),
        (
            {"contextAgents": [{"objectType": "contextAgent", "agent": GROUP}]},
            "$.context.contextAgents[0].agent.objectType",
        ),
        (
            {"contextAgents": [{**CONTEXT_AGENT, "objectType": "Agent"}]},
            "$.context.contextAgents[0].objectType",
        ),
        ({"contextGroups": [{**CONTEXT_GROUP, "member": []}]}, "$.context.contextGroups[0].member"),
    ],
)
@pytest.mark.parametrize("inside", [False, True], ids=["statement", "substatement"])
def test_broken_context_agents_are_refused(context: Json, path: str, inside: bool) -> None:
    statement = make_statement(object=sub(context=context)) if inside else make_statement(context=context)
    with pytest.raises(InvalidStatement) as caught:
        check_statement(statement, "2.0.0")
    assert "relevantTypes" not in path or caught.value.path == (
        path.replace("$.", "$.object.") if inside else path
    )


def test_version_2_is_accepted_under_2_and_refused_under_1() -> None:
    statement = make_statement(version="2.0.0")
    check_statement(statement, "2.0.0")
    with pytest.raises(InvalidStatement):
        check_statement(statement, "1.0.3")


@BOTH
@SLOW
@given(data=st.data())
def test_any_generated_statement_is_accepted(version: Any, data: st.DataObject) -> None:
    check_statement(data.draw(statements(version)), version)


@BOTH
@SLOW
@given(data=st.data())
def test_null_in_any_place_is_refused_there(version: Any, data: st.DataObject) -> None:
    """1.0.3 Data 2.2: null is legal nowhere outside extensions."""
    statement = data.draw(statements(version))
    steps, _ = data.draw(st.sampled_from(list(places(statement))))
    with pytest.raises(InvalidStatement) as caught:
        check_statement(replaced(statement, steps, None), version)
    if steps[-1:] != ("objectType",):
        assert caught.value.path.startswith(json_path(*steps[:-1])) or json_path(*steps).startswith(
            caught.value.path
        )


@BOTH
@SLOW
@given(data=st.data())
def test_unknown_property_in_any_object_is_refused_there(version: Any, data: st.DataObject) -> None:
    statement = data.draw(statements(version))
    objects = [
        (s, v)
        for s, v in places(statement)
        if isinstance(v, dict) and s[-1:] not in {("display",), ("name",), ("description",)}
    ]
    steps, value = data.draw(st.sampled_from(objects))
    with pytest.raises(InvalidStatement) as caught:
        check_statement(replaced(statement, steps, {**value, "unknownKey": 1}), version)
    assert caught.value.path == json_path(*steps, "unknownKey")
