"""Bytes to statements without loss: every number, key and string is kept as it was written.

The fast way decodes with orjson and proves by encoding again that nothing was lost: equal bytes mean no
repeated key, no number that a double cannot carry, no white space. A statement that fails the proof is
read by the scanner of the json module, which gives exact slices, all keys of an object and the digits of
every number.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from json import JSONDecodeError, JSONDecoder
from typing import Any, NamedTuple, NoReturn

import orjson

from statements.errors import InvalidStatement, TooLarge
from statements.parsing.json_text import dump_text

MAX_DEPTH = 200
MAX_STATEMENT_BYTES = 4 * 1024 * 1024
MAX_BATCH = 10_000
MAX_VALUES = 5_000_000  # numbers, texts, arrays and objects of one request, counted by their commas
_COMMAS_OF_STATEMENT = 100  # a body with more for each verb is looked at before it is decoded

_ZEROS = re.compile(rb"(\.[0-9]*?)0+(?=[,}\]])")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MARK = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Parsed(NamedTuple):
    """One JSON value and its exact text.

    `compact` tells that encoding `value` with orjson gives `text` again, byte for byte. Numbers that a double
    cannot carry are `Decimal`. Of a repaired statement `received` is what came, `repairs` what was done.
    """

    value: Any
    text: bytes
    compact: bool
    received: bytes = b""
    repairs: tuple[str, ...] = ()


def parse_statements(body: bytes, max_bytes: int | None = None) -> list[Parsed]:
    """Parse the body of POST /statements: one object or an array of objects (Communication 2.1.2).

    `max_bytes` bounds the content of each statement. Raises InvalidStatement with the place, or TooLarge.
    """
    most = MAX_STATEMENT_BYTES if max_bytes is None else max_bytes
    batch = _parse_body(body)
    is_array = len(batch) != 1 or body.lstrip(b" \t\r\n")[:1] == b"["
    for index, parsed in enumerate(batch):
        path = f"$[{index}]" if is_array else "$"
        if len(parsed.text) > most:
            batch[index] = _bounded(parsed, most, path)
        if parsed.compact:
            _check_depth(parsed.text, path)
    return batch


def _bounded(parsed: Parsed, max_bytes: int, path: str) -> Parsed:
    """Return a statement whose spelling alone is too long (escapes, white space) in its shortest spelling.

    Raises TooLarge where the content is.
    """
    text = dump_text(parsed.value)
    if len(text) > max_bytes:
        raise TooLarge(f"the statement {path}", max_bytes)
    return Parsed(parsed.value, text, _encode(parsed.value) == text)


def _refuse_too_many(body: bytes) -> None:
    """Refuse more statements or values than a request may hold, before they become objects; TooLarge.

    A million empty objects in 3 MB of text would be half a gigabyte of dictionaries.
    """
    commas = body.count(b",")
    if commas > MAX_VALUES:
        raise TooLarge("the request", MAX_VALUES, "values")
    if commas >= MAX_BATCH:
        verbs = body.count(b'"verb"')
        if verbs > MAX_BATCH or commas > _COMMAS_OF_STATEMENT * verbs:
            _count_batch(body)


def _count_batch(body: bytes) -> None:
    """Count the values of the outer array without decoding them; raises TooLarge."""
    depth = values = 0
    for found in _MARK.finditer(body):
        mark = found[0]
        if mark in {b"{", b"["}:
            depth += 1
        elif mark in {b"}", b"]"}:
            depth -= 1
        elif mark == b"," and depth == 1:
            values += 1
            if values >= MAX_BATCH and body.lstrip(b" \t\r\n")[:1] == b"[":
                raise TooLarge("the batch", MAX_BATCH, "statements")


def _parse_body(body: bytes) -> list[Parsed]:
    _refuse_too_many(body)
    try:
        value = orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError):
        return _parse_slowly(body)
    if isinstance(value, dict):
        return [_parse_one(value, body)]
    if not isinstance(value, list):
        raise InvalidStatement("$", "must be a statement or an array of statements")
    if len(value) > MAX_BATCH:
        raise TooLarge("the batch", MAX_BATCH, "statements")
    return list(_parse_array(value, body))


def parse_statement(body: bytes, max_bytes: int | None = None) -> Parsed:
    """Parse the body of PUT /statements: exactly one object (2.1.1)."""
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        raise InvalidStatement("$", "must be one statement, not an array")
    return parse_statements(body, max_bytes)[0]


def parse_json(text: bytes | str, parameter: str = "$") -> Any:
    """Parse any JSON text with the same strictness (agent parameters, documents).

    InvalidStatement at `parameter`.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        value = orjson.loads(data)
        if orjson.dumps(value) == data:
            _check_depth(data, parameter)
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        pass
    return _scan_whole(data, parameter).value


