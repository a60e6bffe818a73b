"""What one round of the engine did, and what the decisions of a batch write."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from rules.engine.queues.outbox import Event

Document = dict[str, Any]


@dataclass(slots=True)
class RoundResult:
    """What one round did."""

    marks: int = 0
    people: int = 0
    facts: int = 0
    events: int = 0
    failures: int = 0
    lag: dt.timedelta = dt.timedelta()  # how long the oldest mark had waited
    changed: list[Document] = field(default_factory=list)  # what the view said otherwise, by person

    def add(self, other: RoundResult) -> None:
        """Add the numbers of another round."""
        self.marks += other.marks
        self.people += other.people
        self.facts += other.facts
        self.events += other.events
        self.failures += other.failures
        self.lag = max(self.lag, other.lag)
        self.changed += other.changed


@dataclass(slots=True)
class Writes:
    """All that the decisions of a batch change; written in one transaction."""

    facts: list[Document] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    standings: list[Document] = field(default_factory=list)
    awards: list[Document] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)  # ids of standings and awards that the view has
    moved: set[str] = field(default_factory=set)  # persons whose standing changed: their organizations' tiers

    dropped: list[str] = field(default_factory=list)  # ids of standings that nothing supports any more
    merged: dict[str, Document] = field(default_factory=dict)  # awards that are part of others: person, award

    def __bool__(self) -> bool:
        return bool(self.facts or self.events or self.standings or self.awards or self.gone or self.dropped)

    def changed(self) -> list[Document]:
        """Return what differs from the view, for a report."""
        found = [
            {"person": row["person"], "certification": row["certification"], "what": what}
            for what, rows in (("standing", self.standings), ("award", self.awards))
            for row in rows
        ]
        for one in self.dropped:
            person, _, certification = one.partition("/")
            found.append({"person": person, "certification": certification, "what": "standing dropped"})
        return found
