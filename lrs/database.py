"""The connection to MongoDB and the indexes of every collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import IndexModel, MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from lrs import tenancy
from lrs.settings import Settings

Document = dict[str, Any]
DURABLE = WriteConcern(w="majority", j=True)

# Each store module declares INDEXES = {collection: [IndexModel, ...]}; this list names those modules.
INDEX_TABLES: list[Mapping[str, list[IndexModel]]] = [
    tenancy.INDEXES,
]


def connect(settings: Settings) -> Database[Document]:
    """Open a client for this process; acknowledged writes are durable (design invariant 1)."""
    client: MongoClient[Document] = MongoClient(
        settings.mongodb_uri, tz_aware=True, uuidRepresentation="standard", w="majority", journal=True
    )
    return client[settings.database]


def ensure_indexes(db: Database[Document]) -> None:
    """Create the collections and indexes that are missing; safe to run in several processes at once."""
    for table in INDEX_TABLES:
        for collection, indexes in table.items():
            if indexes:
                db[collection].create_indexes(indexes)
