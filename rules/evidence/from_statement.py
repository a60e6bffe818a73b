"""Make `Evidence` from a stored statement document (cert#2.4, cert#4.1, cert#4.3-2)."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import orjson

from rules.evidence.history import Evidence, Number
from rules.evidence.selectors import practice_mode
from statements.parsing.actor import ifi

PersonOf = Callable[[str, dt.datetime], str | None]
"""From an IFI and an effective instant to the id of the person who owned it then."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_FRACTION = re.compile(r"^(.*T\d\d:\d\d:\d\d)(?:[.,](\d+))?(.*)$", re.IGNORECASE)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _nobody(_ifi: str, _at: dt.datetime) -> str | None:
    return None


def evidence(document: Mapping[str, Any], person_of: PersonOf = _nobody) -> Evidence:
    """Return a statement document of collection `statements` as the engine sees it.

    `person_of` resolves the signer: the person of `context.instructor`, else of an Agent in `authority`
    (cert#2.4). Instants have microseconds: `stored` from the order key, `timestamp` with `timestamp_us`.
    UUIDs may be the 16 bytes they are stored as.
    """
    stored = stored_at(document)
    timestamp = _timestamp(document)
    at = min(timestamp, stored) if timestamp is not None else stored
    score = document.get("score")
    scaled = number(score["scaled"]) if score and "scaled" in score else None
    registration = document.get("registration")
    target = document["object"]
    pairs = document.get("extensions")
    return Evidence(
        id=_uuid_text(document["id"]),
        at=at,
        stored=stored,
        verb=document["verb"],
        activity=target["id"] if target.get("type", "Activity") == "Activity" else "",
        timestamp=timestamp,
        known_at=known_since(document, stored) if "behind" in document else None,
        voided_at=_aware(document.get("voided")),
        registration=_uuid_text(registration) if registration is not None else None,
        score=scaled if scaled is not None or not score else score_value(score),
        scaled=scaled,
        raw=number(score["raw"]) if score and "raw" in score else None,
        success=document.get("success"),
        completion=document.get("completion"),
        platform=document.get("platform"),
        language=document.get("language"),
        parent=tuple(document.get("parent") or ()),
        grouping=tuple(document.get("grouping") or ()),
        category=tuple(document.get("category") or ()),
        result_extensions=_extensions(document, "result") if pairs else _NOTHING,
        context_extensions=_extensions(document, "context") if pairs else _NOTHING,
        signer=_signer(document, at, person_of),
        client_label=document.get("client_label"),
        controlled_by=document.get("controlled_by", "vendor"),
        practice=practice_mode(pairs) if pairs else False,
        beyond_launch="beyond_launch" in document,
    )


def _uuid_text(value: Any) -> str:
    """Return the text of a UUID, or of the 16 bytes that it is stored as."""
    if not isinstance(value, bytes):
        return str(value)
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def stored_at(document: Mapping[str, Any]) -> dt.datetime:
    """Return `stored` with microseconds: the first eight bytes of the order key, else the field."""
    order_key = document.get("_id")
    if isinstance(order_key, bytes) and len(order_key) == 16:
        return _EPOCH + dt.timedelta(microseconds=int.from_bytes(order_key[:8], "big"))
    stored: dt.datetime = document["stored"]
    return stored if stored.tzinfo else stored.replace(tzinfo=dt.UTC)


def known_since(document: Mapping[str, Any], stored: dt.datetime) -> dt.datetime:
    """Return when the store learnt of a statement: a batch is known whole, as its last one is stored."""
    return stored + dt.timedelta(microseconds=document.get("behind", 0))


def _timestamp(document: Mapping[str, Any]) -> dt.datetime | None:
    """Return `timestamp` with the microseconds that a BSON date leaves out."""
    timestamp = _aware(document.get("timestamp"))
    rest = document.get("timestamp_us")
    return timestamp + dt.timedelta(microseconds=rest) if timestamp is not None and rest else timestamp


def _extensions(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the extensions of result or context; from `raw` where one was too long for the typed field."""
    pairs = document["extensions"]
    if all("v" in pair for pair in pairs) or "raw" not in document:
        return {pair["k"]: pair.get("v") for pair in pairs if pair["where"] == where}
    found: dict[str, Any] = orjson.loads(document["raw"]).get(where, {}).get("extensions", {})
    return found


def parse_instant(text: str) -> dt.datetime:
    """Return an RFC 3339 instant in UTC, cut to microseconds; a text without offset is UTC.

    An instant beyond the calendar in UTC is read by its own clock, as that of a statement is.
    """
    match = _FRACTION.match(text.strip())
    if match is None:
        value = dt.datetime.fromisoformat(text)
    else:
        fraction = (match[2] or "")[:6].ljust(6, "0")
        value = dt.datetime.fromisoformat(f"{match[1]}.{fraction}{match[3]}")
    if value.tzinfo is None:
        return value.replace(tzinfo=dt.UTC)
    try:
        return value.astimezone(dt.UTC)
    except OverflowError:
        return value.replace(tzinfo=dt.UTC)


def _aware(value: dt.datetime | None) -> dt.datetime | None:
    return value.replace(tzinfo=dt.UTC) if value is not None and value.tzinfo is None else value


def _signer(document: Mapping[str, Any], at: dt.datetime, person_of: PersonOf) -> str | None:
    """Return the person of `context.instructor`, else of an Agent in `authority` (cert#2.4)."""
    instructor = document.get("instructor")
    if instructor is not None:
        person = person_of(instructor, at)
        if person is not None:
            return person
    return next((p for ifi in _authorities(document) if (p := person_of(ifi, at)) is not None), None)


def _authorities(document: Mapping[str, Any]) -> list[str]:
    """Return the Agents of `authority`: itself, or the members of a Group of client and user."""
    authority = document.get("authority")
    if authority is not None:
        return [authority]
    if "raw" not in document:
        return []
    members = (orjson.loads(document["raw"]).get("authority") or {}).get("member", ())
    return [found for member in members if (found := ifi(member)) is not None]


def number(value: Any) -> Decimal | None:
    """Return a stored or written number as the decimal that was received; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return _of_float(value)
    to_decimal = getattr(value, "to_decimal", None)  # bson.Decimal128, without importing bson here
    return to_decimal() if to_decimal is not None else None


@lru_cache(maxsize=4096)
def _of_float(value: float) -> Decimal:
    return Decimal(repr(value))


def score_value(score: Mapping[str, Any]) -> Number | None:
    """Return the value of a score by 4.3-2; None where it gives none.

    `scaled`; if absent (raw - min) / (max - min) with `min` default 0 and `max` > `min` required.
    """
    scaled = number(score.get("scaled"))
    if scaled is not None:
        return scaled
    raw, high = number(score.get("raw")), number(score.get("max"))
    low = number(score.get("min")) or Decimal(0)
    if raw is None or high is None or not high > low:
        return None
    exact = (Fraction(raw) - Fraction(low)) / (Fraction(high) - Fraction(low))
    rounded = (raw - low) / (high - low)
    return rounded if Fraction(rounded) == exact else exact
