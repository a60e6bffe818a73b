"""One decision about many people, like a plan: what it would do to each is told first, then all is recorded.

Nothing is kept in between. Whoever applies it sends the digest of what they saw; where by then anything
differs, nothing is recorded (StalePlan).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import Final

from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.engine.decisions import decide_person
from rules.engine.histories import Shared, StoredHistory, load_histories
from rules.engine.manual_decisions import InvalidFact, append_facts, checked_fact
from rules.engine.queues import evaluation_queue
from rules.engine.standings import StateAt, standing_of, state_at
from rules.errors import StalePlan
from rules.evidence.history import Fact
from rules.publication.before_and_after import Sides
from rules.publication.effects import tier_effects
from rules.stored import VENDOR, Document

MOST: Final = 500  # people of one decision: a transaction has to hold them
CHUNK: Final = 100
MOST_ORGANIZATIONS: Final = 20  # whose tiers are computed for a preview


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision does to one person's certification: that which it is about, or one that hangs on it."""

    person: str
    certification: str
    before: StateAt | None
    after: StateAt | None


@dataclass(frozen=True, slots=True)
class Effects:
    """What a decision would do; `without` has why it does nothing to somebody: they are left out.

    `tiers` is None where people of too many organizations are concerned to compute it at once.
    """

    facts: dict[str, Fact]
    changes: tuple[Change, ...]
    without: tuple[tuple[str, str], ...]
    tiers: list[Document] | None
    digest: str


def preview(
    db: Database[Document], rules: RuleSet, persons: Collection[str], fact: Fact, now: dt.datetime
) -> Effects:
    """Return what a decision about a certification would do to each of these people, if recorded now.

    Raises InvalidFact for what is wrong with it whoever it is about, UnknownRule.
    """
    if len(persons) > MOST:
        raise InvalidFact("persons", f"at most {MOST} at once")
    if fact.kind != "lift":  # which hold a lift ends differs from one to the next
        checked_fact(db, rules, "", fact, now)
    facts: dict[str, Fact] = {}
    changes: list[Change] = []
    without: list[tuple[str, str]] = []
    moved: dict[str, list[Document]] = {}
    for person, history, shared in _histories(db, rules, persons):
        try:
            one = replace(checked_fact(db, rules, person, fact, now), decided_at=now)
        except InvalidFact as error:
            without.append((person, error.reason))
            continue
        found, standings = _compared(rules, history, shared, one, now)
        if found:
            facts[person], moved[person] = one, standings
            changes += found
        else:
            without.append((person, "it would change nothing"))
    tiers = _tiers(db, rules, moved, now)
    return Effects(facts, tuple(changes), tuple(without), tiers, _digest(changes))


def apply(
    db: Database[Document],
    seen: str,
    effects: Effects,
    now: dt.datetime,
    *,
    recorded_by: str,
    also: Callable[[ClientSession], None],
) -> list[Document]:
    """Record a decision for everybody whom it changes, all or nothing; raises StalePlan.

    `seen` is the digest that whoever decides was shown; `also` is done in the same transaction.
    """
    if seen != effects.digest:
        raise StalePlan("of a decision", "somebody's state is another than the one that was shown")
    if not effects.facts:
        return []
    return append_facts(db, effects.facts, now, recorded_by=recorded_by, also=also)


def _histories(
    db: Database[Document], rules: RuleSet, persons: Collection[str]
) -> Iterator[tuple[str, StoredHistory, Shared]]:
    todo = iter(sorted(set(persons)))
    while chunk := list(islice(todo, CHUNK)):
        rows = evaluation_queue.entries_of(db, chunk)
        stores = {person: rows[person].stores if person in rows else () for person in chunk}
        histories, shared = load_histories(db, rules, stores)
        for person in chunk:
            yield person, histories[person], shared


def _compared(
    rules: RuleSet, history: StoredHistory, shared: Shared, fact: Fact, now: dt.datetime
) -> tuple[list[Change], list[Document]]:
    """Return what differs by a fact, the certification that it is about first, and the standings after it."""
    name, known_at = fact.certification or "", history.known_at(now)
    before = decide_person(rules, history, shared, known_at, [name]).timelines
    told = replace(history, facts=(*history.facts, fact))
    after = decide_person(rules, told, shared, known_at, [name]).timelines
    changes, standings = [], []
    for one in sorted(after, key=lambda certification: (certification != name, certification)):
        standing = standing_of(rules, history.person, after[one], now)
        old = standing_of(rules, history.person, before[one], now) if one in before else None
        was, becomes = state_at(old, now) if old else None, state_at(standing, now)
        if _shown(was) != _shown(becomes):
            changes.append(Change(history.person, one, was, becomes))
            standings.append(standing)
    return changes, standings


def _shown(state: StateAt | None) -> tuple[str | None, ...]:
    return () if state is None else (state.state, state.expires, state.award)


def _tiers(
    db: Database[Document], rules: RuleSet, moved: dict[str, list[Document]], now: dt.datetime
) -> list[Document] | None:
    wanted = {"person": {"$in": list(moved)}, "primary": True, "org": {"$ne": VENDOR}}
    if len(db.affiliations.distinct("org", wanted)) > MOST_ORGANIZATIONS:
        return None
    return tier_effects(db, Sides(rules, rules, frozenset(), ()), moved, now, everywhere=False)


def _digest(changes: Collection[Change]) -> str:
    said = [(one.person, one.certification, _shown(one.before), _shown(one.after)) for one in changes]
    return sha256(repr(said).encode()).hexdigest()[:32]
