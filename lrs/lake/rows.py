"""A statement's document as one row of the lake: texts still in the place of keys. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from bson import Decimal128

from lrs.lake.tables import ACTIVITY_LISTS
from statements.parsing.parse import parse_json
from statements.query.grouping import number

Row = dict[str, Any]
Document = Mapping[str, Any]

NUMBERS: Final = ("score.scaled", "score.raw", "score.min", "score.max", "duration_s")
"""The numbers of a row, in order of their two bits in `number_kinds`."""
DOUBLE, WHOLE, INEXACT = 0, 1, 2  # what MongoDB holds; INEXACT: no double with which the lake could reckon
EXTENSION_KINDS: Final = {"z": "null", "b": "truth", "i": "whole", "d": "double", "D": "inexact", "s": "text"}
LONG: Final = "x"  # a text beyond the searched length: only the statement itself holds it
SIGN: Final = 2**63
FIELDS: Final = (
    "org", "actor", "timestamp", "stored", "id", "actor_type", "verb", "object", "activity_type",
    "registration", "success", "completion", "score", "duration_s", "platform", "language", "instructor",
    *ACTIVITY_LISTS, "client", "client_label", "controlled_by", "authority", "version", "beyond_launch",
    "repairs", "origin", "extensions",
)  # fmt: skip
_MAY_ANSWER: Final = {"$or": [
    {"$eq": ["$verb", "http://adlnet.gov/expapi/verbs/answered"]},
    {"$eq": ["$activity_type", "http://adlnet.gov/expapi/activities/cmi.interaction"]},
]}  # fmt: skip
READ: Final = dict.fromkeys(FIELDS, 1) | {"raw": {"$cond": [_MAY_ANSWER, "$raw", "$$REMOVE"]}}
"""What a row is made of; the text of a statement is read where it may answer a question."""
LONGEST: Final = 4096  # characters of a response
_EXACT_INTEGER: Final = 2**53
_MOST: Final = 2.0**90  # below it, a sum of whole parts fits 128 bits
_FINEST: Final = 2**100  # the unit in which fractions are added up


def row_of(document: Document) -> Row:
    """Return the row of a statement that stands."""
    order = bytes(document["_id"])
    target, score, origin = document["object"], document.get("score", {}), document.get("origin", {})
    numbers = [_number(score.get(name.partition(".")[2])) for name in NUMBERS[:4]]
    numbers.append(_number(document.get("duration_s")))
    kind, object_id = target.get("type"), target.get("id")
    interaction, response = _answer(document.get("raw"))
    return {
        "org": document["org"],
        "actor": document.get("actor"),
        "timestamp": _aware(document["timestamp"]),
        "position_at": int.from_bytes(order[:8], "big"),
        "serial": int.from_bytes(order[8:], "big") - SIGN,
        "stored": _aware(document["stored"]),
        "id": str(document["id"]),
        "actor_type": document.get("actor_type"),
        "verb": document["verb"],
        "object_type": kind,
        "object_activity": object_id if kind == "Activity" else None,
        "object_actor": object_id if kind in {"Agent", "Group"} else None,
        "object_statement": object_id if kind == "StatementRef" else None,
        "activity_type": document.get("activity_type"),
        "registration": _text(document.get("registration")),
        "success": document.get("success"),
        "completion": document.get("completion"),
        **{name.replace(".", "_"): value for name, (value, _) in zip(NUMBERS, numbers, strict=True)},
        "number_kinds": sum(form << (2 * i) for i, (_, form) in enumerate(numbers)),
        "platform": document.get("platform"),
        "language": document.get("language"),
        "instructor": document.get("instructor"),
        **{name: document.get(name) for name in ACTIVITY_LISTS},
        "client": document.get("client"),
        "client_label": document.get("client_label"),
        "controlled_by": document.get("controlled_by"),
        "authority": document.get("authority"),
        "version": document.get("version"),
        "beyond_launch": document.get("beyond_launch"),
        "repairs": document.get("repairs"),
        "origin_stored": _aware(origin.get("stored")),
        "origin_authority": origin.get("authority"),
        "interaction_type": interaction,
        "response": response,
        "extensions": [_extension(one) for one in document.get("extensions", ())] or None,
    }


def _answer(raw: bytes | None) -> tuple[str | None, str | None]:
    """Return interaction type and response of a statement that may answer a question."""
    if raw is None:
        return None, None
    statement = parse_json(raw)
    response = statement.get("result", {}).get("response")
    kind = statement["object"].get("definition", {}).get("interactionType")
    return kind, response if response is None else response[:LONGEST]


def order_key(position_at: int, serial: int) -> bytes:
    """Return the order key (`_id`) of a statement from its row."""
    return position_at.to_bytes(8, "big") + (serial + SIGN).to_bytes(8, "big")


def position_of(order: bytes) -> tuple[int, int]:
    """Return what a row holds of an order key."""
    return int.from_bytes(order[:8], "big"), int.from_bytes(order[8:], "big") - SIGN


def checksum(row: Mapping[str, Any], names: Sequence[str]) -> int:
    """Return 64 bits that tell rows with other values apart; sums of them compare sets of rows."""
    text = repr([_steady(row[name]) for name in names])
    return int.from_bytes(blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")


def _steady(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, list | tuple):
        return [_steady(one) for one in value]
    return sorted(value.items()) if isinstance(value, Mapping) else value


def _number(value: Any) -> tuple[float | None, int]:
    if value is None:
        return None, DOUBLE
    if isinstance(value, Decimal128):
        return _finite(float(number(value))), INEXACT
    if isinstance(value, int):
        return float(value), WHOLE if abs(value) <= _EXACT_INTEGER else INEXACT
    return _finite(float(value)), DOUBLE if _can_be_added(value) else INEXACT


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _can_be_added(value: float) -> bool:
    """Tell whether sums of such numbers can be formed without any rounding, see `asking`."""
    if not math.isfinite(value) or abs(value) >= _MOST or (value == 0 and math.copysign(1, value) < 0):
        return False
    return value.as_integer_ratio()[1] <= _FINEST


def _extension(entry: Mapping[str, Any]) -> Row:
    one: Row = {"place": entry["where"], "k": entry["k"], "t": LONG, "n": None, "s": None}
    if "v" not in entry:
        return one
    value = entry["v"]
    if value is None:
        one["t"] = "z"
    elif isinstance(value, bool):
        one["t"], one["n"] = "b", float(value)
    elif isinstance(value, str):
        one["t"], one["s"] = "s", value
    else:
        one["n"], form = _number(value)
        one["t"] = ("d", "i", "D")[form]
    return one


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _aware(instant: dt.datetime | None) -> dt.datetime | None:
    return instant if instant is None or instant.tzinfo is not None else instant.replace(tzinfo=dt.UTC)
