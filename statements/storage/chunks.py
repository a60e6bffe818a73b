"""Bytes of any length in MongoDB, in chunks as GridFS lays them out, with the org beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId
from pymongo import IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database

from statements.storage.transaction import DURABLE

Document = dict[str, Any]

CHUNK_BYTES = 1024 * 1024
_CHUNKS_AT_ONCE = 12


def chunk_indexes() -> list[IndexModel]:
    """Return the indexes of a chunk collection."""
    return [IndexModel([("org", 1), ("files_id", 1), ("n", 1)], unique=True, name="chunk")]


class Chunks:
    """The chunks of one organization in one collection."""

    def __init__(self, db: Database[Document], collection: str, org: str) -> None:
        self._org = org
        self._chunks = db.get_collection(collection, write_concern=DURABLE)

    def write(self, content: bytes) -> ObjectId:
        """Store the bytes, durably, and return the id under which they are read."""
        files_id = ObjectId()
        pieces = range(0, len(content), CHUNK_BYTES)
        for first in range(0, len(pieces), _CHUNKS_AT_ONCE):
            some = pieces[first : first + _CHUNKS_AT_ONCE]
            self.insert([self.piece(files_id, n, content[start : start + CHUNK_BYTES])
                         for n, start in enumerate(some, first)])  # fmt: skip
        return files_id

    def piece(self, files_id: ObjectId, n: int, data: bytes) -> Document:
        """Return the n-th chunk of a file; all but the last have CHUNK_BYTES."""
        return {"org": self._org, "files_id": files_id, "n": n, "data": data}

    def insert(self, pieces: Sequence[Document]) -> None:
        """Store chunks of one or several files; durable when this returns."""
        if pieces:
            self._chunks.insert_many(pieces)

    def read(self, files_id: ObjectId, first: int = 0) -> Iterator[bytes]:
        """Yield the chunks in order, from the chunk numbered `first` on."""
        which = {"org": self._org, "files_id": files_id, "n": {"$gte": first}}
        for chunk in self._chunks.find(which, {"data": 1}, batch_size=4).sort("n"):
            yield chunk["data"]

    def delete(self, files_ids: Sequence[ObjectId], session: ClientSession | None = None) -> None:
        """Remove the chunks of these ids; unknown ids are no error."""
        if files_ids:
            self._chunks.delete_many(
                {"org": self._org, "files_id": {"$in": list(files_ids)}}, session=session
            )
