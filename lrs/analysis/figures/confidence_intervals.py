"""Confidence intervals at 95 % for shares, means and their differences (scipy)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import binomtest, t, ttest_1samp, ttest_ind

from lrs.analysis.figures.interval import Interval

CONFIDENCE = 0.95


def wilson(successes: int, n: int) -> Interval:
    """Return a share with its Wilson interval."""
    if n == 0:
        return Interval(None)
    found = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, float(found.low), float(found.high))


def rate_difference(first: Interval, second: Interval) -> Interval:
    """Return the difference of two shares with Newcombe's hybrid score interval."""
    (p, low_p, high_p), (q, low_q, high_q) = _triple(first), _triple(second)
    if math.isnan(p) or math.isnan(q):
        return Interval(None)
    below, above = math.hypot(p - low_p, high_q - q), math.hypot(high_p - p, q - low_q)
    return Interval(p - q, p - q - below, p - q + above)


def _triple(interval: Interval) -> tuple[float, float, float]:
    if interval.value is None or interval.low is None or interval.high is None:
        return math.nan, math.nan, math.nan
    return interval.value, interval.low, interval.high


def mean_interval(values: Sequence[float]) -> Interval:
    """Return a mean with its t interval; without one for fewer than two values."""
    if len(values) < 2 or len(set(values)) == 1:
        return Interval(sum(values) / len(values) if values else None)
    found = ttest_1samp(values, 0).confidence_interval(CONFIDENCE)
    return Interval(math.fsum(values) / len(values), float(found.low), float(found.high))


def mean_difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the difference of two means with Welch's interval."""
    if not first or not second:
        return Interval(None)
    difference = math.fsum(first) / len(first) - math.fsum(second) / len(second)
    if len(first) < 2 or len(second) < 2 or len({*first, *second}) == 1:
        return Interval(difference)
    found = ttest_ind(first, second, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval(difference, float(found.low), float(found.high))


def mean_from(n: int, mean: float | None, variance: float | None) -> Interval:
    """Return a mean with its t interval from a sample's size, mean and variance, as `mean_interval` does."""
    if mean is None or not variance or n < 2:
        return Interval(mean)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * math.sqrt(variance / n)
    return Interval(mean, mean - half, mean + half)


def mean_difference_from(
    first: tuple[int, float | None, float | None], second: tuple[int, float | None, float | None]
) -> Interval:
    """Return the difference of two means with Welch's interval, each from size, mean and variance."""
    (n, p, v), (m, q, w) = first, second
    if p is None or q is None:
        return Interval(None)
    if v is None or w is None or not v + w:
        return Interval(p - q)
    a, b = v / n, w / m
    freedom = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))
    half = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(a + b)
    return Interval(p - q, p - q - half, p - q + half)
