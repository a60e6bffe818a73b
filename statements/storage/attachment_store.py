"""The bytes of attachments in MongoDB: one file per hash and organization, laid out as GridFS does."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from statements.intake.attachments import Part
from statements.storage.chunks import CHUNK_BYTES, Chunks, chunk_indexes
from statements.storage.transaction import DURABLE

Document = dict[str, Any]

INDEXES: dict[str, list[IndexModel]] = {
    "attachments.files": [IndexModel([("org", 1), ("sha2", 1)], unique=True, name="part")],
    "attachments.chunks": chunk_indexes(),
}


class PartStore:
    """The attachment bytes of one organization: GridFS layout, one file per hash."""

    def __init__(self, db: Database[Document], org: str) -> None:
        self._org = org
        self._files = db.get_collection("attachments.files", write_concern=DURABLE)
        self._chunks = Chunks(db, "attachments.chunks", org)

    def keep(self, parts: Sequence[Part]) -> None:
        """Store each part unless its hash is there; durable when this returns."""
        if not parts:
            return
        which = {"org": self._org, "sha2": {"$in": [part.sha2 for part in parts]}}
        known = {file["sha2"] for file in self._files.find(which, {"sha2": 1})}
        for part in parts:
            if part.sha2 not in known:
                self._store(part)

    def find(self, sha2s: set[str]) -> Iterator[Part]:
        """Yield the parts of these hashes in order of hash; unknown ones are left out."""
        which = {"org": self._org, "sha2": {"$in": list(sha2s)}}
        for file in list(self._files.find(which).sort("sha2")):
            yield Part(file["sha2"], file["contentType"], b"".join(self._chunks.read(file["_id"])))

    def stored_before(self, before: dt.datetime) -> Iterator[str]:
        """Yield the hashes of parts stored before an instant."""
        for file in self._files.find({"org": self._org, "uploadDate": {"$lt": before}}, {"sha2": 1}):
            yield file["sha2"]

    def delete(self, sha2s: Sequence[str]) -> None:
        """Remove parts: first the entries, so that nobody finds half a part."""
        which = {"org": self._org, "sha2": {"$in": list(sha2s)}}
        ids = [file["_id"] for file in self._files.find(which, {"_id": 1})]
        self._files.delete_many({"_id": {"$in": ids}, "org": self._org})
        self._chunks.delete(ids)

    def _store(self, part: Part) -> None:
        """Write the chunks, then the file entry: a half-written file is never found."""
        files_id = self._chunks.write(part.content)
        entry = {
            "_id": files_id,
            "org": self._org,
            "sha2": part.sha2,
            "filename": part.sha2,
            "contentType": part.content_type,
            "length": len(part.content),
            "chunkSize": CHUNK_BYTES,
            "uploadDate": files_id.generation_time,
        }
        try:
            self._files.insert_one(entry)
        except DuplicateKeyError:  # another request stored the same bytes meanwhile
            self._chunks.delete([files_id])
