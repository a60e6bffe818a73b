"""Credentials, their status entries and the published lists in MongoDB.

credentials: one document per signed version, append-only. status_entries: one per allotted index, never
removed, so that an index is never used twice. status_lists: how much room a list has and what it published.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from rules.errors import RuleError
from rules.statuslist import FULL_SHARE, SIZE

ORG = "vendor"
T = TypeVar("T")
Raw = dict[str, Any]

INDEXES = {
    "credentials": [
        IndexModel([("org", ASCENDING), ("award", ASCENDING), ("seq", DESCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("person", ASCENDING)]),
    ],
    "status_entries": [
        IndexModel([("org", ASCENDING), ("list", ASCENDING), ("index", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("award", ASCENDING)]),
        IndexModel(
            [("org", ASCENDING), ("list", ASCENDING), ("set_at", ASCENDING)],
            partialFilterExpression={"set_at": {"$exists": True}},
        ),
    ],
    "credential_subjects": [],
    "status_lists": [IndexModel([("org", ASCENDING), ("number", ASCENDING)], unique=True)],
}


class SeqTaken(RuleError):
    """Another process recorded a credential of this award first."""


class UnknownStatusList(RuleError):
    """There is no status list of that number."""


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One index of one list, allotted to one credential of an award."""

    list: str
    index: int
    award: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One signed credential; `seq` counts from 1 within an award, the newest is the current one."""

    award: str
    seq: int
    person: str
    period: int
    certification: str
    version: str
    digest: str
    core: str
    jwt: str
    valid_from: dt.datetime
    ends_at: dt.datetime | None
    list: str
    index: int
    key: str
    reason: str
    issued_at: dt.datetime


@dataclass(frozen=True, slots=True)
class CredentialStore:
    """Reads and writes the three collections; `size` is the number of entries of a new list."""

    db: Database[Raw]
    size: int = SIZE

    def transaction(self, change: Callable[[ClientSession], T]) -> T:
        """Run a change all or nothing; a transient conflict is retried."""
        with self.db.client.start_session() as session:
            return session.with_transaction(change)

    def insert(self, record: Record, session: ClientSession) -> None:
        """Record a signed credential; raise SeqTaken if that version of the award exists."""
        document = asdict(record) | {"_id": f"{record.award}.{record.seq}", "org": ORG}
        try:
            self.db["credentials"].insert_one(document, session=session)
        except DuplicateKeyError as error:
            raise SeqTaken(record.award) from error

    def newest(self, award: str) -> Record | None:
        """Return the current credential of an award."""
        found = self.db["credentials"].find_one({"org": ORG, "award": award}, sort=[("seq", DESCENDING)])
        return None if found is None else to_record(found)

    def current(
        self,
        *,
        certification: str | None = None,
        person: str | None = None,
        people: Sequence[str] | None = None,
        after: str | None = None,
    ) -> Iterator[Record]:
        """Yield the newest credential of each award, by award id, those behind `after` only."""
        query: Raw = {"org": ORG}
        if certification is not None:
            query["certification"] = certification
        if person is not None or people is not None:
            query["person"] = person if person is not None else {"$in": list(people or ())}
        if after is not None:
            query["award"] = {"$gt": after}
        last: str | None = None
        for found in self.db["credentials"].find(query).sort([("award", ASCENDING), ("seq", DESCENDING)]):
            if found["award"] != last:
                last = found["award"]
                yield to_record(found)

    def records(self, award: str, session: ClientSession | None = None) -> list[Record]:
        """Return every credential of an award, oldest first."""
        found = self.db["credentials"].find({"org": ORG, "award": award}, session=session)
        return [to_record(one) for one in found.sort("seq", ASCENDING)]

    def subject_of(self, person: str) -> str:
        """Return the urn:uuid of a person: random, and the same in all their credentials."""
        subjects = self.db["credential_subjects"]
        with contextlib.suppress(DuplicateKeyError):
            fresh = {"$setOnInsert": {"org": ORG, "subject": uuid.uuid4().urn}}
            subjects.update_one({"_id": person}, fresh, upsert=True)
        found = subjects.find_one({"_id": person})
        return str(found["subject"]) if found else self.subject_of(person)

    def is_set(self, record: Record) -> bool:
        """Say whether the bit of a credential is set."""
        return "set_at" in self.entry_of(record)

    def entry_of(self, record: Record) -> Raw:
        """Return the status entry of a credential: `set_at` and `reason` once its bit is set."""
        place = {"org": ORG, "list": record.list, "index": record.index}
        return self.db["status_entries"].find_one(place) or {}

    def allot(self, award: str, now: dt.datetime) -> StatusEntry:
        """Take a random index that was never used, in a list that is less than 75 % full (7-3)."""
        name = self._list_with_room(now)
        while True:
            index = secrets.randbelow(self.size)
            place = {"org": ORG, "list": name, "index": index}
            try:
                self.db["status_entries"].insert_one(place | {"award": award, "allotted_at": now})
            except DuplicateKeyError:
                continue
            return StatusEntry(name, index, award)

    def _list_with_room(self, now: dt.datetime) -> str:
        """Count one place off the room of the newest list, after making a new list where none has room."""
        lists = self.db["status_lists"]
        while True:
            found = lists.find_one_and_update(
                {"org": ORG, "room": {"$gt": 0}, "size": self.size},
                {"$inc": {"room": -1}},
                return_document=ReturnDocument.AFTER,
            )
            if found is not None:
                return str(found["number"])
            newest = lists.find_one({"org": ORG}, sort=[("number", DESCENDING)])
            self._add_list(newest["number"] + 1 if newest else 1, now)

    def _add_list(self, number: int, now: dt.datetime) -> None:
        """Open a new list, unless another process just did."""
        room = int(self.size * FULL_SHARE)
        document = {"org": ORG, "number": number, "size": self.size, "room": room, "made_at": now}
        try:
            self.db["status_lists"].insert_one(document | {"changes": 0, "publication": 0})
        except DuplicateKeyError:
            return

    def unset_entries(self, award: str, session: ClientSession) -> list[StatusEntry]:
        """Return the entries of an award's credentials whose bits are clear."""
        return self.unset_entries_of(self.records(award, session), session)

    def unset_entries_of(self, records: Iterable[Record], session: ClientSession) -> list[StatusEntry]:
        """Return the entries of these credentials whose bits are clear."""
        places = [{"list": one.list, "index": one.index} for one in records]
        if not places:
            return []
        found = self.db["status_entries"].find(
            {"org": ORG, "$or": places, "set_at": {"$exists": False}}, session=session
        )
        return [StatusEntry(one["list"], one["index"], one["award"]) for one in found]

    def set_entries(
        self, entries: Sequence[StatusEntry], why: str, now: dt.datetime, session: ClientSession
    ) -> None:
        """Set bits for good and note that their lists have to be published again."""
        for entry in entries:
            place = {"org": ORG, "list": entry.list, "index": entry.index, "set_at": {"$exists": False}}
            self.db["status_entries"].update_one(
                place, {"$set": {"set_at": now, "reason": why}}, session=session
            )
        for name in {entry.list for entry in entries}:
            self.db["status_lists"].update_one(
                {"org": ORG, "number": int(name)}, {"$inc": {"changes": 1}}, session=session
            )

    def lists(self) -> list[Raw]:
        """Return every list, oldest first."""
        return list(self.db["status_lists"].find({"org": ORG}).sort("number", ASCENDING))

    def get_list(self, name: str) -> Raw:
        """Return one list; raise UnknownStatusList."""
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else 0
        found = self.db["status_lists"].find_one({"org": ORG, "number": number})
        if found is None:
            raise UnknownStatusList(name)
        return found

    def set_indexes(self, name: str) -> list[int]:
        """Return the indexes of a list whose bits are set."""
        query = {"org": ORG, "list": name, "set_at": {"$exists": True}}
        return [one["index"] for one in self.db["status_entries"].find(query, {"index": 1})]

    def save_publication(self, seen: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
        """Record a publication made from `seen`; False if another one came first."""
        condition = {"_id": seen["_id"], "publication": seen["publication"]}
        done = self.db["status_lists"].update_one(
            condition, {"$set": dict(values), "$inc": {"publication": 1}}
        )
        return done.modified_count == 1


def to_record(found: Mapping[str, Any]) -> Record:
    """Make a Record from its document."""
    return Record(**{name: found[name] for name in Record.__dataclass_fields__})
