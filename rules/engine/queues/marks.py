"""Statements as the engine reads and marks them: the evaluation mark, the evidence key, and evidence in bulk.

A statement that a published certification may look at carries the evidence key of its actor and, until it was
looked at, `pending: true`, both in the very document that stores it. Reading a person's evidence is one index
range per identifier and store.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel, UpdateMany
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from rules.stored import Document
from statements.parsing.search_keys import evidence_key
from statements.storage.transaction import SETTLED

PLAIN: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=False, uuid_representation=UuidRepresentation.UNSPECIFIED
)
"""Dates without zone and UUIDs as bytes: what the driver makes of them costs more than all the rest."""
READ: Final = 5000  # statements of one round trip
FIELDS: Final[Mapping[str, int]] = dict.fromkeys(
    ("org", "id", "stored", "timestamp", "timestamp_us", "actor", "actor_type", "verb", "object",
     "activity_type", "registration", "success", "completion", "score", "platform", "language", "instructor",
     "parent", "grouping", "category", "extensions", "client", "client_label", "controlled_by", "authority",
     "voided", "pending", "behind", "beyond_launch"), 1,
)  # fmt: skip
"""What a mark shows; `raw` and the keys stay in the database."""
EVIDENCE: Final[Mapping[str, int]] = {
    name: 1 for name in FIELDS if name not in {"activity_type", "client", "platform", "language", "parent"}
}
"""What evidence of any rule is made of; few rules read the fields that are left out (`further`)."""

INDEXES: dict[str, list[IndexModel]] = {
    "statements": [
        IndexModel(
            [("pending", ASCENDING), ("_id", ASCENDING)],
            name="marked",
            partialFilterExpression={"pending": True},
        ),
    ],
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One marked statement: where it is, whose it is, and whether it was voided when the mark was read."""

    key: Any
    org: str
    actor: str | None
    document: Document

    @property
    def voided(self) -> dt.datetime | None:
        """Return when the statement was voided, as of the reading of the mark."""
        return self.document.get("voided")


def marked(db: Database[Document], limit: int, after: Any = None) -> list[Mark]:
    """Return marked statements of all stores in order of storing, at most `limit`, beginning after a key.

    The mark is not leased: the persons are (`evaluation_queue`), and clearing a mark twice is harmless. Only
    what the majority has is read: an election may take anything else back, and the statement that is then
    sent again would lose its mark to a round that has looked at its person without it. Marks that were just
    cleared stand there still for a moment; the primary knows better, else people are decided twice.
    """
    settled = db.statements.with_options(read_concern=SETTLED)
    found: list[Mark] = []
    while (room := limit - len(found)) > 0:
        wanted: Document = {"pending": True} | ({} if after is None else {"_id": {"$gt": after}})
        page = list(settled.find(wanted, FIELDS).sort("_id", ASCENDING).limit(room))
        standing = {"pending": True, "_id": {"$in": [row["_id"] for row in page]}}
        left = {row["_id"] for row in db.statements.find(standing, {"_id": 1})} if page else set()
        found += [Mark(row["_id"], row["org"], row.get("actor"), row) for row in page if row["_id"] in left]
        if len(page) < room:
            break
        after = page[-1]["_id"]
    return found


def clear(db: Database[Document], marks: Iterable[Document]) -> None:
    """Clear the marks of these statement documents, unless one was voided after it was read.

    Voiding sets the mark anew in the update that voids; that later mark has to survive.
    """
    standing: list[Any] = []
    voided: list[Any] = []
    stores: set[str] = set()
    for document in marks:
        (voided if document.get("voided") else standing).append(document["_id"])
        stores.add(document["org"])
    inside = {"org": {"$in": sorted(stores)}}  # a sharded cluster asks only the shards of these stores
    gone = {"$unset": {"pending": "", "claimed_until": ""}}
    changes = []
    if standing:
        changes.append(UpdateMany({**inside, "_id": {"$in": standing}, "voided": None}, gone))
    if voided:
        changes.append(UpdateMany({**inside, "_id": {"$in": voided}}, gone))
    if changes:  # a mark that comes back after a crash is looked at again: no waiting for the journal
        once = db.statements.with_options(write_concern=WriteConcern(w=1))
        once.bulk_write(changes, ordered=False)


def evidence_documents(
    db: Database[Document],
    seen: Mapping[str, Collection[str]],
    known_at: dt.datetime | None = None,
    further: Iterable[str] = ("platform", "language", "parent"),
    *,
    where: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, list[Document]]:
    """Return the relevant statements of many actors in one round trip: IFI -> statement documents.

    UUIDs in them stay the 16 bytes they are stored as. `seen` maps each IFI to the stores to look in. With
    `known_at`, later stored ones are left out, and always what the majority does not have. `further` are
    fields to read besides `EVIDENCE`; `where` leaves out others.
    """
    ifis_by_store: dict[str, list[str]] = defaultdict(list)
    for ifi, stores in seen.items():
        for store in stores:
            ifis_by_store[store].append(ifi)
    branches = [
        {"org": store, "keys": {"$in": [evidence_key(ifi) for ifi in ifis]}}
        for store, ifis in ifis_by_store.items()
    ]
    found: dict[str, list[Document]] = {ifi: [] for ifi in seen}
    if not branches:
        return found
    wanted: Document = branches[0] if len(branches) == 1 else {"$or": branches}
    if where:
        wanted = {"$and": [wanted, where]}
    fields = {**EVIDENCE, **dict.fromkeys(further, 1)}
    settled = db.get_collection("statements", PLAIN, read_concern=SETTLED)
    for row in settled.find(wanted, fields, batch_size=READ, hint="keys"):
        rows = found.get(row.get("actor", ""))
        if rows is None:
            continue
        row["stored"] = row["stored"].replace(tzinfo=dt.UTC)
        row["timestamp"] = row["timestamp"].replace(tzinfo=dt.UTC)
        if row.get("voided") is not None:
            row["voided"] = row["voided"].replace(tzinfo=dt.UTC)
        if known_at is None or row["stored"] <= known_at:
            rows.append(row)
    return found
