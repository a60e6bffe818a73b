"""Bytes to statements without loss: every number, key and string is kept as it was written.

The fast way decodes with orjson and proves by encoding again that nothing was lost: equal bytes mean no
repeated key, no number that a double cannot carry, no white space. A statement that fails the proof is
read by the scanner of the json module, which gives exact slices, all keys of an object and the digits of
every number. A long array is read in windows, and only where its statements stand is kept: the objects that
its text would become take ten times its room.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from statements.errors import InvalidStatement, TooLarge
from statements.parsing.json_text import dump_text
from statements.parsing.lazy import Lazy
from statements.parsing.scan import (
    MAX_DEPTH,
    check_depth,
    decode,
    json_path,
    malformed,
    scan,
    skip,
)

__all__ = [
    "IN_ONE_PIECE", "MAX_BATCH", "MAX_DEPTH", "MAX_STATEMENT_BYTES", "MAX_VALUES", "MAX_VALUES_OF_STATEMENT",
    "Parsed", "json_path", "parse_json", "parse_statement", "parse_statements",
]  # fmt: skip

MAX_STATEMENT_BYTES = 4 * 1024 * 1024
MAX_BATCH = 10_000
MAX_VALUES = 5_000_000  # numbers, texts, arrays and objects of one request, counted by their commas
MAX_VALUES_OF_STATEMENT = 200_000
IN_ONE_PIECE = 1024 * 1024  # bytes of a body whose statements are there together, as objects
VALUES_IN_ONE_PIECE = 20_000  # and how many values they may be, by their commas
_WINDOW = 64 * 1024

_SPACE = b" \t\r\n"
_ZEROS = re.compile(rb"(\.[0-9]*?)0+(?=[,}\]])")
_MARK = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_NO_SPACE = re.compile(rb"[^ \t\r\n]")
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")

_COMPACT, _ZEROS_APART, _EXACT = range(3)  # how a statement was read, and is read again


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


_Found = tuple[Any, bytes, int, int]  # a statement, its text, where that begins in a body, how it was read


def parse_statements(body: bytes, max_bytes: int | None = None) -> Sequence[Parsed]:
    """Parse the body of POST /statements: one object or an array of objects (Communication 2.1.2).

    `max_bytes` bounds the content of each statement. The statements of a long body are read again whenever
    they are asked for. Raises InvalidStatement with the place, or TooLarge.
    """
    most = MAX_STATEMENT_BYTES if max_bytes is None else max_bytes
    commas = body.count(b",")
    if commas > MAX_VALUES:
        raise TooLarge("the request", MAX_VALUES, "values")
    is_array = body.lstrip(_SPACE)[:1] == b"["
    if is_array and _is_long(body, commas):
        return _LongArray(body, most).statements()
    if commas > MAX_VALUES_OF_STATEMENT:
        _refuse_many_values(body[body.index(b"[") + 1 :] if is_array else body, 0 if is_array else None)
    batch = _parse_slowly(body) if _is_long(body, commas) else _parse_body(body)
    for index, parsed in enumerate(batch):
        path = f"$[{index}]" if is_array else "$"
        if len(parsed.text) > most:
            batch[index] = _bounded(parsed, most, path)
        if parsed.compact:
            check_depth(parsed.text, path)
    return batch


def _is_long(body: bytes, commas: int) -> bool:
    """Tell whether the objects of a JSON text would take much room: up to a hundred times its own."""
    return len(body) > IN_ONE_PIECE or commas > VALUES_IN_ONE_PIECE


def _bounded(parsed: Parsed, max_bytes: int, path: str) -> Parsed:
    """Return a statement whose spelling alone is too long (escapes, white space) in its shortest spelling.

    Raises TooLarge where the content is.
    """
    text = dump_text(parsed.value)
    if len(text) > max_bytes:
        raise TooLarge(f"the statement {path}", max_bytes)
    return Parsed(parsed.value, text, _encode(parsed.value) == text)


def _refuse_many_values(text: bytes, first: int | None) -> None:
    """Refuse more values than a statement may hold, before they become objects; TooLarge.

    A million empty objects in 3 MB of text would be half a gigabyte of dictionaries. `text` is one statement,
    or the inside of an array whose first has the number `first`.
    """
    if text.count(b",") <= MAX_VALUES_OF_STATEMENT:
        return
    depth = index = values = 0
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark in {b"{", b"["}:
            depth += 1
            if depth > MAX_DEPTH:
                return  # which is refused in its own words
        elif mark in {b"}", b"]"}:
            depth -= 1
        elif mark == b",":
            values += 1
            if depth <= 0:
                index, values = index + 1, 0
            elif values > MAX_VALUES_OF_STATEMENT:
                path = "$" if first is None else f"$[{first + index}]"
                raise TooLarge(f"the statement {path}", MAX_VALUES_OF_STATEMENT, "values")


def _parse_body(body: bytes) -> list[Parsed]:
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
    return [Parsed(one, text, form == _COMPACT) for one, text, _, form in _cut(value, body, 0)]


def parse_statement(body: bytes, max_bytes: int | None = None) -> Parsed:
    """Parse the body of PUT /statements: exactly one object (2.1.1)."""
    if body.lstrip(_SPACE)[:1] == b"[":
        raise InvalidStatement("$", "must be one statement, not an array")
    return parse_statements(body, max_bytes)[0]


def parse_json(text: bytes | str, parameter: str = "$") -> Any:
    """Parse any JSON text with the same strictness (agent parameters, documents).

    InvalidStatement at `parameter`.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if _is_long(data, data.count(b",")):
        return _scan_whole(data, parameter).value
    try:
        value = orjson.loads(data)
        if orjson.dumps(value) == data:
            check_depth(data, parameter)
            return value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        pass
    return _scan_whole(data, parameter).value


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
        check_depth(body, "$")
        return Parsed(value, body, False)
    return _scan_whole(body, "$")


