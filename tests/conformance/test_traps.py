"""The forty traps of the specification: inputs that implementations answer wrongly, with the exact answer."""

import datetime as dt
import hashlib
import json
import re
import uuid

import pytest
from conformance_support import (
    FIXED,
    Lrs,
    agent,
    attachment,
    changed,
    multipart,
    parts_of,
    pause,
    ref,
    signed,
    statement,
    sub_statement,
    uid,
    voider,
    with_signature,
)

ACTIVITY = "http://example.com/activities/thing"
STATE = {"activityId": ACTIVITY, "agent": agent(), "stateId": "s"}
PROFILE = {"activityId": ACTIVITY, "profileId": "p"}
GROUP = {"objectType": "Group", "mbox": "mailto:team@example.com"}


def test_trap_01_the_length_of_an_attachment_is_not_checked(lrs: Lrs) -> None:
    content = b"abcdef" * 10
    body, kind = multipart(statement(attachments=[attachment(content, length=30)]), content)
    assert lrs.post("/statements", body, kind=kind).status_code == 200


def test_trap_02_state_put_over_an_existing_document(lrs: Lrs) -> None:
    lrs.put("/activities/state", STATE, b"one", kind="text/plain")
    answer = lrs.put("/activities/state", STATE, b"two", kind="text/plain")
    if lrs.version == "1.0.3":
        assert answer.status_code == 204
        assert lrs.get("/activities/state", STATE).data == b"two"
    else:
        assert answer.status_code == 409
        assert answer.data
        assert lrs.get("/activities/state", STATE).data == b"one"


@pytest.mark.parametrize(
    ("path", "params"),
    [("/activities/profile", PROFILE), ("/agents/profile", {"agent": agent(), "profileId": "p"})],
)
def test_trap_03_profile_put_over_an_existing_document_conflicts(lrs: Lrs, path: str, params: dict) -> None:
    created = lrs.put(path, params, b"one", kind="text/plain", headers={"If-None-Match": "*"})
    assert created.status_code == 204
    answer = lrs.put(path, params, b"two", kind="text/plain")
    assert answer.status_code == 409
    assert answer.json["message"]
    assert lrs.get(path, params).data == b"one"


def test_trap_04_profile_post_without_a_header_merges(lrs: Lrs) -> None:
    lrs.post("/activities/profile", {"a": 1}, PROFILE)
    assert lrs.post("/activities/profile", {"b": 2}, PROFILE).status_code == 204
    assert lrs.get("/activities/profile", PROFILE).json == {"a": 1, "b": 2}


def test_trap_05_a_wrong_if_match_changes_nothing(lrs: Lrs) -> None:
    lrs.put("/activities/profile", PROFILE, b"old", kind="text/plain", headers={"If-None-Match": "*"})
    wrong = lrs.put("/activities/profile", PROFILE, b"new", kind="text/plain", headers={"If-Match": '"1234"'})
    assert wrong.status_code == 412
    found = lrs.get("/activities/profile", PROFILE)
    assert found.data == b"old"
    headers = {"If-Match": found.headers["ETag"]}
    right = lrs.put("/activities/profile", PROFILE, b"new", kind="text/plain", headers=headers)
    assert right.status_code == 204


@pytest.mark.parametrize("given", ["2023-05-04T12:00:00Z", None])
def test_trap_06_times_come_back_with_three_digits_at_least(lrs: Lrs, given: str | None) -> None:
    found = lrs.one(lrs.store(statement(timestamp=given))[0])
    for name in ("stored", "timestamp"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,9}Z", found[name])


def test_trap_07_more_is_present_and_empty(lrs: Lrs) -> None:
    assert lrs.get("/statements").json == {"statements": [], "more": ""}
    lrs.store(statement())
    assert lrs.get("/statements", {"limit": 1}).json["more"] == ""


def test_trap_08_more_is_path_absolute_and_carries_the_mount_prefix(lrs: Lrs) -> None:
    lrs.store(statement(), statement())
    more = lrs.get("/statements", {"limit": 1}).json["more"]
    assert more.startswith("/xapi/statements?")
    assert lrs.more(more).status_code == 200
    mounted = lrs.client.get(
        "/xapi/statements?limit=1", headers=lrs.headers, base_url="http://x.example/learn/"
    )
    assert mounted.json["more"].startswith("/learn/xapi/statements?")


