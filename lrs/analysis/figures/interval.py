"""An estimate with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval; all None where nothing can be said."""

    value: float | None
    low: float | None = None
    high: float | None = None
