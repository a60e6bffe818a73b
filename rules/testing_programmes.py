"""Tests of PartnerTiers and Gate documents: rosters and questions in, differing answers out (2.10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rules.model import Gate, PartnerTiers


def tiers_differences(document: PartnerTiers, test: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (organization, expected tier, observed tier) where they differ."""
    raise NotImplementedError


def gate_differences(
    document: Gate, order: tuple[str, ...], test: Mapping[str, Any]
) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield (row, question, key, expected, observed) where an answer differs."""
    raise NotImplementedError
