"""Parts 5 and 6 of the requirements: when two statements are the same, and which version answers how."""

import json
from typing import Any

import pytest
from conformance_support import Lrs, agent, changed, ref, statement, sub_statement, uid

MEMBERS = {"objectType": "Group", "member": [agent("a", name="A"), agent("b")]}
FULL = statement(
    actor=MEMBERS,
    verb={"id": "http://example.com/v", "display": {"en": "did"}},
    object={"id": "http://example.com/a", "definition": {"name": {"en": "x"}}},
    result={"duration": "PT1.234S", "response": "r", "score": {"raw": 1}, "extensions": {"x:y": [1, 2]}},
    context={
        "registration": "01890a5d-ac96-774b-bcce-b302099a8057",
        "language": "en-US",
        "contextActivities": {"parent": {"id": "x:p", "definition": {"name": {"en": "p"}}}, "other": [{"id": "x:1"}, {"id": "x:2"}]},
        "extensions": {"x:z": {"a": 1}},
    },
    timestamp="2023-05-04T12:00:00.123Z",
)  # fmt: skip

EQUAL: dict[str, tuple[str, Any]] = {
    "authority": ("authority", agent("someone")),
    "stored": ("stored", "2020-01-01T00:00:00Z"),
    "version": ("version", "1.0.0"),
    "timestamp missing": ("timestamp", ...),
    "timestamp in another zone": ("timestamp", "2023-05-04T14:00:00.123+02:00"),
    "timestamp beyond the millisecond": ("timestamp", "2023-05-04T12:00:00.1234Z"),
    "display": ("verb.display", {"de": "tat"}),
    "definition": ("object.definition", {"type": "x:t"}),
    "definition gone": ("object.definition", ...),
    "definition in context": ("context.contextActivities.parent.definition", ...),
    "member order": ("actor.member", MEMBERS["member"][::-1]),
    "array of one": ("context.contextActivities.parent", [{"id": "x:p"}]),
    "object type told": ("object.objectType", "Activity"),
    "case of the registration": ("context.registration", "01890A5D-AC96-774B-BCCE-B302099A8057"),
    "case of the mail domain": ("actor.member.1.mbox", "mailto:b@EXAMPLE.com"),
    "case of the language": ("context.language", "en-us"),
    "duration beyond a hundredth": ("result.duration", "PT1.239S"),
    "number form": ("result.score.raw", 1.0),
    "attachments": ("attachments", [{
        "usageType": "x:u", "display": {}, "contentType": "a/b", "length": 1, "sha2": "0" * 64, "fileUrl": "http://f/",
    }]),
}  # fmt: skip
DIFFERENT: dict[str, tuple[str, Any]] = {
    "actor name": ("actor.member.0.name", "B"),
    "another member": ("actor.member", [agent("a", name="A"), agent("c")]),
    "member gone": ("actor.member", [agent("a", name="A")]),
    "verb": ("verb.id", "http://example.com/w"),
    "object": ("object.id", "http://example.com/b"),
    "result": ("result.response", "s"),
    "result gone": ("result", ...),
    "score": ("result.score.raw", 2),
    "extensions": ("result.extensions", {"x:y": [2, 1]}),
    "context extensions": ("context.extensions", {}),
    "order of activities": ("context.contextActivities.other", [{"id": "x:2"}, {"id": "x:1"}]),
    "duration": ("result.duration", "PT1.24S"),
    "case of the local part": ("actor.member.1.mbox", "mailto:B@example.com"),
    "case of a text": ("result.response", "R"),
}


@pytest.mark.parametrize("case", EQUAL)
def test_c5_equal_statements_change_nothing(lrs: Lrs, case: str) -> None:
    path, value = EQUAL[case]
    first = {**FULL, "id": uid()}
    lrs.store(first)
    before = lrs.get("/statements", {"statementId": first["id"]}).data
    again = changed(first, path, value)
    assert lrs.post("/statements", again).status_code == 200
    assert lrs.put("/statements", {"statementId": first["id"]}, again).status_code == 204
    assert lrs.get("/statements", {"statementId": first["id"]}).data == before


