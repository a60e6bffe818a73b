"""Make `Evidence` from a stored statement document (certification.md 2.4, 4.1, 4.3-2)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

from rules.history import Evidence, Number
from rules.selectors import practice_mode

PersonOf = Callable[[str, dt.datetime], str | None]
"""From an IFI and an effective instant to the id of the person who owned it then."""

_FINE_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"[^"]{20,23}\d')
_FRACTION = re.compile(r"^(.*T\d\d:\d\d:\d\d)(?:[.,](\d+))?(.*)$", re.IGNORECASE)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def _nobody(_ifi: str, _at: dt.datetime) -> str | None:
    return None


def evidence(document: Mapping[str, Any], person_of: PersonOf = _nobody) -> Evidence:
    """Return a statement document of collection `statements` as the engine sees it.

    `person_of` resolves the signer: the person of `context.instructor`, else of an Agent in `authority`
    (2.4). Instants have microseconds: `stored` from the order key, `timestamp` from `raw` where it is finer
    than the field.
    """
    stored = stored_at(document)
    timestamp = _timestamp(document)
    at = min(timestamp, stored) if timestamp is not None else stored
    score = document.get("score") or {}
    registration = document.get("registration")
    target = document["object"]
    pairs = document.get("extensions") or ()
    return Evidence(
        id=str(document["id"]),
        at=at,
        stored=stored,
        verb=document["verb"],
        activity=target["id"] if target.get("type", "Activity") == "Activity" else "",
        timestamp=timestamp,
        voided_at=_aware(document.get("voided")),
        registration=str(registration) if registration is not None else None,
        score=score_value(score) if score else None,
        scaled=number(score.get("scaled")),
        raw=number(score.get("raw")),
        success=document.get("success"),
        completion=document.get("completion"),
        platform=document.get("platform"),
        language=document.get("language"),
        parent=tuple(document.get("parent") or ()),
        grouping=tuple(document.get("grouping") or ()),
        category=tuple(document.get("category") or ()),
        result_extensions={p["k"]: p["v"] for p in pairs if p["where"] == "result"} if pairs else {},
        context_extensions={p["k"]: p["v"] for p in pairs if p["where"] == "context"} if pairs else {},
        signer=_signer(document, at, person_of),
        client_label=document.get("client_label"),
        controlled_by=document.get("controlled_by", "vendor"),
        practice=bool(pairs) and practice_mode(pairs),
    )


def stored_at(document: Mapping[str, Any]) -> dt.datetime:
    """Return `stored` with microseconds: the first eight bytes of the order key, else the field."""
    order_key = document.get("_id")
    if isinstance(order_key, bytes) and len(order_key) == 16:
        return _EPOCH + dt.timedelta(microseconds=int.from_bytes(order_key[:8], "big"))
    stored: dt.datetime = document["stored"]
    return stored if stored.tzinfo else stored.replace(tzinfo=dt.UTC)


def _timestamp(document: Mapping[str, Any]) -> dt.datetime | None:
    timestamp = _aware(document.get("timestamp"))
    raw = document.get("raw")
    if timestamp is None or raw is None or not _FINE_TIMESTAMP.search(raw):
        return timestamp
    text = orjson.loads(raw).get("timestamp")
    return parse_instant(text) if isinstance(text, str) else timestamp


def parse_instant(text: str) -> dt.datetime:
    """Return an RFC 3339 instant in UTC, cut to microseconds; a text without offset is UTC."""
    match = _FRACTION.match(text.strip())
    if match is None:
        value = dt.datetime.fromisoformat(text)
    else:
        fraction = (match[2] or "")[:6].ljust(6, "0")
        value = dt.datetime.fromisoformat(f"{match[1]}.{fraction}{match[3]}")
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def _aware(value: dt.datetime | None) -> dt.datetime | None:
    return value.replace(tzinfo=dt.UTC) if value is not None and value.tzinfo is None else value


def _signer(document: Mapping[str, Any], at: dt.datetime, person_of: PersonOf) -> str | None:
    """Return the person of `context.instructor`, else of an Agent in `authority` who is a person (2.4)."""
    instructor = document.get("instructor")
    if instructor is not None:
        person = person_of(instructor, at)
        if person is not None:
            return person
    authority = document.get("authority")
    for ifi in (authority,) if isinstance(authority, str) else authority or ():
        person = person_of(ifi, at)
        if person is not None:
            return person
    return None


def number(value: Any) -> Decimal | None:
    """Return a stored or written number as the decimal that was received; None for anything else."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    to_decimal = getattr(value, "to_decimal", None)  # bson.Decimal128, without importing bson here
    return to_decimal() if to_decimal is not None else None


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
