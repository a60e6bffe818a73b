"""Lossless parsing: exact values and texts, and a clear refusal of everything that is no JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statement_strategies import VALUES

from statements.errors import InvalidStatement, StatementError, TooLarge
from statements.parsing import parse
from statements.parsing.json_text import dump_text
from statements.parsing.parse import MAX_BATCH, MAX_DEPTH, parse_json, parse_statement, parse_statements


def test_compact_text_takes_the_fast_way_and_other_text_is_kept_as_it_is() -> None:
    body = b'[{"a":1},{"b":0.10},{"c":[]}, {"d":"\\u00e9"}]'
    parsed = parse_statements(body)
    assert [item.text for item in parsed] == [b'{"a":1}', b'{"b":0.10}', b'{"c":[]}', b'{"d":"\\u00e9"}']
    assert [item.compact for item in parsed] == [True, False, True, False]
    assert parsed[3].value == {"d": "é"}


def test_texts_that_look_like_boundaries_do_not_confuse_the_cutting() -> None:
    for items in (
        ['{"a":"},{"}', '{"a":1}'],
        ['{"a": 1}', '{"a":"]"}', '{"a":1}'],
        ['{"a":1.0}', '{"a":1.50}', '{"a":1.0}'],
    ):
        assert [item.text.decode() for item in parse_statements(f"[{','.join(items)}]".encode())] == items


@settings(max_examples=300)
@given(
    values=st.lists(
        st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), VALUES, max_size=3), max_size=4
    ),
    styles=st.lists(st.sampled_from(["compact", "spaced", "ascii", "indented"]), min_size=4, max_size=4),
)
def test_any_batch_is_read_as_written(values: list[Any], styles: list[str]) -> None:
    """Each statement keeps its own bytes whatever its neighbours look like."""
    texts = []
    for value, style in zip(values, styles, strict=False):
        if style == "compact":
            texts.append(dump_text(value))
        else:
            texts.append(
                json.dumps(
                    value, ensure_ascii=style == "ascii", indent=1 if style == "indented" else None
                ).encode()
            )
    parsed = parse_statements(b"[" + b",".join(texts) + b"]")
    assert [item.text for item in parsed] == texts
    assert [item.value for item in parsed] == values
    for item in parsed:
        assert not item.compact or orjson.dumps(item.value) == item.text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e400", Decimal("1e400")),
        ("-0", 0),
        ("0.1", 0.1),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("1E+2", 100.0),
        ("5e-324", 5e-324),
        ("4e-324", Decimal("4e-324")),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("18446744073709551616", 18446744073709551616),
        ("9007199254740993", 9007199254740993),
        ("9007199254740993.0", Decimal("9007199254740993.0")),
    ],
)
def test_numbers_keep_their_exact_value(text: str, value: Any) -> None:
    read = parse_json(f'{{"n":{text}}}'.encode())["n"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text", ["1e99999999999999999999", "-1.5e-99999999999999999999", "9" * 10_000, "0." + "1" * 10_000]
)
def test_absurd_numbers_are_neither_refused_nor_expanded(text: str) -> None:
    parsed = parse_statement(f'{{"n":{text}}}'.encode())
    assert parsed.text.decode() == f'{{"n":{text}}}'
    assert isinstance(parsed.value["n"], Decimal)


@pytest.mark.parametrize(
    ("body", "place", "reason"),
    [
        (b"", "$", "not JSON"),
        (b"   ", "$", "not JSON"),
        (b"{", "$", "not JSON"),
        (b'{"a":1,}', "$", "line 1 column 8"),
        (b'{"a":1}\n{}', "$", "line 2 column 1"),
        (b"{'a':1}", "$", "not JSON"),
        (b'{"a":1 /* x */}', "$", "not JSON"),
        (b'[{"a":1} {"b":1}]', "$", "column 10"),
        (b'[{"a":1},]', "$[1]", "not JSON"),
        (b'[{"a":NaN}]', "$[0]", "NaN"),
        (b'[{},{"a":-Infinity}]', "$[1]", "-Infinity"),
        (b'{"a":01}', "$", "not JSON"),
        (b'{"a":"\x01"}', "$", "not JSON"),
        (b'{"a":"\\x"}', "$", "not JSON"),
        (b"\xef\xbb\xbf{}", "$", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "$", "UTF-16"),
        ('{"a":1}'.encode("utf-16-le"), "$", "UTF-16"),
        ('{"a":1}'.encode("utf-32"), "$", "UTF-16"),
        (b'{"a":"\xe9"}', "$", "not UTF-8 at byte 6"),
        (b'{"a":"\xed\xa0\x80"}', "$", "not UTF-8"),
        (b'{"a":{"b":"\\ud800"}}', "$.a.b", "surrogate"),
        (b'[{"\\udc00x":1}]', "$[0]", "surrogate"),
        (b'{"a":1,"a":1}', "$.a", "twice"),
        (b'[{},{"actor":{"x":[{"k":1,"k":2}]}}]', "$[1].actor.x[0].k", "twice"),
        (b'{"a":{"\\u0061":1,"a":2}}', "$.a.a", "twice"),
        (b'{"http://e.org/x":{"en":"a","en":"b"}}', "$['http://e.org/x'].en", "twice"),
        (b"null", "$", "statement"),
        (b'"x"', "$", "statement"),
    ],
)
def test_what_is_no_json_is_refused_with_place_and_reason(body: bytes, place: str, reason: str) -> None:
    with pytest.raises(InvalidStatement) as caught:
        parse_statements(body)
    assert caught.value.path == place
    assert reason in caught.value.reason


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'{"a":[['])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 1_000, 100_000])
def test_nesting_bombs_are_refused(opening: bytes, depth: int) -> None:
    """Edge case 44: closed and unclosed ones."""
    closing = opening[::-1].translate(bytes.maketrans(b"[{", b"]}"), b'":a')
    for body in (opening * depth, opening * depth + b"1" + closing * depth):
        with pytest.raises(InvalidStatement):
            parse_statements(body)
        with pytest.raises(InvalidStatement):
            parse_json(body)


def test_depth_up_to_the_bound_is_fine_in_both_ways() -> None:
    for space in (b"", b" "):
        deep = b'{"a":' * MAX_DEPTH + space + b"1" + b"}" * MAX_DEPTH
        assert parse_statement(deep).text == deep
        with pytest.raises(InvalidStatement, match="deeper"):
            parse_statement(b'{"a":' + deep + b"}")


def test_brackets_in_strings_are_no_depth() -> None:
    body = b'{"a":"' + b"[{" * 1_000 + b'\\""}'
    assert parse_statement(body).text == body


def test_oversized_statements_and_batches_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_STATEMENT_BYTES", 1_000)
    monkeypatch.setattr(parse, "MAX_BATCH", 3)
    parse_statements(b'[{"a":1},{"a":1}, {"a":1}]')
    for body in (
        b"[{},{},{},{}]",
        b"[{ },{},{},{}]",
        b'{"a":"' + b"x" * 1_000 + b'"}',
        b'[{},{"a": "' + b"x" * 1_000 + b'"}]',
    ):
        with pytest.raises(TooLarge):
            parse_statements(body)


def test_put_takes_one_object() -> None:
    assert parse_statement(b' {"a":1}\r\n').text == b'{"a":1}'
    for body in (b"[]", b' [{"a":1}]'):
        with pytest.raises(InvalidStatement):
            parse_statement(body)


@settings(max_examples=500)
@given(
    body=st.one_of(
        st.binary(max_size=40),
        st.text('[]{}",:01e.-\\u tfn\ud800', max_size=40).map(lambda t: t.encode("utf-8", "surrogatepass")),
    )
)
def test_no_body_raises_anything_else(body: bytes) -> None:
    try:
        for parsed in parse_statements(body):
            assert parsed.text in body
    except StatementError:
        pass


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":0.10}', {"a": 0.1}),
        (b'{"a":[1.500,-0.00,100.00],"b":"1.00, 2.0]"}', {"a": [1.5, -0.0, 100.0], "b": "1.00, 2.0]"}),
        (b'{"a":0.1000000000000000055500}', {"a": Decimal("0.1000000000000000055500")}),
    ],
)
def test_zeros_at_the_end_of_fractions_keep_their_bytes(text: bytes, value: object) -> None:
    for parsed in (parse_statement(text), parse_statements(b'[{"x":1},' + text + b',{"y":2.50}]')[1]):
        assert parsed.text == text
        assert not parsed.compact
        assert parsed.value == value


def test_a_repeated_key_is_found_beside_zeros() -> None:
    with pytest.raises(InvalidStatement, match="twice"):
        parse_statement(b'{"a":0.10,"a":0.10}')


@pytest.mark.parametrize("item", [b"{}", b"[]", b"1", b'"a"', b'{"a":"xxxxxxxxxx"}', b'{"verb":"]{,"}'])
@pytest.mark.parametrize("space", [b"", b"\n "])
def test_more_statements_than_a_batch_may_hold_are_refused(item: bytes, space: bytes) -> None:
    body = space + b"[" + b",".join([item] * (MAX_BATCH + 1)) + b"]"
    for rest in (b"", b" " * parse.IN_ONE_PIECE):
        with pytest.raises(TooLarge, match=r"10,?000 statements"):
            parse_statements(body + rest)


@pytest.mark.parametrize("value", [b"{}", b"[]", b"0", b'{"a":{"":0}}'])
@pytest.mark.parametrize("before", [b"", b"[", b"[{},", b'[{"a":"' + b"x" * 300_000 + b'"},'])
def test_more_values_than_a_statement_may_hold_are_refused_before_they_become_objects(
    value: bytes, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = b",".join([value] * (parse.MAX_VALUES_OF_STATEMENT + 2))
    loads = orjson.loads

    def watched(text: bytes) -> Any:
        assert many not in text, "it was decoded"
        return loads(text)

    monkeypatch.setattr("statements.parsing.parse.orjson.loads", watched)
    body = before + b'{"a":[' + many + b"]}" + (b"]" if before else b"")
    place = "$" if not before else f"$[{before.count(b',')}]"
    with pytest.raises(TooLarge) as caught:
        parse_statements(body)
    assert str(caught.value) == f"the statement {place} is larger than 200000 values"


def test_commas_in_texts_and_of_other_statements_are_no_values() -> None:
    texts = b'{"a":"' + b"," * 250_000 + b'"}'
    assert parse_statement(texts).text == texts
    numbers = b'{"a":[' + b",".join([b"0"] * 120_000) + b"]}"
    for body in (b"[" + b",".join([numbers] * 2) + b"]", b"[" + b",".join([texts, numbers] * 3) + b"]"):
        assert b"[" + b",".join(parsed.text for parsed in parse_statements(body)) + b"]" == body


ITEMS = st.one_of(
    st.recursive(st.none() | st.text('a,"\\{}[]'), lambda inner: st.lists(inner, max_size=3)).map(json.dumps),
    st.dictionaries(st.text("ab},{\u00e9\U0001f600", max_size=3), VALUES, max_size=3).map(
        lambda value: dump_text(value).decode()
    ),
    st.dictionaries(st.text("ab", max_size=1), st.lists(st.just({})), max_size=2).map(json.dumps),
    st.sampled_from(['{"a":1e400}', '{"a":0.50}', '{ "a":"\\ud83d\\ude00" }', '{"a":"},{"}', '{"a":1,"a":2}',
                     '{"a":"\\ud800"}', "NaN", "", "]", '{"a":"}"', '{"x":' + "[" * 250 + "]" * 250 + "}"]),
)  # fmt: skip


@settings(max_examples=400)
@given(
    items=st.lists(ITEMS, max_size=12),
    between=st.sampled_from([",", ", ", " ,\n"]),
    around=st.sampled_from([("[", "]"), (" [ ", " ]\n"), ("[", ""), ("[", "] ]"), ("[", ",]")]),
    window=st.sampled_from([1, 8, 40]),
)
def test_reading_in_windows_is_reading(
    items: list[str], between: str, around: tuple[str, str], window: int
) -> None:
    """Whatever comes, a long array gives the same statements, or is refused in the same words."""
    body = (around[0] + between.join(items) + around[1]).encode()
    with pytest.MonkeyPatch.context() as patched:
        whole = outcome(body)
        patched.setattr(parse, "IN_ONE_PIECE", 0)
        patched.setattr(parse, "_WINDOW", window)
        assert outcome(body) == whole


def outcome(body: bytes) -> object:
    """Return what is read, or the refusal."""
    try:
        batch = parse_statements(body, 1000)
        assert all(orjson.dumps(one.value) == one.text for one in batch if one.compact)
        return [(one.value, one.text) for one in batch], [batch[n].text for n in range(len(batch))]
    except StatementError as error:
        return type(error), str(error), getattr(error, "path", None)


@settings(max_examples=200)
@given(
    body=st.text('[]{}",:01e.-\\u tfn\ud800', max_size=40).map(lambda t: t.encode("utf-8", "surrogatepass"))
)
def test_any_text_is_refused_in_the_same_words_in_windows(body: bytes) -> None:
    test_reading_in_windows_is_reading.hypothesis.inner_test(
        [body.decode("utf-8", "replace")], ",", ("[", "]"), 4
    )


def test_a_long_array_is_not_there_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement is read when it is asked for, and no more than a window is decoded at once."""
    statement = orjson.dumps({"id": "x" * 1000, "a": [{"b": "},{"}] * 20})
    body = b"[" + b",".join([statement] * 500) + b"]"
    longest, loads = 0, orjson.loads

    def watched(text: bytes) -> Any:
        nonlocal longest
        longest = max(longest, len(text))
        return loads(text)

    monkeypatch.setattr("statements.parsing.parse.orjson.loads", watched)
    batch = parse_statements(body)
    assert len(batch) == 500
    assert longest < 3 * 64 * 1024
    longest = 0
    assert [parsed.text for parsed in batch[490:]] == [statement] * 10
    assert longest == len(statement)