@pytest.mark.parametrize("case", DIFFERENT)
def test_c5_different_statements_conflict(lrs: Lrs, case: str) -> None:
    path, value = DIFFERENT[case]
    first = {**FULL, "id": uid()}
    lrs.store(first)
    answer = lrs.refuses([statement(), changed(first, path, value)], 409)
    assert first["id"] in answer.json["message"]
    assert lrs.ids() == [first["id"]]


def test_c5_another_instant(lrs: Lrs) -> None:
    first = {**FULL, "id": uid()}
    lrs.store(first)
    status = lrs.post("/statements", {**first, "timestamp": "2023-05-04T12:00:01Z"}).status_code
    assert status == (409 if lrs.version == "1.0.3" else 200)


def test_c5_key_order_and_space_do_not_count(lrs: Lrs) -> None:
    first = {**FULL, "id": uid()}
    lrs.store(first)
    text = json.dumps(dict(reversed(first.items())), indent=3)
    assert lrs.post("/statements", text.encode(), kind="application/json").status_code == 200


@pytest.mark.parametrize("target", [ref(uid()), sub_statement(), agent(objectType="Agent")])
def test_c5_other_objects_are_compared_too(lrs: Lrs, target: dict) -> None:
    first = statement(object=target)
    lrs.store(first)
    assert lrs.post("/statements", first).status_code == 200
    path = "object.object.id" if target["objectType"] == "SubStatement" else "object"
    other = "http://e/other" if path != "object" else ref(uid())
    lrs.refuses(changed(first, path, other), 409)


def test_c5_malformed_beats_conflict(lrs: Lrs) -> None:
    first = statement()
    lrs.store(first)
    lrs.refuses(changed(first, "verb.id", "no iri"), 400)


# 6 Versions


@pytest.mark.parametrize(
    ("value", "status", "named"),
    [
        ("1.0", 200, "1.0.3"), ("1.0.0", 200, "1.0.3"), ("1.0.1", 200, "1.0.3"), ("1.0.2", 200, "1.0.3"),
        ("1.0.3", 200, "1.0.3"), ("1.0.17", 200, "1.0.3"), ("2.0", 200, "2.0.0"), ("2.0.0", 200, "2.0.0"),
        ("2.0.9", 200, "2.0.0"), (None, 400, "1.0.3"), ("0.9", 400, "1.0.3"), ("0.95", 400, "1.0.3"), ("0.8", 400, "1.0.3"),
        ("1.1.0", 400, "2.0.0"), ("1.1", 400, "2.0.0"), ("2.1.0", 400, "2.0.0"), ("3.0.0", 400, "2.0.0"),
        ("BAD", 400, "2.0.0"), ("v1.0.3", 400, "2.0.0"), ("1", 400, "2.0.0"), ("2", 400, "2.0.0"), ("1.0.", 400, "2.0.0"),
        ("1.0.3.4", 400, "2.0.0"), ("1.00.3", 400, "2.0.0"), ("1.0.3, 2.0.0", 400, "2.0.0"), ("1.0.3-rc1", 400, "2.0.0"),
        ("", 400, "2.0.0"), ("\u0661.0.3", 400, "2.0.0"),
    ],
)  # fmt: skip
def test_v6_the_version_header(lrs1: Lrs, value: str | None, status: int, named: str) -> None:
    if value is not None and not value.isascii():
        value = value.encode().decode("latin-1")
    answer = lrs1.get("/statements", headers={"X-Experience-API-Version": value})
    assert (answer.status_code, answer.headers["X-Experience-API-Version"]) == (status, named)
    assert lrs1.get("/about", headers={"X-Experience-API-Version": value}).status_code == 200


def test_v6_what_is_stored_names_its_version(lrs: Lrs) -> None:
    [known] = lrs.store(statement())
    assert lrs.one(known)["version"] == {"1.0.3": "1.0.0", "2.0.0": "2.0.0"}[lrs.version]
    older = lrs.as_version("2.0.0" if lrs.version == "1.0.3" else "1.0.3")
    assert older.one(known) == lrs.one(known)


def test_v6_the_default_version_is_a_setting(app: Any) -> None:
    import dataclasses

    from lrs.app import create_app

    here = app.extensions["laurel"]
    newer = create_app(dataclasses.replace(here.settings, xapi_default_version="2.0.0"), here.db)
    answer = newer.test_client().get("/xapi/statements")
    assert answer.headers["X-Experience-API-Version"] == "2.0.0"
