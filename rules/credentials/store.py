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
from functools import partial
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


class Outrun(RuleError):
    """Another process used a chosen place of a status list first, or gave a person a subject."""


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
        missing = self.new_subjects(people, self.known_subjects(people))
        if missing:
            with contextlib.suppress(Outrun):  # another process may have made some of them
                self.add_subjects(missing)
        return self.known_subjects(people)

    def known_subjects(self, people: Collection[str]) -> dict[str, str]:
        """Return the urn:uuid of each of these persons that is on record."""
        found = self.db["credential_subjects"].find({"_id": {"$in": sorted(set(people))}})
        return {one["_id"]: str(one["subject"]) for one in found}

    def new_subjects(self, people: Collection[str], known: Collection[str]) -> dict[str, str]:
        """Return a urn:uuid for each of these persons who has none; `add_subjects` puts them on record."""
        return {person: uuid.uuid4().urn for person in sorted(set(people)) if person not in known}

    def add_subjects(self, subjects: Mapping[str, str], session: ClientSession | None = None) -> None:
        """Put the urn:uuids of persons on record; raise Outrun where one of them has got one meanwhile."""
        rows = [{"_id": person, "org": ORG, "subject": one} for person, one in subjects.items()]
        if rows:
            self._insert("credential_subjects", rows, session)

    def _insert(self, collection: str, rows: Sequence[Raw], session: ClientSession | None) -> None:
        """Insert rows, each whatever becomes of the others; raise Outrun where one is there already."""
        try:
            self.db[collection].insert_many(rows, ordered=False, session=session)
        except BulkWriteError as error:
            if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
                raise
            raise Outrun(collection) from error

    def is_set(self, record: Record) -> bool:
        """Say whether the bit of a credential is set."""
        return "set_at" in self.entry_of(record)

    def entry_of(self, record: Record) -> Raw:
        """Return the status entry of a credential: `set_at` and `reason` once its bit is set."""
        place = {"org": ORG, "list": record.list, "index": record.index}
        return self.db["status_entries"].find_one(place) or {}

    def allot(self, awards: Sequence[str], now: dt.datetime) -> list[StatusEntry]:
        """Take a random, never used index for each award, in a list less than 75 % full (cert#7-3)."""
        while True:
            entries = self.choose(awards, now)
            with contextlib.suppress(Outrun):
                self.transaction(partial(self.take, entries, now))
                return entries

    def choose(self, awards: Sequence[str], now: dt.datetime) -> list[StatusEntry]:
        """Choose an index for each award in one list; they are theirs when `take` has taken them.

        The places are random, so neighbours in time are no neighbours in the list. Raises Outrun where there
        are more awards than room in an empty list.
        """
        if len(awards) > int(self.size * FULL_SHARE):
            raise Outrun("status_lists")
        while (found := self._with_room(len(awards))) is None:
            self._add_list(now)
        name, chosen = str(found["number"]), dict[int, None]()
        while len(chosen) < len(awards):
            tried = [secrets.randbelow(self.size) for _ in range(len(awards) - len(chosen))]
            query = {"org": ORG, "list": name, "index": {"$in": tried}}
            taken = {one["index"] for one in self.db["status_entries"].find(query, {"index": 1, "_id": 0})}
            chosen |= dict.fromkeys(one for one in tried if one not in taken)
        return [StatusEntry(name, index, award) for index, award in zip(chosen, awards, strict=True)]

    def take(self, entries: Sequence[StatusEntry], now: dt.datetime, session: ClientSession) -> None:
        """Take chosen places, in the transaction that uses them; raise Outrun where others were faster."""
        size, name = len(entries), int(entries[0].list)
        place = {"org": ORG, "number": name, "room": {"$gte": size}}
        done = self.db["status_lists"].update_one(place, {"$inc": {"room": -size}}, session=session)
        if not done.modified_count:
            raise Outrun("status_lists")
        rows = [asdict(one) | {"org": ORG, "allotted_at": now} for one in entries]
        self._insert("status_entries", rows, session)

    def entry_of_record(self, person: str, now: dt.datetime) -> StatusEntry:
        """Return the entry that all learner records of a person share, allotted when first asked for."""
        known = self.entries_of_record(person)
        return known[0] if known else self.allot([f"record:{person}"], now)[0]

    def entries_of_record(self, person: str, session: ClientSession | None = None) -> list[StatusEntry]:
        """Return the entries of a person's learner records: one, or some where two asked at once."""
        query = {"org": ORG, "award": f"record:{person}"}
        found = self.db["status_entries"].find(query, session=session)
        return [StatusEntry(one["list"], one["index"], one["award"]) for one in found]

    def _with_room(self, wanted: int) -> Raw | None:
        return self.db["status_lists"].find_one({"org": ORG, "room": {"$gte": wanted}, "size": self.size})

    def _add_list(self, now: dt.datetime) -> None:
        """Open a new list, unless another process just did."""
        newest = self.db["status_lists"].find_one({"org": ORG}, sort=[("number", DESCENDING)])
        number = newest["number"] + 1 if newest else 1
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
