"""Part 2 of the requirements: what a statement may be, row by row; each refusal names its place."""

import json
from typing import Any

import pytest
from conformance_support import (
    BOTH,
    Lrs,
    agent,
    attachment,
    changed,
    multipart,
    ref,
    statement,
    sub_statement,
    uid,
    voider,
)
from flask.testing import FlaskClient

GOOD = "good"
IDENTIFIED = {"objectType": "Group", "mbox": "mailto:team@example.com"}
ANONYMOUS = {"objectType": "Group", "member": [agent("m")]}
IRIS = ["verb.id", "object.id", "object.definition.type", "object.definition.moreInfo"]


@pytest.fixture(params=BOTH)
def lrs(request: pytest.FixtureRequest, client: FlaskClient, common: dict[str, str]) -> Lrs:
    """One store for all: what is accepted here does not depend on what is stored."""
    return Lrs(client, common, request.param)


def judge(lrs: Lrs, made: dict, good: bool) -> dict:
    """Send a statement; return the error, or the statement as it comes back."""
    answer = lrs.post("/statements", made)
    assert answer.status_code == (200 if good else 400), f"{answer.text} for {json.dumps(made)}"
    return lrs.one(answer.json[0]) if good else answer.json


# General


@pytest.mark.parametrize(
    "path",
    ["id", "actor", "actor.name", "verb.display", "verb.display.en", "object.definition", "result", "context",
     "context.registration", "object.definition.moreInfo", "timestamp", "stored", "version", "attachments",
     "result.score", "result.score.raw", "context.contextActivities", "context.contextActivities.parent", "authority"],
)  # fmt: skip
def test_s2_null_is_refused_everywhere(lrs: Lrs, path: str) -> None:
    error = judge(lrs, changed(statement(), path, None), False)
    assert error["path"].startswith("$.")


@pytest.mark.parametrize(
    "more",
    [{"object": {"id": "x:y", "definition": {}}}, {"context": {}}, {"result": {}}, {"result": {"score": {}}},
     {"verb": {"id": "x:y", "display": {}}}, {"result": {"extensions": {}}}, {"attachments": []},
     {"context": {"contextActivities": {}}}, {"context": {"contextActivities": {"parent": []}}}],
)  # fmt: skip
def test_s2_empty_objects_are_accepted_and_kept(lrs: Lrs, more: dict) -> None:
    found = judge(lrs, statement(**more), True)
    for key, value in more.items():
        assert found[key] == value


@pytest.mark.parametrize(
    ("path", "value"),
    [("result.score.raw", "100"), ("result.score.raw", True), ("result.completion", "false"), ("result.success", 1),
     ("result.response", 1), ("actor.name", 1), ("context.platform", []), ("object.definition.choices", {}),
     ("attachments", {}), ("attachments", ["x"]), ("verb", "x"), ("actor", []), ("context.registration", 1)],
)  # fmt: skip
def test_s2_json_types_are_exact(lrs: Lrs, path: str, value: Any) -> None:
    assert judge(lrs, changed(statement(), path, value), False)["path"].startswith(
        "$." + path.split(".", maxsplit=1)[0]
    )


@pytest.mark.parametrize(
    "path",
    ["extra", "actor.extra", "verb.extra", "object.extra", "object.definition.extra", "result.extra",
     "result.score.extra", "context.extra", "context.contextActivities.extra", "actor.Mbox", "object.definition.Name"],
)  # fmt: skip
def test_s2_unknown_names_are_refused_at_every_level(lrs: Lrs, path: str) -> None:
    error = judge(lrs, changed(statement(), path, "x"), False)
    assert path.rpartition(".")[2] in error["path"] + error["message"]


@pytest.mark.parametrize(
    "iri", ["ab=c://x", "should fail", "example.com/x", "#frag", "", "a b:c", "x:<", "1x:y", "x:"]
)
@pytest.mark.parametrize("path", IRIS)
def test_s2_iris_need_a_scheme(lrs: Lrs, path: str, iri: str) -> None:
    assert judge(lrs, changed(statement(), path, iri), False)["path"] == "$." + path


@pytest.mark.parametrize(
    "more",
    [{"actor": {"openid": "x y"}}, {"actor": {"account": {"homePage": "home", "name": "n"}}},
     {"attachments": [attachment(b"", usageType="u", fileUrl="http://f")]},
     {"attachments": [attachment(b"", fileUrl="f")]}, {"result": {"extensions": {"no": 1}}},
     {"context": {"extensions": {"no": 1}}}, {"object": {"id": "x:y", "definition": {"extensions": {"": 1}}}}],
)  # fmt: skip
def test_s2_iris_in_the_other_positions(lrs: Lrs, more: dict) -> None:
    judge(lrs, statement(**more), False)


