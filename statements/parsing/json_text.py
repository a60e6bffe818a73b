"""Values to JSON text, exactly: also integers of any size and decimals of any length."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson


def dump_text(value: Any, *, sort_keys: bool = False) -> bytes:
    """Return compact JSON of a parsed value; reading it again gives an equal value."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
        return bytes(memoryview(text))  # orjson leaves 4 KB around a short one, up to ten times a long one
    except (orjson.JSONEncodeError, RecursionError):
        return _dump(value, sort_keys).encode("utf-8")


def _dump(value: Any, sort_keys: bool) -> str:
    if isinstance(value, dict):
        items = sorted(value.items()) if sort_keys else value.items()
        return (
            "{"
            + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_dump(v, sort_keys)}" for k, v in items)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_dump(item, sort_keys) for item in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
