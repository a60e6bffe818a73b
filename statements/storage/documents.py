"""State, agent profile and activity profile documents (Communication 2.2, 2.3, 2.6, 2.7).

Every change reads the document's revision, decides by the precondition table, and writes under the
condition that the revision is still the same; otherwise it reads and decides again. So a check and its
write are one atomic step.
"""

from __future__ import annotations

import datetime as dt
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha1
from typing import Any, Literal
from uuid import UUID

from bson import ObjectId
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, ExecutionTimeout

from statements.errors import (
    DocumentConflict,
    InvalidDocument,
    InvalidQuery,
    InvalidStatement,
    PreconditionFailed,
    StoreBusy,
    TooLarge,
)
from statements.parsing.actor import ifi, is_group
from statements.parsing.parse import parse_json
from statements.parsing.splice import merge_objects
from statements.parsing.times import Version, from_microseconds, microseconds
from statements.query.parameters import read_agent, read_iri, read_uuid, single_values
from statements.storage.chunks import Chunks, chunk_indexes
from statements.storage.transaction import DURABLE, LINEARIZABLE, SETTLED

Kind = Literal["state", "agent_profile", "activity_profile"]
Row = dict[str, Any]

INDEXES: dict[str, list[IndexModel]] = {
    "documents": [
        IndexModel(
            [
                ("org", ASCENDING),
                ("kind", ASCENDING),
                ("activity", ASCENDING),
                ("ifi", ASCENDING),
                ("updated", ASCENDING),
            ],
            name="scope",
        ),
        IndexModel([("ifi", ASCENDING)], name="ifi"),  # erasure, in all stores
    ],
    "documents.chunks": chunk_indexes(),
}
# What a header field can carry (RFC 9110 5.5): nothing else comes back as one.
HEADER_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,1000}")
INLINE_BYTES = 256 * 1024
MAX_DOCUMENT_BYTES = 256 * 1024 * 1024
MAX_ATTEMPTS = 200
MAX_READ = 5000  # milliseconds in which most members answer their primary


def _read_agent(name: str, text: str, version: Version) -> str:
    """Read the agent of a document, which is no group (xapi#1.4)."""
    agent = read_agent(name, text, version)
    if is_group(agent):
        raise InvalidQuery(name, "must be an Agent, not a Group")
    return ifi(agent) or ""


def _read_id(_: str, text: str, _version: Version) -> str:
    return text


_PARAMETERS: dict[Kind, dict[str, Callable[[str, str, Version], Any]]] = {
    "state": {"activityId": read_iri, "agent": _read_agent, "registration": read_uuid, "stateId": _read_id},
    "agent_profile": {"agent": _read_agent, "profileId": _read_id},
    "activity_profile": {"activityId": read_iri, "profileId": _read_id},
}
_REQUIRED = ("activityId", "agent")


@dataclass(frozen=True, slots=True)
class Key:
    """Which document; `id` (stateId or profileId) None asks for all of them. Unused parts are None."""

    kind: Kind
    activity: str | None = None
    ifi: str | None = None
    registration: UUID | None = None
    id: str | None = None

    @classmethod
    def parse(cls, kind: Kind, params: Mapping[str, Sequence[str]], version: Version) -> Key:
        """Check activityId, agent, registration, stateId or profileId of a request; InvalidQuery."""
        readers = _PARAMETERS[kind]
        values = single_values(params, readers)
        for name in _REQUIRED:
            if name in readers and name not in values:
                raise InvalidQuery(name, "is required")
        checked = {name: readers[name](name, text, version) for name, text in values.items()}
        return cls(
            kind,
            activity=checked.get("activityId"),
            ifi=checked.get("agent"),
            registration=checked.get("registration"),
            id=checked.get("stateId" if kind == "state" else "profileId"),
        )

    def digest(self, org: str) -> bytes:
        """Return the primary key of the document: 16 bytes over the organization and every part."""
        parts = [org, self.kind, self.activity, self.ifi, str(self.registration or ""), self.id]
        hashed = blake2b(digest_size=16)
        for part in parts:
            data = (part or "").encode()
            hashed.update(len(data).to_bytes(4, "big") + data)
        return hashed.digest()


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The headers If-Match and If-None-Match as they came."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, etag: str | None) -> None:
        """Raise PreconditionFailed unless both headers hold for the stored tag (None: no document)."""
        if self.if_match is not None and not _holds(self.if_match, etag):
            raise PreconditionFailed("If-Match")
        if self.if_none_match is not None and _holds(self.if_none_match, etag):
            raise PreconditionFailed("If-None-Match")

    @property
    def given(self) -> bool:
        """Tell whether the request says either."""
        return self.if_match is not None or self.if_none_match is not None


_TAG = re.compile(r'\s*(?:W/)?(?:"([^"]*)"|([^\s,"]+))\s*')