@pytest.mark.parametrize("value", [0.12123434, 12.125, 45.45, 1e-300, 123456789012345678])
def test_s2_numbers_return_equal(lrs: Lrs, value: float) -> None:
    assert judge(lrs, statement(result={"score": {"raw": value}}), True)["result"]["score"]["raw"] == value


# Actor

ACTORS: list[tuple[dict, bool]] = [
    (agent(), True),
    (agent(objectType="Agent", name=""), True),
    ({"mbox_sha1sum": "0123456789abcdefABCDEF012345678901234567"}, True),
    ({"openid": "http://ana.example"}, True),
    ({"account": {"homePage": "http://h.example", "name": ""}}, True),
    (IDENTIFIED, True),
    ({**IDENTIFIED, "member": []}, True),
    (ANONYMOUS, True),
    ({"objectType": "Group", "member": []}, False),
    ({"objectType": "Group"}, False),
    ({}, False),
    ({"name": "x"}, False),
    (agent(openid="http://ana.example"), False),
    ({**IDENTIFIED, "openid": "http://ana.example"}, False),
    (agent(objectType="agent"), False),
    (agent(objectType="Activity"), False),
    (agent(member=[]), False),
    ({"objectType": "Group", "member": [ANONYMOUS]}, False),
    ({"objectType": "Group", "member": agent()}, False),
    ({"objectType": "Group", "member": [{"name": "x"}]}, False),
    ({"mbox": "http://example.com"}, False),
    ({"mbox": "mailto:should.fail.com"}, False),
    ({"mbox": "a@example.com"}, False),
    ({"mbox": "mailto:a@example.com,b@example.com"}, False),
    ({"mbox": "mailto:a@example.com?subject=x"}, False),
    ({"mbox": "mailto:a@b@example.com"}, False),
    ({"mbox": "mailto:"}, False),
    ({"mbox_sha1sum": "abc"}, False),
    ({"mbox_sha1sum": "g" * 40}, False),
    ({"account": {"homePage": "http://h.example"}}, False),
    ({"account": {"name": "n"}}, False),
    ({"account": {"homePage": "http://h.example", "name": 1}}, False),
    ({"account": {"homePage": "http://h.example", "name": "n", "x": 1}}, False),
]


@pytest.mark.parametrize(("actor", "good"), ACTORS)
def test_s2_actors(lrs: Lrs, actor: dict, good: bool) -> None:
    found = judge(lrs, statement(actor=actor), good)
    assert found["actor"] == actor if good else found["path"].startswith("$.actor")


@pytest.mark.parametrize(("actor", "good"), ACTORS)
@pytest.mark.parametrize("place", ["context.instructor", "object.actor", "object.context.instructor"])
def test_s2_actors_in_other_positions(lrs2: Lrs, place: str, actor: dict, good: bool) -> None:
    made = statement(object=sub_statement()) if place.startswith("object") else statement()
    judge(lrs2, changed(made, place, actor), good)


# Language tags

TAGS = {
    True: ["de", "de-DE", "zh-Hant", "sr-Latn-RS", "zh-Hans-CN", "sr-Cyrl", "cmn", "ase", "tlh", "es-MX", "fr-CA",
           "es-419", "sl-rozaj-biske", "de-1996", "x-private", "i-klingon", "en-GB-oed", "EN-us", "und"],
    False: ["something", "a12345678", "zh-z-aaa-z-bbb-c-ccc", "", "e", "en_US", "en-", "-en", "123", "en us"],
}  # fmt: skip


@pytest.mark.parametrize(("tag", "good"), [(tag, good) for good, tags in TAGS.items() for tag in tags])
def test_s2_language_tags_in_every_position(lrs: Lrs, tag: str, good: bool) -> None:
    text = {tag: "x"}
    judge(lrs, statement(verb={"id": "x:y", "display": text}), good)
    judge(lrs, statement(context={"language": tag}), good)
    for member in ("name", "description"):
        judge(lrs, statement(object={"id": "x:y", "definition": {member: text}}), good)
    definition = {"interactionType": "choice", "choices": [{"id": "a", "description": text}]}
    judge(lrs, statement(object={"id": "x:y", "definition": definition}), good)
    judge(lrs, statement(attachments=[attachment(b"", display=text, fileUrl="http://f/")]), good)
    judge(lrs, statement(attachments=[attachment(b"", description=text, fileUrl="http://f/")]), good)


