"""The two sides of a plan: rules as they are and as they would be, over the same stored history (cert#6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pymongo.database import Database

from rules.catalogue.relevance import compile_relevance
from rules.catalogue.rule_set import RuleSet, compile_rows, effective_instant
from rules.catalogue.store import RuleStore
from rules.engine.decisions import decide_person
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


@dataclass(frozen=True, slots=True)
class Sides:
    """The rules as they are and as they would be, and the certifications that a change concerns."""

    old: RuleSet
    new: RuleSet
    concerned: frozenset[str]
    documents: tuple[AnyDocument, ...]
    withdrawn: str | None = None


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
    return Sides(old, new, concerned, tuple(documents), withdrawn)


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
    return set(db.standings.distinct("person", wanted))


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
    """Yield, for each person and certification concerned, how the old and the new rules differ."""
    watched = {
        name: watched_instants(sides.new.certifications[name], sides.new.releases) for name in sides.concerned
    }
    known = sides.concerned & set(sides.old.certifications)
    todo = iter(sorted(persons))
    while chunk := list(islice(todo, CHUNK)):
        rows = evaluation_queue.entries_of(db, chunk)
        stores = {person: rows[person].stores if person in rows else () for person in chunk}
        stored_histories, shared = load_histories(db, sides.new, stores)
        for stored_history in stored_histories.values():
            known_at = stored_history.known_at(now)
            old = decide_person(sides.old, stored_history, shared, known_at, known)
            new = decide_person(sides.new, stored_history, shared, known_at, sides.concerned)
            for name in sorted(sides.concerned & set(new.timelines)):
                found = difference(old.timelines.get(name), new.timelines[name], now, watched[name])
                yield Compared(stored_history, shared, name, found, new.timelines[name])
