"""Evidence from documents as the engine reads them: UUIDs as the bytes that they are stored as."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from bson.binary import Binary

from rules.evidence.from_statement import evidence, number

AT = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def document(**more: Any) -> dict[str, Any]:
    return {
        "id": uuid.UUID("0A1B2C3D-4E5F-4A6B-8C7D-9E8F7A6B5C4D"),
        "stored": AT,
        "timestamp": AT,
        "verb": "http://adlnet.gov/expapi/verbs/passed",
        "object": {"type": "Activity", "id": "https://acme.example/exam"},
        **more,
    }


def test_a_uuid_as_bytes_is_the_text_of_the_uuid() -> None:
    name = uuid.UUID("0a1b2c3d-4e5f-4a6b-8c7d-9e8f7a6b5c4d")
    found = evidence(document(id=Binary(name.bytes, 4), registration=Binary(name.bytes, 4)))
    assert found == evidence(document(registration=name))
    assert (found.id, found.registration) == (str(name), str(name))


def test_a_score_is_the_decimal_that_was_received() -> None:
    found = evidence(document(score={"scaled": 0.1, "raw": 7}))
    assert (found.score, found.scaled, found.raw) == (Decimal("0.1"), Decimal("0.1"), Decimal(7))
    assert [number(value) for value in (0.1, 0.1, 1e22, None, True)] == [
        Decimal("0.1"), Decimal("0.1"), Decimal("1E+22"), None, None
    ]  # fmt: skip
    assert evidence(document(score={"raw": 3, "min": 1, "max": 5})).score == Decimal("0.5")
    assert evidence(document(score={})).score is None


def test_without_extensions_there_are_none_and_nobody_can_add_one() -> None:
    found = evidence(document())
    assert (dict(found.result_extensions), dict(found.context_extensions)) == ({}, {})
    assert not hasattr(found.result_extensions, "update")
