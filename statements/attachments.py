"""Attachments: each object of a statement needs its bytes, each part its object (Communication 1.5.2)."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from statements.chunks import CHUNK_BYTES, Chunks, chunk_indexes
from statements.errors import AttachmentMismatch
from statements.parse import json_path
from statements.transaction import DURABLE

Json = Mapping[str, Any]
Document = dict[str, Any]
Place = tuple[tuple[str | int, ...], Json]

INDEXES: dict[str, list[IndexModel]] = {
    "attachments.files": [IndexModel([("org", 1), ("sha2", 1)], unique=True, name="part")],
    "attachments.chunks": chunk_indexes(),
}
_ALGORITHMS = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


@dataclass(frozen=True, slots=True)
class Part:
    """One received or stored attachment: `sha2` as declared (X-Experience-API-Hash), in lower case."""

    sha2: str
    content_type: str
    content: bytes


def attachments_of(statement: Json) -> Iterator[Place]:
    """Yield the attachment objects of a statement and its SubStatement, each with the steps to it."""
    for index, attachment in enumerate(statement.get("attachments", ())):
        yield ("attachments", index), attachment
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        for index, attachment in enumerate(target.get("attachments", ())):
            yield ("object", "attachments", index), attachment


def check_attachments(
    statements: Sequence[Json], parts: Mapping[str, Part], paths: Sequence[str]
) -> list[Part]:
    """Return the parts to keep; AttachmentMismatch for a missing, superfluous or altered one.

    `length` is not compared with the bytes (digest, trap 1): the hash decides.
    """
    wanted: set[str] = set()
    for statement, path in zip(statements, paths, strict=True):
        if "attachments" not in statement and statement["object"].get("objectType") != "SubStatement":
            continue
        for steps, attachment in attachments_of(statement):
            sha2 = attachment["sha2"].lower()
            wanted.add(sha2)
            if sha2 not in parts and "fileUrl" not in attachment:
                raise AttachmentMismatch(
                    "has neither a part with its sha2 nor a fileUrl", json_path(*steps, root=path)
                )
    for sha2, part in parts.items():
        if sha2 not in wanted:
            raise AttachmentMismatch(
                f"the part with the hash {sha2[:128]} belongs to no attachment of a statement"
            )
        algorithm = _ALGORITHMS.get(len(sha2))
        if algorithm is None or hashlib.new(algorithm, part.content).hexdigest() != sha2:
            raise AttachmentMismatch(f"the bytes of the part do not have the hash {sha2[:128]}")
    return list(parts.values())


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
