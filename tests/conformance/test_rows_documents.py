"""Part 4 of the requirements: merging, preconditions, tags and times of documents."""

from typing import Any

import pytest
from conformance_support import Lrs, agent, pause, uid

ACTIVITY = "http://example.com/a"
KINDS = {
    "state": ("/activities/state", {"activityId": ACTIVITY, "agent": agent(), "stateId": "s"}),
    "activity profile": ("/activities/profile", {"activityId": ACTIVITY, "profileId": "p"}),
    "agent profile": ("/agents/profile", {"agent": agent(), "profileId": "p"}),
}
JSON = "application/json"


@pytest.fixture(params=KINDS)
def document(request: pytest.FixtureRequest, lrs: Lrs) -> "Document":
    return Document(lrs, request.param)


class Document:
    """One document of one kind."""

    def __init__(self, lrs: Lrs, kind: str) -> None:
        self.lrs, self.kind = lrs, kind
        self.path, self.params = KINDS[kind]

    def send(
        self, method: str, body: bytes | None = None, kind: str | None = "text/plain", **headers: str
    ) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.lrs.request(method, self.path, self.params, body, kind=kind, headers=given).status_code

    def make(self, body: bytes, kind: str | None = "text/plain") -> str:
        assert self.send("PUT", body, kind, If_None_Match="*") == 204
        return self.found().headers["ETag"]

    def found(self) -> Any:
        return self.lrs.get(self.path, self.params)


MERGES = [
    (b'{"a":1,"b":{"c":2}}', JSON, b'{"b":{"d":3},"e":null}', JSON, 204, {"a": 1, "b": {"d": 3}, "e": None}),
    (b'{"a":1}', "application/json; charset=utf-8", b'{"b":2}', "APPLICATION/JSON", 204, {"a": 1, "b": 2}),
    (b'{"a":1}', JSON, b'{"b":2}', "text/plain", 400, None),
    (b'{"a":1}', JSON, b'{"b":', JSON, 400, None),
    (b'{"a":1}', JSON, b"[1]", JSON, 400, None),
    (b'{"a":1}', JSON, b"1", JSON, 400, None),
    (b'{"a":1}', JSON, b"", JSON, 400, None),
    (b'{"a":1}', JSON, b'{"b":1,"b":2}', JSON, 400, None),
    (b"[1]", JSON, b'{"b":2}', JSON, 400, None),
    (b"text", "text/plain", b'{"b":2}', JSON, 400, None),
    (b'{"a":1}', "text/plain", b'{"b":2}', JSON, 400, None),
    (b'{"a":1', JSON, b'{"b":2}', JSON, 400, None),
    (b"text", "text/plain", b"other", "text/plain", 400, None),
]


@pytest.mark.parametrize(("stored", "stored_kind", "posted", "kind", "status", "merged"), MERGES)
def test_d4_posting_merges_objects_and_nothing_else(
    document: Document, stored: bytes, stored_kind: str, posted: bytes, kind: str, status: int, merged: Any
) -> None:
    document.make(stored, stored_kind)
    assert document.send("POST", posted, kind) == status
    if merged is None:
        assert document.found().data == stored
    else:
        assert document.found().json == merged
        assert document.found().mimetype == JSON


def test_d4_posting_to_nothing_stores(document: Document) -> None:
    assert document.send("POST", b'{"a"', JSON) == 400
    assert document.found().status_code == 404
    assert document.send("POST", b"any bytes", "text/x") == 204
    assert document.found().data == b"any bytes"


def test_d4_a_put_is_kept_byte_for_byte_even_with_repeated_keys(document: Document) -> None:
    document.make(b'{"a": 1, "a": 2.0}', JSON)
    assert document.found().data == b'{"a": 1, "a": 2.0}'


def test_d4_put_without_a_precondition(document: Document) -> None:
    version, state = document.lrs.version, document.kind == "state"
    created = document.send("PUT", b"one")
    assert created == (400 if version == "1.0.3" and not state else 204)
    if created == 204:
        assert document.send("PUT", b"two") == (204 if version == "1.0.3" else 409)
    else:
        document.make(b"one")
        assert document.send("PUT", b"two") == 409
        assert document.found().data == b"one"


def test_d4_clients_of_1_0_0_to_1_0_2_create_profiles_without_a_precondition(lrs1: Lrs) -> None:
    for kind in KINDS:
        document = Document(lrs1, kind)
        assert document.send("PUT", b"one", X_Experience_API_Version="1.0.1") == 204


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_d4_a_failed_precondition_changes_nothing(document: Document, method: str) -> None:
    document.make(b'{"a":1}', JSON)
    for headers in ({"If_Match": '"x"'}, {"If_None_Match": "*"}):
        body = None if method == "DELETE" else b'{"b":2}'
        assert document.send(method, body, JSON, **headers) == 412
    assert document.found().data == b'{"a":1}'


@pytest.mark.parametrize("value", ["*", '"x"'])
def test_d4_if_match_needs_a_document(document: Document, value: str) -> None:
    assert document.send("PUT", b"x", If_Match=value) == 412
    assert document.found().status_code == 404


def test_d4_the_right_tag_opens(document: Document) -> None:
    tag = document.make(b'{"a":1}', JSON)
    assert document.send("POST", b'{"b":2}', JSON, If_Match=tag) == 204
    assert document.send("PUT", b"new", If_Match=tag) == 412
    tag = document.found().headers["ETag"]
    assert document.send("PUT", b"new", If_Match=tag) == 204
    assert document.send("DELETE", If_Match=document.found().headers["ETag"]) == 204
    assert document.found().status_code == 404


def test_d4_last_modified_grows(document: Document) -> None:
    from email.utils import parsedate_to_datetime

    document.make(b"one")
    first = document.found().headers
    pause()
    assert document.send("PUT", b"two", If_Match="*") == 204
    second = document.found().headers
    assert first["ETag"] != second["ETag"]
    assert parsedate_to_datetime(first["Last-Modified"]) <= parsedate_to_datetime(second["Last-Modified"])
    listed = document.lrs.get(
        document.path, {k: v for k, v in document.params.items() if not k.endswith("eId")}
    )
    assert listed.headers["Last-Modified"] == second["Last-Modified"]


def test_d4_the_agent_is_its_identifier(lrs: Lrs) -> None:
    path, params = KINDS["state"]
    lrs.put(path, params, b"x", kind="text/plain")
    assert lrs.get(path, {**params, "agent": agent(name="any", objectType="Agent")}).data == b"x"
    assert lrs.get(path, {**params, "agent": {"mbox": "mailto:learner@EXAMPLE.com"}}).data == b"x"
    assert lrs.get(path, {**params, "agent": agent("other")}).status_code == 404
    assert lrs.get(path, {**params, "registration": uid()}).status_code == 404


def test_d4_parameters_come_before_preconditions_before_bodies(lrs: Lrs) -> None:
    path, params = KINDS["activity profile"]
    lrs.post(path, {"a": 1}, params)
    wrong = {"If-Match": '"x"'}
    assert lrs.post(path, b"{", {**params, "foo": "1"}, kind=JSON, headers=wrong).status_code == 400
    assert lrs.post(path, b"{", params, kind=JSON, headers=wrong).status_code == 412
    assert lrs.post(path, b"{", {**params, "foo": "1"}, headers={"Authorization": None}).status_code == 401
