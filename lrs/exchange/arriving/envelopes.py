"""Statements that another product wrapped into a document of its own."""

from __future__ import annotations

import io
import re

import orjson

from lrs.exchange.json_stream import JsonStream

# A string, and the colon that makes it a key: strings follow each other, so none begins inside another.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?', re.DOTALL)


def unwrapped(text: bytes) -> bytes:
    """Return the statement inside Learning Locker's `{"statement": {...}, ...}`, any other text as it is.

    MongoDB had no dots in keys, so Learning Locker writes `&46;` for them; there they become dots again.
    """
    if b'"statement"' not in text:
        return text
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(value, dict) or "actor" in value or not isinstance(value.get("statement"), dict):
        return text
    stream = JsonStream(io.BytesIO(text))
    inner = {name: stream.value() for name in stream.members()}["statement"]
    return _STRING.sub(_dotted, inner).encode("utf-8", "surrogateescape")


def _dotted(found: re.Match[str]) -> str:
    return found[0].replace("&46;", ".") if found[1] else found[0]
