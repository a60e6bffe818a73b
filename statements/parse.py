"""Bytes to statements without loss: every number, key and string is kept as it was written."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_DEPTH = 200
MAX_STATEMENT_BYTES = 4 * 1024 * 1024
MAX_BATCH = 10_000


class Parsed(NamedTuple):
    """One JSON value and its exact text.

    `compact` tells that encoding `value` with orjson gives `text` again, byte for byte. Numbers that a double
    cannot carry are `Decimal`.
    """

    value: Any
    text: bytes
    compact: bool


def parse_statements(body: bytes) -> list[Parsed]:
    """Parse the body of POST /statements: one object or an array of objects (Communication 2.1.2).

    Raises InvalidStatement with the place, or TooLarge.
    """
    raise NotImplementedError


def parse_statement(body: bytes) -> Parsed:
    """Parse the body of PUT /statements: exactly one object (2.1.1)."""
    raise NotImplementedError


def parse_json(text: bytes | str, parameter: str = "$") -> Any:
    """Parse any JSON text with the same strictness (agent parameters, documents); InvalidStatement at `parameter`."""
    raise NotImplementedError
