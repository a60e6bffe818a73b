"""Content files in MongoDB, in chunks as GridFS lays them out, sealed per organization like attachments.

content.files {_id, org, name, length, chunkSize, uploadDate}; content.chunks {org, files_id, n, data}
`name` is the sha-256 of the bytes, or what `put` was told.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import tempfile
from collections.abc import Collection, Iterable, Iterator
from typing import IO, Any

from bson import ObjectId
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from lrs.content.library.stored import Large, MissingFile, Small, StoredFile, batches
from lrs.foundation.database import DURABLE
from statements.storage.chunks import CHUNK_BYTES, Chunks, chunk_indexes
from statements.storage.transaction import DUPLICATE_KEY

Document = dict[str, Any]

AT_ONCE = 8  # chunks of a large file in one write

INDEXES: dict[str, list[IndexModel]] = {
    "content.files": [
        IndexModel([("org", 1), ("name", 1)], unique=True, name="file"),
        IndexModel([("org", 1), ("uploadDate", 1)]),
    ],
    "content.chunks": chunk_indexes(),
}


class MongoFiles:
    """The content files of one organization in MongoDB; implements `files.ContentFiles`."""

    def __init__(self, db: Database[Document], org: str) -> None:
        self._org = org
        self._files = db.get_collection("content.files", write_concern=DURABLE)
        self._chunks = Chunks(db, "content.chunks", org)

    def keep(self, files: Iterable[Iterable[bytes]]) -> Iterator[StoredFile]:
        """Store files, each given as blocks, and yield each in its order once it is durable."""
        for batch in batches(files):
            if isinstance(batch, Large):
                yield self._keep_large(batch.blocks())
            else:
                yield from self._keep_small(batch)

    def put(self, name: str, blocks: Iterable[bytes]) -> StoredFile:
        """Store a file under a name of its own; raises FileExistsError where the name is taken."""
        return self._keep_large(blocks, name)

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, None where it is not there."""
        found = self._files.find_one({"org": self._org, "name": name}, {"length": 1})
        return None if found is None else int(found["length"])

    def read(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes [start, end) of a file in blocks; raises MissingFile."""
        found = self._files.find_one({"org": self._org, "name": name}, {"length": 1})
        if found is None:
            raise MissingFile(name)
        return self._pieces(found["_id"], start, found["length"] if end is None else end)

    def _pieces(self, files_id: ObjectId, start: int, end: int) -> Iterator[bytes]:
        first = start // CHUNK_BYTES
        place = first * CHUNK_BYTES
        for data in self._chunks.read(files_id, first):
            if place >= end:
                return
            yield data[max(0, start - place) : end - place]
            place += CHUNK_BYTES

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a copy of a file on this machine's disk, for reading at any place; raises MissingFile."""
        blocks = self.read(name)
        with tempfile.TemporaryFile(prefix="laurel-content-") as copy:
            copy.writelines(blocks)
            copy.seek(0)
            yield copy

    def delete(self, names: Collection[str]) -> None:
        """Remove files: first the entries, so that nobody finds half a file."""
        which = {"org": self._org, "name": {"$in": list(names)}}
        ids = [file["_id"] for file in self._files.find(which, {"_id": 1})]
        self._files.delete_many({"_id": {"$in": ids}, "org": self._org})
        self._chunks.delete(ids)

    def stored_before(self, before: dt.datetime) -> Iterator[str]:
        """Yield the names of files that were stored before an instant."""
        for file in self._files.find({"org": self._org, "uploadDate": {"$lt": before}}, {"name": 1}):
            yield file["name"]

    def _keep_small(self, batch: list[Small]) -> Iterator[StoredFile]:
        """Write the chunks of the unknown ones, then their entries: a half-written file is never found."""
        by_hash = {one.stored: one for one in batch}
        which = {"org": self._org, "name": {"$in": [stored.sha256 for stored in by_hash]}}
        known = {file["name"] for file in self._files.find(which, {"name": 1})}
        new = {stored: (ObjectId(), one) for stored, one in by_hash.items() if stored.sha256 not in known}
        self._chunks.insert(
            [
                self._chunks.piece(files_id, place // CHUNK_BYTES, one.content[place : place + CHUNK_BYTES])
                for files_id, one in new.values()
                for place in range(0, len(one.content), CHUNK_BYTES)
            ]
        )
        self._enter(
            [self._entry(files_id, stored.sha256, stored.size) for stored, (files_id, _) in new.items()]
        )
        return iter([one.stored for one in batch])

    def _enter(self, entries: list[Document]) -> None:
        """Insert entries; where another upload stored the same bytes meanwhile, our chunks go."""
        if not entries:
            return
        try:
            self._files.insert_many(entries, ordered=False)
        except BulkWriteError as error:
            refused = error.details["writeErrors"]
            if any(each["code"] != DUPLICATE_KEY for each in refused):
                raise
            self._chunks.delete([entries[each["index"]]["_id"] for each in refused])

    def _keep_large(self, blocks: Iterable[bytes], name: str | None = None) -> StoredFile:
        """Write a file of any size in pieces; it takes memory for a few chunks."""
        files_id, digest, size = ObjectId(), hashlib.sha256(), 0
        try:
            waiting: list[Document] = []
            for n, data in enumerate(_cut(blocks)):
                digest.update(data)
                size += len(data)
                waiting.append(self._chunks.piece(files_id, n, data))
                if len(waiting) == AT_ONCE:
                    self._chunks.insert(waiting)
                    waiting = []
            self._chunks.insert(waiting)
            self._files.insert_one(self._entry(files_id, name or digest.hexdigest(), size))
        except DuplicateKeyError as error:  # the same bytes are there; or the name is
            self._chunks.delete([files_id])
            if name is not None:
                raise FileExistsError(name) from error
        except BaseException:
            self._chunks.delete([files_id])
            raise
        return StoredFile(digest.hexdigest(), size)

    def _entry(self, files_id: ObjectId, name: str, size: int) -> Document:
        return {
            "_id": files_id,
            "org": self._org,
            "name": name,
            "length": size,
            "chunkSize": CHUNK_BYTES,
            "uploadDate": files_id.generation_time,
        }


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of blocks in chunks."""
    read = bytearray()
    for block in blocks:
        read += block
        while len(read) >= CHUNK_BYTES:
            yield bytes(read[:CHUNK_BYTES])
            del read[:CHUNK_BYTES]
    if read:
        yield bytes(read)
