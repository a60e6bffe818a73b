"""Bodies of POST /statements that take much memory where something gathers what it should go through."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Final

import orjson
from factories import make_statement, new_id, reference

MB: Final = 1024 * 1024
JSON: Final = "application/json"


def _with(value: Any) -> dict[str, Any]:
    return make_statement(result={"extensions": {"https://x.example/e": value}})


def _batch(size: int, make: Callable[[], dict[str, Any]]) -> bytes:
    one = len(orjson.dumps(make())) + 1
    return orjson.dumps([make() for _ in range(min(10_000, (size - MB // 8) // one))])


def _defined(size: int) -> bytes:
    """Statements that each define an activity of their own, and name a learner of their own."""

    def make() -> dict[str, Any]:
        activity = f"http://example.com/{new_id()}"
        return make_statement(
            actor={"mbox": f"mailto:{new_id()}@x.example", "name": new_id()},
            object={
                "id": activity,
                "definition": {"name": {"en": new_id()}, "description": {"en": "x" * 200}},
            },
        )

    return _batch(size, make)


def _linked(size: int) -> bytes:
    """Statements that each refer to the one before."""
    before = [new_id()]

    def make() -> dict[str, Any]:
        statement = make_statement(
            object=reference(before[0]), result={"extensions": {"https://x.example/e": "x" * 600}}
        )
        before[0] = statement["id"]
        return statement

    return _batch(size, make)


def _spaced(size: int) -> bytes:
    one = make_statement(result={"score": {"raw": 0.5}})
    each = len(json.dumps(one)) + 2
    made = [make_statement(result={"score": {"raw": 0.5}}) for _ in range((size - MB // 8) // each)]
    return json.dumps(made).encode()


BODIES: Final[dict[str, Callable[[int], bytes]]] = {
    "many small": lambda size: _batch(size, make_statement),
    "one large": lambda size: orjson.dumps(_with("x" * (size - 2000))),
    "few large": lambda size: orjson.dumps([_with("x" * (size // 4)) for _ in range(3)]),
    "deep numbers": lambda size: _batch(size, lambda: _with([[index, 0.5] for index in range(50)])),
    "many values": lambda size: _batch(size, lambda: _with([{"a": 1}] * 10_000)),
    "as many values as one may hold": lambda size: orjson.dumps([_with([[]] * 99_000)]) + b" " * (size // 2),
    "exact numbers": lambda size: _batch(size, lambda: _with("§")).replace("§".encode(), b'",1.10,1e400,"')
    .replace(b'"",', b"[").replace(b',""', b"]"),
    "spaced": _spaced,
    "definitions": _defined,
    "references": _linked,
}  # fmt: skip


def with_attachments(size: int, boundary: str = "b") -> tuple[bytes, str]:
    """Return a multipart body of statements with attachments of 100 KB, and its Content-Type."""
    contents = [new_id().encode() * 2800 for _ in range(size // (110 * 1024))]
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    statements = [
        make_statement(attachments=[{
            "usageType": "http://x.example/u", "display": {"en": "x"}, "contentType": "text/plain",
            "length": len(content), "sha2": sha2,
        }])
        for content, sha2 in zip(contents, hashes, strict=True)
    ]  # fmt: skip
    pieces = [f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode(), orjson.dumps(statements)]
    for content, sha2 in zip(contents, hashes, strict=True):
        head = (
            f"\r\n--{boundary}\r\nContent-Type: text/plain\r\n"
            f"Content-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {sha2}\r\n\r\n"
        )
        pieces += [head.encode(), content]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/mixed; boundary={boundary}"
