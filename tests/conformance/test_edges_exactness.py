"""Edge cases 38 to 48: numbers, keys, texts and encodings come back as they came, or are refused; nothing breaks."""

import json
import time

import pytest
from conformance_support import Lrs, statement, uid

JSON = "application/json"


def text_of(statement_id: str, extensions: str, **overrides: object) -> bytes:
    """Return the JSON text of a statement whose result extensions are written literally."""
    made = statement(id=statement_id, result={"extensions": {"marker": 0}}, **overrides)
    return json.dumps(made).replace('{"marker": 0}', extensions).encode()


def round_trip(lrs: Lrs, extensions: str) -> bytes:
    """Store a statement with these extensions as text; return the bytes that come back for it."""
    made = uid()
    answer = lrs.post("/statements", text_of(made, extensions), kind=JSON)
    assert answer.status_code == 200, answer.text
    single = lrs.get("/statements", {"statementId": made}).data
    assert single in lrs.get("/statements").data
    return single


NUMBERS = ["9223372036854775808", "-9007199254740993", "1" + "0" * 400, "12345678901234567890.5"]


@pytest.mark.parametrize("number", NUMBERS)
def test_edge_38_integers_of_any_size(lrs: Lrs, number: str) -> None:
    assert f'"http://e/n":{number}'.encode() in round_trip(lrs, f'{{"http://e/n":{number}}}')
    made = uid()
    body = json.dumps(statement(id=made, result={"score": {"raw": 0}})).replace(
        '"raw": 0', f'"raw": {number}'
    )
    assert lrs.post("/statements", body, kind=JSON).status_code == 200
    assert number.encode() in lrs.get("/statements", {"statementId": made}).data


@pytest.mark.parametrize(
    "number", ["1e400", "-0", "-0.0", "1E+2", "0." + "123456789" * 5, "0.1", "1.0", "1e-400", "1.10"]
)
def test_edge_39_numbers_keep_their_value(lrs: Lrs, number: str) -> None:
    found = round_trip(lrs, f'{{"http://e/n":{number}}}')
    assert b"Infinity" not in found
    assert f'"http://e/n":{number}'.encode() in found


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1,",
        "/* */ 1",
        "'a'",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "tru",
        '"\t"',
        "[1,]",
    ],
)
def test_edge_40_what_is_no_json_is_refused(lrs: Lrs, text: str) -> None:
    answer = lrs.post("/statements", text_of(uid(), f'{{"http://e/n":{text}}}'), kind=JSON)
    assert answer.status_code == 400
    assert answer.json["message"]


def test_edge_40_a_byte_order_mark_is_refused(lrs: Lrs) -> None:
    lrs.refuses(b"\xef\xbb\xbf" + json.dumps(statement()).encode(), kind=JSON)


@pytest.mark.parametrize(
    ("found", "twice"),
    [
        ('"verb":', '"verb":{"id":"http://e/x"},"verb":'),
        ('"mbox":', '"mbox":"mailto:x@e.example","mbox":'),
        ('"en":', '"en":"x","en":'),
        ('"http://e/k":', '"http://e/k":1,"http://e/k":'),
        ('"inner":', '"inner":1,"inner":'),
        ('"id":', '"\\u0069d":"http://e/x","id":'),
    ],
)
def test_edge_41_a_repeated_key_is_refused_at_any_depth(lrs: Lrs, found: str, twice: str) -> None:
    made = statement(result={"extensions": {"http://e/k": {"inner": 2}}})
    text = json.dumps(made, separators=(",", ":"))
    lrs.refuses(text.replace(found, twice, 1).encode(), kind=JSON)


@pytest.mark.parametrize(
    "key",
    ["http://a.b/c", "urn:x:$where", "http://$set", "http://e/" + "k" * 5000, "http://e/nul\\u0000", "x:."],
)
def test_edge_42_extension_keys_of_every_form(lrs: Lrs, key: str) -> None:
    answer = lrs.post("/statements", text_of(made := uid(), f'{{"{key}":1}}'), kind=JSON)
    assert answer.status_code == 200, answer.text
    found = lrs.get("/statements", {"statementId": made})
    assert json.loads(f'"{key}"') in found.json["result"]["extensions"]


