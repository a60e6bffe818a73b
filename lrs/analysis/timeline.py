"""Everything known about a person in order: learning by attempt, awards, moves; and a partner's roster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from pymongo.database import Database

from lrs.access.clients import OWN_CLIENT
from lrs.analysis.audience import Audience, actors_of, names_of
from lrs.analysis.readable_stores import Scope
from lrs.analysis.targets import AskedPerson, asked_people
from lrs.foundation.errors import UnknownThing
from rules.catalogue.store import cache_of
from rules.engine.standings import state_at
from rules.evaluation.timeline import ACTIVE_STATES
from statements.parsing.search_keys import key
from statements.query.grouping import number
from statements.query.mongo_filter import STANDING

Document = dict[str, Any]
MOST_STATEMENTS = 20_000
MOST_ENTRIES = 5_000
FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)
FIELDS = ("id", "timestamp", "verb", "object", "registration", "success", "completion", "score", "org")


def person_timeline(db: Database[Document], whom: Audience, person: str, now: dt.datetime) -> Document:
    """Return what is known of a person of the audience, oldest first; UnknownThing for anybody else.

    Statements are those of the stores in scope, awards and moves the person's own (cert#5-5): who asks for a
    partner sees states and periods, and of the learning what that partner's store holds.
    """
    if not whom.scope.whole and person not in whom.people():
        raise UnknownThing("person", person)
    found = db.people.find_one({"_id": person, "org": "vendor"})
    if found is None:
        raise UnknownThing("person", person)
    seen_until = _seen_until(whom, person, now)
    entries = [
        *_attempts(db, whom.scope, person),
        *(entry for entry in _awards(db, person, now) if entry["at"] < seen_until),
        *_moves(db, person, whom.scope),
        *(entry for entry in _notices(db, person) if entry["at"] < seen_until),
    ]
    entries.sort(key=lambda entry: (entry["at"], entry["kind"]))
    return {
        "person": person,
        "name": found.get("name"),
        "entries": entries[-MOST_ENTRIES:],
        "left_out": max(0, len(entries) - MOST_ENTRIES),
    }


def _seen_until(whom: Audience, person: str, now: dt.datetime) -> dt.datetime:
    """Return until when awards are seen: who left is seen as they were while they belonged (cert#5-5)."""
    ends = [one.end or FOREVER for one in whom.memberships if one.person == person]
    return FOREVER if whom.scope.whole or any(end > now for end in ends) else max(ends)


def _attempts(db: Database[Document], scope: Scope, person: str) -> Iterator[Document]:
    """Yield one entry per attempt: the statements of one activity tree with one registration."""
    actors = actors_of(db, {person})
    wanted = {
        **scope.filter(),
        "keys": {"$in": [key("a", actor) for actor in sorted(actors)]},  # the index; `actor` says it exactly
        "actor": {"$in": sorted(actors)},
        "client": {"$ne": OWN_CLIENT},  # Laurel's own statements tell of awards: nobody learned by them
        **STANDING,
    }
    fields = dict.fromkeys(FIELDS, 1) | {"parent": 1}
    groups: dict[tuple[Any, ...], list[Document]] = {}
    for row in db.statements.find(wanted, fields).sort("_id", -1).limit(MOST_STATEMENTS):
        about = (row.get("parent") or [row["object"].get("id")])[0]
        attempt = (row["registration"],) if row.get("registration") else (about, row["timestamp"].date())
        groups.setdefault(attempt, []).append(row)
    for rows in groups.values():
        rows.sort(key=lambda row: row["timestamp"])
        yield _attempt(rows)


def _attempt(rows: Sequence[Document]) -> Document:
    scores = [
        number(row["score"]["scaled"]) for row in rows if (row.get("score") or {}).get("scaled") is not None
    ]
    registration = rows[0].get("registration")
    return {
        "kind": "attempt",
        "at": rows[0]["timestamp"],
        "until": rows[-1]["timestamp"],
        "activity": (rows[0].get("parent") or [rows[0]["object"].get("id")])[0],
        "registration": None if registration is None else str(registration),
        "organization": rows[0]["org"],
        "best_score": max(scores, default=None),
        "statements": [
            {
                "id": str(row["id"]), "at": row["timestamp"], "verb": row["verb"].rpartition("/")[2],
                "object": row["object"].get("id"), "success": row.get("success"),
            }
            for row in rows
        ],
    }  # fmt: skip


def _awards(db: Database[Document], person: str, now: dt.datetime) -> Iterator[Document]:
    for standing in db.standings.find({"org": "vendor", "person": person}):
        before = "in_progress"
        for state in standing["states"]:
            if state["at"] > now or state["state"] == before:
                continue
            yield {
                "kind": "award", "at": state["at"], "certification": standing["certification"],
                "from": before, "to": state["state"], "reason": state.get("reason"),
                "award": state.get("award"), "expires": state.get("expires"),
            }  # fmt: skip
            before = state["state"]


def _moves(db: Database[Document], person: str, scope: Scope) -> Iterator[Document]:
    for row in db.affiliations.find({"person": person}):
        if scope.whole or row["org"] in scope.orgs:
            yield {
                "kind": "affiliation",
                "at": row.get("confirmed_at") or row["from"],
                "organization": row["org"],
                "role": row.get("role"),
                "until": row.get("until"),
                "confirmed": row.get("confirmed_at") is not None,
            }


def _notices(db: Database[Document], person: str) -> Iterator[Document]:
    for row in db.mails.find({"org": "vendor", "person": person, "state": "sent"}):
        yield {
            "kind": "notice",
            "at": row["sent_at"],
            "template": row.get("template"),
            "certification": row.get("certification"),
        }


def roster(db: Database[Document], whom: Audience, now: dt.datetime) -> list[Document]:
    """Return the people of the audience with their certifications and the next thing each should do."""
    members = whom.at(now)
    names = names_of(db, set(members))
    standings: dict[str, list[Document]] = {}
    for row in db.standings.find({"org": "vendor", "person": {"$in": sorted(members)}}):
        standings.setdefault(row["person"], []).append(row)
    asked: dict[str, list[AskedPerson]] = {}
    for one in asked_people(db, whom, cache_of(db).get().certifications, now):
        asked.setdefault(one.membership.person, []).append(one)
    rows = [
        {
            "person": person,
            "name": names.get(person, person),
            "organization": membership.org,
            "role": membership.role,
            **_certifications(standings.get(person, []), now),
            "asked": [_asked(one) for one in asked.get(person, ()) if not one.held],
        }
        for person, membership in members.items()
    ]
    return sorted(rows, key=lambda row: (row["organization"], row["name"]))


def _certifications(rows: Sequence[Document], now: dt.datetime) -> Document:
    held, actions = [], []
    for row in sorted(rows, key=lambda row: row["certification"]):
        found = state_at(row, now)
        if found is None or not found.counts:
            continue
        if found.state in ACTIVE_STATES:
            held.append(
                {"certification": row["certification"], "state": found.state, "expires": found.expires}
            )
        if action := NEXT_ACTIONS.get(found.state):
            actions.append(action.format(certification=row["certification"], expires=found.expires or ""))
    return {"holds": held, "next_actions": actions}


def _asked(one: AskedPerson) -> Document:
    """Return what is asked of a person who does not hold it, and by when (cert#5-8)."""
    return {
        "certification": one.certification,
        "state": one.state,
        "since": one.asked.since.isoformat(),
        "due": one.asked.due and one.asked.due.isoformat(),
        "overdue": one.overdue,
    }


NEXT_ACTIONS = {
    "in_progress": "finish {certification}",
    "pending_review": "wait for the review of {certification}",
    "renewal_open": "renew {certification} by {expires}",
    "grace": "renew {certification} now: it ended on {expires}",
    "suspended": "clear the hold on {certification}",
    "expired": "earn {certification} again: it ended on {expires}",
}
