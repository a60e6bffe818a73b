"""What becomes of the awards of a person who was merged into another: part of the other's awards.

Nothing was false about them. The record loses its transitions (they are decided anew for whoever owns the
evidence now), the view its standings; an award stays as a pointer: `merged_into {person, award?}`. Its
credential stays as good as the award that it is part of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine.decisions import Decided
from rules.engine.histories import StoredHistory
from rules.engine.queues.outbox import Event
from rules.engine.record_changes import changes_of
from rules.evaluation.award_ids import award_id

Document = dict[str, Any]
VENDOR = "vendor"
Begun = tuple[dt.datetime, str]  # when an award began, and its id


def successors_of(db: Database[Document], persons: Collection[str]) -> dict[str, str]:
    """Return into whom those of these persons who were merged went, following later merges."""
    wanted = {"_id": {"$in": list(persons)}, "merged_into": {"$exists": True}}
    into = {row["_id"]: row["merged_into"] for row in db.people.find(wanted, {"merged_into": 1})}
    if into:
        further = successors_of(db, set(into.values()))
        into = {gone: further.get(kept, kept) for gone, kept in into.items()}
    return into


def part_of(begun: Iterable[Begun], at: dt.datetime) -> str | None:
    """Return which of these awards one that began at an instant is part of: the last before, or the first."""
    ordered = sorted(begun)
    before = [name for start, name in ordered if start <= at]
    return before[-1] if before else next((name for _, name in ordered), None)


def awards_begun(db: Database[Document], person: str, certification: str, session: Any = None) -> list[Begun]:
    """Return the awards of a certification that a person has in the view."""
    wanted = {"org": VENDOR, "person": person, "certification": certification, "annulled": {"$ne": True}}
    rows = db.awards.find(wanted, {"awarded_at": 1}, session=session)
    return [(row["awarded_at"], row["_id"]) for row in rows]


def award_of(db: Database[Document], award: Mapping[str, Any]) -> str | None:
    """Return the award that a merged one is part of now; None where it is part of none."""
    person = award["merged_into"]["person"]
    kept = successors_of(db, [person]).get(person, person)
    return part_of(awards_begun(db, kept, award["certification"]), award["awarded_at"])


def merged_awards(db: Database[Document], award: Mapping[str, Any]) -> list[str]:
    """Return the awards that are part of this one."""
    people = {"org": VENDOR, "merged_into": {"$exists": True}}
    every = [row["_id"] for row in db.people.find({**people, "merged_into": award["person"]}, {"_id": 1})]
    reached = list(every)
    while every:
        every = [row["_id"] for row in db.people.find({**people, "merged_into": {"$in": every}}, {"_id": 1})]
        reached += every
    if not reached:
        return []
    begun = {*awards_begun(db, award["person"], award["certification"]), (award["awarded_at"], award["_id"])}
    wanted = {
        "org": VENDOR,
        "person": {"$in": reached},
        "certification": award["certification"],
        "merged_into": {"$exists": True},
    }
    found = db.awards.find(wanted, {"awarded_at": 1})
    return [row["_id"] for row in found if part_of(begun, row["awarded_at"]) == award["_id"]]


@dataclass(frozen=True, slots=True)
class Successor:
    """Into whom somebody was merged: for whom they count, and what was decided of them beside."""

    person: str
    organization: str | None
    decided: Decided | None


def merged_changes(
    db: Database[Document],
    kept: Successor,
    rules: RuleSet,
    stored_history: StoredHistory,
    decided: Decided,
    *,
    now: dt.datetime,
) -> tuple[list[Document], list[Event], dict[str, Document]]:
    """Return what ends on the record of a merged person, what is told, and what each award is part of.

    One `award.merged` for each award of which transitions stood: nobody lost anything.
    """
    facts: list[Document] = []
    events: list[Event] = []
    into: dict[str, Document] = {}
    for name, timeline in decided.timelines.items():
        changes = changes_of(rules, stored_history, timeline, now, kept.organization)
        facts += changes.facts
        events += [one for one in changes.events if one.type.startswith("review.")]
        ended = [row for row in changes.facts if row["kind"] == "retraction" and row["award"]]
        ended.sort(key=lambda row: (row["effective_at"], row["_id"]))
        begun = _begun(db, kept, name)
        first = {row["award"]: row for row in reversed(ended)}
        into |= {award: _pointer(kept.person, begun, row["effective_at"]) for award, row in first.items()}
        latest = {row["award"]: row for row in ended}
        events += [_event(row, into[award], now, kept.organization) for award, row in latest.items()]
    return facts, events, into


def _begun(db: Database[Document], kept: Successor, name: str) -> list[Begun]:
    if kept.decided is not None and name in kept.decided.timelines:
        awards = kept.decided.timelines[name].awards
        return [(one.awarded_at, award_id(kept.person, name, one.ordinal)) for one in awards]
    return awards_begun(db, kept.person, name)


def _pointer(person: str, begun: Iterable[Begun], at: dt.datetime) -> Document:
    award = part_of(begun, at)
    return {"person": person} if award is None else {"person": person, "award": award}


def _event(row: Mapping[str, Any], into: Document, now: dt.datetime, organization: str | None) -> Event:
    """Return the event of one award that became part of another; it is one for ever."""
    data = {
        "person": row["person"],
        "organization": organization,
        "certification": row["certification"],
        "version": row.get("version"),
        "award": row["award"],
        "previous_state": row.get("after"),
        "reason": "merged",
        "merged_into": into,
        "links": {"credential": f"/credentials/{into.get('award') or row['award']}"},
    }
    return Event("award.merged", (row["award"], into["person"]), now, data)
