"""The two sides of a plan: rules as they are and as they would be, over the same stored history (6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pymongo.database import Database

from rules import tagging, work
from rules.course import Course
from rules.decisions import decide_person
from rules.foresight import Difference, difference, watched_instants
from rules.histories import Dossier, Shared, load_dossiers
from rules.load_dump import document_hash, dump
from rules.model import AnyDocument, Certification, Release
from rules.people import Admit, no_affiliation
from rules.relevance import compile_relevance
from rules.rule_set import RuleSet, compile_rows, effective_instant
from rules.store import RuleStore
from rules.tagging import Position

Document = dict[str, Any]

VENDOR: Final = "vendor"
CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Sides:
    """The rules as they are and as they would be, and the certifications a publication concerns."""

    old: RuleSet
    new: RuleSet
    concerned: frozenset[str]
    documents: tuple[AnyDocument, ...]


def sides_of(db: Database[Document], documents: Sequence[AnyDocument], now: dt.datetime) -> Sides:
    """Return the rules before and after these documents would be published now."""
    store = RuleStore(db)
    rows = store.rows()
    old = compile_rows(rows)
    top = rows[-1]["seq"] if rows else 0
    new = compile_rows([*rows, *(_as_if(document, now, top + 1 + i) for i, document in enumerate(documents))])
    direct = {one.id for one in documents if isinstance(one, Certification)}
    for release in (one for one in documents if isinstance(one, Release)):
        direct |= {
            name
            for name, each in new.certifications.items()
            if any(
                rule.product == release.product for v in each.versions for rule in v.document.release_rules
            )
        }
    concerned = frozenset(direct).union(*(new.dependents(name) for name in direct))
    return Sides(old, new, concerned, tuple(documents))


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


def tag_candidates(
    db: Database[Document],
    sides: Sides,
    now: dt.datetime,
    admit: Admit = no_affiliation,
    since: dt.datetime | None = None,
) -> set[str]:
    """Give evidence keys to what new selectors may match, and return the persons; may be repeated."""
    documents = [one for one in sides.documents if isinstance(one, Certification)]
    pairs = tagging.ranges(db, tagging.selector_keys(documents))
    relevance, persons = compile_relevance(documents), set[str]()
    following: Position | None = Position() if pairs else None
    while following is not None:
        page = tagging.tag_page(db, relevance, pairs, following, now, since=since, admit=admit)
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

    dossier: Dossier
    shared: Shared
    certification: str
    found: Difference
    new: Course


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
        rows = work.rows_of(db, chunk)
        stores = {person: rows[person].stores if person in rows else () for person in chunk}
        dossiers, shared = load_dossiers(db, sides.new, stores)
        for dossier in dossiers.values():
            known_at = dossier.known_at(now)
            old = decide_person(sides.old, dossier, shared, known_at, known)
            new = decide_person(sides.new, dossier, shared, known_at, sides.concerned)
            for name in sorted(sides.concerned & set(new.courses)):
                found = difference(old.courses.get(name), new.courses[name], now, watched[name])
                yield Compared(dossier, shared, name, found, new.courses[name])