def json_path(*steps: str | int, root: str = "$") -> str:
    """Write a JSONPath: `$.actor.mbox`, `$[2].context`, `$.result.extensions['http://e.org/x']`."""
    path = root
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _PLAIN_NAME.fullmatch(step):
            path += f".{step}"
        else:
            shown = step if len(step) <= 200 else step[:200] + "…"
            path += "['" + shown.replace("\\", "\\\\").replace("'", "\\'") + "']"
    return path


def _encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError):  # nested deeper than orjson encodes
        return b""


def _parse_one(value: Any, body: bytes) -> Parsed:
    text = _encode(value)
    if text == body:
        return Parsed(value, body, True)
    if text and _same_but_for_zeros(text, body):
        _check_depth(body, "$")
        return Parsed(value, body, False)
    return _scan_whole(body, "$")


def _parse_array(values: list[Any], body: bytes) -> Iterator[Parsed]:
    """Cut the array at the lengths of its encoded statements.

    Read what does not fit with the exact scanner.
    """
    if not values:
        return
    position = 1 if body[:1] == b"[" else len(body)
    text = _encode(values[0])
    for index, value in enumerate(values):
        following = _encode(values[index + 1]) if index + 1 < len(values) else b""
        end = position + len(text)
        if text and body.startswith(text, position) and body[end : end + 1] in {b",", b"]"}:
            yield Parsed(value, body[position:end], True)  # what orjson made is larger than it looks
        else:
            end = body.find(b"," + following, position) if following else body.rfind(b"]")
            parsed = _read_slice(value, text, body[position:end], f"$[{index}]") if end > 0 else None
            if parsed is None:
                yield from _parse_slowly(body)[index:]
                return
            yield parsed
        position, text = end + 1, following


def _read_slice(value: Any, encoded: bytes, text: bytes, path: str) -> Parsed | None:
    """Return a statement that encodes otherwise than it was sent; None as `_scan_slice`."""
    if encoded and _same_but_for_zeros(encoded, text):
        _check_depth(text, path)
        return Parsed(value, text, False)
    return _scan_slice(text, path)


def _same_but_for_zeros(one: bytes, other: bytes) -> bool:
    """Tell whether two JSON texts differ only in zeros at the end of fractions: 0.5 and 0.50.

    `one` is the encoding of what `other` was decoded to, so their strings are equal once nothing but zeros
    was cut off: a repeated key or a shortened number would leave other characters over.
    """
    return _ZEROS.sub(rb"\1", one) == _ZEROS.sub(rb"\1", other)


def _scan_slice(text: bytes, path: str) -> Parsed | None:
    """Read one statement that should fill the slice.

    None when it does not, so that the whole body must be read.
    """
    try:
        string = text.decode()
        value, end = _scan(string, _skip(string, 0), path)
    except (InvalidStatement, UnicodeDecodeError):
        return None
    return Parsed(value, text.strip(b" \t\r\n"), False) if not string[end:].strip(" \t\r\n") else None


def _parse_slowly(body: bytes) -> list[Parsed]:
    string = _decode(body, "$")
    start = _skip(string, 0)
    if string[start : start + 1] != "[":
        return [_scan_whole(body, "$")]
    result: list[Parsed] = []
    position = _skip(string, start + 1)
    if string[position : position + 1] == "]":
        position += 1
    else:
        while True:
            path = f"$[{len(result)}]"
            value, end = _scan(string, position, path)
            result.append(Parsed(value, string[position:end].encode("utf-8"), False))
            position = _skip(string, end)
            mark = string[position : position + 1]
            position = _skip(string, position + 1)
            if mark == "]":
                break
            if mark != ",":
                _malformed(string, position - 1, "expecting ',' or ']'", "$")
            if len(result) >= MAX_BATCH:
                raise TooLarge("the batch", MAX_BATCH, "statements")
    if _skip(string, position) != len(string):
        _malformed(string, position, "something follows the array", "$")
    return result


def _scan_whole(body: bytes, path: str) -> Parsed:
    string = _decode(body, path)
    start = _skip(string, 0)
    value, end = _scan(string, start, path)
    rest = _skip(string, end)
    if rest != len(string):
        _malformed(string, rest, "something follows the value", path)
    text = body if start == 0 and end == len(string) else string[start:end].encode("utf-8")
    return Parsed(value, text, False)


def _decode(body: bytes, path: str) -> str:
    if body[:3] == b"\xef\xbb\xbf":
        raise InvalidStatement(path, "starts with a byte order mark; JSON is plain UTF-8")
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in body[:4]:
        raise InvalidStatement(path, "must be UTF-8, not UTF-16 or UTF-32")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidStatement(path, f"is not UTF-8 at byte {error.start}") from error


