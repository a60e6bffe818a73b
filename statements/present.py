"""Statements going out: exact bytes are passed through, ids and canonical are rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from statements.query import Format

Definitions = Callable[[set[str]], Mapping[str, dict[str, Any]]]


def present(
    raws: Sequence[bytes], format_: Format, accept_language: str | None, definitions: Definitions
) -> list[bytes]:
    """Return each statement in the format asked for; `definitions` gives canonical activity definitions."""
    raise NotImplementedError


def statement_result(statements: Sequence[bytes], more: str) -> bytes:
    """Return the StatementResult object (Data 2.5) around statements that are presented already."""
    raise NotImplementedError


def attachment_hashes(raws: Sequence[bytes]) -> set[str]:
    """Return the lower-case sha2 of every attachment named by these statements and their SubStatements."""
    raise NotImplementedError
