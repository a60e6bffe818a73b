"""Scores of SCORM as scores of xAPI."""

from __future__ import annotations

from lrs.content.attempts.results.values import Score


def scored(
    raw: float | None, lowest: float | None, highest: float | None, scaled: float | None
) -> Score | None:
    """Return the score that the four elements make, None where they make none.

    Without `scaled` it follows from the range, else from a raw score within 0 to 100. A range that does not
    hold the raw score is dropped rather than the statement lost.
    """
    if raw is None and scaled is None:
        return None
    low, high = _range(raw, lowest, highest)
    if scaled is None and raw is not None:
        scaled = _scale(raw, low, high)
    return Score(raw, low, high, None if scaled is None else min(1.0, max(-1.0, scaled)))


def _range(
    raw: float | None, lowest: float | None, highest: float | None
) -> tuple[float | None, float | None]:
    if lowest is None and highest is not None and highest > 0 and (raw is None or raw >= 0):
        lowest = 0.0  # as content means it that names only the highest
    if lowest is None or highest is None or lowest >= highest:
        return None, None
    if raw is not None and not lowest <= raw <= highest:
        return None, None
    return lowest, highest


def _scale(raw: float, low: float | None, high: float | None) -> float | None:
    if low is not None and high is not None:
        return round((raw - low) / (high - low), 6)
    return round(raw / 100, 6) if 0 <= raw <= 100 else None
