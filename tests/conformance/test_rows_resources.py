"""Part 1 of the requirements: what is common to all resources, and each resource row by row."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from conformance_support import (
    Lrs,
    agent,
    attachment,
    changed,
    multipart,
    parts_of,
    statement,
    sub_statement,
    uid,
    voider,
)

ACTIVITY = "http://example.com/activities/thing"
STATE = {"activityId": ACTIVITY, "agent": agent(), "stateId": "s"}
DOCUMENTS = [
    ("/activities/state", STATE, "stateId"),
    ("/activities/profile", {"activityId": ACTIVITY, "profileId": "p"}, "profileId"),
    ("/agents/profile", {"agent": agent(), "profileId": "p"}, "profileId"),
]
JSON = "application/json"


def without(params: dict, *names: str) -> dict:
    return {key: value for key, value in params.items() if key not in names}


# 1.0 Common to every resource


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize(("path", "params", "_"), DOCUMENTS)
def test_r1_0_unknown_parameters_on_documents(lrs: Lrs, method: str, path: str, params: dict, _: str) -> None:
    for extra in ({"foo": "bar"}, {"verb": "http://v"}, {"ActivityId": ACTIVITY}):
        assert lrs.request(method, path, {**params, **extra}, b"{}", kind=JSON).status_code == 400


@pytest.mark.parametrize("path", ["/activities", "/agents", "/about"])
def test_r1_0_unknown_parameters_elsewhere(lrs: Lrs, path: str) -> None:
    params = {"/activities": {"activityId": ACTIVITY}, "/agents": {"agent": agent()}, "/about": {}}[path]
    assert lrs.get(path, params).status_code == 200
    assert lrs.get(path, {**params, "verb": "http://v"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/activities", {"activityId": "no iri"}),
        ("/activities/state", {**STATE, "activityId": "example.com/x"}),
        ("/activities/state", {**STATE, "registration": "x"}),
        ("/activities/state", {**STATE, "agent": {"mbox": "a@b"}}),
        ("/activities/profile", {"activityId": "#frag", "profileId": "p"}),
        ("/agents", {"agent": {"mbox": None}}),
        ("/agents", {"agent": {"Mbox": "mailto:a@b.c"}}),
        ("/agents/profile", {"agent": {"account": {"name": "x"}}, "profileId": "p"}),
        ("/agents/profile", {"agent": {"objectType": "agent", **agent()}, "profileId": "p"}),
    ],
)
def test_r1_0_parameter_values_are_checked_like_statements(lrs: Lrs, path: str, params: dict) -> None:
    assert lrs.get(path, params).status_code == 400


def test_r1_0_a_query_that_is_not_utf8_is_refused(lrs: Lrs) -> None:
    assert (
        lrs.get(
            "/activities/state", f"activityId={ACTIVITY}&agent={quote(json.dumps(agent()))}&stateId=%ff"
        ).status_code
        == 400
    )
    assert lrs.get("/activities", "activityId=http://e/%ff").status_code == 400


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/html,*/*;q=0.1", "text/html"),
        ("text/plain", "text/plain"),
        ("image/png", JSON),
    ],
)
def test_r1_0_errors_speak_the_language_of_accept(lrs: Lrs, accept: str | None, kind: str) -> None:
    answer = lrs.get("/statements", {"foo": "<b>"}, headers={"Accept": accept})
    assert answer.status_code == 400
    assert answer.mimetype == kind
    assert "foo" in answer.text
    if kind == JSON:
        assert answer.json.keys() == {"error", "message", "path", "errorId"}


def test_r1_0_one_bad_statement_rejects_the_batch(lrs: Lrs) -> None:
    answer = lrs.refuses([statement(), statement(), statement(actor={})])
    assert answer.json["path"].startswith("$[2].actor")
    assert lrs.ids() == []


def test_r1_0_credentials_without_the_right_are_forbidden(lrs: Lrs, other_client: Callable[..., Lrs]) -> None:
    state = other_client("state", version=lrs.version)
    assert state.post("/statements", statement()).status_code == 403
    assert state.get("/statements").status_code == 403
    assert state.get("/agents/profile", {"agent": agent()}).status_code == 403
    assert state.put("/activities/state", STATE, b"x", kind="text/plain").status_code == 204
    reader = other_client("all/read", version=lrs.version)
    assert reader.get("/statements").status_code == 200
    assert reader.get("/activities/state", STATE).status_code == 200
    assert reader.put("/activities/state", STATE, b"x", kind="text/plain").status_code == 403
    assert reader.post("/statements", statement()).status_code == 403


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE"])
def test_r1_0_other_methods_are_not_allowed(lrs: Lrs, method: str) -> None:
    answer = lrs.request(method, "/statements")
    assert answer.status_code == 405
    assert {"GET", "HEAD", "POST", "PUT"} <= {name.strip() for name in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_r1_0_compressed_bodies_are_read_within_the_bound(
    lrs: Lrs, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    made = statement()
    headers = {"Content-Encoding": encoding}
    sent = lrs.post("/statements", pack(json.dumps(made).encode()), kind=JSON, headers=headers)
    assert sent.json == [made["id"]]
    assert (
        lrs.put("/activities/state", STATE, pack(b"text"), kind="text/plain", headers=headers).status_code
        == 204
    )
    assert lrs.get("/activities/state", STATE).data == b"text"
    bomb = lrs.post("/statements", pack(bytes(50 * 1024 * 1024)), kind=JSON, headers=headers)
    assert bomb.status_code == 413
    assert bomb.headers["X-Experience-API-Version"] == lrs.version
    assert lrs.post("/statements", b"not packed", kind=JSON, headers=headers).status_code == 400
    assert lrs.post("/statements", b"x", kind=JSON, headers={"Content-Encoding": "br"}).status_code == 415


# 1.1 /statements


def test_r1_1_put_needs_a_statement_id(lrs: Lrs) -> None:
    for params in ({}, {"statementId": "x"}, {"statementId": ""}):
        assert lrs.put("/statements", params, statement()).status_code == 400


def test_r1_1_put_takes_one_object_with_that_id(lrs: Lrs) -> None:
    made = statement()
    params = {"statementId": made["id"]}
    assert lrs.put("/statements", params, [made]).status_code == 400
    assert lrs.put("/statements", {"statementId": uid()}, made).status_code == 400
    answer = lrs.put("/statements", params, without(made, "id"))
    assert (answer.status_code, answer.data) == (204, b"")
    assert lrs.one(made["id"])["id"] == made["id"]
    assert lrs.put("/statements", params, made).status_code == 204
    assert lrs.put("/statements", params, changed(made, "verb.id", "http://e/x")).status_code == 409


def test_r1_1_post_answers_an_array_of_ids(lrs: Lrs) -> None:
    made = statement()
    assert lrs.post("/statements", made).json == [made["id"]]
    assert lrs.post("/statements", [made, other := statement()]).json == [made["id"], other["id"]]
    [known] = lrs.post("/statements", without(statement(), "id")).json
    assert lrs.one(known)["id"] == known
    assert lrs.post("/statements", made, {"statementId": made["id"]}).status_code == 400


def test_r1_1_get_by_id(lrs: Lrs) -> None:
    [known, gone] = lrs.store(statement(), statement())
    lrs.store(voider(gone))
    assert "statements" not in lrs.one(known)
    cases = {
        (("statementId", known),): 200, (("statementId", uid()),): 404, (("statementId", gone),): 404,
        (("voidedStatementId", gone),): 200, (("voidedStatementId", known),): 404,
        (("statementId", known), ("voidedStatementId", gone)): 400,
    }  # fmt: skip
    for params, status in cases.items():
        assert lrs.get("/statements", dict(params)).status_code == status


def test_r1_1_an_empty_result_is_a_result(lrs: Lrs) -> None:
    answer = lrs.get("/statements", {"verb": f"http://example.com/{uid()}"})
    assert (answer.status_code, answer.json) == (200, {"statements": [], "more": ""})


def test_r1_1_last_modified_is_the_newest_stored(lrs: Lrs) -> None:
    from email.utils import parsedate_to_datetime

    ids = lrs.store(statement(), statement())
    stored = [lrs.one(known)["stored"][:19] for known in ids]
    for params, wanted in (({}, max(stored)), ({"statementId": ids[0]}, stored[0])):
        modified = parsedate_to_datetime(lrs.get("/statements", params).headers["Last-Modified"])
        assert modified.strftime("%Y-%m-%dT%H:%M:%S") == wanted


@pytest.mark.parametrize(
    ("kind", "status"),
    [(JSON, 200), ("application/json; charset=utf-8", 200), ("APPLICATION/JSON", 200), ("text/plain", 400),
     ("multipart/form-data; boundary=b", 400), (None, 400), ("application/x-www-form-urlencoded", 400),
     ("multipart/mixed", 400), ("application/json+x", 400)],
)  # fmt: skip
def test_r1_1_content_types_of_statements(lrs: Lrs, kind: str | None, status: int) -> None:
    assert lrs.post("/statements", json.dumps(statement()).encode(), kind=kind).status_code == status
    params = {"statementId": uid()}
    accepted = lrs.put("/statements", params, json.dumps(without(statement(), "id")).encode(), kind=kind)
    assert accepted.status_code == (204 if status == 200 else status)


def test_r1_1_json_alone_only_with_file_urls(lrs: Lrs) -> None:
    entry = attachment(b"x")
    by_url = {**entry, "fileUrl": "http://example.com/x"}
    lrs.refuses(statement(attachments=[entry]))
    lrs.refuses(statement(attachments=[by_url, entry]))
    lrs.store(statement(attachments=[by_url]))


CONTENT = b"the attachment"
WITH = statement(attachments=[attachment(CONTENT)])
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def rewritten(old: bytes, new: bytes) -> tuple[bytes, str]:
    body, kind = multipart(WITH, CONTENT)
    assert old in body
    return body.replace(old, new), kind


MULTIPART: dict[str, tuple[tuple[bytes, str], int]] = {
    "plain": (multipart(WITH, CONTENT), 200),
    "no boundary parameter": ((multipart(WITH, CONTENT)[0], "multipart/mixed"), 400),
    "boundary not in the body": ((multipart(WITH, CONTENT)[0], "multipart/mixed; boundary=other"), 400),
    "first part not json": (multipart(WITH, CONTENT, first="text/plain"), 400),
    "statements in two parts": (multipart(WITH, CONTENT, b"{}", Content_Type="application/json"), 400),
    "no hash": (multipart(WITH, CONTENT, X_Experience_API_Hash=None), 400),
    "hash of nothing": (multipart(WITH, CONTENT, b"superfluous"), 400),
    "base64": (multipart(WITH, CONTENT, Content_Transfer_Encoding="base64"), 400),
    "no encoding": (multipart(WITH, CONTENT, Content_Transfer_Encoding=None), 200),
    "no part for the attachment": (multipart(WITH), 400),
    "other bytes": (multipart(WITH, b"other bytes", X_Experience_API_Hash=DIGEST), 400),
    "other content type": (multipart(WITH, CONTENT, Content_Type="TEXT/x"), 200),
    "no content type": (multipart(WITH, CONTENT, Content_Type=None), 200),
    "no attachments": (multipart(statement()), 200),
    "only a file url": (multipart(statement(attachments=[attachment(b"", fileUrl="http://e/f")])), 200),
    "one part for two objects": (multipart(statement(attachments=[attachment(CONTENT)] * 2), CONTENT), 200),
    "not closed": (rewritten(b"--b0und--\r\n", b""), 400),
    "bare line feeds": (rewritten(b"\r\n", b"\n"), 400),
}


@pytest.mark.parametrize("case", MULTIPART)
def test_r1_1_multipart(lrs: Lrs, case: str) -> None:
    (body, kind), status = MULTIPART[case]
    answer = lrs.post("/statements", body, kind=kind)
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json["message"]
        assert lrs.ids() == []


def test_r1_1_put_with_multipart(lrs: Lrs) -> None:
    body, kind = multipart(WITH, CONTENT)
    assert lrs.put("/statements", {"statementId": WITH["id"]}, body, kind=kind).status_code == 204
    answer = lrs.get("/statements", {"statementId": WITH["id"], "attachments": "true"})
    (head, _), (part, content) = parts_of(answer)
    assert head == {"Content-Type": JSON}
    assert part == {
        "Content-Type": "application/octet-stream",
        "Content-Transfer-Encoding": "binary",
        "X-Experience-API-Hash": DIGEST,
    }
    assert content == CONTENT


# 1.2 to 1.4 Documents


@pytest.mark.parametrize(("path", "params", "id_name"), DOCUMENTS)
def test_r1_2_documents_from_creation_to_deletion(lrs: Lrs, path: str, params: dict, id_name: str) -> None:
    assert lrs.get(path, params).status_code == 404
    assert lrs.get(path, without(params, id_name)).json == []
    assert lrs.post(path, b"\x01\x02", params, kind="x/y; z=1").status_code == 204
    found = lrs.get(path, params)
    assert (found.data, found.headers["Content-Type"]) == (b"\x01\x02", "x/y; z=1")
    assert found.headers["ETag"].startswith('"')
    assert found.headers["Last-Modified"].endswith("GMT")
    listed = lrs.get(path, without(params, id_name))
    assert listed.json == [params[id_name]]
    assert lrs.get(path, {**without(params, id_name), "since": "2040-01-01T00:00:00Z"}).json == []
    assert lrs.get(path, {**without(params, id_name), "since": "x"}).status_code == 400
    assert lrs.delete(path, params).status_code == 204
    assert lrs.delete(path, params).status_code == 204
    assert lrs.get(path, params).status_code == 404


@pytest.mark.parametrize(("path", "params", "id_name"), DOCUMENTS)
def test_r1_2_required_parameters(lrs: Lrs, path: str, params: dict, id_name: str) -> None:
    for name in without(params, id_name):
        for method in ("GET", "PUT", "POST", "DELETE"):
            answer = lrs.request(method, path, without(params, name), b"{}", kind=JSON)
            assert answer.status_code == 400
            assert answer.json["path"] == name
    for method in ("PUT", "POST", "DELETE"):
        answer = lrs.request(method, path, without(params, id_name), b"{}", kind=JSON)
        assert answer.status_code == (204 if method == "DELETE" and id_name == "stateId" else 400)


def test_r1_2_since_beside_state_id(lrs: Lrs) -> None:
    lrs.post("/activities/state", {"a": 1}, STATE)
    status = lrs.get("/activities/state", {**STATE, "since": "2020-01-01T00:00:00Z"}).status_code
    assert status == (200 if lrs.version == "1.0.3" else 400)


@pytest.mark.parametrize(
    "who", [{"objectType": "Group", **agent()}, {"objectType": "Group", "member": [agent()]}, {}]
)
def test_r1_4_profiles_and_state_belong_to_agents(lrs: Lrs, who: dict) -> None:
    for path, params, _ in (DOCUMENTS[0], DOCUMENTS[2]):
        assert lrs.put(path, {**params, "agent": who}, b"x", kind="text/plain").status_code == 400
    assert lrs.get("/agents", {"agent": who}).status_code == 400


# 1.5 /agents


def test_r1_5_an_unknown_agent_is_a_person_too(lrs: Lrs) -> None:
    account = {"account": {"homePage": "http://h.example", "name": uid()}}
    assert lrs.get("/agents", {"agent": account}).json == {
        "objectType": "Person",
        "account": [account["account"]],
    }
    found = lrs.get("/agents", {"agent": {**account, "name": "asked"}}).json
    assert found == {"objectType": "Person", "name": ["asked"], "account": [account["account"]]}
    assert lrs.get("/agents").status_code == 400


def test_r1_5_every_name_of_an_identifier(lrs: Lrs) -> None:
    for name in ("Ana", "Ana López", "Ana"):
        lrs.store(statement(actor=agent("ana", name=name)))
    found = lrs.get("/agents", {"agent": agent("ana")}).json
    assert sorted(found["name"]) == ["Ana", "Ana López"]
    assert found["mbox"] == [agent("ana")["mbox"]]
    assert found.keys() == {"objectType", "name", "mbox"}


# 1.6 /activities


def test_r1_6_an_unknown_activity_has_its_id(lrs: Lrs) -> None:
    activity = f"http://example.com/{uid()}"
    assert lrs.get("/activities", {"activityId": activity}).json == {"objectType": "Activity", "id": activity}
    assert lrs.get("/activities").status_code == 400


def test_r1_6_definitions_are_merged_over_all_statements(lrs: Lrs) -> None:
    activity = f"http://example.com/{uid()}"

    def defined(**definition: Any) -> dict:
        return {"objectType": "Activity", "id": activity, "definition": definition}

    first = defined(name={"en-US": "a", "en-GB": "b"}, type="http://example.com/t", extensions={"x:a": 1})
    lrs.store(statement(object=first))
    assert lrs.get("/activities", {"activityId": activity}).json == first
    lrs.store(
        statement(object=defined(name={"fr-FR": "c"}, extensions={"x:b": {"$set": None}})),
        statement(context={"contextActivities": {"parent": defined(description={"de": "d"})}}),
        statement(object=sub_statement(object=defined(moreInfo="http://example.com/more"))),
    )
    assert lrs.get("/activities", {"activityId": activity}).json["definition"] == {
        "name": {"en-US": "a", "en-GB": "b", "fr-FR": "c"},
        "description": {"de": "d"},
        "type": "http://example.com/t",
        "moreInfo": "http://example.com/more",
        "extensions": {"x:a": 1, "x:b": {"$set": None}},
    }


# 1.7 /about


@pytest.mark.parametrize("version", [None, "1.0.3", "2.0.0", "0.9", "nonsense"])
def test_r1_7_about_needs_nothing(lrs1: Lrs, version: str | None) -> None:
    headers = {"Authorization": None, "X-Experience-API-Version": version}
    answer = lrs1.get("/about", headers=headers)
    assert answer.status_code == 200
    assert answer.json == {"version": ["1.0.3", "2.0.0"], "extensions": {}}
    expected = {"2.0.0": "2.0.0", "nonsense": "2.0.0"}.get(version or "", "1.0.3")
    assert answer.headers["X-Experience-API-Version"] == expected
    old = lrs1.get("/about", headers={"X-Experience-API-Version": "1.0.1"})
    assert old.json == {"version": ["1.0.3"], "extensions": {}}, "libraries of that age refuse others"


# 1.8 Alternate request syntax


def alternate(lrs: Lrs, method: str, form: str, **more: Any) -> Any:
    params = more.pop("params", {"method": method})
    return lrs.request(
        more.pop("real", "POST"), more.pop("path", "/statements"), params, form.encode(),
        kind=more.pop("kind", "application/x-www-form-urlencoded"), **more,
    )  # fmt: skip


def test_r1_8_the_form_is_the_request(lrs1: Lrs) -> None:
    made = statement()
    content = quote(json.dumps(made))
    assert alternate(lrs1, "PUT", f"statementId={made['id']}&content={content}").status_code == 204
    assert alternate(lrs1, "POST", f"content={content}").json == [made["id"]]
    found = alternate(lrs1, "GET", "limit=1")
    assert found.json.keys() == {"statements", "more"}
    assert alternate(lrs1, "GET", f"statementId={made['id']}").json["id"] == made["id"]


def test_r1_8_nothing_beside_the_method(lrs1: Lrs) -> None:
    made = statement()
    form = f"content={quote(json.dumps(made))}"
    both = {"method": "PUT", "statementId": made["id"]}
    assert alternate(lrs1, "PUT", form, params=both).status_code == 400
    assert alternate(lrs1, "PUT", form, real="PUT").status_code == 400
    assert alternate(lrs1, "PUT", f"statementId={made['id']}").status_code == 400
    assert alternate(lrs1, "PUT", json.dumps(made)).status_code == 400


def test_r1_8_is_gone_in_version_two(lrs2: Lrs) -> None:
    form = f"content={quote(json.dumps(statement()))}"
    assert alternate(lrs2, "POST", form).status_code == 400
    bare = {"X-Experience-API-Version": None}
    assert alternate(lrs2, "POST", form + "&X-Experience-API-Version=2.0.0", headers=bare).status_code == 400


def test_r1_8_a_beacon_gets_through(lrs1: Lrs) -> None:
    """`navigator.sendBeacon` can set no header: all of it stands in a text/plain body."""
    made = statement()
    fields = {
        "statementId": made["id"],
        "Authorization": lrs1.headers["Authorization"],
        "X-Experience-API-Version": "1.0.3",
        "Content-Type": JSON,
        "content": json.dumps(made),
    }
    form = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    bare = {"Authorization": None, "X-Experience-API-Version": None, "Origin": "null"}
    answer = alternate(lrs1, "PUT", form, kind="text/plain;charset=UTF-8", headers=bare)
    assert answer.status_code == 204
    assert lrs1.one(made["id"])["object"] == made["object"]