def _skip(string: str, position: int) -> int:
    match = _SPACE.match(string, position)
    return match.end() if match else position


def _malformed(string: str, position: int, reason: str, path: str) -> NoReturn:
    line = string.count("\n", 0, position) + 1
    column = position - string.rfind("\n", 0, position)
    raise InvalidStatement(path, f"is not JSON: {reason} at line {line} column {column}")


class _DuplicateKey(Exception):
    """An object names a key twice."""


class _NoNumber(Exception):
    """NaN or Infinity, which JSON does not have."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _DuplicateKey
    return value


def _decimal(text: str) -> Decimal:
    """Return the exact number; an exponent beyond Decimal's range is put to the end of that range."""
    try:
        return Decimal(text)
    except InvalidOperation:
        mantissa, _, exponent = text.lower().partition("e")
        limit = "-999999999999999000" if exponent.startswith("-") else "999999999999999000"
        return Decimal(f"{mantissa[:1000]}e{limit}") if len(mantissa) < 1000 else Decimal(f"1e{limit}")


def _float(text: str) -> float | Decimal:
    """Return a double where its shortest form is the received number, otherwise a Decimal."""
    number = float(text)
    if len(text) <= 16 and "e" not in text and "E" not in text:
        return number
    exact = _decimal(text)
    return number if exact == _decimal(repr(number)) else exact


def _int(text: str) -> int | Decimal:
    return int(text) if len(text) < 4000 else Decimal(text)


def _constant(text: str) -> NoReturn:
    raise _NoNumber(text)


def _scanner(hook: Callable[[list[tuple[str, Any]]], Any]) -> Callable[[str, int], tuple[Any, int]]:
    decoder: Any = JSONDecoder(
        object_pairs_hook=hook, parse_float=_float, parse_int=_int, parse_constant=_constant
    )
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once
    return scan


_scan_once = _scanner(_object)


def _scan(string: str, position: int, path: str) -> tuple[Any, int]:
    """Read one value at `position`; return it and where it ends."""
    try:
        value, end = _scan_once(string, position)
    except JSONDecodeError as error:
        _malformed(string, error.pos, error.msg.lower(), path)
    except StopIteration as error:
        _malformed(string, error.value, "expecting a value", path)
    except RecursionError:
        raise InvalidStatement(path, f"is nested deeper than {MAX_DEPTH} levels") from None
    except _DuplicateKey:
        raise InvalidStatement(*_find_duplicate(string, position, path)) from None
    except _NoNumber as error:
        raise InvalidStatement(path, f"is not JSON: {error} is no number of JSON") from None
    text = string[position:end]
    if "\\u" in text:
        _check_surrogates(value, path)
    _check_depth(text.encode("utf-8"), path)
    return value, end


class _Pairs:
    """An object with all its keys, repeated ones too."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[str, Any]]) -> None:
        self.items = items


def _find_duplicate(string: str, position: int, path: str) -> tuple[str, str]:
    try:
        value, _ = _scanner(_Pairs)(string, position)
    except (JSONDecodeError, StopIteration, RecursionError, _NoNumber):  # what follows is not even JSON
        return path, "a key is used twice in one object"
    for steps, item in _walk(value):
        if isinstance(item, _Pairs):
            seen: set[str] = set()
            for name, _ in item.items:
                if name in seen:
                    return json_path(*steps, name, root=path), "the key is used twice in one object"
                seen.add(name)
    return path, "a key is used twice in one object"


def _walk(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value with the steps to it, without recursion."""
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        steps, item = stack.pop()
        yield steps, item
        if isinstance(item, dict | _Pairs):
            pairs = item.items() if isinstance(item, dict) else item.items
            stack.extend((*((*steps, name), inner),) for name, inner in pairs)
        elif isinstance(item, list):
            stack.extend(((*steps, index), inner) for index, inner in enumerate(item))


def _check_surrogates(value: Any, path: str) -> None:
    """Refuse unpaired surrogates, which UTF-8 cannot carry (xapi#decision-10)."""
    for steps, item in _walk(value):
        texts = list(item) if isinstance(item, dict) else [item] if isinstance(item, str) else []
        for text in texts:
            if _SURROGATE.search(text):
                raise InvalidStatement(
                    json_path(*steps, root=path), "holds an unpaired surrogate (\\ud800 to \\udfff)"
                )


def _check_depth(text: bytes, path: str) -> None:
    """Refuse more than MAX_DEPTH levels; texts with fewer brackets than that pass at once."""
    if text.count(b"{") + text.count(b"[") <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", text).translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise InvalidStatement(path, f"is nested deeper than {MAX_DEPTH} levels")
