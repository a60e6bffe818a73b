"""Find the stored statements that selectors may match, and give them the evidence key of their actor.

Live statements get the key when they are stored; those that were stored before a certification was published
get it here. A key too many changes no decision: the selectors judge.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING, UpdateOne
from pymongo.database import Database

from rules.catalogue.relevance import Relevance, activity_prefix
from rules.engine import identity
from rules.engine.identity import Admit, Sighting, no_affiliation
from rules.engine.queues import evaluation_queue
from rules.evidence.selectors import verbs_looked_at
from rules.language.model import Certification
from rules.stored import Document
from statements.parsing.search_keys import evidence_key, key

PAGE: Final = 1000
MERGED: Final = 100
FIELDS: Final = dict.fromkeys(
    ("org", "actor", "actor_type", "verb", "object", "grouping", "category", "keys", "stored"), 1
)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a scan came: which (store, keys) pair, and the order key of the last statement of it."""

    pair: int = 0
    after: bytes | None = None


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """One page of a scan: the persons found, how many statements were looked at, where to go on."""

    seen: dict[str, set[str]]
    statements: int
    changed: int
    next: Position | None


def selector_keys(certifications: Iterable[Certification]) -> list[int]:
    """Return the search keys under which everything that these certifications may select is found, sorted.

    An exact activity by its own key, a prefix by its verbs, a cmi5 unit by what statements relate to it.
    """
    found: set[int] = set()
    for document in certifications:
        for selector in document.evidence.values():
            if selector.cmi5 is not None:
                found.update(key(letter, selector.cmi5.au) for letter in "oO")
            for activity in selector.activities:
                if activity_prefix(activity) is None:
                    found.add(key("o", activity))
                else:
                    found.update(key("v", verb) for verb in verbs_looked_at(selector))
    return sorted(found)


def ranges(db: Database[Document], keys: Sequence[int]) -> list[tuple[str, tuple[int, ...]]]:
    """Return the (store, keys) ranges of a scan.

    MongoDB merges the index ranges of up to about 200 keys in order of `_id` without sorting.
    """
    chunks = [tuple(keys[i : i + MERGED]) for i in range(0, len(keys), MERGED)]
    return [(org, chunk) for org in stores(db) for chunk in chunks]


def order_key(stored: dt.datetime) -> bytes:
    """Return the smallest order key of statements stored at an instant or later."""
    micros = round((stored - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(microseconds=1))
    return micros.to_bytes(8, "big") + bytes(8)


def add_evidence_keys(
    db: Database[Document],
    relevance: Relevance,
    pairs: Sequence[tuple[str, tuple[int, ...]]],
    position: Position,
    now: dt.datetime,
    *,
    since: dt.datetime | None = None,
    admit: Admit = no_affiliation,
    limit: int = PAGE,
) -> ScannedPage:
    """Give the keys on one page of a scan over (store, keys) pairs; each page may be repeated.

    `since` narrows it to statements stored at that instant or later. The stores where the persons were seen
    are on record afterwards.
    """
    if position.pair >= len(pairs):
        return ScannedPage({}, 0, 0, None)
    org, wanted = pairs[position.pair]
    after = position.after or (order_key(since) if since else None)
    query: Document = {"org": org, "keys": {"$in": list(wanted)}}
    if after is not None:
        query["_id"] = {"$gt": after}
    rows = list(db.statements.find(query, FIELDS, hint="keys").sort("_id", ASCENDING).limit(limit))
    found = [row for row in rows if relevance.is_relevant(row)]
    changes: list[Any] = [
        UpdateOne({"_id": row["_id"], "org": org}, {"$addToSet": {"keys": added}})
        for row in found
        if (added := evidence_key(row["actor"])) not in row["keys"]
    ]
    if changes:
        db.statements.bulk_write(changes, ordered=False)
    owners = identity.persons_for(db, (Sighting(row["actor"], org) for row in found), now, admit)
    seen: dict[str, set[str]] = defaultdict(set)
    for row in found:
        for owner in owners.get(row["actor"], ()):
            seen[owner.of].add(org)
    evaluation_queue.enqueue_stores(db, seen, now)
    full = len(rows) == limit
    following = Position(position.pair, rows[-1]["_id"]) if full else Position(position.pair + 1)
    return ScannedPage(
        dict(seen), len(rows), len(changes), following if full or following.pair < len(pairs) else None
    )


def stores(db: Database[Document]) -> list[str]:
    """Return the ids of all organizations: each has a store."""
    return sorted(row["_id"] for row in db.orgs.find({}, {"_id": 1}))