@pytest.mark.parametrize("key", ["$set", "a.b", "", "__proto__", "constructor", "\\u0000", "$", "."])
def test_edge_43_keys_within_extensions_are_free(lrs: Lrs, key: str) -> None:
    found = json.loads(round_trip(lrs, f'{{"http://e/o":{{"{key}":{{"{key}":[{{"{key}":null}}]}}}}}}'))
    inner = json.loads(f'"{key}"')
    assert found["result"]["extensions"] == {"http://e/o": {inner: {inner: [{inner: None}]}}}


@pytest.mark.parametrize(
    "extensions",
    [
        '{"http://e/b":' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"http://e/b":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
        '{"http://e/b":' + "[" * 1_000_000,
    ],
    ids=["arrays", "objects", "unclosed"],
)
def test_edge_44_nesting_bombs_are_refused(lrs: Lrs, extensions: str) -> None:
    began = time.monotonic()
    answer = lrs.post("/statements", text_of(uid(), extensions), kind=JSON)
    assert answer.status_code in {400, 413}
    assert answer.json["message"]
    assert time.monotonic() - began < 20
    assert lrs.ids() == []


def test_edge_44_long_texts_and_many_keys_are_stored_or_too_large(lrs: Lrs) -> None:
    for extensions in ({"http://e/s": "x" * 1_000_000}, {"http://e/m": {f"k{n}": n for n in range(100_000)}}):
        made = statement(result={"extensions": extensions})
        answer = lrs.post("/statements", made)
        assert answer.status_code in {200, 400, 413}
        if answer.status_code == 200:
            assert lrs.one(made["id"])["result"]["extensions"] == extensions


@pytest.mark.parametrize("text", ["\\ud800", "\\udc00x", "\\ud800\\ud800", "\\udc00\\ud800"])
@pytest.mark.parametrize("place", ['{"http://e/n":"%s"}', '{"http://e/%s":1}', '{"http://e/n":{"%s":1}}'])
def test_edge_45_an_unpaired_surrogate_is_refused(lrs: Lrs, text: str, place: str) -> None:
    lrs.refuses(text_of(uid(), place % text), kind=JSON)


def test_edge_45_a_surrogate_pair_is_a_character(lrs: Lrs) -> None:
    assert json.loads(round_trip(lrs, '{"http://e/n":"\\ud83d\\ude00"}'))["result"]["extensions"] == {
        "http://e/n": "😀"
    }


@pytest.mark.parametrize(
    "text", ["a\u0000b", "😀👩‍🚀", "é", "e\u0301", "שלום", "\u202eabc", "\u2028", "\ufeff", "\uffff"]
)
def test_edge_46_texts_are_kept_code_point_for_code_point(lrs: Lrs, text: str) -> None:
    made = statement(result={"response": text}, actor={"mbox": "mailto:a@b.example", "name": text})
    lrs.store(made)
    assert lrs.one(made["id"])["result"]["response"] == text
    assert lrs.one(made["id"])["actor"]["name"] == text
    raw = json.dumps({**made, "id": uid()}, ensure_ascii=False).encode()
    assert lrs.post("/statements", raw, kind=JSON).status_code == 200


def test_edge_46_composed_and_decomposed_are_different(lrs: Lrs) -> None:
    made = statement(result={"response": "é"})
    lrs.store(made)
    lrs.refuses({**made, "result": {"response": "e\u0301"}}, 409)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_edge_47_other_encodings_are_refused(lrs: Lrs, charset: str) -> None:
    text = json.dumps(statement(result={"response": "é"}), ensure_ascii=False)
    lrs.refuses(text.encode(charset), kind=f"application/json; charset={charset}")
    answer = lrs.post("/statements", text.encode(), kind=f"application/json; charset={charset}")
    assert answer.status_code in {200, 400}


@pytest.mark.parametrize(
    "body", [b"[[]]", b"1", b'"a"', b"null", b"", b"true", b"[1]", b"[null]", b"{}", b"[{}]", b"  "]
)
def test_edge_48_what_is_no_statement_is_refused(lrs: Lrs, body: bytes) -> None:
    lrs.refuses(body, kind=JSON)
    assert lrs.put("/statements", {"statementId": uid()}, body, kind=JSON).status_code == 400


def test_edge_48_an_empty_batch_stores_nothing(lrs: Lrs) -> None:
    answer = lrs.post("/statements", b"[]", kind=JSON)
    assert (answer.status_code, answer.json) == (200, [])
