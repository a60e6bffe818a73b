"""Change single members of a JSON text and leave every other byte as it is."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from json import JSONDecoder, decoder
from typing import Any, Final

import orjson

from statements.parsing.parse import Parsed

Path = tuple[str, ...]


class _Wrap:
    """Marks a member that becomes an array of one: the member itself, in brackets."""


WRAP: Final = _Wrap()
Changes = Mapping[Path, bytes | _Wrap]

_SPACE = " \t\r\n"
_DECODER: Any = JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_scan_once: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once
_scan_string: Callable[[str, int, bool], tuple[str, int]] = vars(decoder)["scanstring"]


def replace_members(parsed: Parsed, changes: Changes) -> bytes:
    """Return the text with the named members replaced by JSON texts.

    Every path exists, the rest keeps its bytes.
    """
    if not changes:
        return parsed.text
    if parsed.compact:  # encoding again is exact: that is what `compact` says
        return orjson.dumps(_replaced(parsed.value, changes))
    text = parsed.text.decode("utf-8")
    edits = []
    for path, new in changes.items():
        start, end = _span(text, path)
        edits.append((start, end, f"[{text[start:end]}]" if isinstance(new, _Wrap) else new.decode("utf-8")))
    for start, end, new_text in sorted(edits, reverse=True):
        text = text[:start] + new_text + text[end:]
    return text.encode("utf-8")


def append_members(text: bytes, members: bytes) -> bytes:
    """Return the object `text` with more members at its end; `members` begins with a comma."""
    return b"".join((memoryview(text)[: text.rindex(b"}")], members, b"}"))


def _replaced(value: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """Return a copy with the members replaced; only objects on the way to one are copied."""
    result = dict(value)
    for path, new in changes.items():
        target = result
        for step in path[:-1]:
            inner = target[step] = dict(target[step])
            target = inner
        name = path[-1]
        target[name] = [target[name]] if isinstance(new, _Wrap) else orjson.Fragment(new)
    return result


def _span(text: str, path: Path) -> tuple[int, int]:
    """Return where the value of a member stands in the text."""
    start, end = 0, len(text)
    for name in path:
        start, end = _member(text, start, name)
    return start, end


def _member(text: str, position: int, name: str) -> tuple[int, int]:
    """Return where the value of one member of the object at `position` stands.

    KeyError when there is none.
    """
    for key, _, start, end in _members(text, position):
        if key == name:
            return start, end
    raise KeyError(name)


def _members(text: str, position: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, its start, start and end of the value of every member of the object at `position`."""
    position = _skip(text, _skip(text, position) + 1)
    while text[position] == '"':
        name_start = position
        name, position = _scan_string(text, position + 1, True)
        start = _skip(text, _skip(text, position) + 1)
        _, position = _scan_once(text, start)
        yield name, name_start, start, position
        position = _skip(text, position)
        if text[position] != ",":
            break
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


def merge_objects(older: bytes, newer: bytes) -> bytes:
    """Return one JSON object with the members of both, each in its own bytes; the newer ones win."""
    merged: dict[str, str] = {}
    for text in (older.decode("utf-8"), newer.decode("utf-8")):
        for name, start, _, end in _members(text, 0):
            merged[name] = text[start:end]
    return ("{" + ",".join(merged.values()) + "}").encode("utf-8")
