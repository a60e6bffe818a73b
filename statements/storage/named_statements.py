"""What a request's statements name: the stored statements and placeholders of their ids and targets.

Read within the transaction that inserts the statements. Updates of what is stored are collected and sent
together. A referenced statement that has not arrived has a **placeholder**: a document with `org` and `id`
alone, so that the unique index (org, id) stops the arriving statement and sends it here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pymongo import DeleteOne, UpdateMany, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

Document = dict[str, Any]

_NEEDED = {
    "id": 1, "raw": 1, "stub": 1, "keys": 1, "chain": 1, "open": 1, "target": 1,
    "voids": 1, "voided": 1, "voided_by": 1, "voiders": 1, "stored": 1, "actor": 1, "controlled_by": 1,
}  # fmt: skip


class NamedStatements:
    """The stored statements and placeholders that documents name, and the updates that are due of them."""

    def __init__(
        self,
        collection: Collection[Document],
        org: str,
        session: ClientSession,
        documents: Sequence[Document],
    ) -> None:
        self._collection, self._org, self._session = collection, org, session
        self._writes: list[Any] = []
        ids = {document[name] for document in documents for name in ("id", "target") if name in document}
        found = collection.find(
            {"org": org, "id": {"$in": list(ids)}}, _NEEDED, session=session, batch_size=1000
        )
        self._known: dict[UUID, Document] = {document["id"]: document for document in found}

    def statement(self, statement_id: UUID) -> Document | None:
        """Return a stored statement."""
        known = self._known.get(statement_id)
        return None if known is None or "stub" in known else known

    def placeholder(self, statement_id: UUID) -> Document | None:
        """Return the placeholder of a statement that has not arrived."""
        known = self._known.get(statement_id)
        return known if known is not None and "stub" in known else None

    def update(self, which: Document, change: Document) -> None:
        """Change one stored statement."""
        self._writes.append(UpdateOne({**which, "org": self._org}, change))

    def update_all(self, which: Document, change: list[Document]) -> None:
        """Change every stored statement that a filter finds, by a pipeline."""
        self._writes.append(UpdateMany({**which, "org": self._org}, change))

    def keep_placeholder(self, statement_id: UUID, change: Document | None = None) -> None:
        """Make or touch a placeholder, so that the arriving statement cannot miss this transaction."""
        made = {"$inc": {"touched": 1}, "$setOnInsert": {"_id": _placeholder_key(), "stub": True}}
        which = {"org": self._org, "id": statement_id}
        self._writes.append(UpdateOne(which, {**made, **(change or {})}, upsert=True))

    def remove(self, placeholder: Document) -> None:
        """Make room for the statement that arrives."""
        self._writes.append(DeleteOne({"_id": placeholder["_id"], "org": self._org}))

    def insert(self, documents: Sequence[Document]) -> None:
        """Send the updates, in order, and insert the documents."""
        if self._writes:
            self._collection.bulk_write(self._writes, ordered=True, session=self._session)
        if documents:
            self._collection.insert_many(documents, session=self._session)


def _placeholder_key() -> bytes:
    """Return an order key before every statement's."""
    return bytes(8) + os.urandom(8)