@pytest.mark.parametrize("params", ["foo=bar", "Limit=10", f"StatementId={FIXED}", "Related_Agents=true"])
def test_trap_09_unknown_parameters_are_refused(lrs: Lrs, params: str) -> None:
    assert lrs.get("/statements", params).status_code == 400


@pytest.mark.parametrize(
    "extra",
    [
        "agent=%7B%22mbox%22%3A%22mailto%3Aa%40b.c%22%7D",
        "verb=http://v",
        "activity=http://a",
        f"registration={FIXED}",
        "related_activities=true",
        "related_agents=true",
        "since=2020-01-01T00:00:00Z",
        "until=2020-01-01T00:00:00Z",
        "limit=1",
        "ascending=true",
    ],
)
def test_trap_10_an_id_goes_with_no_filter(lrs: Lrs, extra: str) -> None:
    [known] = lrs.store(statement())
    assert lrs.get("/statements", f"statementId={known}&{extra}").status_code == 400
    assert lrs.get("/statements", f"statementId={known}&format=ids&attachments=false").status_code == 200
    assert lrs.get("/statements", f"statementId={known}&attachments=true").status_code == 200


def test_trap_11_a_refused_query_is_consistent_through_too(lrs: Lrs) -> None:
    answer = lrs.get("/statements", "limit=nonsense")
    assert answer.status_code == 400
    through = dt.datetime.fromisoformat(answer.headers["X-Experience-API-Consistent-Through"])
    assert abs(through - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=30)


