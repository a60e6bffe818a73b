"""What a store has learned from accepted statements: activity definitions and the names of agents.

Nothing here is on the way of an acknowledged statement for long: a process remembers what it merged last
and writes only what is new. Merging the same statement again changes nothing, so it may be repeated at will.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import islice
from threading import Lock
from typing import Any

from pymongo import ASCENDING, IndexModel, InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from statements.intake.validate import defined_activities
from statements.parsing.actor import ifi, person
from statements.parsing.json_text import dump_text
from statements.parsing.parse import parse_json
from statements.parsing.search_keys import key
from statements.storage.transaction import DUPLICATE_KEY, DURABLE

Json = Mapping[str, Any]
Document = dict[str, Any]
Vouches = Callable[[str], bool]  # whether a writer is believed about an activity id or an agent's identifier
NewName = tuple[str, str]  # the identifier of an agent or group, and its name
Lesson = tuple[bytes, str, bytes]  # the order key of a statement, an activity and its definition (JSON)

INDEXES: dict[str, list[IndexModel]] = {
    "activities": [IndexModel([("id", ASCENDING), ("org", ASCENDING)], name="id")],
}
MERGED_MAPS = ("name", "description", "extensions")
MAX_NAMES = 200
MAX_DEFINITION_BYTES = 1024 * 1024
MERGED_AT_ONCE = 200


class RecentMemory:
    """A bounded memory of this process: what was written lately under a key."""

    def __init__(self, size: int = 50_000, seconds: float = 300) -> None:
        self._size = size
        self._seconds = seconds
        self._lock = Lock()
        self._items: dict[Any, tuple[int, float]] = {}

    def knows(self, key: Any, value: int) -> bool:
        """Tell whether `value` is what was remembered last under the key, not too long ago."""
        item = self._items.get(key)
        return item is not None and item[0] == value and time.monotonic() - item[1] < self._seconds

    def remember(self, key: Any, value: int) -> None:
        """Note the value; the oldest entries make room."""
        with self._lock:
            self._items.pop(key, None)
            self._items[key] = (value, time.monotonic())
            while len(self._items) > self._size:
                del self._items[next(iter(self._items))]


_RECENT = RecentMemory()
_RECENT_NAMES = RecentMemory(size=200_000, seconds=86_400)


@lru_cache(maxsize=64)
def _place(db: Database[Document]) -> object:  # noqa: ARG001 -- the key of the cache
    """Return what stands for a database in memory keys; cheaper to hash than a client."""
    return object()


class DefinitionStore:
    """Definitions and names of one organization."""

    def __init__(self, db: Database[Document], org: str) -> None:
        self._org = org
        self._scope = (_place(db), org)
        self._db = db

    @cached_property
    def _activities(self) -> Collection[Document]:
        return self._db.get_collection("activities", write_concern=DURABLE)

    def new_definitions(
        self, statement: Json, vouches_for: Vouches | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield id and definition (JSON) of the activities that a statement defines otherwise than known.

        Known is what this process has merged lately. Of activities for which `vouches_for` is false there are
        none, wherever in a statement they stand.
        """
        for activity in _defined(statement):
            if vouches_for is None or vouches_for(activity["id"]):
                text = dump_text(activity["definition"])
                if len(text) <= MAX_DEFINITION_BYTES and not _RECENT.knows(
                    (*self._scope, activity["id"]), hash(text)
                ):
                    yield activity["id"], text

    def learn(self, lessons: Iterable[Lesson]) -> None:
        """Merge the definitions that stored statements brought."""
        merged: dict[str, list[tuple[bytes, bytes]]] = {}
        latest: dict[str, int] = {}
        for order_key, activity_id, text in lessons:
            if latest.get(activity_id) != hash(text):
                latest[activity_id] = hash(text)
                merged.setdefault(activity_id, []).append((order_key, text))
        for some in _portions(merged):
            self._merge(some)
        for activity_id, known in latest.items():
            _RECENT.remember((*self._scope, activity_id), known)

    def new_names(self, statement: Json, vouches_for: Vouches | None = None) -> list[NewName]:
        """Return the names that a statement may bring: not those that this process has stored lately.

        Of agents for which `vouches_for` is false there are none.

        The statement carries a search key for each, under which `person` finds it: so names cost no write of
        their own, and only a stored statement teaches one.
        """
        return [
            (identifier, agent["name"])
            for agent in _named(statement)
            if (identifier := ifi(agent)) is not None
            and (vouches_for is None or vouches_for(identifier))
            and not _RECENT_NAMES.knows((*self._scope, identifier, agent["name"]), 0)
        ]

    def remember_names(self, names: Iterable[NewName]) -> None:
        """Note names whose statements are stored."""
        for name in names:
            _RECENT_NAMES.remember((*self._scope, *name), 0)

    def definitions(self, activity_ids: set[str]) -> dict[str, dict[str, Any]]:
        """Return the merged definition of each known activity."""
        primary = [self._key(activity_id) for activity_id in activity_ids]
        found = self._activities.find({"_id": {"$in": primary}, "org": self._org})
        return {document["id"]: parse_json(document["definition"]) for document in found}

    def person(self, agent: Json) -> dict[str, Any]:
        """Return the Person object of an agent with the names of the statements that brought them."""
        identifier = ifi(agent)
        which = {"org": self._org, "keys": key("n", identifier or "")}
        names = {
            named["name"]: None
            for document in self._db.statements.find(which, {"raw": 1})
            .sort("_id", ASCENDING)
            .limit(MAX_NAMES)
            for named in _named(parse_json(document["raw"]))
            if ifi(named) == identifier
        }
        return person(agent, names)

    def _key(self, text: str) -> bytes:
        return blake2b(f"{self._org}\0{text}".encode(), digest_size=16).digest()

    def _merge(self, lessons: Mapping[str, Sequence[tuple[bytes, bytes]]]) -> None:
        """Merge definitions by activity id, each with the order key of its statement, in two round trips.

        When another process wrote one of them meanwhile, all are merged again, which changes nothing twice.
        """
        primary = {activity_id: self._key(activity_id) for activity_id in lessons}
        for _ in range(50):
            found = self._activities.find({"_id": {"$in": list(primary.values())}, "org": self._org})
            stored = {document["id"]: document for document in found}
            writes = [
                write
                for activity_id, learned in lessons.items()
                if (write := self._write(primary[activity_id], activity_id, learned, stored.get(activity_id)))
            ]
            if not writes or self._all_done(writes):
                return

    def _write(
        self,
        primary: bytes,
        activity_id: str,
        learned: Iterable[tuple[bytes, bytes]],
        stored: Document | None,
    ) -> InsertOne[Document] | UpdateOne | None:
        """Return what makes the merged definition the stored one, as long as nobody else changes it.

        `definition` is JSON text, because BSON has not every number and key; `name` is there for reports.
        """
        merged = parse_json(stored["definition"]) if stored else {}
        newest = stored["newest"] if stored else b""
        for order_key, brought in learned:
            definition = parse_json(brought)
            if order_key > newest:
                merged, newest = merge_definitions(merged, definition), order_key
            else:
                merged = merge_definitions(definition, merged)
        text = dump_text(merged)
        if len(text) > MAX_DEFINITION_BYTES or (stored and text == stored["definition"]):
            return None
        fields = {"definition": text, "name": merged.get("name", {}), "newest": newest}
        if stored is None:
            return InsertOne({"_id": primary, "org": self._org, "id": activity_id, **fields})
        unchanged = {"_id": primary, "org": self._org} | {
            name: stored[name] for name in ("newest", "definition")
        }
        return UpdateOne(unchanged, {"$set": fields})

    def _all_done(self, writes: Sequence[InsertOne[Document] | UpdateOne]) -> bool:
        """Write; tell whether nobody else came first with any of them."""
        try:
            done = self._activities.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            if {each["code"] for each in error.details["writeErrors"]} != {DUPLICATE_KEY}:
                raise
            return False
        return done.inserted_count + done.matched_count == len(writes)


