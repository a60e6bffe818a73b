"""Whatever is sent, the answer is no failure of the server, and carries what every answer carries.

Generated statements are accepted and come back equal; broken in one place, they are refused with that place.
"""

from __future__ import annotations

import copy
import json
import math
from typing import Any
from urllib.parse import quote

from conformance_support import Lrs, agent, changed, multipart, query_of, statement, uid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(
    max_examples=150,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
PATHS = [
    "/statements", "/activities/state", "/activities/profile", "/agents/profile", "/agents", "/activities",
    "/about", "/statements/", "//statements", "/nowhere", "/", "/activities/state/x",
]  # fmt: skip
NAMES = [
    "statementId", "voidedStatementId", "agent", "verb", "activity", "registration", "related_activities",
    "related_agents", "since", "until", "limit", "format", "attachments", "ascending", "more", "method",
    "activityId", "stateId", "profileId", "org", "foo",
]  # fmt: skip
VALUES = [
    "", "true", "false", "1", "0", "-1", "abc", "exact", "ids", "canonical", "http://example.com/x", "x:y", "{}",
    "[]", "null", '{"mbox":"mailto:a@b.example"}', '{"mbox":1}', '{"account":{}}', '{"objectType":"Group"}',
    '{"objectType":["Group"],"mbox":"mailto:a@b.example"}', "2020-01-01T00:00:00Z", "9999-12-31T23:59:60Z",
    "0000-00-00", "PUT", "GET", "\x00", "%", "\ud7ff", "9" * 400, "[" * 2000, "mailto:a@b.example",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(VALUES), st.text(max_size=30), st.uuids().map(str))
HEADER_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["If-Match", "If-None-Match", "Accept-Language", "Accept", "X-Experience-API-Version", "Authorization",
         "Content-Encoding", "Content-Type", "If-Modified-Since", "Range", "Accept-Encoding", "Expect"]
    ),
    st.one_of(
        HEADER_TEXTS,
        st.sampled_from(["*", '"a"', 'W/"a", "b', "de;q=2", "*;q=nan", "gzip", "deflate", "2.0.0", "1.0", "text/html"]),
    ),
    max_size=4,
)  # fmt: skip
KINDS = st.sampled_from(
    ["application/json", "multipart/mixed; boundary=b", "multipart/mixed", "text/plain", "application/json; charset=x",
     "application/x-www-form-urlencoded", "", 'multipart/mixed; boundary="', "application/octet-stream"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def spoilt(value: Any, draw: Any) -> Any:
    """Return a statement with one member, somewhere, replaced by anything or removed."""
    made = copy.deepcopy(value)
    holder: Any = None
    key: Any = None
    at = made
    while isinstance(at, dict | list) and at and draw(st.integers(0, 3)):
        holder, key = at, draw(st.sampled_from(sorted(at) if isinstance(at, dict) else list(range(len(at)))))
        at = holder[key]
    new = draw(JSON)
    if holder is None:
        return new
    if draw(st.booleans()) and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = new
    return made


FULL = statement(
    actor={"objectType": "Group", "name": "g", "member": [agent("a"), {"account": {"homePage": "http://h", "name": "n"}}]},
    result={
        "score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10}, "success": True, "completion": False,
        "response": "r", "duration": "PT1S", "extensions": {"x:y": 1},
    },
    context={
        "registration": uid(), "instructor": agent("i"), "team": {"objectType": "Group", **agent("t")},
        "contextActivities": {"parent": [{"id": "x:p"}], "other": {"id": "x:o"}}, "revision": "1", "platform": "p",
        "language": "en-US", "statement": {"objectType": "StatementRef", "id": uid()}, "extensions": {"x:z": None},
    },
    object={
        "objectType": "Activity", "id": "x:activity", "definition": {
            "name": {"en": "n"}, "type": "x:t", "interactionType": "choice", "correctResponsesPattern": ["a"],
            "choices": [{"id": "a", "description": {"en": "d"}}], "extensions": {"x:e": []},
        },
    },
    timestamp="2020-01-01T00:00:00Z",
    attachments=[{
        "usageType": "x:u", "display": {"en": "d"}, "contentType": "a/b", "length": 1, "sha2": "0" * 64,
        "fileUrl": "http://h/f",
    }],
)  # fmt: skip
SUB = {
    **FULL,
    "object": {"objectType": "SubStatement", **{k: v for k, v in FULL.items() if k not in {"id", "version"}}},
}


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    assert answer.headers["X-Experience-API-Version"] in {"1.0.3", "2.0.0"}
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.data


@FEW
@given(data=st.data())
def test_no_request_makes_the_server_fail(lrs: Lrs, data: Any) -> None:
    draw = data.draw
    path = draw(st.sampled_from(PATHS))
    method = draw(
        st.sampled_from(["GET", "GET", "PUT", "POST", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH"])
    )
    params = draw(st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=5), TEXTS), max_size=4))
    query = "&".join(f"{quote(name)}={quote(value.encode('utf-8', 'replace'))}" for name, value in params)
    if draw(st.integers(0, 9)) == 0:
        query += "&%ff=%fe%zz&=&&"
    body = draw(
        st.one_of(
            st.none(),
            st.binary(max_size=40),
            JSON.map(lambda value: json.dumps(value).encode()),
            st.just(b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--"),
            st.lists(st.tuples(st.sampled_from([*NAMES, "content", "Authorization"]), TEXTS), max_size=4).map(
                lambda pairs: "&".join(
                    f"{k}={quote(v.encode('utf-8', 'replace'))}" for k, v in pairs
                ).encode()
            ),
        )
    )
    headers = draw(HEADERS)
    kind = headers.pop("Content-Type", None) or draw(KINDS)
    check(lrs.request(method, path, query, body, headers=headers, kind=kind))


@FEW
@given(data=st.data())
def test_no_statement_makes_the_server_fail(lrs: Lrs, data: Any) -> None:
    value = {**data.draw(st.sampled_from([FULL, SUB])), "id": uid()}
    for _ in range(data.draw(st.integers(1, 3))):
        if isinstance(value, dict):
            value = spoilt(value, data.draw)
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    answer = lrs.post("/statements", body, kind="application/json")
    check(answer)
    if answer.status_code == 200:
        check(lrs.get("/statements", {"format": "canonical", "limit": "2", "related_agents": "true"}))
        check(lrs.get("/statements", {"format": "ids", "attachments": "true", "limit": "2"}))


@FEW
@given(data=st.data())
def test_a_statement_broken_in_one_place_is_refused_with_that_place(lrs: Lrs, data: Any) -> None:
    whole = {**FULL, "id": uid()}
    path = data.draw(st.sampled_from(BREAKABLE))
    place, value = path
    answer = lrs.refuses(changed(whole, place, value))
    expected = "$." + place
    assert answer.json["path"].startswith(expected.rpartition(".")[0]) or expected.startswith(
        answer.json["path"]
    )


BREAKABLE: list[tuple[str, Any]] = [
    ("id", "x"), ("actor", []), ("actor.member", {}), ("actor.objectType", "Agent"), ("verb.id", "x"), ("verb.extra", 1),
    ("verb.display", {"en": None}), ("object.id", ""), ("object.definition.type", "t"),
    ("object.definition.interactionType", "none"), ("object.definition.choices", [{"id": 1}]),
    ("object.definition.name", {"something9letters": "x"}), ("object.definition.extensions", {"no iri": 1}),
    ("result.score.scaled", 2), ("result.score.raw", "5"), ("result.success", 1), ("result.duration", "P"),
    ("result.response", 1), ("context.registration", "x"), ("context.team", agent()), ("context.language", "x"),
    ("context.contextActivities.parent", "x"), ("context.contextActivities.none", []), ("context.statement.id", 1),
    ("timestamp", "yesterday"), ("attachments", {}), ("unknown", 1), ("context.instructor", {"name": "x"}),
]  # fmt: skip

LETTERS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
EXTENSIONS = st.dictionaries(
    LETTERS.map(lambda text: "http://e.example/" + quote(text)),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | LETTERS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(LETTERS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=4,
)
LANGUAGES = st.dictionaries(
    st.sampled_from(["en", "de-AT", "zh-Hans-CN", "es-419", "x-private", "und"]), LETTERS, max_size=3
)
IFIS = st.one_of(
    st.integers(0, 9).map(lambda n: {"mbox": f"mailto:u{n}@example.com"}),
    st.integers(0, 9).map(lambda n: {"mbox_sha1sum": f"{n:040x}"}),
    st.integers(0, 9).map(lambda n: {"openid": f"http://u{n}.example"}),
    LETTERS.map(lambda name: {"account": {"homePage": "http://home.example", "name": name}}),
)
AGENTS = st.builds(lambda ifi, name: {"objectType": "Agent", "name": name, **ifi}, IFIS, LETTERS)
GROUPS = st.builds(
    lambda members, ifi: {"objectType": "Group", "member": members, **ifi},
    st.lists(AGENTS, min_size=1, max_size=3), IFIS | st.just({}),
)  # fmt: skip
ACTIVITIES = st.builds(
    lambda number, name, description, extensions: {
        "objectType": "Activity", "id": f"http://example.com/a{number}",
        "definition": {"name": name, "description": description, "extensions": extensions, "moreInfo": "http://m"},
    },
    st.integers(0, 5), LANGUAGES, LANGUAGES, EXTENSIONS,
)  # fmt: skip
SCORES = st.builds(
    lambda low, raw, high, scaled: {"min": low, "raw": raw, "max": high, "scaled": scaled},
    st.integers(-(10**20), 0), st.floats(0, 10), st.integers(11, 10**20), st.floats(-1, 1),
)  # fmt: skip
TIMES = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
STATEMENTS = st.builds(
    lambda actor, target, result, context, when, shown: {
        "id": uid(), "actor": actor, "verb": {"id": "http://example.com/v", "display": shown}, "object": target,
        "result": result, "context": context, "timestamp": when,
    },
    AGENTS | GROUPS,
    ACTIVITIES | AGENTS | GROUPS,
    st.builds(
        lambda score, response, extensions, success: {
            "score": score, "response": response, "extensions": extensions, "success": success,
            "duration": "P3Y6M4DT12H30M5.25S",
        },
        SCORES, LETTERS, EXTENSIONS, st.booleans(),
    ),
    st.builds(
        lambda who, parents, extensions, registration: {
            "instructor": who, "contextActivities": {"parent": parents, "category": parents[:1]},
            "extensions": extensions, "registration": str(registration), "language": "en-US",
        },
        AGENTS | GROUPS, st.lists(ACTIVITIES, min_size=1, max_size=2), EXTENSIONS, st.uuids(version=4),
    ),
    TIMES, LANGUAGES,
)  # fmt: skip


@FEW
@given(made=STATEMENTS, ascii_=st.booleans())
def test_a_valid_statement_is_accepted_and_comes_back_equal(
    lrs: Lrs, made: dict[str, Any], ascii_: bool
) -> None:
    sent = json.dumps(made, ensure_ascii=ascii_).encode()
    answer = lrs.post("/statements", sent, kind="application/json")
    assert answer.status_code == 200, answer.text
    found = lrs.one(made["id"])
    kept = {key: value for key, value in found.items() if key not in {"authority", "stored", "version"}}
    assert kept == made
    assert all(math.isfinite(number) for number in numbers(found))
    assert lrs.post("/statements", sent, kind="application/json").status_code == 200
    canonical = lrs.get("/statements", {"statementId": made["id"], "format": "canonical"})
    assert canonical.status_code == 200
    assert lrs.get("/activities", {"activityId": "http://example.com/a1"}).status_code == 200


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [float(value)] if isinstance(value, float) else []


@FEW
@given(data=st.data())
def test_no_multipart_body_makes_the_server_fail(lrs: Lrs, data: Any) -> None:
    content = data.draw(st.binary(max_size=30))
    body, kind = multipart({**FULL, "id": uid()}, content)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 20))
        body = (
            body[:at] + data.draw(st.binary(max_size=6) | st.just(b"\r\n--b0und\r\n")) + body[at + length :]
        )
    check(lrs.post("/statements", body, kind=kind))


@FEW
@given(data=st.data())
def test_no_document_makes_the_server_fail(lrs: Lrs, data: Any) -> None:
    path, params = data.draw(
        st.sampled_from(
            [
                ("/activities/state", {"activityId": "x:a", "agent": agent(), "stateId": "s"}),
                ("/activities/profile", {"activityId": "x:a", "profileId": "p"}),
                ("/agents/profile", {"agent": agent(), "profileId": "p"}),
            ]
        )
    )
    bodies = st.binary(max_size=20) | JSON.map(lambda value: json.dumps(value).encode())
    kinds = st.sampled_from(
        ["application/json", "text/plain", "application/json; charset=utf-8", "APPLICATION/JSON", ""]
    )
    tags = st.none() | st.sampled_from(["*", '"x"', "", ",", 'W/"', "\xff"])
    for _ in range(3):
        method = data.draw(st.sampled_from(["PUT", "POST", "POST", "GET", "DELETE"]))
        headers = {"If-Match": data.draw(tags), "If-None-Match": data.draw(tags)}
        check(
            lrs.request(
                method, path, query_of(params), data.draw(bodies), headers=headers, kind=data.draw(kinds)
            )
        )
