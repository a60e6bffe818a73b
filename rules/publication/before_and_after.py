"""The two sides of a plan: rules as they are and as they would be, over the same stored history (cert#6)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pymongo.database import Database

from rules.catalogue.relevance import activity_prefix, compile_relevance
from rules.catalogue.rule_set import RuleSet, compile_rows, effective_instant
from rules.catalogue.store import RuleStore
from rules.engine.decisions import decide_person, with_prerequisites
from rules.engine.histories import Shared, StoredHistory, load_histories
from rules.engine.identity import Admit, no_affiliation
from rules.engine.queues import evaluation_queue
from rules.evaluation.timeline import AwardTimeline
from rules.language.dump import document_hash, dump
from rules.language.model import AnyDocument, Certification, Release
from rules.publication import evidence_keys
from rules.publication.evidence_keys import Position
from rules.publication.preview import Difference, difference, watched_instants
from rules.stored import VENDOR, Document

CHUNK: Final = 500
READ: Final = 20000  # ids of one round trip


@dataclass(frozen=True, slots=True)
class Sides:
    """The rules as they are and as they would be, and the certifications that a change concerns.

    `rows` are the records of both; the last `added` of them are as if published. Another process compiles the
    same sides of them.
    """

    old: RuleSet
    new: RuleSet
    concerned: frozenset[str]
    documents: tuple[AnyDocument, ...]
    withdrawn: str | None = None
    rows: tuple[Document, ...] = ()
    added: int = 0


def sides_of(
    db: Database[Document], documents: Sequence[AnyDocument], now: dt.datetime, withdrawn: str | None = None
) -> Sides:
    """Return the rules now, and as if these documents were published or a certification withdrawn."""
    store = RuleStore(db)
    rows = store.rows()
    old = compile_rows(rows)
    top = rows[-1]["seq"] if rows else 0
    added = [_as_if(document, now, top + 1 + i) for i, document in enumerate(documents)]
    direct = {one.id for one in documents if isinstance(one, Certification)}
    if withdrawn is not None:
        added.append(_as_if_withdrawn(withdrawn, now, top + 1))
        direct.add(withdrawn)
    new = compile_rows([*rows, *added])
    for release in (one for one in documents if isinstance(one, Release)):
        direct |= {
            name
            for name, each in new.certifications.items()
            if any(
                rule.product == release.product for v in each.versions for rule in v.document.release_rules
            )
        }
    concerned = frozenset(direct).union(*(new.dependents(name) for name in direct))
    return Sides(old, new, concerned, tuple(documents), withdrawn, (*rows, *added), len(added))


def compiled_again(
    rows: Sequence[Document], added: int, concerned: frozenset[str], withdrawn: str | None
) -> Sides:
    """Return the sides that another process made of these records; the documents are not told."""
    before = list(rows[: len(rows) - added])
    return Sides(compile_rows(before), compile_rows(list(rows)), concerned, (), withdrawn)


def _as_if(document: AnyDocument, now: dt.datetime, seq: int) -> Document:
    """Return the row that a publication at this instant would make."""
    _, instant = effective_instant(document, now)
    return {
        "action": "publish",
        "kind": type(document).__name__,
        "id": document.id,
        "version": document.version,
        "mode": document.mode,
        "hash": document_hash(document),
        "resolved": dump(document),
        "effective_at": instant,
        "decided_at": now,
        "seq": seq,
    }


def _as_if_withdrawn(certification: str, now: dt.datetime, seq: int) -> Document:
    """Return the row that a withdrawal at this instant would make."""
    return {
        "action": "withdraw",
        "kind": "Certification",
        "id": certification,
        "version": None,
        "effective_at": now,
        "decided_at": now,
        "seq": seq,
    }


def people_newly_matched(
    db: Database[Document],
    sides: Sides,
    now: dt.datetime,
    admit: Admit = no_affiliation,
    since: dt.datetime | None = None,
) -> set[str]:
    """Give evidence keys to what new selectors may match, and return the persons; may be repeated."""
    documents = [one for one in sides.documents if isinstance(one, Certification)]
    pairs = evidence_keys.ranges(db, evidence_keys.selector_keys(documents))
    relevance, persons = compile_relevance(documents), set[str]()
    following: Position | None = Position() if pairs else None
    while following is not None:
        page = evidence_keys.add_evidence_keys(db, relevance, pairs, following, now, since=since, admit=admit)
        persons |= set(page.seen)
        following = page.next
    return persons


def people_concerned(db: Database[Document], certifications: Collection[str]) -> set[str]:
    """Return everybody who has a standing in one of these certifications."""
    wanted = {"org": VENDOR, "certification": {"$in": sorted(certifications)}}
    return {row["person"] for row in db.standings.find(wanted, {"_id": 0, "person": 1}, batch_size=READ)}


def statements_looked_at(sides: Sides) -> Document:
    """Return a filter for the statements that decisions about what is concerned may look at; empty for all.

    Most people have worked on more than a plan is about.
    """
    needed = with_prerequisites(sides.old, sides.concerned) | with_prerequisites(sides.new, sides.concerned)
    published = [
        rules.certifications[name]
        for rules in (sides.old, sides.new)
        for name in needed
        if name in rules.certifications
    ]
    selectors = [
        one for each in published for version in each.versions for one in version.document.evidence.values()
    ]
    if any(one.cmi5 is not None for one in selectors):
        return {}  # what else happened in a session matters too
    named = {activity for one in selectors for activity in one.activities}
    prefixes = {prefix for one in named if (prefix := activity_prefix(one)) is not None}
    exact = sorted(one for one in named if activity_prefix(one) is None)
    begins = [{"object.id": {"$regex": f"^{re.escape(one)}"}} for one in sorted(prefixes)]
    return {"$or": [{"object.id": {"$in": exact}}, *begins]}


@dataclass(frozen=True, slots=True)
class Compared:
    """One certification of one person under the old and the new rules."""

    stored_history: StoredHistory
    shared: Shared
    certification: str
    found: Difference
    new: AwardTimeline


def differences(
    db: Database[Document], sides: Sides, persons: Iterable[str], now: dt.datetime
) -> Iterator[Compared]:
    """Yield, for each person and certification concerned, how the old and the new rules differ.

    Left out are those about which nothing is on record of a person: nothing is satisfied by nothing.
    """
    watched = {
        name: watched_instants(sides.new.certifications[name], sides.new.releases) for name in sides.concerned
    }
    known = sides.concerned & set(sides.old.certifications)
    where = statements_looked_at(sides)
    todo = iter(sorted(persons))
    while chunk := list(islice(todo, CHUNK)):
        rows = evaluation_queue.entries_of(db, chunk)
        stores = {person: rows[person].stores if person in rows else () for person in chunk}
        stored_histories, shared = load_histories(db, sides.new, stores, where=where)
        for stored_history in stored_histories.values():
            known_at, touched = stored_history.known_at(now), stored_history.certifications()
            names = sides.concerned & touched.union(*(sides.new.dependents(one) for one in touched))
            old = decide_person(sides.old, stored_history, shared, known_at, known & names)
            new = decide_person(sides.new, stored_history, shared, known_at, names)
            for name in sorted(names & set(new.timelines)):
                found = difference(old.timelines.get(name), new.timelines[name], now, watched[name])
                yield Compared(stored_history, shared, name, found, new.timelines[name])
