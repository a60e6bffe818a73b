"""What the engine still has to look at, person by person, and who is at it.

work {_id: person, org: "vendor", due_at, priority, marks, leased_until, leased_by, stores, signers,
      decided_at}

A row is due when something about its person changed (`enqueue`) or when the clock will change something
(`due_at` in the future). A worker leases rows before it decides; two workers never hold the same row, and the
lease of a dead worker runs out. A mark set during a decision survives it: `release` compares `marks`.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, UpdateMany, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.stored import VENDOR, Document

LIVE: Final = 0  # something happened just now
BACKLOG: Final = 1  # a published version looks at old statements; live work goes first
CLOCK: Final = 2  # nothing but the clock: due when its time comes, as soon as live work
SOON: Final = (LIVE, CLOCK)
FREE: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # `leased_until` of a row that nobody holds
NEVER: Final = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)  # `due_at` of a row that no clock will change
LEASE: Final = dt.timedelta(seconds=60)
MEMBERS_SAY: Final = ("approval", "grant", "readmission")  # facts that count only from a member of a group
READ: Final = 5000  # rows of one round trip

INDEXES: dict[str, list[IndexModel]] = {
    "work": [
        IndexModel([("org", ASCENDING), ("priority", ASCENDING), ("due_at", ASCENDING)]),
        IndexModel(
            [("org", ASCENDING), ("signers", ASCENDING)],
            partialFilterExpression={"signers": {"$exists": True}},
        ),
        IndexModel([("org", ASCENDING), ("decided_at", ASCENDING)]),
    ],
}


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One leased person: what was marked when it was read, and the stores where the person was seen."""

    person: str
    marks: int
    stores: tuple[str, ...]
    due_at: dt.datetime = NEVER
    priority: int = CLOCK
    signers: frozenset[str] = frozenset()

    def stays(self, due_at: dt.datetime | None, signers: frozenset[str] | None) -> bool:
        """Tell whether a decision leaves the row as it is: due at that instant, with those signers."""
        if (due_at or NEVER, CLOCK) != (self.due_at, self.priority):
            return False
        return not signers or signers == self.signers


@dataclass(frozen=True, slots=True)
class Lease:
    """The rows one worker holds; `token` fences its writes."""

    token: str
    rows: Mapping[str, QueueEntry] = field(default_factory=dict)


def enqueue(
    db: Database[Document],
    persons: Iterable[str],
    now: dt.datetime,
    *,
    priority: int = LIVE,
    session: ClientSession | None = None,
) -> int:
    """Make persons due; durable when this (or the session's transaction) returns. Returns how many.

    Whoever changes what a decision reads (facts, groups, affiliations, identities, releases) calls this in
    the same transaction as the change.
    """
    changes = [
        UpdateOne(
            {"_id": person},
            {
                "$min": {"due_at": now, "priority": priority},
                "$inc": {"marks": 1},
                "$setOnInsert": {"org": VENDOR, "stores": [], "leased_until": FREE, "leased_by": None},
            },
            upsert=True,
        )
        for person in dict.fromkeys(persons)
    ]
    if changes:
        db.work.bulk_write(changes, ordered=False, session=session)
    return len(changes)


def enqueue_stores(
    db: Database[Document],
    seen: Mapping[str, Collection[str]],
    now: dt.datetime,
    *,
    priority: int | None = None,
    session: ClientSession | None = None,
) -> None:
    """Note the stores in which persons were seen; with `priority` also make them due.

    `seen` maps a person to organization ids. Evidence is read from exactly these stores.
    """
    changes = []
    for person, stores in seen.items():
        change: Document = {
            "$addToSet": {"stores": {"$each": sorted(stores)}},
            "$setOnInsert": {"org": VENDOR, "leased_until": FREE, "leased_by": None},
        }
        if priority is None:
            change["$setOnInsert"] |= {"marks": 0, "priority": CLOCK, "due_at": NEVER}
        else:
            change |= {"$min": {"due_at": now, "priority": priority}, "$inc": {"marks": 1}}
        changes.append(UpdateOne({"_id": person}, change, upsert=True))
    if changes:
        db.work.bulk_write(changes, ordered=False, session=session)


def enqueue_signed_by(
    db: Database[Document], ifis: Iterable[str], now: dt.datetime, *, session: ClientSession | None = None
) -> int:
    """Make due everybody whose evidence was signed by one of these identifiers (2.4 `signed_by`)."""
    rows = db.work.find({"org": VENDOR, "signers": {"$in": list(ifis)}}, {"_id": 1}, session=session)
    return enqueue(db, [row["_id"] for row in rows], now, session=session)