def _holds(header: str, etag: str | None) -> bool:
    """Tell whether `*` or one tag of the list is the stored one; weak and unquoted tags are read leniently.

    The tag of a compressed answer carries a suffix (`-gzip`), which does not count.
    """
    if etag is None:
        return False
    tags = [quoted or bare for quoted, bare in _TAG.findall(header)]
    return any(tag in {"*", etag} or tag.split("-", 1)[0] == etag for tag in tags)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """Bytes and headers of one document; `etag` is without quotes, `updated` has microseconds."""

    content: bytes
    content_type: str | None
    etag: str
    updated: dt.datetime


class DocumentStore:
    """The documents of one organization."""

    def __init__(self, db: Database[dict[str, Any]], org: str) -> None:
        self.db = db
        self.org = org
        codec: CodecOptions[Row] = CodecOptions(
            tz_aware=True, tzinfo=dt.UTC, uuid_representation=UuidRepresentation.STANDARD
        )
        self._documents = db.get_collection("documents", codec_options=codec, write_concern=DURABLE)
        self._settled = self._documents.with_options(read_concern=SETTLED)
        self._newest = self._settled
        if _has_several_members(db):  # a single member has nobody to be left behind by
            self._newest = self._documents.with_options(read_concern=LINEARIZABLE)
        self._chunks = Chunks(db, "documents.chunks", org)

    def get(self, key: Key) -> StoredDocument | None:
        """Return the document or None: linearizable, never older than what anybody was told before.

        StoreBusy where most members of the database do not answer its primary in time.
        """
        for _ in range(MAX_ATTEMPTS):
            row = self._find_newest(key)
            if row is None:
                return None
            content = self._content(row)
            if len(content) == row["length"]:  # otherwise it was replaced while its chunks were read
                return StoredDocument(
                    content, row["content_type"], row["etag"], from_microseconds(row["updated"])
                )
        raise StoreBusy("the document changes faster than it can be read")

    def _find_newest(self, key: Key) -> Row | None:
        try:
            return self._newest.find_one(self._which(key), max_time_ms=MAX_READ)
        except ExecutionTimeout:
            raise StoreBusy("most members of the database do not answer now") from None

    def ids(self, key: Key, since: dt.datetime | None = None) -> tuple[list[str], dt.datetime | None]:
        """Return the ids updated after `since` (exclusive) without repeats, and the newest update of them."""
        which = self._scope(key)
        if since is not None:
            which["updated"] = {"$gt": microseconds(since)}
        rows = list(self._settled.find(which, {"id": 1, "updated": 1}).sort("updated", ASCENDING))
        newest = from_microseconds(rows[-1]["updated"]) if rows else None
        return list(dict.fromkeys(row["id"] for row in rows)), newest

    def all(self) -> Iterator[tuple[Key, StoredDocument]]:
        """Yield every document of the organization, those of one kind and activity together."""
        for row in self._settled.find({"org": self.org}).sort([("kind", 1), ("activity", 1)]).hint("scope"):
            key = Key(row["kind"], row["activity"], row["ifi"], row["registration"], row["id"])
            if (found := self.get(key)) is not None:
                yield key, found

    def put(
        self,
        key: Key,
        content: bytes,
        content_type: str | None,
        *,
        preconditions: Preconditions,
        version: Version,
        now: dt.datetime,
        must_say: bool = False,
    ) -> None:
        """Create or replace; PreconditionFailed, DocumentConflict by the table xapi#4.3, InvalidDocument.

        With `must_say` a new document, too, needs If-Match or If-None-Match; InvalidDocument without.
        """

        def decide(row: Row | None) -> tuple[bytes, str | None]:
            preconditions.check(None if row is None else row["etag"])
            may_overwrite = preconditions.given or (key.kind == "state" and version == "1.0.3")
            if row is not None and not may_overwrite:
                raise DocumentConflict(
                    "the document exists: send its ETag as If-Match, or If-None-Match: * to create only"
                )
            if must_say and not preconditions.given:
                raise InvalidDocument("send If-None-Match: * to create the document, or its ETag as If-Match")
            return content, content_type

        self._change(key, decide, now)

    def post(
        self,
        key: Key,
        content: bytes,
        content_type: str | None,
        *,
        preconditions: Preconditions,
        version: Version,  # noqa: ARG002 -- put and post are called alike; merging is the same in both
        now: dt.datetime,
    ) -> None:
        """Create, or merge two JSON objects atomically; InvalidDocument, PreconditionFailed."""

        def decide(row: Row | None) -> tuple[bytes, str | None]:
            preconditions.check(None if row is None else row["etag"])
            if row is None:
                if _is_json(content_type):
                    _read(content, "the posted document")
                return content, content_type
            _check_mergeable(row["content_type"], "the stored document")
            _check_mergeable(content_type, "the posted document")
            stored = self._content(row)
            for text, what in ((stored, "the stored document"), (content, "the posted document")):
                if not isinstance(_read(text, what), dict):
                    raise InvalidDocument(f"{what} is not a JSON object and cannot be merged")
            return merge_objects(stored, content), row["content_type"]

        self._change(key, decide, now)

    def delete(self, key: Key, *, preconditions: Preconditions) -> None:
        """Delete one document, or all in scope when `key.id` is None; unknown ones are no error."""
        if key.id is None:
            rows = list(self._documents.find(self._scope(key), {"chunks": 1}))
            self._documents.delete_many({"_id": {"$in": [row["_id"] for row in rows]}, "org": self.org})
            self._chunks.delete([row["chunks"] for row in rows if "chunks" in row])
            return
        for attempt in range(MAX_ATTEMPTS):
            row = self._row(key)
            preconditions.check(None if row is None else row["etag"])
            if row is None:
                return
            if self._documents.delete_one(self._unchanged(row)).deleted_count:
                self._drop_chunks(row)
                return
            _pause(attempt)
        raise StoreBusy("many writers change this document")

    def _change(
        self, key: Key, decide: Callable[[Row | None], tuple[bytes, str | None]], now: dt.datetime
    ) -> None:
        """Write what `decide` makes of the stored row; when the row changed meanwhile, decide again."""
        for attempt in range(MAX_ATTEMPTS):
            row = self._row(key)
            content, content_type = decide(row)
            _check_header_text(content_type)
            new = self._new_row(key, content, content_type, row, now)
            if self._write(row, new):
                self._drop_chunks(row)
                return
            self._drop_chunks(new)
            _pause(attempt)
        raise StoreBusy("many writers change this document")

    def _new_row(
        self, key: Key, content: bytes, content_type: str | None, row: Row | None, now: dt.datetime
    ) -> Row:
        if len(content) > MAX_DOCUMENT_BYTES:
            raise TooLarge("the document", MAX_DOCUMENT_BYTES)
        new = {
            "_id": key.digest(self.org),
            "org": self.org,
            "kind": key.kind,
            "activity": key.activity,
            "ifi": key.ifi,
            "registration": key.registration,
            "id": key.id,
            "content_type": content_type,
            "length": len(content),
            "etag": sha1(content, usedforsecurity=False).hexdigest(),
            "revision": ObjectId(),
            "updated": max(microseconds(now), row["updated"] + 1 if row else 0),
        }
        if len(content) > INLINE_BYTES:
            new["chunks"] = self._chunks.write(content)
        else:
            new["content"] = content
        return new

    def _write(self, row: Row | None, new: Row) -> bool:
        """Insert, or replace the very revision that was read; tell whether it succeeded."""
        if row is None:
            try:
                self._documents.insert_one(new)
            except DuplicateKeyError:
                return False
            return True
        return self._documents.replace_one(self._unchanged(row), new).matched_count == 1

    def _unchanged(self, row: Row) -> Row:
        return {"_id": row["_id"], "org": self.org, "etag": row["etag"], "revision": row["revision"]}

    def _row(self, key: Key) -> Row | None:
        """Return what the primary has now: whether a change on top of it holds, its write will tell."""
        return self._documents.find_one(self._which(key))

    def _which(self, key: Key) -> Row:
        return {"_id": key.digest(self.org), "org": self.org}

    def _scope(self, key: Key) -> Row:
        """Return the filter of a list or bulk delete.

        Without a registration it spans all of them (xapi#decision-4).
        """
        which: Row = {"org": self.org, "kind": key.kind, "activity": key.activity, "ifi": key.ifi}
        if key.registration is not None:
            which["registration"] = key.registration
        return which

    def _content(self, row: Row) -> bytes:
        if "chunks" in row:
            return b"".join(self._chunks.read(row["chunks"]))
        content: bytes = row["content"]
        return content

    def _drop_chunks(self, row: Row | None) -> None:
        if row is not None and "chunks" in row:
            self._chunks.delete([row["chunks"]])


def _has_several_members(db: Database[Any]) -> bool:
    """Tell whether the deployment may have two that take themselves for the primary, one of them behind."""
    known = db.client.topology_description
    return known.topology_type_name == "Sharded" or len(known.server_descriptions()) > 1


def _pause(attempt: int) -> None:
    time.sleep(random.random() * min(0.1, 0.002 * (attempt + 1)))


def _is_json(content_type: str | None) -> bool:
    """Compare the media type alone, in any letter case."""
    return (content_type or "").split(";")[0].strip().lower() == "application/json"


def _check_header_text(content_type: str | None) -> None:
    """Refuse what could not come back as it came."""
    if content_type is not None and not HEADER_TEXT.fullmatch(content_type):
        raise InvalidDocument("the Content-Type has characters that no header carries, or more than 1,000")


def _check_mergeable(content_type: str | None, what: str) -> None:
    if not _is_json(content_type):
        raise InvalidDocument(f"{what} is not application/json and cannot be merged")


def _read(text: bytes, what: str) -> Any:
    try:
        return parse_json(text)
    except InvalidStatement as error:
        raise InvalidDocument(f"{what} is no valid JSON: {error}") from None