def _portions(
    lessons: Mapping[str, list[tuple[bytes, bytes]]],
) -> Iterator[dict[str, list[tuple[bytes, bytes]]]]:
    """Yield what is merged together: so few that what is known of them takes little room."""
    some = iter(lessons.items())
    while portion := dict(islice(some, MERGED_AT_ONCE)):
        yield portion


def merge_definitions(older: Json, newer: Json) -> dict[str, Any]:
    """Merge two definitions of one activity: languages and extensions key by key, the rest as a whole."""
    merged = {**older, **newer}
    for name in MERGED_MAPS:
        if name in older and name in newer:
            merged[name] = {**older[name], **newer[name]}
    return merged


def _defined(statement: Json) -> list[Json]:
    """Return the activities of a statement and its SubStatement that bring a definition."""
    found = defined_activities(statement)
    if statement["object"].get("objectType") == "SubStatement":
        found += defined_activities(statement["object"])
    return [activity for _, activity in found]


def _named(statement: Json) -> list[Json]:
    """Return every agent and group that bears a name."""
    found = []
    for agent in _agents(statement):
        if "name" in agent:
            found.append(agent)
        if "member" in agent:
            found += [member for member in agent["member"] if "name" in member]
    return found


def _agents(statement: Json) -> Iterable[Json]:
    target = statement["object"]
    kind = target.get("objectType")
    agents = [statement["actor"]]
    if context := statement.get("context"):
        agents += [context[name] for name in ("instructor", "team") if name in context]
        agents += [item["agent"] for item in context.get("contextAgents", ())]
        agents += [item["group"] for item in context.get("contextGroups", ())]
    if kind in {"Agent", "Group"}:
        agents.append(target)
    elif kind == "SubStatement":
        agents.extend(_agents(target))
    return agents