def enqueue_approved_by(
    db: Database[Document], persons: Iterable[str], now: dt.datetime, *, session: ClientSession | None = None
) -> int:
    """Make due everybody for whom one of these persons said what a member of a group has to say."""
    wanted = {"org": VENDOR, "kind": {"$in": list(MEMBERS_SAY)}, "by": {"$in": list(persons)}}
    rows = db.facts.find(wanted, {"person": 1}, session=session)
    return enqueue(db, [row["person"] for row in rows], now, session=session)


def unite_stores(
    db: Database[Document],
    persons: Collection[str],
    now: dt.datetime,
    *,
    session: ClientSession | None = None,
) -> None:
    """Let each of these persons have all the stores of all of them, and make them due: after merge or split.

    A store too many costs one empty index lookup; a store too few would lose evidence.
    """
    rows = db.work.find({"_id": {"$in": list(persons)}}, {"stores": 1}, session=session)
    stores = {store for row in rows for store in row.get("stores", ())}
    enqueue_stores(db, dict.fromkeys(persons, stores), now, priority=LIVE, session=session)


def entries_of(db: Database[Document], persons: Collection[str]) -> dict[str, QueueEntry]:
    """Return the rows of these persons, leased or not."""
    rows = db.work.find({"_id": {"$in": list(persons)}}, batch_size=READ)
    return {row["_id"]: _row(row) for row in rows}


def due(
    db: Database[Document], now: dt.datetime, limit: int, priorities: Collection[int] = SOON
) -> list[str]:
    """Return persons that are due and free, the longest waiting first."""
    rows = db.work.find(
        {
            "org": VENDOR,
            "priority": {"$in": list(priorities)},
            "due_at": {"$lte": now},
            "leased_until": {"$lte": now},
        },
        {"_id": 1},
    )
    return [row["_id"] for row in rows.sort("due_at", ASCENDING).limit(limit)]


def lease(
    db: Database[Document],
    persons: Collection[str],
    now: dt.datetime,
    lasts: dt.timedelta = LEASE,
    token: str | None = None,
) -> Lease:
    """Take the free ones of these persons; the answer holds those that were got and nobody else has.

    `token` is that of a lease to which they are added: of those persons it has already the answer tells anew.
    """
    token = token or secrets.token_hex(8)
    if not persons:
        return Lease(token)
    wanted = {"_id": {"$in": list(persons)}}
    # Acknowledged by the majority like every write here: while others write beside it, the snapshot in which
    # `release` looks need not have a younger one yet, and a lease that holds would seem lost.
    db.work.update_many(
        wanted | {"leased_until": {"$lte": now}}, {"$set": {"leased_until": now + lasts, "leased_by": token}}
    )
    held = db.work.find(wanted | {"leased_by": token}, batch_size=READ)
    return Lease(token, {row["_id"]: _row(row) for row in held})


def release(
    db: Database[Document],
    taken: Lease,
    next_due: Mapping[str, dt.datetime | None],
    now: dt.datetime,
    signers: Mapping[str, frozenset[str]] | None = None,
    *,
    session: ClientSession | None = None,
) -> bool:
    """Give rows back; each is due again at its instant, or at once where it was marked meanwhile.

    Those of which nothing changes are given back together: a mark set meanwhile has made them due itself.
    Tells whether the lease still held all; in a transaction this conflicts with whoever takes them over.
    """
    changes: list[Any] = []
    same = []
    for person, instant in next_due.items():
        row = taken.rows[person]
        signed = signers.get(person) if signers is not None else None
        if row.stays(instant, signed):
            same.append(person)
            continue
        unmarked = {"$eq": ["$marks", row.marks]}
        fields: Document = {
            "due_at": {"$cond": [unmarked, instant or NEVER, "$due_at"]},
            "priority": {"$cond": [unmarked, CLOCK, "$priority"]},
            "leased_until": FREE,
            "leased_by": None,
            "decided_at": now,
        }
        if signed:
            fields["signers"] = sorted(signed)
        changes.append(UpdateOne({"_id": person, "leased_by": taken.token}, [{"$set": fields}]))
    if same:
        free = {"leased_until": FREE, "leased_by": None, "decided_at": now}
        changes.append(UpdateMany({"_id": {"$in": same}, "leased_by": taken.token}, {"$set": free}))
    done = db.work.bulk_write(changes, ordered=False, session=session) if changes else None
    return done is None or done.matched_count == len(next_due)


def give_back(db: Database[Document], taken: Lease) -> None:
    """Give all rows of a lease back undecided: they stay as due as they were."""
    db.work.update_many(
        {"_id": {"$in": list(taken.rows)}, "leased_by": taken.token},
        {"$set": {"leased_until": FREE, "leased_by": None}},
    )


def _row(row: Document) -> QueueEntry:
    return QueueEntry(
        row["_id"],
        row.get("marks", 0),
        tuple(row.get("stores", ())),
        row.get("due_at", NEVER),
        row.get("priority", CLOCK),
        frozenset(row.get("signers", ())),
    )