@pytest.mark.parametrize("rest", [b"", b",", b',"b":[NaN', b',"b":NaN}', b',"b":' + b"[" * 100_000])
def test_a_repeated_key_before_what_is_no_json_is_refused(rest: bytes) -> None:
    with pytest.raises(InvalidStatement):
        parse_statements(b'{"x":{"a":1,"a":2}' + rest)


def test_a_text_that_never_ends_is_looked_through_in_one_go() -> None:
    with pytest.raises(InvalidStatement, match="not JSON"):
        parse_statements(b'[{},"' + b'\\"' * 3_000_000)


def test_the_bound_on_a_statement_counts_content_not_spelling() -> None:
    statement = {"a": "中文" * 100, "b": [1, Decimal("0.10")]}
    plain = b'{"a":"%b","b":[1,0.10]}' % ("中文" * 100).encode()
    escaped = b'{\n  "a": "%b",  "b": [1, 0.10]}' % (rb"\u4e2d\u6587" * 100)
    assert len(escaped) > len(plain)
    for body in (plain, escaped):
        assert parse_statement(body, len(plain)).value["a"] == statement["a"]
        assert json.loads(parse_statement(body, len(plain)).text) == json.loads(plain)
        with pytest.raises(TooLarge):
            parse_statement(body, len(plain) - 10)
    assert parse_statement(escaped).text == escaped  # within the bound every byte stays
