"""The exact reading of JSON: every key, the digits of every number, and the place of every fault."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from statements.errors import InvalidStatement

MAX_DEPTH = 200

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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


def decode(body: bytes, path: str) -> str:
    """Return the text of a body; raises InvalidStatement where it is not UTF-8."""
    if body[:3] == b"\xef\xbb\xbf":
        raise InvalidStatement(path, "starts with a byte order mark; JSON is plain UTF-8")
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in body[:4]:
        raise InvalidStatement(path, "must be UTF-8, not UTF-16 or UTF-32")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidStatement(path, f"is not UTF-8 at byte {error.start}") from error


def skip(string: str, position: int) -> int:
    """Return the place of the first character that is not white space."""
    match = _SPACE.match(string, position)
    return match.end() if match else position


def malformed(string: str, position: int, reason: str, path: str) -> NoReturn:
    """Raise InvalidStatement with line and column."""
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


def scan(string: str, position: int, path: str) -> tuple[Any, int]:
    """Read one value at `position`; return it and where it ends."""
    try:
        value, end = _scan_once(string, position)
    except JSONDecodeError as error:
        malformed(string, error.pos, error.msg.lower(), path)
    except StopIteration as error:
        malformed(string, error.value, "expecting a value", path)
    except RecursionError:
        raise InvalidStatement(path, f"is nested deeper than {MAX_DEPTH} levels") from None
    except _DuplicateKey:
        raise InvalidStatement(*_find_duplicate(string, position, path)) from None
    except _NoNumber as error:
        raise InvalidStatement(path, f"is not JSON: {error} is no number of JSON") from None
    text = string[position:end]
    if "\\u" in text:
        _check_surrogates(value, path)
    check_depth(text.encode("utf-8"), path)
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


def check_depth(text: bytes, path: str) -> None:
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
