"""Edge cases 71 to 90: comparison, times, signatures, the alternate syntax, headers on every answer, browsers."""

import base64
import datetime as dt
import hashlib
import json
import threading
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
from conformance_support import (
    KEY,
    OTHER_KEY,
    Lrs,
    agent,
    certificate,
    changed,
    parts_of,
    signed,
    statement,
    uid,
    with_signature,
)
from flask import Flask

ACTIVITY = "http://example.com/activities/thing"
STATE = {"activityId": ACTIVITY, "agent": agent(), "stateId": "s"}


def timed(duration: str, **more: Any) -> dict:
    return statement(result={"duration": duration}, **more)


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("PT1.239S", "PT1.23S", 200),
        ("PT1.23S", "PT1.239S", 200),
        ("PT1.23S", "PT1.24S", 409),
        ("PT60S", "PT1M", 409),
    ],
)
def test_edge_71_durations_are_compared_to_a_hundredth(
    lrs: Lrs, first: str, second: str, status: int
) -> None:
    made = timed(first)
    lrs.store(made)
    assert lrs.post("/statements", timed(second, id=made["id"])).status_code == status


@pytest.mark.parametrize(
    "timestamp",
    ["2016-12-31T23:59:60Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2020-01-01T00:00:00+14:00",
     "2020-01-01T00:00:00.123456789Z", "2020-02-29T12:00:00.5-12:00", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59.999-12:00"],
)  # fmt: skip
def test_edge_72_unusual_instants(lrs: Lrs, timestamp: str) -> None:
    made = statement(timestamp=timestamp)
    answer = lrs.post("/statements", made)
    assert answer.status_code in {200, 400}
    if "0001-01-01T00:00:00+14" not in timestamp and "-12:00" not in timestamp[11:]:
        assert answer.status_code == 200, answer.text
    if answer.status_code == 200:
        assert len(lrs.one(made["id"])["timestamp"]) >= len("2020-01-01T00:00:00.000Z")
        assert lrs.post("/statements", made).status_code == 200


@pytest.mark.parametrize(
    ("x5c", "status"),
    [
        ([certificate(KEY)], 200),
        ([certificate(KEY), certificate(OTHER_KEY)], 200),
        ([certificate(OTHER_KEY)], 400),
        (["not base64!"], 400),
        ([base64.b64encode(b"no certificate").decode()], 400),
        ([], 400),
        ("text", 400),
        ([1], 400),
    ],
)
def test_edge_73_a_certificate_that_is_there_must_fit(lrs: Lrs, x5c: object, status: int) -> None:
    body, kind = signed(statement(), x5c=x5c)
    assert lrs.post("/statements", body, kind=kind).status_code == status


def test_edge_73_a_broken_signature_with_a_certificate(lrs: Lrs) -> None:
    made = statement()
    body, _ = signed(made, x5c=[certificate(KEY)])
    token = body.split(b"\r\n\r\n")[2].split(b"\r\n")[0]
    head, payload, signature = token.split(b".")
    broken = b".".join([head, payload, base64.urlsafe_b64encode(bytes(256)).rstrip(b"=")])
    assert len(signature) == len(broken.split(b".")[2])
    body, kind = with_signature(made, broken)
    lrs.refuses(body, kind=kind)


def test_edge_74_other_payloads_and_serializations_are_refused(lrs: Lrs) -> None:
    made = statement(actor=agent(name="Ana"))
    refused = [
        signed(made, changed(made, "id", uid()))
        if lrs.version == "never"
        else signed(made, changed(made, "verb.id", "http://e/x")),
        signed(made, changed(made, "actor.name", "Bob")),
        signed(made, alg="none"),
        signed(made, changed(made, "result.success", True)),
    ]
    for body, kind in refused:
        lrs.refuses(body, kind=kind)
    general = json.dumps(
        {"payload": "e30", "signatures": [{"protected": "e30", "signature": "e30"}]}
    ).encode()
    body, kind = with_signature(made, general)
    lrs.refuses(body, kind=kind)


@pytest.mark.parametrize(
    "extra", [{"authority": agent("x")}, {"stored": "2020-01-01T00:00:00.000Z"}, {"version": "1.0.0"}]
)
def test_edge_74_what_the_store_assigns_does_not_count(lrs: Lrs, extra: dict) -> None:
    made = statement()
    body, kind = signed(made, {**made, **extra})
    assert lrs.post("/statements", body, kind=kind).status_code == 200


def test_edge_75_a_signature_comes_back_byte_for_byte(lrs: Lrs) -> None:
    made = statement(timestamp="2020-01-01T02:00:00.123456+02:00")
    body, kind = signed(made)
    assert lrs.post("/statements", body, kind=kind).status_code == 200
    token = body.split(b"\r\n\r\n")[2].split(b"\r\n")[0]
    _, (head, content) = parts_of(lrs.get("/statements", {"statementId": made["id"], "attachments": "true"}))
    assert content == token
    assert head["X-Experience-API-Hash"] == hashlib.sha256(token).hexdigest()
    again = {**lrs.one(made["id"])}
    again.pop("attachments")
    body, kind = with_signature(again, token)
    assert lrs.post("/statements", body, kind=kind).status_code == 200


def alternate(lrs: Lrs, path: str, method: str, form: dict[str, str] | str, **more: Any) -> Any:
    body = form if isinstance(form, str) else urlencode(form, quote_via=quote)
    kind = more.pop("kind", "application/x-www-form-urlencoded")
    return lrs.request("POST", path, {"method": method}, body, kind=kind, **more)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "text/plain;charset=UTF-8"]
)
def test_edge_76_long_parameters_and_any_content(lrs1: Lrs, kind: str) -> None:
    who = agent(name="n" * 50_000)
    made = statement(actor=agent(), result={"response": "a&b+c=ü😀%41"})
    put = alternate(
        lrs1, "/statements", "PUT", {"statementId": made["id"], "content": json.dumps(made)}, kind=kind
    )
    assert put.status_code == 204
    assert lrs1.one(made["id"])["result"] == made["result"]
    lrs1.store(statement())
    found = alternate(lrs1, "/statements", "GET", {"agent": json.dumps(who), "limit": "1"}, kind=kind)
    assert found.status_code == 200
    assert lrs1.more(found.json["more"]).json["statements"][0]["id"] == made["id"]


