"""Award states and tiers as dated spans, read from the engine's view and facts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pymongo.database import Database

from rules.evaluation.timeline import ACTIVE_STATES

Document = dict[str, Any]
Instant = dt.datetime | None
AwardSpan = tuple[str, str, Instant, Instant]  # person, state, from, until
TierSpan = tuple[str, Instant, Instant]  # tier, from, until
Programmes = dict[str, list[TierSpan]]  # by programme: a tier is always a tier of one


def award_spans(db: Database[Document], certification: str, now: dt.datetime) -> Iterator[AwardSpan]:
    """Yield the states of everybody in a certification, up to now and on to the next change.

    `renewal_open` is told apart from `active` here, as everywhere.
    """
    wanted = {"org": "vendor", "certification": certification}
    for standing in db.standings.find(wanted, {"person": 1, "states": 1}):
        for state, start, end in state_spans(standing["states"]):
            if start is None or start <= now:
                yield standing["person"], state, start, end


def state_spans(states: Sequence[Document]) -> Iterator[tuple[str, Instant, Instant]]:
    """Yield (state, from, until) of a line of states; those of a mode that is only evaluated are left out."""
    for i, one in enumerate(states):
        end = states[i + 1]["at"] if i + 1 < len(states) else None
        if not one.get("evaluated") and one["at"] != end:
            yield one["state"], one["at"], end


def holding_spans(states: Sequence[Document]) -> list[tuple[dt.datetime, Instant]]:
    """Return the intervals in which an award counted as active, joined where they touch."""
    joined: list[tuple[dt.datetime, Instant]] = []
    for state, start, end in state_spans(states):
        if state not in ACTIVE_STATES or start is None:
            continue
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def tier_spans(db: Database[Document], orgs: Sequence[str]) -> dict[str, Programmes]:
    """Return the tiers of organizations over time in each programme.

    The lowest tier before the first change has no span.
    """
    changes: dict[str, dict[str, list[Document]]] = defaultdict(lambda: defaultdict(list))
    wanted = {"org": "vendor", "organization": {"$in": list(orgs)}}
    gone = {row["of"] for row in db.facts.find({**wanted, "kind": "tier_retraction"}, {"of": 1})}
    for fact in db.facts.find({**wanted, "kind": "tier"}).sort("effective_at", 1):
        if fact["_id"] not in gone:
            changes[fact["organization"]][fact["programme"]].append(fact)
    return {
        org: {programme: list(_spans(facts)) for programme, facts in programmes.items()}
        for org, programmes in changes.items()
    }


def _spans(facts: Sequence[Document]) -> Iterator[TierSpan]:
    for i, fact in enumerate(facts):
        end = facts[i + 1]["effective_at"] if i + 1 < len(facts) else None
        yield fact["tier"], fact["effective_at"], end
