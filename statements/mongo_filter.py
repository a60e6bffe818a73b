"""Predicates as MongoDB filters; agrees with `predicate.matches` for every document."""

from __future__ import annotations

from typing import Any

from statements.predicate import Predicate


def render(predicate: Predicate) -> dict[str, Any]:
    """Return the filter that selects exactly the documents for which `matches` is true."""
    raise NotImplementedError
