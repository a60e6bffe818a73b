"""What an application asks MongoDB: commands by shape and asker, heard by a listener, and what `explain` says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from pymongo import monitoring
from pymongo.database import Database

Document = dict[str, Any]
ASKED = ("find", "aggregate", "count", "distinct", "update", "delete", "findAndModify")
OURS = re.compile(r"\b(?:lrs|rules|statements)/[\w/]+\.py$")
FIND_PARTS = ("filter", "sort", "limit", "skip", "hint", "projection")


@dataclass(frozen=True, slots=True)
class Question:
    """One filter that was sent: to which collection, by which command, in which order."""

    collection: str
    command: str
    parts: Document
    asker: str = ""
    many: bool = False  # a write that is meant for any number of documents
    upsert: bool = False  # a write that makes the document where there is none

    @property
    def shape(self) -> str:
        """The question without its values."""
        shown = {
            name: value for name, value in self.parts.items() if name not in {"projection", "limit", "skip"}
        }
        made = " upsert" if self.upsert else ""
        return f"{self.collection} {self.command}{made} {skeleton(shown)}"


def skeleton(value: Any) -> Any:
    """Return a value with the names of types in place of scalars; lists of alternatives count once."""
    if isinstance(value, Mapping):
        return {name: skeleton(inner) for name, inner in value.items()}
    if isinstance(value, list):
        kept: list[Any] = []
        for inner in map(skeleton, value):
            if inner not in kept:
                kept.append(inner)
        return kept
    return value if isinstance(value, bool | None) else type(value).__name__


@dataclass
class Heard(monitoring.CommandListener):
    """Remembers two questions of each shape that reach one database: the first and the latest."""

    database: str
    questions: dict[str, list[Question]] = field(default_factory=dict)
    count: int = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Note what is asked."""
        if event.database_name == self.database and event.command_name in ASKED:
            self.count += 1
            asker = asker_of(sys._getframe())
            for heard in questions_of(event.command_name, dict(event.command)):
                question = replace(heard, asker=asker)
                seen = self.questions.setdefault(question.shape, [])
                seen[1:] = [question]
                if len(seen) == 1:
                    seen[0] = question

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to note."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to note."""


def asker_of(frame: FrameType | None) -> str:
    """Return file and line of ours that called the driver, or "" when there is none."""
    while frame is not None:
        found = OURS.search(frame.f_code.co_filename)
        if found:
            return f"{found[0]}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def questions_of(name: str, command: Document) -> Iterator[Question]:
    """Yield the filters of a command; a write is asked as the find that it begins with."""
    collection = command[name]
    if not isinstance(collection, str) or collection.startswith("system."):
        return
    if name in {"update", "delete"}:
        for one in command.get("updates" if name == "update" else "deletes", ()):
            many = bool(one.get("multi")) or one.get("limit") == 0
            yield Question(collection, name, {"filter": one["q"]}, many=many, upsert=bool(one.get("upsert")))
    elif name == "findAndModify":
        yield Question(
            collection, name, {"filter": command["query"], "limit": 1}
            | ({"sort": command["sort"]} if command.get("sort") else {}),
            upsert=bool(command.get("upsert")),
        )  # fmt: skip
    elif name == "aggregate":
        yield Question(collection, name, {"pipeline": command["pipeline"], "hint": command.get("hint")})
    elif name == "find":
        yield Question(collection, name, {part: command[part] for part in FIND_PARTS if part in command})
    elif command.get("query"):  # a count without a query reads what MongoDB has counted already
        yield Question(collection, name, {"filter": command["query"]})


@dataclass(frozen=True, slots=True)
class Plan:
    """What `explain` says of one question."""

    stages: frozenset[str]
    scans: bool
    examined: int
    keys: int
    returned: int


def explain(db: Database[Document], question: Question) -> Plan:
    """Let MongoDB run a question and tell how; writes are run as finds and change nothing."""
    if question.command == "aggregate":
        asked: Document = {
            "aggregate": question.collection,
            "pipeline": question.parts["pipeline"],
            "cursor": {},
        }
        if question.parts["hint"]:
            asked["hint"] = question.parts["hint"]
        asked["pipeline"] = [stage for stage in asked["pipeline"] if not {"$merge", "$out"} & stage.keys()]
    else:
        asked = {"find": question.collection, **question.parts}
    answer = db.command({"explain": asked, "verbosity": "executionStats"}, codec_options=db.codec_options)
    winning = list(walk(answer, "winningPlan"))
    stats = [one for one in walk(answer, "executionStats") if "totalDocsExamined" in one]
    stages = {node["stage"] for plan in winning for node in nodes(plan) if isinstance(node.get("stage"), str)}
    looked_up = any(node.get("collectionScans") for node in nodes(answer))  # by $lookup
    return Plan(
        frozenset(stages),
        "COLLSCAN" in stages or looked_up,
        max((one["totalDocsExamined"] for one in stats), default=0),
        max((one["totalKeysExamined"] for one in stats), default=0),
        max((one["nReturned"] for one in stats), default=0),
    )


def walk(value: Any, name: str) -> Iterator[Document]:
    """Yield every object that stands under a name, at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == name and isinstance(inner, Mapping):
                yield dict(inner)
            else:
                yield from walk(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, name)


def nodes(value: Any) -> Iterator[Document]:
    """Yield every object within a value, itself first."""
    if isinstance(value, Mapping):
        yield dict(value)
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)
