"""Statements in MongoDB: the one place that reads and writes the collection `statements`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any
from uuid import UUID

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, ExecutionTimeout

from statements.errors import QueryTimeout, StatementNotFound
from statements.intake.attachments import Part
from statements.parsing.search_keys import key
from statements.parsing.times import from_microseconds
from statements.query.parameters import StatementQuery
from statements.storage.attachment_store import PartStore
from statements.storage.definitions import DefinitionStore
from statements.storage.gathered import CODEC, Gathered
from statements.storage.group_commit import GroupCommit
from statements.storage.named_statements import NamedStatements
from statements.storage.references import MAX_CHAIN
from statements.storage.transaction import DUPLICATE_KEY, DURABLE, SETTLED, Result, in_transaction

Document = dict[str, Any]

INDEXES: dict[str, list[IndexModel]] = {
    "statements": [
        IndexModel([("org", ASCENDING), ("id", ASCENDING)], unique=True, name="id"),
        IndexModel([("org", ASCENDING), ("keys", ASCENDING), ("_id", ASCENDING)], name="keys"),
        IndexModel([("org", ASCENDING), ("_id", ASCENDING)], name="order"),
        IndexModel(
            [("org", ASCENDING), ("open", ASCENDING)],
            name="open",
            partialFilterExpression={"open": {"$exists": True}},
        ),
    ]
}
MAX_GROUPED_BYTES = 1024 * 1024  # a large request travels alone: it cannot hold up or spoil those of others
MAX_PAGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """Raw statements in order; `next` is the order key to go on from, None on the last page."""

    statements: list[bytes]
    next: bytes | None
    newest_stored: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """One statement: the bytes of format=exact and when it was stored (microseconds)."""

    raw: bytes
    stored: dt.datetime


class _Place:
    """A database as a key: by identity, because clients of one server are equal, also one that was closed."""

    __slots__ = ("db",)

    def __init__(self, db: Database[Document]) -> None:
        self.db = db

    def __eq__(self, other: object) -> bool:
        mine = self.db
        return isinstance(other, _Place) and other.db.client is mine.client and other.db.name == mine.name

    def __hash__(self) -> int:
        return hash((id(self.db.client), self.db.name))


def statements_of(db: Database[Document]) -> Collection[Document]:
    """Return the collection with durable writes, aware datetimes and standard UUIDs."""
    return _statements_of(_Place(db))


def settled_statements_of(db: Database[Document]) -> Collection[Document]:
    """Return the collection as `statements_of` does, for reading what no election takes back."""
    return _settled_statements_of(_Place(db))


@lru_cache(maxsize=8)
def _settled_statements_of(place: _Place) -> Collection[Document]:
    return _statements_of(place).with_options(read_concern=SETTLED)


@lru_cache(maxsize=8)
def _statements_of(place: _Place) -> Collection[Document]:
    return place.db.get_collection("statements", codec_options=CODEC, write_concern=DURABLE)


@lru_cache(maxsize=8)
def _group_commit(place: _Place) -> GroupCommit:
    """Return the queue that all stores of one database share in this process."""
    return GroupCommit(_statements_of(place))


class StatementStore:
    """The statements of one organization (`org`), never of another.

    With `only_client` those of one client. `longest_chain` bounds what a reference takes over.
    """

    def __init__(
        self,
        db: Database[Document],
        org: str,
        *,
        only_client: str | None = None,
        longest_chain: int = MAX_CHAIN,
    ) -> None:
        self.longest_chain = longest_chain
        self.db = db
        self.org = org
        self.only_client = only_client
        self._statements = statements_of(db)
        self._settled = settled_statements_of(db)

    def insert_new(self, documents: Gathered) -> bool:
        """Insert documents that refer to no statement, all or none; false where an id is known or awaited.

        The unique index tells; then nothing is inserted.
        """
        try:
            self._insert_plain(documents)
        except (DuplicateKeyError, BulkWriteError) as error:
            if not _is_duplicate(error):
                raise
            return False
        return True

    def _insert_plain(self, documents: Gathered) -> None:
        """Insert documents, small requests together with those of other callers."""
        if documents.size <= MAX_GROUPED_BYTES:
            if plain := documents.all():
                _group_commit(_Place(self.db)).insert(plain)
        else:
            self.in_transaction(partial(self._insert_windows, documents))

    def _insert_windows(self, documents: Gathered, session: ClientSession) -> None:
        for window in documents.windows():
            self._statements.insert_many(window, session=session)

    def in_transaction(self, work: Callable[[ClientSession], Result]) -> Result:
        """Run `work` in one durable transaction, as often as conflicts with other writers ask for it."""
        return in_transaction(self.db.client, work)

    def named(self, documents: Sequence[Document], session: ClientSession) -> NamedStatements:
        """Return what is stored under the ids and targets of documents, as a transaction sees it."""
        return NamedStatements(self._statements, self.org, session, documents)

    def settled(self, ids: Sequence[UUID]) -> dict[UUID, Document]:
        """Return by id those statements that are stored so that no election takes them back, with `raw`."""
        found = self._settled.find({"org": self.org, "id": {"$in": list(ids)}}, {"_id": 0, "id": 1, "raw": 1})
        return {row["id"]: row for row in found if "raw" in row}

    def get(self, statement_id: UUID, *, voided: bool = False) -> Stored:
        """Return one statement; with `voided` only a voided one is found. Raises StatementNotFound."""
        wanted = {"_id": 1, "raw": 1, "voided": 1, "client": 1}
        found = self._settled.find_one({"org": self.org, "id": statement_id}, wanted)
        if (
            found is None
            or "raw" not in found
            or ("voided" in found) != voided
            or self.only_client not in {None, found["client"]}
        ):
            raise StatementNotFound(str(statement_id))
        return Stored(found["raw"], stored_of(found["_id"]))

    def find(self, query: StatementQuery, *, max_seconds: float | None = None) -> Page:
        """Return one page of the list query in (stored, tie-break) order; QueryTimeout after `max_seconds`.

        A page ends at the limit or before MAX_PAGE_BYTES are exceeded; `next` tells whether there is more.
        """
        cursor = self._settled.find(
            query.filter(self.org, self.only_client), {"raw": 1},
            sort=[("_id", ASCENDING if query.ascending else DESCENDING)],
            limit=query.limit + 1, batch_size=min(query.limit + 1, 101),
            hint="keys" if query.keys or self.only_client is not None else "order",
        )  # fmt: skip
        if max_seconds is not None:
            cursor = cursor.max_time_ms(int(max_seconds * 1000))
        raws: list[bytes] = []
        keys: list[bytes] = []
        size = 0
        following = None
        try:
            with cursor:
                for document in cursor:
                    size += len(document["raw"])
                    if len(raws) == query.limit or (size > MAX_PAGE_BYTES and raws):
                        following = keys[-1]
                        break
                    raws.append(document["raw"])
                    keys.append(document["_id"])
        except ExecutionTimeout as error:
            raise QueryTimeout(max_seconds or 0) from error
        newest = max(keys, default=None)
        return Page(raws, following, None if newest is None else stored_of(newest))

    @cached_property
    def definition_store(self) -> DefinitionStore:
        """What the store has learned: definitions and names."""
        return DefinitionStore(self.db, self.org)

    @cached_property
    def _parts(self) -> PartStore:
        return PartStore(self.db, self.org)

    def definitions(self, activity_ids: set[str]) -> Mapping[str, dict[str, Any]]:
        """Return the merged canonical definition of each known activity."""
        return self.definition_store.definitions(activity_ids)

    def activity(self, activity_id: str) -> dict[str, Any]:
        """Return the Activity object for GET /activities.

        One that was never seen has only objectType and id.
        """
        known = self.definition_store.definitions({activity_id})
        return {"objectType": "Activity", "id": activity_id} | (
            {"definition": known[activity_id]} if activity_id in known else {}
        )

    def person(self, agent: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Person object for GET /agents: the union of the names seen with this identifier."""
        return self.definition_store.person(agent)

    def keep_parts(self, parts: Sequence[Part]) -> None:
        """Store attachment bytes, each once; called before the statements that need them."""
        if parts:
            self._parts.keep(parts)

    def sweep_parts(self, before: dt.datetime) -> int:
        """Remove parts stored before an instant that no statement names; return how many.

        A part is stored before its statement, so a refused or interrupted request can leave one behind;
        `before` must be some hours ago.
        """
        return self.drop_unused_parts(self._parts.stored_before(before))

    def drop_unused_parts(self, sha2s: Iterable[str]) -> int:
        """Remove those of these parts that no statement names; return how many."""
        unused = [
            sha2
            for sha2 in sha2s
            if self._statements.find_one({"org": self.org, "keys": key("s", sha2)}, {"_id": 1}) is None
        ]
        self._parts.delete(unused)
        return len(unused)

    def parts(self, sha2s: set[str]) -> Iterator[Part]:
        """Yield the stored bytes of these attachments in order of hash; unknown ones are left out."""
        return self._parts.find(sha2s)


def stored_of(order_key: bytes) -> dt.datetime:
    """Return the instant (microseconds) that an order key begins with."""
    return from_microseconds(int.from_bytes(order_key[:8], "big"))


def _is_duplicate(error: DuplicateKeyError | BulkWriteError) -> bool:
    """Tell whether the unique index (org, id) refused a document."""
    if isinstance(error, DuplicateKeyError):
        return True
    details: Any = error.details
    codes = {entry["code"] for entry in details.get("writeErrors", ())}
    return codes == {DUPLICATE_KEY}