# Activity and definition


@pytest.mark.parametrize("kind", ["true-false", "choice", "fill-in", "long-fill-in", "matching", "performance",
                                  "sequencing", "likert", "numeric", "other"])  # fmt: skip
def test_s2_interaction_types(lrs: Lrs, kind: str) -> None:
    lists = {
        name: [{"id": "a", "description": {"en": "x"}}]
        for name in ("choices", "scale", "source", "target", "steps")
    }
    definition = {"interactionType": kind, "correctResponsesPattern": ["a"], **lists}
    judge(lrs, statement(object={"id": "x:y", "definition": definition}), True)
    judge(lrs, statement(object={"id": "x:y", "definition": {"interactionType": kind.upper()}}), False)
    for name, value in lists.items():
        judge(lrs, statement(object={"id": "x:y", "definition": {name: value}}), False)


# Result


@pytest.mark.parametrize(
    ("score", "good"),
    [({"scaled": 1.01}, False), ({"scaled": -1.00001}, False), ({"scaled": 1}, True), ({"scaled": -1}, True),
     ({"min": 2, "max": 1}, False), ({"min": 1, "raw": 0}, False), ({"max": 1, "raw": 2}, False), ({"raw": -5}, True),
     ({"min": 0, "max": 1, "raw": 0.5, "scaled": 0.5}, True), ({"percent": 5}, False), ({"raw": None}, False)],
)  # fmt: skip
def test_s2_scores(lrs: Lrs, score: dict, good: bool) -> None:
    judge(lrs, statement(result={"score": score}), good)
    judge(lrs, statement(object=sub_statement(result={"score": score})), good)