@pytest.mark.parametrize(
    "path", ["/statements", "/activities/state", "/agents", "/activities", "/agents/profile"]
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": None}])
def test_trap_12_a_request_without_version_is_refused_with_one(lrs1: Lrs, path: str, headers: dict) -> None:
    answer = lrs1.get(path, headers={"X-Experience-API-Version": None, **headers})
    assert answer.status_code in {400, 401}
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"
    about = lrs1.get("/about", headers={"X-Experience-API-Version": None, **headers})
    assert about.status_code == 200


@pytest.mark.parametrize(
    "value",
    ["Basic:abc", "Basic", "Basic ", "Basic %%%", "Basic YWJj", "Bearer", "x", "Basic dGVzdC1rZXk6d3Jvbmc="],
)
def test_trap_13_malformed_credentials_are_unauthorized(lrs: Lrs, value: str) -> None:
    answer = lrs.get("/statements", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["X-Experience-API-Version"] == lrs.version


@pytest.mark.parametrize(
    "key",
    ["iD", "Actor", "veRb", "oBject", "RESULT", "conText", "timeStamp", "STOred", "auTHORity", "Version"],
)
def test_trap_14_a_key_in_another_case_is_unknown(lrs: Lrs, key: str) -> None:
    assert key in lrs.refuses({**statement(), key: statement().get(key.lower(), "1.0.0")}).text


@pytest.mark.parametrize("zone", ["-00:00", "-0000", "-00"])
def test_trap_15_a_negative_zero_offset_is_refused(lrs: Lrs, zone: str) -> None:
    lrs.refuses(statement(timestamp=f"2008-09-15T15:53:00.601{zone}"))
    lrs.store(statement(timestamp="2008-09-15T15:53:00.601+00:00"))


def test_trap_16_a_timestamp_in_the_future_is_accepted(lrs: Lrs) -> None:
    lrs.store(statement(timestamp="2040-01-01T00:00:00.000Z"))


def test_trap_17_null_is_no_timestamp(lrs: Lrs) -> None:
    refused = statement()
    lrs.refuses({**refused, "timestamp": None})
    answer = lrs.get("/statements", {"statementId": refused["id"]})
    assert answer.status_code == 404
    assert not {"timestamp", "stored"} & answer.json.keys()


def test_trap_18_scores_are_compared_exactly(lrs: Lrs) -> None:
    lrs.refuses(statement(result={"score": {"min": 0.6767676, "max": 0.6767355, "raw": 0.6767643}}))


@pytest.mark.parametrize("scaled", [1.0, 0.5, -1, -1.0, 1, 0])
def test_trap_19_scaled_is_any_number_up_to_one(lrs: Lrs, scaled: float) -> None:
    lrs.store(statement(result={"score": {"scaled": scaled}}))


@pytest.mark.parametrize("success", [1, 0, "true", "false", {}])
def test_trap_20_success_is_a_boolean(lrs: Lrs, success: object) -> None:
    lrs.refuses(statement(result={"success": success}))


@pytest.mark.parametrize(
    "actor", [{"member": [agent()]}, {**agent(), "member": []}, {**GROUP, "member": [GROUP]}]
)
def test_trap_21_members_need_a_group_and_are_agents(lrs: Lrs, actor: dict) -> None:
    lrs.refuses(statement(actor=actor))


def test_trap_22_an_identified_group_stays_without_members(lrs: Lrs) -> None:
    assert lrs.one(lrs.store(statement(actor=GROUP))[0])["actor"] == GROUP


@pytest.mark.parametrize(
    "target", [agent(), {**GROUP, "objectType": None}, {"objectType": "Nonsense", "id": "a:b"}]
)
def test_trap_23_an_agent_as_object_says_so(lrs: Lrs, target: dict) -> None:
    lrs.refuses(statement(object={key: value for key, value in target.items() if value is not None}))


def test_trap_24_context_activities_come_back_as_arrays(lrs: Lrs) -> None:
    parent = {"contextActivities": {"parent": {"id": "http://example.com/p"}}}
    made = statement(context=parent, object=sub_statement(context=parent))
    found = lrs.one(lrs.store(made)[0])
    expected = {"contextActivities": {"parent": [{"id": "http://example.com/p"}]}}
    assert found["context"] == expected
    assert found["object"]["context"] == expected


@pytest.mark.parametrize("name", ["revision", "platform"])
@pytest.mark.parametrize("target", [agent(objectType="Agent"), GROUP, ref(uid()), sub_statement()])
def test_trap_25_revision_needs_an_activity(lrs: Lrs, name: str, target: dict) -> None:
    lrs.refuses(statement(context={name: "1"}, object=target))
    lrs.store(statement(context={name: "1"}))
    inner = sub_statement(context={name: "1"})
    lrs.store(statement(object=inner))
    if target["objectType"] != "SubStatement":
        lrs.refuses(statement(object={**inner, "object": target}))


@pytest.mark.parametrize(
    "definition",
    [{}, {"extensions": {}}, {"extensions": {"http://e/x": None}}, {"name": {}, "description": {}}],
)
def test_trap_26_empty_objects_and_null_extensions_are_kept(lrs: Lrs, definition: dict) -> None:
    target = {"id": f"http://example.com/{uid()}", "definition": definition}
    assert lrs.one(lrs.store(statement(object=target))[0])["object"] == target


def test_trap_27_extension_keys_with_dots_and_dollars_come_back(lrs: Lrs) -> None:
    extensions = {
        "http://a.b/c.d": {"$set": {"a.b": ""}, "": "x"},
        "urn:x:$where": "",
        "http://e/$": [{"a.b": 1}],
    }
    raw = json.dumps(statement(result={"extensions": extensions})).encode()
    [known] = lrs.post("/statements", raw, kind="application/json").json
    found = lrs.get("/statements", {"statementId": known})
    assert json.dumps(extensions).encode() in found.data


@pytest.mark.parametrize(
    ("authority", "status"),
    [
        ({**GROUP, "member": [agent(), agent("b")]}, 400),
        ({"objectType": "Group", "member": [agent()]}, 400),
        ({"objectType": "Group", "member": [agent(), agent("b"), agent("c")]}, 400),
        (
            {
                "objectType": "Group",
                "member": [{"account": {"homePage": "http://o.example/token", "name": "consumer"}}, agent()],
            },
            200,
        ),
        (agent(), 200),
        ({"name": "nobody"}, 400),
    ],
)
def test_trap_28_an_authority_is_checked_and_then_replaced(lrs: Lrs, authority: dict, status: int) -> None:
    made = statement(authority=authority)
    assert lrs.post("/statements", made).status_code == status
    if status == 200:
        assert lrs.one(made["id"])["authority"]["account"]["name"] == lrs.key


def test_trap_29_stored_is_checked_and_then_replaced(lrs: Lrs) -> None:
    found = lrs.one(lrs.store(statement(stored="2001-01-01T00:00:00.000Z"))[0])
    assert found["stored"] > "2001-02"
    lrs.refuses(statement(stored="garbage"))


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("1.0", 200),
        ("1.0.0", 200),
        ("1.0.9", 200),
        ("0.9.9", 400),
        ("1.1.0", 400),
        ("x", 400),
        ("2.1.0", 400),
    ],
)
def test_trap_30_the_version_of_a_statement(lrs: Lrs, version: str, status: int) -> None:
    made = statement(version=version)
    assert lrs.post("/statements", made).status_code == status
    if status == 200:
        assert lrs.one(made["id"])["version"] == version


