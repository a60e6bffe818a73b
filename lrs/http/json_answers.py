"""Answers in JSON: what JSON has no number for (a sum beyond doubles, a mean of nothing) is null."""

from __future__ import annotations

import math
from typing import Any

from flask.json.provider import DefaultJSONProvider


class FiniteJSON(DefaultJSONProvider):
    """Flask's JSON, without the NaN and Infinity that Python's would write."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return the JSON text of a value."""
        try:
            return super().dumps(obj, **{**kwargs, "allow_nan": False})
        except ValueError:
            return super().dumps(finite(obj), **{**kwargs, "allow_nan": False})


def finite(value: Any) -> Any:
    """Return the value with null for every number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
