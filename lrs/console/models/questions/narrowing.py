"""One filter for all questions of a dashboard: a partner, a certification, days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.evaluation.timeline import HELD_STATES

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Statements of people of an organization, of people who held a certification then, of a span of time."""

    organization: str | None = None
    certification: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def __bool__(self) -> bool:
        return any((self.organization, self.certification, self.since, self.until))

    def of(self, body: Mapping[str, Any]) -> Document:
        """Return an expression with these conditions beside its own."""
        own = [body["filter"]] if "filter" in body else []
        return {**body, "filter": {"all": [*own, *self._conditions()]}}

    def _conditions(self) -> list[Document]:
        found: list[Document] = []
        if self.organization:
            found.append({"field": "person.organization", "eq": self.organization})
        if self.certification:
            held = {"certification": self.certification, "in": sorted(HELD_STATES)}
            found.append({"field": "person.award", **held})
        if self.since:
            found.append({"field": "timestamp", "gte": self.since.isoformat()})
        if self.until:
            found.append({"field": "timestamp", "lte": self.until.isoformat()})
        return found