def test_trap_30_version_two_belongs_to_version_two(lrs1: Lrs, lrs2: Lrs) -> None:
    for version in ("2.0", "2.0.0", "2.0.7"):
        lrs1.refuses(statement(version=version))
        assert lrs2.one(lrs2.store(statement(version=version))[0])["version"] == version


def test_trap_31_references_and_voiders_inherit_the_match_of_a_voided_target(lrs: Lrs) -> None:
    verb = {"id": f"http://example.com/{uid()}"}
    [target] = lrs.store(statement(verb=verb))
    [reference] = lrs.store(statement(object=ref(target)))
    assert lrs.ids(verb=verb["id"]) == [reference, target]
    [void] = lrs.store(voider(target))
    assert lrs.ids(verb=verb["id"]) == [void, reference]


def test_trap_32_a_voider_cannot_be_voided(lrs: Lrs) -> None:
    [target] = lrs.store(statement())
    [first] = lrs.store(voider(target))
    lrs.post("/statements", voider(first))
    assert lrs.one(first)["id"] == first
    assert lrs.get("/statements", {"statementId": target}).status_code == 404


def test_trap_33_the_same_statement_again_with_its_part(lrs: Lrs) -> None:
    made = statement(attachments=[attachment(b"content")])
    body, kind = multipart(made, b"content")
    assert lrs.post("/statements", body, kind=kind).json == [made["id"]]
    assert lrs.post("/statements", body, kind=kind).json == [made["id"]]


def test_trap_34_a_stored_id_keeps_its_content(lrs: Lrs) -> None:
    made = statement()
    params = {"statementId": made["id"]}
    assert lrs.put("/statements", params, made).status_code == 204
    before = lrs.get("/statements", params).data
    other = changed(made, "verb.id", "http://example.com/other")
    assert lrs.put("/statements", params, other).status_code == 409
    assert lrs.put("/statements", params, changed(made, "verb.id", "no iri")).status_code == 400
    assert lrs.put("/statements", params, made).status_code == 204
    assert lrs.get("/statements", params).data == before


def test_trap_35_ids_are_reduced_to_identifiers(lrs: Lrs) -> None:
    full = {
        "id": f"http://example.com/{uid()}",
        "objectType": "Activity",
        "definition": {"name": {"en": "n"}},
    }
    group = {**GROUP, "name": "team", "member": [agent(name="x")]}
    made = statement(actor=group, object=full, context={"contextActivities": {"parent": [full]}})
    lrs.store(made)
    for found in (
        lrs.one(made["id"], format="ids"),
        lrs.get("/statements", {"format": "ids"}).json["statements"][0],
    ):
        assert found["actor"] == GROUP
        assert found["verb"] == {"id": made["verb"]["id"]}
        assert found["object"] == {"id": full["id"]}
        assert found["context"]["contextActivities"]["parent"] == [{"id": full["id"]}]


def test_trap_36_canonical_chooses_one_language_per_map(lrs: Lrs) -> None:
    languages = {"en-US": "color", "en-GB": "colour"}
    activity = {"id": f"http://example.com/{uid()}", "definition": {"name": languages}}
    made = statement(
        verb={"id": f"http://example.com/{uid()}", "display": languages},
        object=activity,
        context={"contextActivities": {"other": [activity]}},
    )
    lrs.store(made)
    params = {"statementId": made["id"]}
    british = {"Accept-Language": "en-GB"}
    found = lrs.get("/statements", {**params, "format": "canonical"}, headers=british).json
    assert found["verb"]["display"] == {"en-GB": "colour"}
    assert found["object"]["definition"]["name"] == {"en-GB": "colour"}
    assert found["context"]["contextActivities"]["other"][0]["definition"]["name"] == {"en-GB": "colour"}
    exact = lrs.get("/statements", params, headers=british).json
    assert exact["verb"]["display"] == languages
    assert exact["object"] == activity


def test_trap_37_attachments_true_is_multipart_even_without_any(lrs: Lrs) -> None:
    [known] = lrs.store(statement())
    [(head, body)] = parts_of(lrs.get("/statements", {"attachments": "true"}))
    assert head == {"Content-Type": "application/json"}
    assert [one["id"] for one in json.loads(body)["statements"]] == [known]
    [(_, single)] = parts_of(lrs.get("/statements", {"statementId": known, "attachments": "true"}))
    assert json.loads(single)["id"] == known


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_trap_38_signatures_without_a_certificate_are_accepted(lrs: Lrs, alg: str) -> None:
    body, kind = signed(statement(), alg=alg)
    assert lrs.post("/statements", body, kind=kind).status_code == 200


