"""Documents of statements as columns of the lake: texts still in the place of keys. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import pyarrow as pa
from bson import Decimal128, Int64
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions

from lrs.lake.tables import ACTIVITY_LISTS, EXTENSION, KEY, KEYS, SCHEMAS, STATEMENTS
from statements.parsing.parse import parse_json
from statements.query.grouping import number

Document = Mapping[str, Any]
PLAIN: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    tz_aware=False, uuid_representation=UuidRepresentation.UNSPECIFIED
)
"""How documents are decoded: instants in UTC without a zone, UUIDs as their bytes."""

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
_IN_WORDS: Final = {KEY: pa.string(), KEYS: pa.list_(pa.string())}
TEXTUAL: Final = pa.schema([
    (one.name, one.type if one.name == "number_kinds" else _IN_WORDS.get(one.type, one.type))
    for one in SCHEMAS[STATEMENTS]
])  # fmt: skip
_AS_THEY_ARE: Final = (
    "org", "actor", "timestamp", "stored", "actor_type", "verb", "activity_type", "success", "completion",
    "platform", "language", "instructor", *ACTIVITY_LISTS, "client", "client_label", "controlled_by",
    "authority", "version", "beyond_launch", "repairs",
)  # fmt: skip
_OBJECTS: Final = {
    "object_activity": {"Activity"}, "object_actor": {"Agent", "Group"}, "object_statement": {"StatementRef"},
}  # fmt: skip
_NOTHING: Final[Mapping[str, Any]] = {}
LONGEST: Final = 4096  # characters of a response
_EXACT_INTEGER: Final = 2**53
_MOST: Final = 2.0**90  # below it, a sum of whole parts fits 128 bits
_FINEST_BITS: Final = 100  # 2^-100 is the unit in which fractions are added up


def table_of(documents: Sequence[Document]) -> pa.Table:
    """Return statements that stand, as `PLAIN` decodes them, as a table; texts in the place of keys.

    Column by column it takes a quarter of the time that row by row takes.
    """
    orders = [one["_id"] for one in documents]
    targets = [one["object"] for one in documents]
    scores, origins = ([one.get(name, _NOTHING) for one in documents] for name in ("score", "origin"))
    answers = [_answer(one.get("raw")) for one in documents]
    columns: dict[str, Any] = {name: [one.get(name) for one in documents] for name in _AS_THEY_ARE}
    columns |= {
        name: [one.get("id") if one.get("type") in kinds else None for one in targets]
        for name, kinds in _OBJECTS.items()
    }
    kinds = np.zeros(len(documents), np.int32)
    for i, name in enumerate(NUMBERS):
        head, _, tail = name.partition(".")
        values = [one.get(tail) for one in scores] if tail else [one.get(head) for one in documents]
        columns[name.replace(".", "_")], forms = numbers_of(values)
        kinds |= forms << (2 * i)
    columns |= {
        "position_at": [int.from_bytes(one[:8], "big") for one in orders],
        "serial": [int.from_bytes(one[8:], "big") - SIGN for one in orders],
        "id": _uuid_texts([one["id"] for one in documents]),
        "registration": _uuid_texts([one.get("registration") for one in documents]),
        "object_type": [one.get("type") for one in targets],
        "number_kinds": kinds,
        "origin_stored": [one.get("stored") for one in origins],
        "origin_authority": [one.get("authority") for one in origins],
        "interaction_type": [kind for kind, _ in answers],
        "response": [response for _, response in answers],
        "extensions": _extensions([one.get("extensions") for one in documents]),
    }
    return pa.table(columns, TEXTUAL)


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


def numbers_of(values: Sequence[Any]) -> tuple[pa.Array, Any]:
    """Return numbers as doubles, and of each in which of the three forms MongoDB holds it."""
    absent = np.fromiter((value is None for value in values), bool, len(values))
    double = np.fromiter((value.__class__ is float for value in values), bool, len(values))
    plain = set(map(type, values)) <= {int, float, Int64, type(None)}
    found = np.array([0 if value is None else value for value in values], np.float64 if plain else object)
    if not plain or (~double & (np.abs(found) >= _EXACT_INTEGER)).any():
        pairs = [_number(value) for value in values]
        forms = np.array([form for _, form in pairs], np.int32)
        return pa.array([one for one, _ in pairs], pa.float64()), forms
    with np.errstate(over="ignore", invalid="ignore"):
        fine = np.isfinite(found) & (np.abs(found) < _MOST) & ~((found == 0) & np.signbit(found))
        fine &= np.ldexp(found, _FINEST_BITS) % 1 == 0
    forms = np.where(double, np.where(fine, DOUBLE, INEXACT), np.where(absent, DOUBLE, WHOLE))
    return pa.array(found, mask=absent | ~np.isfinite(found)), forms.astype(np.int32)


def _number(value: Any) -> tuple[float | None, int]:
    """Return one number as `numbers_of` does."""
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
    return value.as_integer_ratio()[1] <= 1 << _FINEST_BITS


def _extensions(each: Sequence[Sequence[Mapping[str, Any]] | None]) -> pa.Array:
    """Return lists of extensions; null where there is none."""
    rows = [_extension(one) for some in each if some for one in some]
    columns = list(zip(*rows, strict=True)) or [()] * len(EXTENSION)
    parts = [pa.array(part, one.type) for part, one in zip(columns, EXTENSION, strict=True)]
    counts = np.fromiter((len(some) if some else 0 for some in each), np.int32, len(each))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    made = pa.StructArray.from_arrays(parts, fields=list(EXTENSION))
    return pa.ListArray.from_arrays(pa.array(offsets), made, mask=pa.array(counts == 0))


def _extension(entry: Mapping[str, Any]) -> tuple[str, str, str, float | None, str | None]:
    """Return the members of an extension in the order of `EXTENSION`."""
    place, key, value = entry["where"], entry["k"], entry.get("v", _NOTHING)
    if value is _NOTHING:
        return place, key, LONG, None, None
    if value is None:
        return place, key, "z", None, None
    if isinstance(value, bool):
        return place, key, "b", float(value), None
    if isinstance(value, str):
        return place, key, "s", None, value
    found, form = _number(value)
    return place, key, ("d", "i", "D")[form], found, None


def _uuid_texts(values: Sequence[bytes | None]) -> pa.Array:
    """Return UUIDs of sixteen bytes as texts."""
    there = [value for value in values if value is not None]
    digits = np.frombuffer(b"".join(there).hex().encode(), np.uint8).reshape(len(there), 32)
    texts = np.full((len(there), 36), ord("-"), np.uint8)
    for at, since, until in ((0, 0, 8), (9, 8, 12), (14, 12, 16), (19, 16, 20), (24, 20, 32)):
        texts[:, at : at + until - since] = digits[:, since:until]
    offsets = pa.py_buffer(np.arange(len(there) + 1, dtype=np.int32) * 36)
    found = pa.StringArray.from_buffers(len(there), offsets, pa.py_buffer(texts))
    if len(there) == len(values):
        return found
    absent = np.fromiter((value is None for value in values), bool, len(values))
    return found.take(pa.array(np.cumsum(~absent) - 1, pa.int32(), mask=absent))
