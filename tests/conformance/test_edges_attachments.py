"""Edge cases 49 to 59: attachment bytes, shared and missing parts, hashes, and stores sealed against each other."""

import hashlib
import json
from collections.abc import Callable

import pytest
from conformance_support import (
    Lrs,
    agent,
    attachment,
    changed,
    multipart,
    parts_of,
    ref,
    statement,
    sub_statement,
    uid,
    voider,
)


def stored_parts(lrs: Lrs, statement_id: str) -> list[tuple[dict[str, str], bytes]]:
    return parts_of(lrs.get("/statements", {"statementId": statement_id, "attachments": "true"}))[1:]


def send(lrs: Lrs, made: dict | list, *contents: bytes, **headers: str | None) -> int:
    body, kind = multipart(made, *contents, **headers)
    return lrs.post("/statements", body, kind=kind).status_code


def test_edge_49_an_attachment_of_no_bytes(lrs: Lrs) -> None:
    made = statement(attachments=[attachment(b"")])
    assert send(lrs, made, b"") == 200
    assert [content for _, content in stored_parts(lrs, made["id"])] == [b""]


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n",
        b"\r\n\r\n",
        b"--b0undX",
        b"a\r\n--b0undx\r\n",
        b"\x00\xff\r\n",
        b"\r\n--b0und-\r\n",
        b"x\r\n--",
        b"\n--b0und\n",
    ],
)
def test_edge_50_bytes_that_look_like_framing(lrs: Lrs, content: bytes) -> None:
    made = statement(attachments=[attachment(content)])
    assert send(lrs, made, content) == 200
    [(head, found)] = stored_parts(lrs, made["id"])
    assert found == content
    assert head["X-Experience-API-Hash"] == hashlib.sha256(content).hexdigest()


def test_edge_51_one_part_serves_many_objects(lrs: Lrs) -> None:
    entry = attachment(b"shared")
    pair = [statement(attachments=[entry, entry]), statement(attachments=[entry])]
    assert send(lrs, pair, b"shared", b"shared") == 200
    answer = parts_of(lrs.get("/statements", {"attachments": "true"}))
    assert [content for _, content in answer[1:]] == [b"shared"]


def test_edge_51_bytes_of_an_earlier_request_do_not_count(lrs: Lrs) -> None:
    entry = attachment(b"known")
    assert send(lrs, statement(attachments=[entry]), b"known") == 200
    lrs.refuses(statement(attachments=[entry]))
    assert send(lrs, statement(attachments=[entry])) == 400


@pytest.mark.parametrize("algorithm", ["sha224", "sha256", "sha384", "sha512"])
def test_edge_52_hashes_of_every_length_in_any_case(lrs: Lrs, algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"content").hexdigest()
    made = statement(attachments=[attachment(b"content", sha2=digest.upper())])
    assert send(lrs, made, b"content", X_Experience_API_Hash=digest) == 200
    assert [content for _, content in stored_parts(lrs, made["id"])] == [b"content"]
    wrong = hashlib.new(algorithm, b"other").hexdigest()
    refused = statement(attachments=[attachment(b"content", sha2=wrong)])
    assert send(lrs, refused, b"content", X_Experience_API_Hash=wrong) == 400


def test_edge_53_declared_hashes_must_be_those_of_the_bytes(lrs: Lrs) -> None:
    digest = hashlib.sha256(b"declared").hexdigest()
    made = statement(attachments=[attachment(b"declared")])
    assert send(lrs, made, b"sent", X_Experience_API_Hash=digest) == 400
    assert lrs.ids() == []


def test_edge_54_an_attachment_within_a_sub_statement(lrs: Lrs) -> None:
    made = statement(object=sub_statement(attachments=[attachment(b"inner")]))
    lrs.refuses(made)
    assert send(lrs, made, b"inner") == 200
    assert [content for _, content in stored_parts(lrs, made["id"])] == [b"inner"]


def test_edge_55_a_file_url_with_a_part(lrs: Lrs) -> None:
    entry = attachment(b"both", fileUrl="http://example.com/file")
    both, only_url = statement(attachments=[entry]), statement(attachments=[changed(entry, "sha2", "0" * 64)])
    assert send(lrs, both, b"both") == 200
    assert [content for _, content in stored_parts(lrs, both["id"])] == [b"both"]
    lrs.store(only_url)
    assert stored_parts(lrs, only_url["id"]) == []


def test_edge_56_the_bytes_of_another_store_do_not_count(lrs: Lrs, foreign: Lrs) -> None:
    entry = attachment(b"of the other")
    assert send(foreign, statement(attachments=[entry]), b"of the other") == 200
    lrs.refuses(statement(attachments=[entry]))
    by_url = statement(attachments=[{**entry, "fileUrl": "http://example.com/file"}])
    lrs.store(by_url)
    assert stored_parts(lrs, by_url["id"]) == []


def test_edge_57_stores_are_independent(lrs: Lrs, foreign: Lrs) -> None:
    made = statement(object={"id": "http://example.com/shared", "definition": {"name": {"en": "ours"}}})
    theirs = changed(
        changed(made, "verb.id", "http://example.com/other"), "object.definition.name.en", "theirs"
    )
    lrs.store(made)
    foreign.store(theirs)
    assert lrs.one(made["id"])["verb"] == made["verb"]
    assert lrs.get("/activities", {"activityId": "http://example.com/shared"}).json["definition"]["name"] == {
        "en": "ours"
    }
    foreign.store(voider(made["id"]))
    assert lrs.one(made["id"])["id"] == made["id"]
    state = {"activityId": "http://example.com/shared", "agent": agent(), "stateId": "s"}
    for one, content in ((lrs, b"ours"), (foreign, b"theirs")):
        assert one.put("/activities/state", state, content, kind="text/plain").status_code == 204
    assert lrs.get("/activities/state", state).data == b"ours"
    foreign.delete("/activities/state", state)
    assert lrs.get("/activities/state", state).data == b"ours"


def test_edge_58_who_reads_only_their_own_sees_nothing_else(
    lrs: Lrs, other_client: Callable[..., Lrs]
) -> None:
    own = other_client("statements/write", "statements/read/mine", version=lrs.version)
    verb = {"id": f"http://example.com/{uid()}"}
    [foreign] = lrs.store(statement(verb=verb))
    [mine] = own.store(statement())
    [reference] = own.store(statement(object=ref(foreign)))
    assert own.ids(ascending="true") == [mine, reference]
    assert own.ids(limit=1) == [reference, mine]
    assert own.ids(verb=verb["id"]) == [], "the chain through a foreign statement shows nothing of it"
    assert own.get("/statements", {"statementId": foreign}).status_code == 404
    lrs.store(voider(foreign))
    assert own.get("/statements", {"voidedStatementId": foreign}).status_code == 404
    assert own.get("/agents", {"agent": agent()}).status_code in {200, 403}
    link = own.get("/statements", {"limit": 1}).json["more"]
    assert [one["id"] for one in own.more(link).json["statements"]] == [mine]


def test_edge_59_a_conflict_is_told_whatever_may_be_read(lrs: Lrs, other_client: Callable[..., Lrs]) -> None:
    made = statement()
    lrs.store(made)
    writer = other_client("statements/write", version=lrs.version)
    assert writer.post("/statements", made).status_code == 200
    writer.refuses(changed(made, "verb.id", "http://example.com/other"), 409)
    assert writer.get("/statements", {"statementId": made["id"]}).status_code == 403
    assert json.loads(json.dumps(lrs.one(made["id"])["authority"]))["account"]["name"] == lrs.key