@pytest.mark.parametrize(
    "request_",
    [
        signed(statement(), kind="text/plain"),
        signed(statement(), alg="HS256"),
        signed(statement(), b"{broken"),
        signed(statement(), b"[]"),
        with_signature(statement(), b"no.signature.at-all"),
        with_signature(statement(), b""),
    ],
    ids=["type", "hs256", "broken", "array", "garbage", "empty"],
)
def test_trap_38_other_signatures_are_refused(lrs: Lrs, request_: tuple[bytes, str]) -> None:
    lrs.refuses(request_[0], kind=request_[1])


def test_trap_39_durations_are_compared_to_a_hundredth_and_never_rounded(lrs2: Lrs) -> None:
    made = statement(result={"duration": "P1DT12H36M0.1237S"})
    payload = changed(made, "result.duration", "P1DT12H36M0.12S")
    body, kind = signed(made, payload)
    assert lrs2.post("/statements", body, kind=kind).status_code == 200
    [known] = lrs2.store(statement(result={"duration": "P1DT12H36M0.12567S"}))
    assert lrs2.one(known)["result"]["duration"] in {"P1DT12H36M0.12567S", "P1DT12H36M0.12S"}


@pytest.mark.parametrize(
    "value",
    [
        "%7B%22mbox%22%22mailto%3Aa%40b.c%22%7D",
        "wrong",
        "%7B%7D",
        "%7B%22name%22%3A%22x%22%7D",
        "null",
        "%22a%22",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/agents", "/activities/state", "/agents/profile", "/statements"])
def test_trap_40_a_malformed_agent_is_refused(lrs: Lrs, path: str, value: str) -> None:
    more = f"&activityId={ACTIVITY}" if "state" in path and path != "/statements" else ""
    answer = lrs.get(path, f"agent={value}{more}")
    assert answer.status_code == 400
    assert answer.json["path"] in {"agent", "$.agent"} or answer.json["path"].startswith("agent")
    if path.endswith("profile"):
        assert lrs.delete(path, f"agent={value}&profileId=p").status_code == 400


# The runners-up


def test_runner_up_ids_come_in_the_order_of_the_request(lrs: Lrs) -> None:
    made = [statement() for _ in range(20)]
    assert lrs.post("/statements", made).json == [one["id"] for one in made]


def test_runner_up_json_over_other_bytes_is_refused(lrs: Lrs) -> None:
    lrs.put("/activities/state", STATE, b"\x00\x01", kind="application/octet-stream")
    assert lrs.post("/activities/state", {"a": 1}, STATE).status_code == 400
    assert lrs.get("/activities/state", STATE).data == b"\x00\x01"


def test_runner_up_other_bytes_over_json_are_refused(lrs: Lrs) -> None:
    lrs.post("/activities/state", {"a": 1}, STATE)
    assert lrs.post("/activities/state", b"'abcdefg'", STATE, kind="not/json").status_code == 400
    assert lrs.get("/activities/state", STATE).json == {"a": 1}


@pytest.mark.parametrize("boundary", ["-------314159265358979323846", '"abcABC0123\'()+_,-./:=?"'])
def test_runner_up_unusual_boundaries(lrs: Lrs, boundary: str) -> None:
    content = b"content"
    body, _ = multipart(statement(attachments=[attachment(content)]), content, boundary=boundary.strip('"'))
    for start in (b"", b"\r\n"):
        answer = lrs.post("/statements", start + body, kind=f"multipart/mixed; boundary={boundary}")
        assert answer.status_code == 200


def test_runner_up_a_trailing_slash_is_no_other_resource(lrs: Lrs) -> None:
    assert lrs.post("/statements/", statement()).status_code == 200
    assert lrs.get("//activities//state/", {**STATE, "stateId": "none"}).status_code == 404


def test_runner_up_the_hash_of_a_document_is_its_etag(lrs1: Lrs) -> None:
    lrs1.put("/activities/state", STATE, b"content", kind="text/plain")
    found = lrs1.get("/activities/state", STATE)
    assert found.headers["ETag"] == f'"{hashlib.sha1(b"content").hexdigest()}"'
    assert uuid.UUID(uid())
    pause()