class _LongArray:
    """An array of statements that is read in windows: once to prove it, once more to use each."""

    def __init__(self, body: bytes, most: int) -> None:
        self._body, self._most = body, most
        self._places = array("q")  # start, end and form of each statement

    def statements(self) -> Lazy[Parsed]:
        """Return the statements, each read when it is asked for; raises what `parse_statements` does."""
        try:
            self._survey()
        except InvalidStatement as error:
            fault = error
        else:
            return Lazy(len(self._places) // 3, self._read)
        for _ in _scan_array(
            decode(self._body, "$")
        ):  # tells the place within the whole body, and keeps nothing
            pass
        raise fault

    def _survey(self) -> None:
        """Note where the statements stand."""
        body = self._body
        position = self._after_space(body.index(b"[") + 1)
        if body[position : position + 1] != b"]":
            while True:
                end = self._end_of_window(position)
                if end == 0 or not self._note_window(position, end):
                    self._note_rest(position)
                    return
                position = self._after_space(end)
                if body[position : position + 1] != b",":
                    break
                position = self._after_space(position + 1)
        if body[position : position + 1] != b"]" or self._after_space(position + 1) != len(body):
            raise InvalidStatement("$", "is not JSON")

    def _after_space(self, position: int) -> int:
        found = _NO_SPACE.search(self._body, position)
        return found.start() if found else len(self._body)

    def _end_of_window(self, start: int) -> int:
        """Return where a window that begins with a statement may end, behind another; 0 where none is seen.

        As many brackets are opened as closed there; what is in texts may deceive, then decoding fails.
        """
        body, at = self._body, start + _WINDOW
        if len(body) - start <= 2 * _WINDOW:
            return max(start, body.rfind(b"]"))
        still_open = body.count(b"{", start, at) - body.count(b"}", start, at)
        for found in _BETWEEN.finditer(body, at, start + 4 * _WINDOW):
            end = found.start() + 1
            still_open += body.count(b"{", at, end) - body.count(b"}", at, end)
            if not still_open:
                return end
            at = end
        return 0

    def _note_window(self, start: int, end: int) -> bool:
        """Note the statements of a window; tell whether it is one that can be decoded at once."""
        first = len(self._places) // 3
        window = self._body[start:end]
        _refuse_many_values(window, first)
        window = b"[%b]" % window
        try:
            values: list[Any] = orjson.loads(window)
        except (orjson.JSONDecodeError, RecursionError):
            return False
        for value, text, begin, form in _cut(values, window, first):
            self._note(value, text, begin + start - 1, form)
        return bool(values)

    def _note_rest(self, start: int) -> None:
        """Note the statements from `start` on with the exact scanner."""
        first = len(self._places) // 3
        if self._body.count(b",", start) > MAX_VALUES_OF_STATEMENT:
            _refuse_many_values(self._body[start:], first)
        try:
            string = str(memoryview(self._body)[start:], "utf-8")
        except UnicodeDecodeError:
            raise InvalidStatement("$", "is not JSON") from None
        for value, text, begin, form in _scan_items(string, 0, first):
            self._note(value, text, begin + start, form)

    def _note(self, value: Any, text: bytes, start: int, form: int) -> None:
        """Note a statement."""
        index = len(self._places) // 3
        if index >= MAX_BATCH:
            raise TooLarge("the batch", MAX_BATCH, "statements")
        if form == _COMPACT:
            check_depth(text, f"$[{index}]")
        if len(text) > self._most:
            _bounded(Parsed(value, b"", False), self._most, f"$[{index}]")
        self._places.extend((start, start + len(text), form))

    def _read(self, index: int) -> Parsed:
        """Read a statement again, in the way that was found right."""
        start, end, form = self._places[3 * index : 3 * index + 3]
        text = self._body[start:end]
        if form == _EXACT:
            parsed = Parsed(scan(text.decode(), 0, f"$[{index}]")[0], text, False)
        else:
            parsed = Parsed(orjson.loads(text), text, form == _COMPACT)
        return _bounded(parsed, self._most, f"$[{index}]") if len(text) > self._most else parsed


def _cut(values: list[Any], body: bytes, first: int) -> Iterator[_Found]:
    """Cut the array at the lengths of its encoded statements; the first of them has the number `first`.

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
            yield value, text, position, _COMPACT
        else:
            end = body.find(b"," + following, position) if following else body.rfind(b"]")
            path = f"$[{first + index}]"
            # compiled, a slice that ends before it begins is an error of the interpreter
            found = _read_slice(value, text, body[position:end], position, path) if end >= position else None
            if found is None:
                yield from islice(_scan_array(decode(body, "$"), first), index, None)
                return
            yield found
        position, text = end + 1, following


def _read_slice(value: Any, encoded: bytes, text: bytes, start: int, path: str) -> _Found | None:
    """Return a statement that encodes otherwise than it was sent; None as `_scan_slice`."""
    if encoded and _same_but_for_zeros(encoded, text):
        check_depth(text, path)
        return value, text, start, _ZEROS_APART
    return _scan_slice(text, start, path)


def _same_but_for_zeros(one: bytes, other: bytes) -> bool:
    """Tell whether two JSON texts differ only in zeros at the end of fractions: 0.5 and 0.50.

    `one` is the encoding of what `other` was decoded to, so their strings are equal once nothing but zeros
    was cut off: a repeated key or a shortened number would leave other characters over.
    """
    return _ZEROS.sub(rb"\1", one) == _ZEROS.sub(rb"\1", other)


def _scan_slice(text: bytes, start: int, path: str) -> _Found | None:
    """Read one statement that should fill the slice.

    None when it does not, so that the whole body must be read.
    """
    try:
        string = text.decode()
        value, end = scan(string, skip(string, 0), path)
    except (InvalidStatement, UnicodeDecodeError):
        return None
    if string[end:].strip(" \t\r\n"):
        return None
    start += len(text) - len(text.lstrip(_SPACE))
    return value, text.strip(_SPACE), start, _EXACT


def _parse_slowly(body: bytes) -> list[Parsed]:
    string = decode(body, "$")
    if string[(start := skip(string, 0)) : start + 1] != "[":
        return [_scan_whole(body, "$")]
    return [Parsed(value, text, False) for value, text, _, _ in _scan_array(string)]


def _scan_array(string: str, first: int = 0) -> Iterator[_Found]:
    """Read an array with the exact scanner, one statement after the other, numbered from `first`."""
    position = skip(string, string.index("[") + 1)
    if string[position : position + 1] != "]":
        yield from _scan_items(string, position, first)
    elif (end := skip(string, position + 1)) != len(string):
        malformed(string, end, "something follows the array", "$")


def _scan_items(string: str, position: int, first: int) -> Iterator[_Found]:
    """Read what follows the opening of an array or a comma in it, up to its end."""
    passed, at = 0, 0  # characters, and the bytes that they are
    count = 0
    while True:
        value, end = scan(string, position, f"$[{first + count}]")
        start = at + len(string[passed:position].encode())
        text = string[position:end].encode()
        passed, at = end, start + len(text)
        yield value, text, start, _EXACT
        del value, text
        count += 1
        position = skip(string, end)
        mark = string[position : position + 1]
        position = skip(string, position + 1)
        if mark == "]":
            break
        if mark != ",":
            malformed(string, position - 1, "expecting ',' or ']'", "$")
        if first + count >= MAX_BATCH:
            raise TooLarge("the batch", MAX_BATCH, "statements")
    if skip(string, position) != len(string):
        malformed(string, position, "something follows the array", "$")


def _scan_whole(body: bytes, path: str) -> Parsed:
    string = decode(body, path)
    start = skip(string, 0)
    value, end = scan(string, start, path)
    rest = skip(string, end)
    if rest != len(string):
        malformed(string, rest, "something follows the value", path)
    text = body if start == 0 and end == len(string) else string[start:end].encode("utf-8")
    return Parsed(value, text, False)
