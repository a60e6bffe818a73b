"""The connection to MongoDB and the indexes of every collection."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pymongo
from pymongo import IndexModel, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, ConfigurationError, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from lrs import (
    audit,
    branding,
    consistency,
    displays,
    erasure,
    invitations,
    keys,
    launch,
    logs,
    more,
    notices,
    outgoing_mail,
    people,
    sessions,
    tenancy,
    users,
    webhooks,
)
from lrs.analysis import indexes as analysis_indexes
from lrs.settings import Settings, StartFailure
from rules import (
    backfill,
    credential_store,
    facts,
    gatekeeping,
    marks,
    outbox,
    plans,
    programmes,
    rebuild,
    standings,
    store,
    tier_work,
    work,
)
from statements import attachments, knowledge
from statements import documents as statement_documents
from statements import store as statement_store

Document = dict[str, Any]
DURABLE = WriteConcern(w="majority", j=True)

# Each store module declares INDEXES = {collection: [IndexModel, ...]}; this list names those modules.
INDEX_TABLES: list[Mapping[str, list[IndexModel]]] = [
    tenancy.INDEXES,
    launch.INDEXES,
    audit.INDEXES,
    people.INDEXES,
    erasure.INDEXES,
    invitations.INDEXES,
    users.INDEXES,
    sessions.INDEXES,
    consistency.INDEXES,
    more.INDEXES,
    credential_store.INDEXES,
    displays.INDEXES,
    branding.INDEXES,
    keys.INDEXES,
    store.INDEXES,
    work.INDEXES,
    tier_work.INDEXES,
    facts.INDEXES,
    standings.INDEXES,
    outbox.INDEXES,
    marks.INDEXES,
    backfill.INDEXES,
    plans.INDEXES,
    webhooks.INDEXES,
    notices.INDEXES,
    outgoing_mail.INDEXES,
    programmes.INDEXES,
    rebuild.INDEXES,
    gatekeeping.INDEXES,
    analysis_indexes.INDEXES,
    statement_store.INDEXES,
    attachments.INDEXES,
    knowledge.INDEXES,
    statement_documents.INDEXES,
]

# Statements are most of the bytes; zstd stores them in about two thirds of what snappy takes.
ZSTD = {"wiredTiger": {"configString": "block_compressor=zstd"}}
COMPRESSED = ("statements",)
ANSWER_SECONDS = 5.0
NAMESPACE_EXISTS = 48
CONFLICTS = frozenset({85, 86})  # IndexOptionsConflict, IndexKeySpecsConflict


def connect(settings: Settings) -> Database[Document]:
    """Open a client for this process; acknowledged writes are durable (design invariant 1)."""
    client: MongoClient[Document] = MongoClient(
        settings.mongodb_uri, tz_aware=True, uuidRepresentation="standard", w="majority", journal=True
    )
    return client[settings.database]


def check_mongodb(settings: Settings) -> None:
    """Refuse a MongoDB that does not answer or has no transactions; raises StartFailure."""
    place = logs.without_secrets(settings.mongodb_uri)
    try:
        db = connect(settings)
    except (PyMongoError, ValueError) as error:
        raise StartFailure(f"LRS_MONGODB_URI cannot be used: {error}", "correct the URI") from error
    with db.client as client:
        try:
            with pymongo.timeout(ANSWER_SECONDS):
                hello = client.admin.command("hello")
        except OperationFailure as error:
            reason = error.details.get("errmsg", "refused") if error.details else "refused"
            raise StartFailure(f"MongoDB at {place} refused: {reason}", "check user and password") from error
        except (PyMongoError, ConfigurationError) as error:
            raise StartFailure(
                f"MongoDB at {place} did not answer within {ANSWER_SECONDS:g} seconds",
                "start it or correct LRS_MONGODB_URI",
            ) from error
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StartFailure(
            f"MongoDB at {place} is a standalone server, which has no transactions",
            "make it a replica set of one: start mongod with --replSet rs0, then run "
            "`mongosh --eval 'rs.initiate()'`; data stays as it is",
        )


def ensure_indexes(db: Database[Document]) -> None:
    """Create what is missing and replace indexes that an older version made otherwise.

    Safe to run in several processes at once.
    """
    existing = set(db.list_collection_names())
    for name in COMPRESSED:
        if name not in existing:
            _create(db, name)
    for table in INDEX_TABLES:
        for collection, indexes in table.items():
            if indexes:
                _ensure(db[collection], indexes)


def _create(db: Database[Document], name: str) -> None:
    """Create a compressed collection, unless another process was first."""
    with contextlib.suppress(CollectionInvalid):  # PyMongo looked and found it
        try:
            db.create_collection(name, storageEngine=ZSTD)
        except OperationFailure as error:  # it was made between that look and the command
            if error.code != NAMESPACE_EXISTS:
                raise


def _ensure(collection: Collection[Document], indexes: list[IndexModel]) -> None:
    """Create indexes in one command; only where an older one stands in the way, one by one."""
    try:
        collection.create_indexes(indexes)
    except OperationFailure as conflict:
        if conflict.code not in CONFLICTS:
            raise
        for index in indexes:
            try:
                collection.create_indexes([index])
            except OperationFailure as error:
                if error.code not in CONFLICTS:
                    raise
                _drop_older(collection, index)
                collection.create_indexes([index])


def _drop_older(collection: Collection[Document], index: IndexModel) -> None:
    """Drop the index of the same name, or of the same keys under another name."""
    wanted = index.document
    for name, known in collection.index_information().items():
        if name == wanted["name"] or known["key"] == list(wanted["key"].items()):
            with contextlib.suppress(OperationFailure):  # another process was first
                collection.drop_index(name)
