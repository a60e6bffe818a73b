"""What a store has learned from accepted statements: activity definitions and the names of agents.

Nothing here is on the way of an acknowledged statement for long: a process remembers what it merged last and writes
only what is new. Merging the same statement again changes nothing, so it may be repeated at will.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from threading import Lock
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.write_concern import WriteConcern

from statements.actor import ifi, person
from statements.json_text import dump_text
from statements.parse import parse_json
from statements.transaction import DURABLE
from statements.validate import activities

Json = Mapping[str, Any]
Document = dict[str, Any]

INDEXES: dict[str, list[IndexModel]] = {
    "activities": [IndexModel([("id", ASCENDING), ("org", ASCENDING)], name="id")],
    "agent_names": [IndexModel([("org", ASCENDING), ("ifi", ASCENDING)], name="ifi")],
}
DUPLICATE_KEY = 11000
MERGED_MAPS = ("name", "description", "extensions")
MAX_NAMES = 100
MAX_DEFINITION_BYTES = 1024 * 1024


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


class Knowledge:
    """Definitions and names of one organization."""

    def __init__(self, db: Database[Document], org: str) -> None:
        self._org = org
        self._scope = (db.client, db.name, org)
        self._activities = db.get_collection("activities", write_concern=DURABLE)
        # Names may be learned again from the next statement, so nobody waits for their durability.
        self._names = db.get_collection("agent_names", write_concern=WriteConcern(w=1))

    def learn(self, documents: Sequence[Document], values: Sequence[Json]) -> None:
        """Merge the definitions and names of statements that were stored; `values` are their parsed contents."""
        names: set[tuple[str, str]] = set()
        for document, value in zip(documents, values, strict=True):
            for activity in _defined(value):
                self._learn_activity(activity, document["_id"])
            for agent in _named(value):
                identifier = ifi(agent)
                if identifier is not None:
                    names.add((identifier, agent["name"]))
        self._learn_names(names)

    def definitions(self, activity_ids: set[str]) -> dict[str, dict[str, Any]]:
        """Return the merged definition of each known activity."""
        keys = [self._key(activity_id) for activity_id in activity_ids]
        found = self._activities.find({"_id": {"$in": keys}, "org": self._org})
        return {document["id"]: parse_json(document["definition"]) for document in found}

    def person(self, agent: Json) -> dict[str, Any]:
        """Return the Person object of an agent with every name seen."""
        identifier = ifi(agent)
        which = {"org": self._org, "ifi": identifier}
        found = self._names.find(which, {"name": 1}).limit(MAX_NAMES)
        return person(agent, sorted(document["name"] for document in found))

    def _key(self, text: str) -> bytes:
        return blake2b(f"{self._org}\0{text}".encode(), digest_size=16).digest()

    def _learn_activity(self, activity: Json, order_key: bytes) -> None:
        definition = activity["definition"]
        text = dump_text(definition)
        memory_key = (*self._scope, activity["id"])
        if _RECENT.knows(memory_key, hash(text)) or len(text) > MAX_DEFINITION_BYTES:
            return
        key = self._key(activity["id"])
        for _ in range(50):
            stored = self._activities.find_one({"_id": key, "org": self._org})
            if stored is None:
                merged, newest = definition, order_key
            else:
                known = parse_json(stored["definition"])
                newer = order_key > stored["newest"]
                merged = (
                    merge_definitions(known, definition) if newer else merge_definitions(definition, known)
                )
                newest = max(order_key, stored["newest"])
            if self._write(key, activity["id"], merged, newest, stored):
                _RECENT.remember(memory_key, hash(text))
                return

    def _write(
        self, key: bytes, activity_id: str, merged: Json, newest: bytes, stored: Document | None
    ) -> bool:
        """Write the merged definition unless another process came first; tell whether it is in force.

        `definition` is JSON text, because BSON has not every number and key; `name` is there for reports.
        """
        text = dump_text(merged)
        if stored is not None and (text == stored["definition"] or len(text) > MAX_DEFINITION_BYTES):
            return True
        fields = {"definition": text, "name": merged.get("name", {}), "newest": newest}
        if stored is None:
            try:
                self._activities.insert_one({"_id": key, "org": self._org, "id": activity_id, **fields})
            except DuplicateKeyError:
                return False
            return True
        unchanged = {"_id": key, "org": self._org, "newest": stored["newest"], "definition": stored["definition"]}
        return self._activities.update_one(unchanged, {"$set": fields}).matched_count == 1

    def _learn_names(self, seen: Iterable[tuple[str, str]]) -> None:
        """Add names that are new to this process, one small document each; known ones are refused by their key."""
        documents = []
        for identifier, name in seen:
            memory_key = (*self._scope, identifier, name)
            if not _RECENT.knows(memory_key, 0):
                _RECENT.remember(memory_key, 0)
                documents.append(
                    {
                        "_id": self._key(f"{identifier}\0{name}"),
                        "org": self._org,
                        "ifi": identifier,
                        "name": name,
                    }
                )
        if documents:
            try:
                self._names.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if any(entry["code"] != DUPLICATE_KEY for entry in error.details["writeErrors"]):
                    raise


def merge_definitions(older: Json, newer: Json) -> dict[str, Any]:
    """Merge two definitions of one activity: languages and extensions key by key, the rest as a whole."""
    merged = {**older, **newer}
    for name in MERGED_MAPS:
        if name in older and name in newer:
            merged[name] = {**older[name], **newer[name]}
    return merged


def _defined(statement: Json) -> Iterator[Json]:
    """Yield the activities of a statement and its SubStatement that bring a definition."""
    target = statement["object"]
    parts = [statement, target] if target.get("objectType") == "SubStatement" else [statement]
    for part in parts:
        for _, activity in activities(part):
            if "definition" in activity:
                yield activity


def _named(statement: Json) -> Iterator[Json]:
    """Yield every agent and identified group that bears a name."""
    for agent in _agents(statement):
        if "name" in agent:
            yield agent
        for member in agent.get("member", ()):
            if "name" in member:
                yield member


def _agents(statement: Json) -> Iterable[Json]:
    target = statement["object"]
    kind = target.get("objectType")
    context = statement.get("context") or {}
    agents = [statement["actor"]]
    agents += [context[name] for name in ("instructor", "team") if name in context]
    agents += [item["agent"] for item in context.get("contextAgents", ())]
    agents += [item["group"] for item in context.get("contextGroups", ())]
    if kind in {"Agent", "Group"}:
        agents.append(target)
    elif kind == "SubStatement":
        agents.extend(_agents(target))
    return agents
