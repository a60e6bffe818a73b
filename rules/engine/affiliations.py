"""Who belongs to an organization when: the one definition, as a span, as a test and as a MongoDB filter.

An affiliation holds in [the later of `from` and `confirmed_at`, `until`); an open `from` or `until` has no
limit on that side, and what was never confirmed never holds. A last day that is known and still ahead ends
nothing before it comes. A person belongs to an organization while an affiliation with it holds, and counts
for it (cert#5-1, cert#5-5) while one that is primary does: there is at most one of those at any instant.

Decided 2026-11-29: whoever waits for confirmation, or begins later, does not belong yet; listings of the
people of an organization leave them out, and those who wait are listed apart (`lrs people pending`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
Span = tuple[dt.datetime, dt.datetime | None]


def span_of(affiliation: Mapping[str, Any]) -> Span | None:
    """Return from when until when an affiliation holds, None for one that never does; an open end is None."""
    confirmed, until = affiliation.get("confirmed_at"), affiliation.get("until")
    if confirmed is None:
        return None
    start = max(affiliation.get("from") or confirmed, confirmed)
    return (start, until) if until is None or start < until else None


def holds(affiliation: Mapping[str, Any], at: dt.datetime) -> bool:
    """Tell whether an affiliation holds at an instant."""
    span = span_of(affiliation)
    return span is not None and span[0] <= at and (span[1] is None or at < span[1])


def holding(at: dt.datetime) -> Document:
    """Return the filter of the affiliations that hold at an instant."""
    begun = {"$or": [{"from": None}, {"from": {"$lte": at}}]}
    return {"confirmed_at": {"$lte": at}, "$and": [begun, unended(at)]}


def unended(at: dt.datetime) -> Document:
    """Return the filter of the affiliations that have not ended then: they hold, wait or are to come."""
    return {"$or": [{"until": None}, {"until": {"$gt": at}}]}
