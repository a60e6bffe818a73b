"""Facts: append-only records of what people decided (cert#4.10) and what the engine decided (cert#4.12-1).

facts {_id, org: "vendor", person, certification, kind, by_people, effective_at, decided_at, ...}

by_people true, input: hold, lift, revocation, withdrawal, extension, approval, acceptance, resolution, grant,
readmission.
by_people false: transition (a state began), retraction (an earlier transition no longer holds), review,
review_closed, tier, tier_at_risk, tier_retraction.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from rules.evidence.history import Fact
from rules.stored import VENDOR, Document

REASONS: Final = (
    "agreement_lapsed", "evidence_voided", "identity", "misconduct", "holder_request", "administrative_error",
    "other",
)  # fmt: skip
FACT_FIELDS: Final = (
    "certification", "until", "revoke_at", "allowed", "statement", "choice", "of", "reason", "by", "note",
)  # fmt: skip

READ: Final = {"evidence": 0}
INSTANTS: Final = ("effective_at", "decided_at", "known_at", "until", "revoke_at")
NAIVE: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=False, uuid_representation=UuidRepresentation.STANDARD
)
"""Dates without zone: the driver takes longer to put one on than to decode all the rest."""

TIER_KINDS: Final = ("tier", "tier_at_risk", "tier_retraction")

INDEXES: dict[str, list[IndexModel]] = {
    "facts": [
        IndexModel(
            [("org", ASCENDING), ("by", ASCENDING)], partialFilterExpression={"by": {"$exists": True}}
        ),
        IndexModel(
            [
                ("org", ASCENDING),
                ("person", ASCENDING),
                ("certification", ASCENDING),
                ("decided_at", ASCENDING),
            ]
        ),
        IndexModel([("org", ASCENDING), ("kind", ASCENDING), ("decided_at", ASCENDING)]),
        IndexModel(
            [("org", ASCENDING), ("organization", ASCENDING), ("effective_at", ASCENDING)],
            partialFilterExpression={"organization": {"$exists": True}},
        ),
    ],
}


def to_fact(row: Mapping[str, Any]) -> Fact:
    """Return a stored fact of people as the evaluation reads it."""
    values = {name: row[name] for name in FACT_FIELDS if row.get(name) is not None}
    day = row.get("until_day")
    return Fact(
        id=row["_id"],
        kind=row["kind"],
        at=row["effective_at"],
        decided_at=row.get("known_at") or row["decided_at"],  # later where a merge brought it
        until_day=dt.date.fromisoformat(day) if day else None,
        **values,
    )


def from_fact(fact: Fact, person: str) -> Document:
    """Return the document of a fact of people; a fact without id gets one."""
    values = {name: getattr(fact, name) for name in FACT_FIELDS if getattr(fact, name) is not None}
    return {
        "_id": fact.id or "fact_" + secrets.token_hex(12),
        "org": VENDOR,
        "by_people": True,
        "person": person,
        "kind": fact.kind,
        "effective_at": fact.at,
        "decided_at": fact.decided_at,
        "until_day": fact.until_day.isoformat() if fact.until_day else None,
        "certification": None,
        **values,
    }


def find_facts(
    db: Database[Document], persons: Collection[str]
) -> dict[str, tuple[tuple[Document, ...], tuple[Document, ...]]]:
    """Return what people and what the engine recorded about each of these persons, oldest first."""
    asserted: dict[str, list[Document]] = defaultdict(list)
    recorded: dict[str, list[Document]] = defaultdict(list)
    wanted = {"org": VENDOR, "person": {"$in": list(persons)}}
    rows = db.get_collection("facts", NAIVE).find(wanted, READ, batch_size=5000)
    for row in rows:
        for name in INSTANTS:
            if (at := row.get(name)) is not None:
                row[name] = at.replace(tzinfo=dt.UTC)
        (asserted if row["by_people"] else recorded)[row["person"]].append(row)
    return {
        person: (_in_order(asserted[person]), _in_order(recorded[person]))
        for person in {*asserted, *recorded}
    }


def _in_order(rows: list[Document]) -> tuple[Document, ...]:
    return tuple(sorted(rows, key=lambda row: (row["decided_at"], row.get("n", 0), row["_id"])))


def append(db: Database[Document], rows: Iterable[Document], session: ClientSession | None) -> None:
    """Write facts; the caller holds the lease of their persons, so their ids are new."""
    documents = list(rows)
    if documents:
        db.facts.insert_many(documents, ordered=False, session=session)