DURATIONS = {
    True: ["P3Y6M4DT12H30M5S", "PT16559.14S", "P2W", "PT0S", "P1Y", "PT1,5S", "PT1.5H", "P0.5D", "PT0.000001S", "P1M"],
    False: ["P", "PT", "P1DT", "P4W1D", "PA1H0M0S", "P0003-06-04T12:30:05", "-PT1S", "P16559.14S", "PT1.5H1S", "pt1s",
            "PT1S1M", "P1S", "", "1", "PT 1S", "P1Y2W"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("duration", "good"), [(one, good) for good, some in DURATIONS.items() for one in some]
)
def test_s2_durations(lrs: Lrs, duration: str, good: bool) -> None:
    judge(lrs, statement(result={"duration": duration}), good)


# Timestamp


@pytest.mark.parametrize(
    ("timestamp", "one", "two"),
    [
        ("2023-05-04T12:00:00.123Z", True, True), ("2023-05-04T12:00:00+00:00", True, True),
        ("2023-05-04T12:00:00-05:00", True, True), ("2023-05-04T12:00:00-00:00", False, False),
        ("2023-05-04T12:00:00-0000", False, False), ("2023-05-04T12:00:00-00", False, False),
        ("2023-05-04T12:00:00", True, False), ("2023-05-04T12:00:00+0530", True, False),
        ("2023-05-04T12:00:00+05", True, False), ("20230504T120000Z", False, False), ("2023-W18-4T12:00:00Z", False, False),
        ("2023-124T12:00:00Z", False, False), ("2023-05-04t12:00:00z", False, True), ("2023-05-04 12:00:00Z", False, True),
        ("2016-12-31T23:59:60Z", True, True), ("2023-05-04T24:00:00Z", True, False), ("2023-02-30T12:00:00Z", False, False),
        ("2023-13-01T12:00:00Z", False, False), ("2023-05-04", False, False), ("01/011/2015", False, False),
        ("1683201600", False, False), ("2023-05-04T12:00:00.123456789Z", True, True), ("", False, False),
        ("2023-05-04T12:00Z", True, False), ("2023-05-04T25:00:00Z", False, False), ("2023-05-04T12:00:00+25:00", False, False),
    ],
)  # fmt: skip
def test_s2_timestamps(lrs: Lrs, timestamp: str, one: bool, two: bool) -> None:
    if timestamp == "2023-05-04T12:00Z":
        assert lrs.post("/statements", statement(timestamp=timestamp)).status_code in {200, 400}
        return
    good = one if lrs.version == "1.0.3" else two
    found = judge(lrs, statement(timestamp=timestamp), good)
    if good:
        assert found["timestamp"].endswith("Z")
        assert "T" in found["timestamp"]
        assert len(found["timestamp"].rpartition(".")[2]) >= len("000Z")


def test_s2_timestamps_come_back_in_utc_and_default_to_stored(lrs: Lrs) -> None:
    found = judge(lrs, statement(timestamp="2023-05-04T12:00:00.120-05:30"), True)
    assert found["timestamp"].startswith("2023-05-04T17:30:00.12")
    found = judge(lrs, statement(), True)
    assert found["timestamp"] == found["stored"]


# context


@pytest.mark.parametrize(
    ("context", "good"),
    [
        ({"registration": "x"}, False), ({"registration": uid().upper()}, True), ({"instructor": IDENTIFIED}, True),
        ({"team": agent()}, False), ({"team": IDENTIFIED}, True), ({"team": ANONYMOUS}, True),
        ({"contextActivities": {"parent": {"id": "x:y"}}}, True), ({"contextActivities": {"parent": [{"id": "x"}]}}, False),
        ({"contextActivities": {"parent": [agent(objectType="Agent")]}}, False), ({"contextActivities": []}, False),
        ({"contextActivities": {"Parent": []}}, False), ({"statement": ref(uid())}, True), ({"statement": {"id": uid()}}, False),
        ({"statement": {**ref(uid()), "x": 1}}, False), ({"revision": "", "platform": ""}, True),
        ({"statement": sub_statement()}, False), ({"revision": 1}, False),
    ],
)  # fmt: skip
def test_s2_contexts(lrs: Lrs, context: dict, good: bool) -> None:
    judge(lrs, statement(context=context), good)


# StatementRef and SubStatement


@pytest.mark.parametrize(
    ("target", "good"),
    [
        (ref(uid()), True), ({"objectType": "StatementRef"}, False), (ref("x"), False), ({**ref(uid()), "x": 1}, False),
        ({"objectType": "statementref", "id": uid()}, False), (sub_statement(), True), (sub_statement(object=ref(uid())), True),
        (sub_statement(object=sub_statement()), False), (sub_statement(timestamp="2040-01-01T00:00:00Z"), True),
        ({**sub_statement(), "id": uid()}, False), ({**sub_statement(), "stored": "2020-01-01T00:00:00Z"}, False),
        ({**sub_statement(), "version": "1.0.0"}, False), ({**sub_statement(), "authority": agent()}, False),
        (changed(sub_statement(), "verb", ...), False), (changed(sub_statement(), "actor", ...), False),
        (changed(sub_statement(), "object", ...), False), (sub_statement(timestamp="x"), False),
        (sub_statement(result={"duration": "x"}), False), (sub_statement(object=IDENTIFIED), True),
    ],
)  # fmt: skip
def test_s2_references_and_sub_statements(lrs: Lrs, target: dict, good: bool) -> None:
    judge(lrs, statement(object=target), good)


# Voiding


def test_s2_voiding_needs_a_reference(lrs: Lrs) -> None:
    judge(lrs, changed(voider(uid()), "object", {"id": "x:y"}), False)
    judge(lrs, voider(uid()), True)


def test_s2_a_second_voider_is_fine(lrs: Lrs) -> None:
    [target] = lrs.store(statement())
    first, second = lrs.store(voider(target), voider(target))
    assert lrs.one(first)["id"] == first
    assert lrs.one(second)["id"] == second


# Attachments


@pytest.mark.parametrize(
    ("overrides", "good"),
    [
        ({}, True), ({"usageType": None}, False), ({"display": None}, False), ({"contentType": None}, False),
        ({"length": None}, False), ({"sha2": None}, False), ({"length": "27"}, False), ({"length": True}, False),
        ({"length": -1}, False), ({"length": 27.0}, True), ({"length": 27.5}, False), ({"sha2": 1}, False),
        ({"sha2": "abc"}, False), ({"sha2": "g" * 64}, False), ({"extra": 1}, False), ({"description": {"en": "x"}}, True),
        ({"contentType": "text/plain; charset=ascii"}, True), ({"contentType": "text"}, False), ({"contentType": 1}, False),
    ],
)  # fmt: skip
def test_s2_attachment_objects(lrs: Lrs, overrides: dict, good: bool) -> None:
    entry = attachment(b"", fileUrl="http://example.com/f", **overrides)
    judge(lrs, statement(attachments=[entry]), good)


def test_s2_a_content_type_never_becomes_another_header(lrs: Lrs) -> None:
    made = statement(attachments=[attachment(b"x", contentType="a/b;\r\nX-Evil: 1")])
    body, kind = multipart(made, b"x")
    answer = lrs.post("/statements", body, kind=kind)
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert (
            b"\r\nX-Evil"
            not in lrs.get("/statements", {"statementId": made["id"], "attachments": "true"})
            .data.partition(b"--")[2]
            .rpartition(b"x-experience")[2]
        )
