"""Edge cases 60 to 70: document races and preconditions, odd documents, formats and definitions."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from conformance_support import (
    Lrs,
    agent,
    attachment,
    multipart,
    pause,
    query_of,
    statement,
    sub_statement,
    uid,
    voider,
)

STATE = {"activityId": "http://example.com/a", "agent": agent(), "stateId": "s"}
PROFILE = {"activityId": "http://example.com/a", "profileId": "p"}
RACERS = 12


def race(server: Any, calls: list[tuple[str, str, dict[str, Any]]], version: str) -> list[requests.Response]:
    """Send requests to a real server with two workers, all at one moment."""
    start = Barrier(len(calls))

    def run(call: tuple[str, str, dict[str, Any]]) -> requests.Response:
        method, path, more = call
        headers = {**server.auth(version=version), **more.pop("headers", {})}
        with requests.Session() as session:
            start.wait(30)
            return session.request(method, server.xapi + path, headers=headers, timeout=60, **more)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def resources() -> list[tuple[str, str]]:
    own = uid()
    return [
        ("/activities/state", query_of({**STATE, "stateId": own})),
        ("/activities/profile", query_of({**PROFILE, "profileId": own})),
        ("/agents/profile", query_of({"agent": agent(), "profileId": own})),
    ]


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
def test_edge_60_concurrent_puts_with_the_same_precondition(server: Any, version: str) -> None:
    for path, query in resources():
        url = f"{path}?{query}"
        creating = {"If-None-Match": "*"}
        created = race(
            server, [("PUT", url, {"data": str(n), "headers": creating}) for n in range(RACERS)], version
        )
        assert sorted(one.status_code for one in created) == [204] + [412] * (RACERS - 1)
        found = requests.get(server.xapi + url, headers=server.auth(version=version), timeout=60)
        assert created[int(found.text)].status_code == 204
        changing = {"If-Match": found.headers["ETag"]}
        changed = race(
            server, [("PUT", url, {"data": f"x{n}", "headers": changing}) for n in range(RACERS)], version
        )
        assert sorted(one.status_code for one in changed) == [204] + [412] * (RACERS - 1)


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
def test_edge_61_concurrent_merges_lose_nothing(server: Any, version: str) -> None:
    for path, query in resources():
        url = f"{path}?{query}"
        answers = race(server, [("POST", url, {"json": {f"k{n}": n}}) for n in range(RACERS)], version)
        assert {one.status_code for one in answers} == {204}
        found = requests.get(server.xapi + url, headers=server.auth(version=version), timeout=60)
        assert found.json() == {f"k{n}": n for n in range(RACERS)}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ('"x", {0}', 204), ("*", 204), ("W/{0}", 204), ("{bare}", 204), ("", 412), ('"x"', 412), ('"x", "y"', 412),
        ("{bare}x", 412), ('""', 412), (",", 412),
    ],
)  # fmt: skip
def test_edge_62_forms_of_if_match(lrs: Lrs, form: str, status: int) -> None:
    lrs.put("/activities/state", STATE, b"content", kind="text/plain")
    etag = lrs.get("/activities/state", STATE).headers["ETag"]
    headers = {"If-Match": form.format(etag, bare=etag.strip('"'))}
    for method in ("PUT", "POST", "DELETE"):
        body = {"PUT": b"other", "POST": b"other", "DELETE": None}[method]
        if method != "PUT" and status == 204:
            continue
        answer = lrs.request(method, "/activities/state", STATE, body, headers=headers, kind="text/plain")
        assert answer.status_code == status
    expected = b"other" if status == 204 else b"content"
    assert lrs.get("/activities/state", STATE).data == expected


def test_edge_62_if_none_match_names_what_must_not_be_there(lrs: Lrs) -> None:
    lrs.put("/activities/state", STATE, b"content", kind="text/plain")
    etag = lrs.get("/activities/state", STATE).headers["ETag"]
    for value, status in ((etag, 412), ("*", 412), ('"other"', 204)):
        answer = lrs.put(
            "/activities/state", STATE, b"content", kind="text/plain", headers={"If-None-Match": value}
        )
        assert answer.status_code == status


def test_edge_62_get_answers_not_modified(lrs: Lrs) -> None:
    lrs.put("/activities/state", STATE, b"content", kind="text/plain")
    etag = lrs.get("/activities/state", STATE).headers["ETag"]
    for value, status in ((etag, 304), (f'"x", W/{etag}', 304), ("*", 304), ('"x"', 200)):
        answer = lrs.get("/activities/state", STATE, headers={"If-None-Match": value})
        assert answer.status_code == status
        assert answer.headers["ETag"] == etag
        assert answer.data == (b"" if status == 304 else b"content")


def test_edge_63_a_tag_belongs_to_the_bytes_that_are_sent(lrs: Lrs) -> None:
    lrs.put("/activities/state", STATE, b"content" * 500, kind="text/plain")
    answer = lrs.get("/activities/state", STATE, headers={"Accept-Encoding": "gzip, br"})
    plain = hashlib.sha1(b"content" * 500).hexdigest()
    assert (answer.headers["ETag"] == f'"{plain}"') == ("Content-Encoding" not in answer.headers)
    # a proxy that compresses marks the tag, and sends it back so
    headers = {"If-Match": f'W/"{plain}-gzip"'}
    assert lrs.put("/activities/state", STATE, b"new", kind="text/plain", headers=headers).status_code == 204


@pytest.mark.parametrize(
    "state_id", ["/", "?", "#", "%", ".", "..", "a/../b", "é", "e\u0301", "😀", "x" * 2000, " ", "a+b", ""]
)
def test_edge_64_any_id_comes_back(lrs: Lrs, state_id: str) -> None:
    params = {**STATE, "stateId": state_id}
    assert lrs.put("/activities/state", params, b"x", kind="text/plain").status_code == 204
    assert lrs.get("/activities/state", params).data == b"x"
    listed = lrs.get("/activities/state", {key: STATE[key] for key in ("activityId", "agent")})
    assert listed.json == [state_id]


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\r\n", bytes(range(256)) * 20_000], ids=["empty", "odd", "5 MB"]
)
@pytest.mark.parametrize(
    "kind", [None, "application/octet-stream", 'text/plain; charset=latin-1; x="y z"', "nonsense"]
)
def test_edge_64_any_bytes_and_any_type_come_back(lrs: Lrs, content: bytes, kind: str | None) -> None:
    assert lrs.put("/activities/state", STATE, content, kind=kind).status_code == 204
    found = lrs.get("/activities/state", STATE)
    assert found.data == content
    assert found.headers.get("Content-Type") == kind


def test_edge_65_registrations_are_kept_apart_and_listed_together(lrs: Lrs) -> None:
    registration = uid()
    registered = {**STATE, "registration": registration}
    scope = {key: STATE[key] for key in ("activityId", "agent")}
    lrs.put("/activities/state", STATE, b"without", kind="text/plain")
    lrs.put("/activities/state", registered, b"with", kind="text/plain")
    lrs.put("/activities/state", {**registered, "stateId": "t"}, b"with", kind="text/plain")
    assert lrs.get("/activities/state", STATE).data == b"without"
    assert lrs.get("/activities/state", registered).data == b"with"
    assert sorted(lrs.get("/activities/state", scope).json) == ["s", "t"]
    assert sorted(lrs.get("/activities/state", {**scope, "registration": registration}).json) == ["s", "t"]
    assert lrs.delete("/activities/state", {**scope, "registration": registration}).status_code == 204
    assert lrs.get("/activities/state", scope).json == ["s"]
    assert lrs.delete("/activities/state", scope).status_code == 204
    assert lrs.get("/activities/state", scope).json == []


def test_edge_66_since_is_exclusive_and_follows_merges(lrs: Lrs) -> None:
    scope = {key: STATE[key] for key in ("activityId", "agent")}
    lrs.post("/activities/state", {"a": 1}, {**STATE, "stateId": "one"})
    pause()
    lrs.post("/activities/state", {"a": 1}, {**STATE, "stateId": "two"})
    row = lrs.client.application.extensions["laurel"].db.documents.find_one(
        {"id": "one", "org": {"$exists": 1}}, sort=[("updated", -1)]
    )
    at = row["updated"]
    since = f"1970-01-01T00:00:00.{at % 1_000_000:06d}Z" if at < 1_000_000 else exact_time(at)
    assert lrs.get("/activities/state", {**scope, "since": since}).json == ["two"]
    pause()
    lrs.post("/activities/state", {"b": 2}, {**STATE, "stateId": "one"})
    assert lrs.get("/activities/state", {**scope, "since": since}).json == ["two", "one"]
    assert lrs.get("/activities/state", {**scope, "since": "nonsense"}).status_code == 400


def exact_time(micros: int) -> str:
    import datetime as dt

    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("en-GB", {"name": "colour", "verb": "color"}),
        ("en", {"name": None, "verb": "color"}),
        ("de;q=0, *;q=0.5", {"name": None, "verb": "color"}),
        ("fr;q=0.1, de;q=0.9", {"name": "Farbe", "verb": "color"}),
        ("not a header;;;q=x", {"name": None, "verb": "color"}),
        (None, {"name": None, "verb": "color"}),
        ("", {"name": None, "verb": "color"}),
    ],
)
def test_edge_67_each_map_has_exactly_one_entry(lrs: Lrs, accept: str | None, expected: dict) -> None:
    names = {"de": "Farbe", "en-US": "color", "en-GB": "colour"}
    made = statement(
        verb={"id": f"http://example.com/{uid()}", "display": {"en-US": "color"}},
        object={"id": f"http://example.com/{uid()}", "definition": {"name": names}},
    )
    lrs.store(made)
    params = {"statementId": made["id"], "format": "canonical"}
    found = lrs.get("/statements", params, headers={"Accept-Language": accept}).json
    [name] = found["object"]["definition"]["name"].values()
    [verb] = found["verb"]["display"].values()
    assert name == expected["name"] if expected["name"] else name in names.values()
    if accept == "de;q=0, *;q=0.5":
        assert name != "Farbe"
    assert verb == expected["verb"]


def test_edge_68_canonical_reaches_every_definition(lrs: Lrs) -> None:
    two = {"en": "one", "de": "eins"}
    activity = {
        "id": f"http://example.com/{uid()}",
        "definition": {
            "description": two,
            "interactionType": "choice",
            "choices": [{"id": "a", "description": two}],
            "type": "http://example.com/type",
        },
    }
    context = {"contextActivities": {"category": [activity]}}
    entry = attachment(b"a", display=two, description=two)
    made = statement(
        object=sub_statement(object=activity, context=context), context=context, attachments=[entry]
    )
    body, kind = multipart(made, b"a")
    assert lrs.post("/statements", body, kind=kind).status_code == 200
    lrs.store(voider(made["id"]))
    params = {"voidedStatementId": made["id"], "format": "canonical"}
    found = lrs.get("/statements", params, headers={"Accept-Language": "de"}).json
    for one in (
        found["object"]["object"],
        found["object"]["context"]["contextActivities"]["category"][0],
        found["context"]["contextActivities"]["category"][0],
    ):
        assert one["definition"]["description"] == {"de": "eins"}
        assert one["definition"]["choices"] == [{"id": "a", "description": {"de": "eins"}}]
        assert one["definition"]["type"] == "http://example.com/type"
    assert len(found["attachments"][0]["display"]) in {1, 2}


def test_edge_69_only_stored_statements_define_activities(lrs: Lrs) -> None:
    activity = f"http://example.com/{uid()}"

    def named(text: str, **more: Any) -> dict:
        return statement(object={"id": activity, "definition": {"name": {"en": text}}}, **more)

    lrs.refuses([named("rejected"), {"no": "statement"}])
    assert "definition" not in lrs.get("/activities", {"activityId": activity}).json
    first = named("first")
    lrs.store(first)
    assert lrs.post("/statements", named("duplicate", id=first["id"])).status_code == 200
    lrs.refuses({**named("conflict", id=first["id"]), "verb": {"id": "http://example.com/other"}}, 409)
    assert lrs.get("/activities", {"activityId": activity}).json["definition"]["name"] == {"en": "first"}


def test_edge_70_exact_stays_what_was_sent(lrs: Lrs) -> None:
    activity = f"http://example.com/{uid()}"
    first = statement(object={"id": activity, "definition": {"name": {"en": "first"}}})
    lrs.store(first)
    lrs.store(statement(object={"id": activity, "definition": {"name": {"en": "second", "de": "zweites"}}}))
    assert lrs.one(first["id"])["object"] == first["object"]
    assert lrs.get("/activities", {"activityId": activity}).json["definition"]["name"] == {
        "en": "second",
        "de": "zweites",
    }