def test_edge_77_headers_and_methods_in_the_form(lrs1: Lrs) -> None:
    bare = {"Authorization": None, "X-Experience-API-Version": None}
    known = {
        "Authorization": lrs1.headers["Authorization"],
        "X-Experience-API-Version": "1.0.3",
        "activityId": ACTIVITY,
        "agent": json.dumps(agent()),
        "stateId": "s",
    }

    def send(method: str, **fields: str) -> Any:
        return alternate(lrs1, "/activities/state", method, {**known, **fields}, headers=bare)

    plain = {"content": "one", "Content-Type": "text/plain"}
    assert send("PUT", **plain, **{"If-None-Match": "*"}).status_code == 204
    assert send("PUT", **plain, **{"If-None-Match": "*"}).status_code == 412
    assert send("PUT", **plain, **{"If-Match": '"wrong"'}).status_code == 412
    etag = f'"{hashlib.sha1(b"one").hexdigest()}"'
    assert send("PUT", content="two", **{"If-Match": etag, "Content-Type": "text/plain"}).status_code == 204
    head = send("HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == f'"{hashlib.sha1(b"two").hexdigest()}"'
    assert send("GET").data == b"two"
    assert send("PATCH", content="x").status_code in {400, 405}
    assert send("DELETE").status_code == 204
    assert send("GET").status_code == 404
    assert send("GET", **{"X-Experience-API-Version": "0.8"}).status_code == 400


def test_edge_77_head_by_the_alternate_syntax_ends_on_a_real_connection(server: Any) -> None:
    headers = {**server.auth(), "Content-Type": "text/plain"}
    with requests.Session() as session:
        for _ in range(2):
            answer = session.post(
                f"{server.xapi}/statements?method=HEAD", data="limit=1", headers=headers, timeout=10
            )
            assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("form", "accepted"),
    [
        ("01890a5d-ac96-774b-bcce-b302099a8057", True),
        ("1ec9414c-232a-6b00-b3c8-9e6bdeced846", True),
        ("320c3d4d-cc00-875b-8ec9-32d5f69181c0", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("{01890a5d-ac96-774b-bcce-b302099a8057}", False),
        ("urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057", False),
        ("01890a5dac96774bbcceb302099a8057", False),
        ("01890a5d-ac96-774b-bcce-b302099a805", False),
        ("01890a5d-ac96-774b-bcce-b302099a8057\n", False),
        ("\uff101890a5d-ac96-774b-bcce-b302099a8057", False),
    ],
)
def test_edge_78_forms_of_uuids(lrs: Lrs, form: str, accepted: bool) -> None:
    assert lrs.post("/statements", statement(id=form)).status_code == (200 if accepted else 400)
    assert lrs.get("/statements", {"statementId": form}).status_code == (200 if accepted else 400)
    assert lrs.post("/statements", statement(context={"registration": form})).status_code == (
        200 if accepted else 400
    )


def test_edge_79_international_iris_are_compared_as_text(lrs: Lrs) -> None:
    iris = ["http://example.com/فعل", "http://example.com/%D9%81%D8%B9%D9%84", "http://münchen.example/x"]
    ids = lrs.store(*(statement(verb={"id": iri}) for iri in iris))
    for iri, known in zip(iris, ids, strict=True):
        assert lrs.ids(verb=iri) == [known]
        assert lrs.one(known)["verb"]["id"] == iri


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("GET", "/statements/nowhere", {}, 404),
        ("PATCH", "/statements", {}, 405),
        ("DELETE", "/statements", {}, 405),
        ("PUT", "/about", {}, 405),
        ("GET", "/statements", {"headers": {"Authorization": None}}, 401),
        ("POST", "/statements", {"body": b"x" * (9 * 1024 * 1024), "kind": "application/json"}, 413),
        ("POST", "/statements", {"body": b"{", "kind": "application/json"}, 400),
        ("GET", "/activities/state", {}, 400),
    ],
)
def test_edge_80_every_answer_carries_the_headers(
    lrs: Lrs, method: str, path: str, more: dict, status: int
) -> None:
    answer = lrs.request(method, path, **more)
    assert answer.status_code == status
    assert answer.headers["X-Experience-API-Version"] == lrs.version
    assert answer.json["message"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if path.startswith("/statements"):
        assert dt.datetime.fromisoformat(answer.headers["X-Experience-API-Consistent-Through"])


def test_edge_80_even_when_the_server_fails(lrs: Lrs, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from statements.storage.store import StatementStore

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("made to fail")

    monkeypatch.setattr(StatementStore, "find", fail)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = lrs.get("/statements")
    assert answer.status_code == 500
    assert answer.headers["X-Experience-API-Version"] == lrs.version
    assert answer.headers["X-Experience-API-Consistent-Through"]
    assert "made to fail" not in answer.text


def test_edge_81_head_is_get_without_a_body(lrs: Lrs) -> None:
    [known] = lrs.store(statement())
    lrs.put("/activities/state", STATE, b"x", kind="text/plain")
    queries = [
        ("/statements", {}), ("/statements", {"statementId": known}), ("/statements", {"limit": "x"}),
        ("/statements", {"statementId": uid()}), ("/statements", {"attachments": "true"}),
        ("/statements", {"verb": "http://example.com/verbs/did", "format": "ids"}),
        ("/activities/state", STATE), ("/activities/state", {**STATE, "stateId": "none"}), ("/about", {}),
        ("/agents", {"agent": agent()}), ("/activities", {"activityId": ACTIVITY}), ("/agents", {"agent": "x"}),
        ("/activities/profile", {"activityId": ACTIVITY}), ("/agents/profile", {"agent": agent()}), ("/nowhere", {}),
    ]  # fmt: skip
    varying = {"X-Experience-API-Consistent-Through", "X-Request-Id", "Date", "Content-Length"}
    for path, params in queries:
        get, head = lrs.get(path, params), lrs.request("HEAD", path, params)
        assert head.status_code == get.status_code
        assert head.data == b""
        names = {name for name, _ in get.headers} - varying
        assert names == {name for name, _ in head.headers} - varying
        for name in names - {"Content-Type"}:
            assert head.headers[name] == get.headers[name]
        assert head.headers["Content-Type"].split(";")[0] == get.headers["Content-Type"].split(";")[0]


def test_edge_82_consistent_through_does_not_pass_an_open_write(
    lrs: Lrs, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statements.storage.store import StatementStore

    inserting, go_on = threading.Event(), threading.Event()
    insert = StatementStore.insert_new

    def slow(self: Any, *args: Any, **more: Any) -> Any:
        inserting.set()
        assert go_on.wait(20)
        return insert(self, *args, **more)

    monkeypatch.setattr(StatementStore, "insert_new", slow)
    made = statement()
    writer = threading.Thread(target=lrs.post, args=("/statements", made))
    writer.start()
    assert inserting.wait(20)
    during = lrs.get("/statements").headers["X-Experience-API-Consistent-Through"]
    go_on.set()
    writer.join(20)
    assert during < lrs.one(made["id"])["stored"]
    after = lrs.get("/statements").headers["X-Experience-API-Consistent-Through"]
    assert after > during


def test_edge_82_two_workers_promise_nothing_that_is_not_there(server: Any) -> None:
    verb = f"http://example.com/{uid()}"
    stop = threading.Event()
    sent: list[str] = []

    def write() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                batch = [statement(verb={"id": verb}) for _ in range(5)]
                answer = session.post(
                    f"{server.xapi}/statements", json=batch, headers=server.auth(), timeout=30
                )
                sent.extend(answer.json())

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    promises: list[tuple[str, set[str]]] = []
    with requests.Session() as session:
        for _ in range(25):
            query = {"verb": verb, "limit": 500}
            answer = session.get(f"{server.xapi}/statements", params=query, headers=server.auth(), timeout=30)
            ids = {one["id"] for one in answer.json()["statements"]}
            promises.append((answer.headers["X-Experience-API-Consistent-Through"], ids))
        stop.set()
        for writer in writers:
            writer.join()
        known: dict[str, str] = {}
        link = f"/xapi/statements?{urlencode({'verb': verb, 'limit': 500})}"
        while link:
            page = session.get(server.url + link, headers=server.auth(), timeout=30).json()
            known |= {one["id"]: one["stored"] for one in page["statements"]}
            link = page["more"]
    assert set(known) == set(sent)
    # the header is made after the query ran, so what was stored before the promise of an earlier answer is seen
    for (promise, _), (_, seen) in pairwise(promises):
        if len(seen) < 500:
            assert {one for one, stored in known.items() if stored < promise} <= seen


def test_edge_83_the_order_of_stored_is_total_when_the_clock_steps_back(
    lrs: Lrs, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from lrs.xapi import protocol

    here = app.extensions["laurel"]
    ids = lrs.store(statement(), statement())
    now = here.now()
    for step in (5, 3, 4):
        back = dataclasses.replace(here, now=lambda step=step: now - dt.timedelta(seconds=step))
        monkeypatch.setitem(app.extensions, "laurel", back)
        monkeypatch.setattr(protocol.consistency(app.extensions["laurel"]), "_now", back.now)
        ids += lrs.store(statement(), statement())
    assert len(lrs.ids(limit=3)) == len(set(ids)) == 8
    assert sorted(lrs.ids(limit=3, ascending="true")) == sorted(ids)
    times = [one["stored"] for one in lrs.get("/statements", {"ascending": "true"}).json["statements"]]
    assert times == sorted(times)


CONTEXT_AGENTS = {"contextAgents": [{"objectType": "contextAgent", "agent": agent("x")}]}


def test_edge_84_statements_of_one_version_are_served_as_stored_in_the_other(lrs1: Lrs) -> None:
    lrs2 = lrs1.as_version("2.0.0")
    made = statement(context=CONTEXT_AGENTS)
    lrs2.store(made)
    assert lrs1.one(made["id"])["context"] == CONTEXT_AGENTS
    assert lrs1.one(made["id"])["version"] == "2.0.0"


def test_edge_85_context_agents_are_unknown_to_1_0_3(lrs1: Lrs) -> None:
    assert "contextAgents" in lrs1.refuses(statement(context=CONTEXT_AGENTS)).text


@pytest.mark.parametrize(
    ("context", "status"),
    [
        ({"contextGroups": [{"objectType": "contextGroup", "group": {"objectType": "Group", "member": [agent()]}}]}, 200),
        ({"contextAgents": []}, 200),
        ({"contextAgents": [{"objectType": "contextAgent", "agent": {"objectType": "Group", **agent()}}]}, 400),
        ({"contextGroups": [{"objectType": "contextGroup", "group": agent()}]}, 400),
        ({"contextAgents": [{"objectType": "contextAgent", "agent": agent(), "relevantTypes": []}]}, 400),
        ({"contextAgents": [{"objectType": "contextAgent", "agent": agent(), "relevantTypes": ["http://e/t"]}]}, 200),
        ({"contextAgents": [{"objectType": "contextAgent", "agent": agent(), "relevantTypes": ["t"]}]}, 400),
        ({"contextAgents": [{"objectType": "contextagent", "agent": agent()}]}, 400),
        ({"contextGroups": [{"objectType": "contextGroup", "group": {"objectType": "Group", **agent()}, "member": []}]}, 400),
    ],
)  # fmt: skip
def test_edge_86_context_agents_and_groups(lrs2: Lrs, context: dict, status: int) -> None:
    made = statement(context=context)
    assert lrs2.post("/statements", made).status_code == status
    if status == 200:
        assert lrs2.one(made["id"])["context"] == context


@pytest.mark.parametrize(
    ("score", "status"),
    [
        ({"min": 1, "max": 1}, 400), ({"raw": 0, "min": 0, "max": 1}, 200), ({"raw": 1, "min": 0, "max": 1}, 200),
        ({"raw": 2, "max": 1}, 400), ({"raw": -1, "min": 0}, 400), ({"scaled": 1.01}, 400), ({"scaled": -1.00001}, 400),
        ({"raw": 0.1, "min": 0.1000000000000000000001, "max": 1}, 400), ({}, 200), ({"raw": 5}, 200),
    ],
)  # fmt: skip
def test_edge_87_bounds_of_scores(lrs: Lrs, score: dict, status: int) -> None:
    text = json.dumps(statement(result={"score": score})).replace("0.1,", "0.1,")
    if score.get("min") == 0.1:
        text = text.replace('"min": 0.1', '"min": 0.1000000000000000000001')
    assert lrs.post("/statements", text.encode(), kind="application/json").status_code == status


@pytest.mark.parametrize(
    ("definition", "status"),
    [
        ({"interactionType": "choice", "choices": [{"id": "a"}, {"id": "a"}]}, 400),
        ({"interactionType": "choice", "choices": [{"id": "a", "extra": 1}]}, 400),
        ({"interactionType": "numeric", "choices": [{"id": "a"}]}, 200),
        ({"choices": [{"id": "a"}]}, 400),
        ({"correctResponsesPattern": ["a"]}, 400),
        ({"interactionType": "choice", "choices": [{}]}, 400),
        ({"interactionType": "Choice"}, 400),
        ({"interactionType": "other", "correctResponsesPattern": []}, 200),
    ],
)
def test_edge_88_interaction_components(lrs: Lrs, definition: dict, status: int) -> None:
    made = statement(object={"id": ACTIVITY, "definition": definition})
    assert lrs.post("/statements", made).status_code == status


def test_edge_89_a_query_longer_than_a_url(lrs1: Lrs) -> None:
    lrs1.store(statement())
    who = json.dumps(agent(name="n" * 20_000))
    assert len(alternate(lrs1, "/statements", "GET", {"agent": who}).json["statements"]) == 1
    assert lrs1.get("/statements", {"agent": who}).status_code in {200, 400, 414}


def test_edge_89_a_query_longer_than_the_server_reads(server: Any) -> None:
    who = json.dumps(agent(name="n" * 20_000))
    answer = requests.get(
        f"{server.xapi}/statements", params={"agent": who}, headers=server.auth(), timeout=10
    )
    assert answer.status_code in {200, 400, 414}


@pytest.mark.parametrize(
    "path", ["/statements", "/activities/state", "/agents/profile", "/about", "/nowhere"]
)
def test_edge_90_browsers_may_ask_and_read(lrs: Lrs, path: str) -> None:
    preflight = {
        "Authorization": None,
        "X-Experience-API-Version": None,
        "Origin": "https://content.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,if-match,x-experience-api-version",
    }
    answer = lrs.request("OPTIONS", path, headers=preflight)
    assert answer.status_code in {200, 204}
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "x-experience-api-version",
    } <= allowed
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    refused = lrs.get(path, {"unknown": "1"}, headers={"Origin": "https://content.example"})
    assert refused.status_code in {400, 404}
    exposed = refused.headers["Access-Control-Expose-Headers"]
    for name in ("ETag", "Last-Modified", "X-Experience-API-Version", "X-Experience-API-Consistent-Through"):
        assert name in exposed
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
