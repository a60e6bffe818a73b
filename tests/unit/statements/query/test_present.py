"""Formats, languages, identifiers, splicing and signatures."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from factories import agent, make_statement, new_id, reference
from hypothesis import given, settings
from hypothesis import strategies as st

from statements.errors import InvalidStatement
from statements.intake.attachments import Part
from statements.intake.signatures import SIGNATURE, check_signatures
from statements.parsing.actor import account_ifi, agent_of, ifi, person
from statements.parsing.parse import parse_statement
from statements.parsing.splice import WRAP, append_members, merge_objects, replace_members
from statements.query.present import (
    attachment_hashes,
    choose_language,
    language_ranges,
    present,
    statement_result,
)
from statements.storage.definitions import merge_definitions

Json = dict[str, Any]


def shown(statement: Json, format_: Any, languages: str | None = None, known: Json | None = None) -> Any:
    return json.loads(
        present([json.dumps(statement).encode()], format_, languages, lambda ids: known or {})[0]
    )


# Formats


def test_ids_keeps_identifiers_alone() -> None:
    """Trap 35."""
    group = {"objectType": "Group", "name": "G", "member": [{**agent("m"), "name": "M"}]}
    activity = {"objectType": "Activity", "id": "http://e/a", "definition": {"name": {"en": "x"}}}
    statement = make_statement(
        actor={"objectType": "Group", "mbox": "mailto:g@example.com", "name": "G", "member": [agent("m")]},
        object={
            "objectType": "SubStatement",
            "actor": group,
            "verb": {"id": "http://e/v", "display": {}},
            "object": activity,
        },
        context={
            "instructor": {**agent("i"), "name": "I"},
            "contextActivities": {"parent": [activity]},
            "contextAgents": [{"objectType": "contextAgent", "agent": {**agent("c"), "name": "C"}}],
            "platform": "kept",
        },
        result={"response": "kept"},
    )
    found = shown(statement, "ids")
    assert found["actor"] == {"objectType": "Group", "mbox": "mailto:g@example.com"}
    assert found["verb"] == {"id": statement["verb"]["id"]}
    assert found["object"]["actor"] == {"objectType": "Group", "member": [agent("m")]}
    assert found["object"]["verb"] == {"id": "http://e/v"}
    assert found["object"]["object"] == {"id": "http://e/a"}
    assert found["context"]["instructor"] == agent("i")
    assert found["context"]["contextActivities"] == {"parent": [{"id": "http://e/a"}]}
    assert found["context"]["contextAgents"][0]["agent"] == agent("c")
    assert found["context"]["platform"] == found["result"]["response"] == "kept"


def test_canonical_shows_one_language_per_map_everywhere() -> None:
    """Trap 36, edge case 68: definitions of the store, components, SubStatement, context, attachments."""
    two = {"en-US": "a", "en-GB": "b"}
    components = [{"id": "1", "description": two}, {"id": "2"}]
    definition = {
        "name": two,
        "description": {},
        "type": "http://e/t",
        "interactionType": "choice",
        "choices": components,
    }
    activity = {"id": "http://e/a", "definition": {"name": {"fr": "old"}}}
    attachment = {"usageType": "http://e/u", "display": two, "description": two, "sha2": "A" * 64}
    inner = {"objectType": "SubStatement", "actor": agent(), "verb": {"id": "http://e/v", "display": two}, "object": activity,
             "attachments": [attachment]}  # fmt: skip
    statement = make_statement(
        verb={"id": "http://e/v", "display": two}, object=inner, attachments=[attachment],
        context={"contextActivities": {"other": [activity, {"id": "http://e/unknown"}]}},
    )  # fmt: skip
    found = shown(statement, "canonical", "en-GB", {"http://e/a": definition})
    one = {"en-GB": "b"}
    expected = {**definition, "name": one, "choices": [{"id": "1", "description": one}, {"id": "2"}]}
    assert found["verb"]["display"] == found["object"]["verb"]["display"] == one
    assert found["object"]["object"]["definition"] == expected
    assert found["context"]["contextActivities"]["other"] == [
        {**activity, "definition": expected},
        {"id": "http://e/unknown"},
    ]
    for place in (found, found["object"]):
        assert place["attachments"] == [{**attachment, "display": one, "description": one}]


@pytest.mark.parametrize(
    ("header", "tags", "chosen"),
    [
        ("", ["fr", "en-US", "de"], "en-US"),
        ("", ["fr", "und", "en"], "und"),
        ("", ["fr", "de"], "fr"),
        ("en", ["de", "en-GB", "en-US"], "en-GB"),
        ("en-US, en;q=0.5", ["en-GB", "en-US"], "en-US"),
        ("de;q=0, *;q=0.5", ["de", "fr"], "fr"),
        ("de;q=0", ["de", "fr"], "fr"),
        ("de;q=0", ["de"], "de"),
        ("*", ["fr", "de"], "fr"),
        ("ja", ["fr", "de"], "fr"),
        ("EN-us;q=0.1,fr;Q=0.9", ["en-US", "fr"], "fr"),
        ("en-GB;q=0, en;q=0.8", ["en-GB", "en-US"], "en-US"),
        (";;;q=x,,=", ["fr"], "fr"),
        ("e", ["de", "fr"], "de"),
        ("de;q=5", ["en", "de"], "de"),
    ],
)
def test_language_choice(header: str, tags: list[str], chosen: str) -> None:
    """RFC 2616 14.4, edge case 67: exactly one entry each."""
    assert choose_language(tags, language_ranges(header)) == chosen


def test_statement_result_is_always_whole() -> None:
    assert json.loads(statement_result([], "")) == {"statements": [], "more": ""}
    assert (
        statement_result([b'{"n":0.10}', b"{}"], "/xapi/x")
        == b'{"statements":[{"n":0.10},{}],"more":"/xapi/x"}'
    )


def test_attachment_hashes_are_found_in_substatements_too() -> None:
    inner = {
        "objectType": "SubStatement",
        **make_statement(id=None, attachments=[{"sha2": "B" * 64, "contentType": "a/b"}]),
    }
    raw = json.dumps(
        make_statement(object=inner, attachments=[{"sha2": "a" * 64, "contentType": "a/b"}])
    ).encode()
    assert attachment_hashes([raw, json.dumps(make_statement()).encode()]) == {"a" * 64, "b" * 64}


def test_definitions_merge_by_language_and_newer_values_win() -> None:
    older = {"name": {"en": "1", "fr": "1"}, "type": "http://e/1", "extensions": {"a:b": 1}, "choices": [1]}
    newer = {"name": {"en": "2"}, "type": "http://e/2", "extensions": {"c:d": 2}, "choices": [2]}
    assert merge_definitions(older, newer) == {
        "name": {"en": "2", "fr": "1"}, "type": "http://e/2", "extensions": {"a:b": 1, "c:d": 2}, "choices": [2],
    }  # fmt: skip


# Identifiers


@pytest.mark.parametrize(
    ("described", "identifier"),
    [
        ({"mbox": "mailto:Bob@EXAMPLE.com"}, "mbox::mailto:Bob@example.com"),
        ({"mbox_sha1sum": "AB" * 20}, "mbox_sha1sum::" + "ab" * 20),
        ({"openid": "http://e.org/Bob"}, "openid::http://e.org/Bob"),
        ({"account": {"homePage": "http://e.org", "name": "bob@e.org"}}, "account::bob@e.org@http://e.org"),
        ({"objectType": "Group", "member": []}, None),
    ],
)
def test_canonical_identifier(described: Json, identifier: str | None) -> None:
    assert ifi(described) == identifier


NAMES = st.text(st.sampled_from("ab@:%402h/.-"), max_size=12)
PAGES = st.builds("{}:{}".format, st.sampled_from(["http", "x", "a+b.c-d"]), NAMES)


@settings(max_examples=500)
@given(one=st.tuples(PAGES, NAMES), other=st.tuples(PAGES, NAMES))
def test_two_accounts_never_share_an_identifier(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (account_ifi(*one) == account_ifi(*other)) == (one == other)
    assert agent_of(account_ifi(*one))["account"] == {"homePage": one[0], "name": one[1]}


@pytest.mark.parametrize("text", ["", "mbox", "phone::1", "account::nobody", "account::a@b"])
def test_text_that_is_no_identifier_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"identifier|home page"):
        agent_of(text)


def test_person_repeats_what_was_asked() -> None:
    account = {"homePage": "http://e.org", "name": "x"}
    assert person({"account": account}, []) == {"objectType": "Person", "account": [account]}


# Splicing


def test_replaced_members_leave_every_other_byte() -> None:
    text = b'{ "a" : 0.10,\n"b\\u0062":{"c" : {"d":1e5},"e":[ ]} , "z":"\\u007d" }'
    parsed = parse_statement(text)
    assert replace_members(parsed, {("a",): b"7", ("bb", "c"): WRAP, ("z",): b"null"}) == (
        b'{ "a" : 7,\n"b\\u0062":{"c" : [{"d":1e5}],"e":[ ]} , "z":null }'
    )
    assert append_members(text, b',"x":1').endswith(b'"\\u007d" ,"x":1}')
    with pytest.raises(KeyError):
        replace_members(parsed, {("none",): b"1"})


def test_compact_text_is_rewritten_without_touching_the_value() -> None:
    parsed = parse_statement(b'{"a":{"b":1},"c":2}')
    assert replace_members(parsed, {("a", "b"): b"[1.0]", ("c",): WRAP}) == b'{"a":{"b":[1.0]},"c":[2]}'
    assert parsed.value == {"a": {"b": 1}, "c": 2}


def test_merged_objects_keep_their_bytes() -> None:
    assert (
        merge_objects(b'{"a":1.0, "b" :2}', b' { "b":[ ],"c":"\xc3\xa9"} ')
        == b'{"a":1.0,"b":[ ],"c":"\xc3\xa9"}'
    )
    assert merge_objects(b"{}", b"{ }") == b"{}"


# Signatures

KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: rsa.RSAPrivateKey = KEY) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(start).not_valid_after(start + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return base64.b64encode(built.public_bytes(Encoding.DER)).decode()


def b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def jws(payload: Any, *, alg: str = "RS256", key: rsa.RSAPrivateKey = KEY, **header: Any) -> bytes:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = b64(json.dumps({"alg": alg, **header}).encode()) + b"." + b64(content)
    digest = {"RS384": hashes.SHA384(), "RS512": hashes.SHA512()}.get(alg, hashes.SHA256())
    return signed + b"." + b64(key.sign(signed, padding.PKCS1v15(), digest))


def check(statement: Json, signature: bytes, *, send_part: bool = True, **overrides: Any) -> None:
    sha2 = hashlib.sha256(signature).hexdigest()
    described = {
        "usageType": SIGNATURE, "display": {"en": "s"}, "contentType": "application/octet-stream",
        "length": len(signature), "sha2": sha2, **overrides,
    }  # fmt: skip
    parsed = parse_statement(json.dumps({**statement, "attachments": [described]}).encode())
    parts = {sha2: Part(sha2, "application/octet-stream", signature)} if send_part else {}
    check_signatures([parsed], parts, "2.0.0", ["$"])


SIGNED = make_statement(result={"duration": "P1DT12H36M0.12S"})


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
@pytest.mark.parametrize("header", [{}, {"x5c": [certificate()]}], ids=["without x5c", "x5c"])
def test_signature_is_accepted(alg: str, header: Json) -> None:
    """Traps 38, 39: digits beyond 0.01 s do not count."""
    received = {**SIGNED, "result": {"duration": "P1DT12H36M0.1237S"}}
    check(received, jws({**SIGNED, "authority": agent("x")}, alg=alg, **header))


@pytest.mark.parametrize(
    ("signature", "overrides", "reason"),
    [
        (jws(SIGNED), {"contentType": "text/plain"}, "octet-stream"),
        (jws(SIGNED, alg="HS256"), {}, "RS256"),
        (jws(SIGNED, alg="none"), {}, "RS256"),
        (jws(SIGNED, alg=5), {}, "RS256"),  # type: ignore[arg-type]  # what a broken client may send
        (jws(b"{broken"), {}, "payload"),
        (jws([1]), {}, "payload"),
        (jws({}), {}, "differs|not a statement"),
        (jws({**SIGNED, "actor": 5}), {}, "not a statement"),
        (jws({**SIGNED, "id": new_id()}), {}, r"\$\.id"),
        (jws({**SIGNED, "actor": {**SIGNED["actor"], "name": "x"}}), {}, "actor"),
        (json.dumps({"payload": "x", "signatures": []}).encode(), {}, "compact"),
        (b"a.b", {}, "compact"),
        (b"!.!.!", {}, "compact"),
        (jws(SIGNED, x5c=[certificate()])[:-8] + b"AAAAAAAA", {}, "verify"),
        (jws(SIGNED, x5c=[certificate(rsa.generate_private_key(65537, 2048))]), {}, "verify"),
        (jws(SIGNED, x5c=["%%%"]), {}, "x5c"),
        (jws(SIGNED, x5c=[]), {}, "x5c"),
        (jws(SIGNED, x5c="text"), {}, "x5c"),
    ],
    ids=lambda value: value[:12].decode() if isinstance(value, bytes) else None,
)  # fmt: skip
def test_broken_signature_is_refused_at_its_attachment(
    signature: bytes, overrides: Json, reason: str
) -> None:
    with pytest.raises(InvalidStatement, match=reason) as caught:
        check(SIGNED, signature, **overrides)
    assert caught.value.path == "$.attachments[0]"


def test_signature_by_url_alone_is_refused() -> None:
    with pytest.raises(InvalidStatement, match="fileUrl"):
        check(SIGNED, jws(SIGNED), send_part=False, fileUrl="http://e.org/s")


def test_reference_statement_can_be_signed() -> None:
    statement = make_statement(object=reference(new_id()))
    check(statement, jws({**statement, "object": reference(statement["object"]["id"].upper())}))
