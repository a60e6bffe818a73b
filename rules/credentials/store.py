"""Credentials, their status entries and the published lists in MongoDB.

credentials: one document per signed version, append-only. status_entries: one per allotted index, never
removed, so that an index is never used twice. status_lists: how much room a list has and what it published.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from rules.credentials.proving.status_list import FULL_SHARE, SIZE
from rules.errors import RuleError
from statements.storage.transaction import DUPLICATE_KEY

ORG = "vendor"
T = TypeVar("T")
Raw = dict[str, Any]

INDEXES = {
    "credentials": [
        IndexModel([("org", ASCENDING), ("award", ASCENDING), ("seq", DESCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("person", ASCENDING), ("award", ASCENDING), ("seq", DESCENDING)]),
        IndexModel(
            [("org", ASCENDING), ("certification", ASCENDING), ("award", ASCENDING), ("seq", DESCENDING)]
        ),
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
    refreshable: bool = False


@dataclass(frozen=True, slots=True)
class CredentialStore:
    """Reads and writes the three collections; `size` is the number of entries of a new list."""

    db: Database[Raw]
    size: int = SIZE

    def transaction(self, change: Callable[[ClientSession], T]) -> T:
        """Run a change all or nothing; a transient conflict is retried."""
        with self.db.client.start_session() as session:
            return session.with_transaction(change)

    def insert(self, records: Sequence[Record], session: ClientSession) -> None:
        """Record signed credentials; raise SeqTaken if one of those versions of an award exists."""
        rows = [asdict(one) | {"_id": f"{one.award}.{one.seq}", "org": ORG} for one in records]
        try:
            self.db["credentials"].insert_many(rows, session=session)
        except BulkWriteError as error:
            if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
                raise
            raise SeqTaken(records[0].award) from error

    def having_credentials(self, awards: Collection[str]) -> set[str]:
        """Return those of these awards that have a credential."""
        query = {"org": ORG, "award": {"$in": sorted(awards)}}
        return {one["award"] for one in self.db["credentials"].find(query, {"award": 1, "_id": 0})}

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

    def subjects_of(self, people: Collection[str]) -> dict[str, str]:
        """Return the urn:uuid of each person: random, and the same in all their credentials."""
        subjects = self.db["credential_subjects"]
        wanted = sorted(set(people))
        found = {one["_id"]: str(one["subject"]) for one in subjects.find({"_id": {"$in": wanted}})}
        missing = [person for person in wanted if person not in found]
        if not missing:
            return found
        rows = [{"_id": person, "org": ORG, "subject": uuid.uuid4().urn} for person in missing]
        with contextlib.suppress(BulkWriteError):  # another process may have made some of them
            subjects.insert_many(rows, ordered=False)
        return {one["_id"]: str(one["subject"]) for one in subjects.find({"_id": {"$in": wanted}})}

    def is_set(self, record: Record) -> bool:
        """Say whether the bit of a credential is set."""
        return "set_at" in self.entry_of(record)

    def entry_of(self, record: Record) -> Raw:
        """Return the status entry of a credential: `set_at` and `reason` once its bit is set."""
        place = {"org": ORG, "list": record.list, "index": record.index}
        return self.db["status_entries"].find_one(place) or {}

    def allot(self, awards: Sequence[str], now: dt.datetime) -> list[StatusEntry]:
        """Take a random index that was never used for each award, in lists less than 75 % full (cert#7-3).

        The places are random, so neighbours in time are no neighbours in the list.
        """
        entries: list[StatusEntry] = []
        while len(entries) < len(awards):
            wanted = awards[len(entries) :]
            name, room = self._take_room(len(wanted), now)
            entries += self._places(name, wanted[:room], now)
        return entries

    def entry_of_record(self, person: str, now: dt.datetime) -> StatusEntry:
        """Return the entry that all learner records of a person share, allotted when first asked for."""
        known = self.entries_of_record(person)
        return known[0] if known else self.allot([f"record:{person}"], now)[0]

    def entries_of_record(self, person: str, session: ClientSession | None = None) -> list[StatusEntry]:
        """Return the entries of a person's learner records: one, or some where two asked at once."""
        query = {"org": ORG, "award": f"record:{person}"}
        found = self.db["status_entries"].find(query, session=session)
        return [StatusEntry(one["list"], one["index"], one["award"]) for one in found]

    def _places(self, name: str, awards: Sequence[str], now: dt.datetime) -> list[StatusEntry]:
        """Take a free index of a list that has room for each award; one write, but for collisions."""
        found: dict[int, StatusEntry] = {}
        while len(found) < len(awards):
            missing = [n for n in range(len(awards)) if n not in found]
            tried = {n: StatusEntry(name, secrets.randbelow(self.size), awards[n]) for n in missing}
            taken = self._taken([asdict(tried[n]) | {"org": ORG, "allotted_at": now} for n in missing])
            found |= {n: tried[n] for i, n in enumerate(missing) if i not in taken}
        return [found[n] for n in range(len(awards))]

    def _taken(self, rows: Sequence[Raw]) -> set[int]:
        """Insert entries; return which of them found their index taken."""
        try:
            self.db["status_entries"].insert_many(rows, ordered=False)
        except BulkWriteError as error:
            if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
                raise
            return {one["index"] for one in error.details["writeErrors"]}
        return set()

    def _take_room(self, wanted: int, now: dt.datetime) -> tuple[str, int]:
        """Count up to `wanted` places off a list with room, after making one where none has any."""
        lists = self.db["status_lists"]
        while True:
            found = lists.find_one({"org": ORG, "room": {"$gt": 0}, "size": self.size})
            if found is None:
                newest = lists.find_one({"org": ORG}, sort=[("number", DESCENDING)])
                self._add_list(newest["number"] + 1 if newest else 1, now)
                continue
            room = min(int(found["room"]), wanted)
            done = lists.update_one({"_id": found["_id"], "room": {"$gte": room}}, {"$inc": {"room": -room}})
            if done.modified_count:
                return str(found["number"]), room

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
    return Record(**{name: found[name] for name in Record.__dataclass_fields__ if name in found})
