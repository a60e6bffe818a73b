"""Published rules: immutable versions and later records about them, and the compiled set of each process.

rule_versions {_id: "<Kind>/<id>/<version>" or "<Kind>/<id>#<n>", org: "vendor", action, kind, id, version, hash,
               mode, source, resolved, effective_from, effective_at, decided_at, plan, by, planned_by, seq}
rule_failures {_id: "<certification>", error, at, retry_at, tries, count, person}

`action` is publish; or retire, withdraw, mode: a later record about what was published. `seq` is the value of
the counter `rules`, raised in the transaction of each record: caches compare it.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, cast

from pymongo import ASCENDING, IndexModel, MongoClient, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from rules.calendar import local_date, start_of
from rules.errors import RuleError, UnknownRule
from rules.history import PublishedRelease
from rules.load_build import build
from rules.load_dump import document_hash, dump
from rules.model import AnyDocument, Certification, Holds, PartnerTiers, Release, Requirement
from rules.published import LifecycleChange, PublishedCertification, PublishedVersion

Document = dict[str, Any]
D = TypeVar("D", bound=AnyDocument)

VENDOR: Final = "vendor"
Action = Literal["publish", "retire", "withdraw", "mode"]
RETRY_FIRST: Final = dt.timedelta(seconds=2)
RETRY_LAST: Final = dt.timedelta(hours=1)

INDEXES: dict[str, list[IndexModel]] = {
    "rule_versions": [
        IndexModel([("org", ASCENDING), ("seq", ASCENDING)], unique=True),
        IndexModel([("org", ASCENDING), ("kind", ASCENDING), ("id", ASCENDING), ("decided_at", ASCENDING)]),
    ],
    "rule_failures": [],
    "counters": [],
}


class VersionTaken(RuleError):
    """That version of the document is already published with other content (E206)."""

    def __init__(self, kind: str, rule_id: str, version: str) -> None:
        self.kind, self.id, self.version = kind, rule_id, version
        super().__init__(f"{kind} {rule_id} v{version} is already published with other content")


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the record of rules: a publication, or what later happened to what was published."""

    seq: int
    action: Action
    kind: str
    id: str
    version: str
    mode: str
    hash: str
    effective_at: dt.datetime
    decided_at: dt.datetime
    by: str | None
    plan: str | None
    document: AnyDocument = field(repr=False)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All that is published, as of one stamp of the record; frozen and shared by threads.

    `order` lists certifications so that each comes after those it depends on through `holds`.
    """

    stamp: str
    certifications: Mapping[str, PublishedCertification]
    documents: Mapping[tuple[str, str], tuple[Record, ...]]
    releases: tuple[PublishedRelease, ...]
    order: tuple[str, ...]
    holds: Mapping[str, frozenset[str]]
    modes: Mapping[tuple[str, str, str], str]
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def applicable(self, kind: str, rule_id: str, at: dt.datetime) -> Record:
        """Return the version of a document that applies at an instant (4.12-3); raises UnknownRule."""
        records = [one for one in self.documents.get((kind, rule_id), ()) if one.effective_at <= at]
        if not records:
            raise UnknownRule(kind, rule_id)
        return records[-1]

    def newest(self, kind: str, rule_id: str) -> Record | None:
        """Return the newest version by `effective_from`, or None."""
        records = self.documents.get((kind, rule_id), ())
        return records[-1] if records else None

    def of_kind(self, kind: type[D]) -> list[D]:
        """Return the newest version of every document of a kind."""
        return [
            cast("D", records[-1].document)
            for (name, _), records in sorted(self.documents.items())
            if name == kind.__name__
        ]

    def dependents(self, certification: str) -> frozenset[str]:
        """Return the certifications that ask for this one through `holds`, directly or not."""
        found: set[str] = set()
        todo = [certification]
        while todo:
            wanted = todo.pop()
            fresh = {name for name, needed in self.holds.items() if wanted in needed} - found
            found |= fresh
            todo.extend(fresh)
        return frozenset(found)

    def mode(self, certification: str, version: str | None) -> str:
        """Return the mode of a version of a certification: active, evaluate or disabled (2.2)."""
        return self.modes.get(("Certification", certification, version or ""), "active")

    def version_order(self) -> Mapping[str, tuple[str, ...]]:
        """Return the versions of each certification by `effective_from` (for `version_at_least`)."""
        if "version_order" not in self.memo:
            self.memo["version_order"] = {
                name: tuple(
                    one.document.version for one in sorted(each.versions, key=lambda v: v.effective_at)
                )
                for name, each in self.certifications.items()
            }
        return cast("Mapping[str, tuple[str, ...]]", self.memo["version_order"])


def effective_instant(document: AnyDocument, decided_at: dt.datetime) -> tuple[dt.date, dt.datetime]:
    """Return the first day on which a version applies and its first instant in the programme zone (2.2)."""
    timezone = timezone_of(document)
    day = document.effective_from or local_date(decided_at, timezone)
    return day, start_of(day, timezone)


def timezone_of(document: AnyDocument) -> str:
    """Return the programme zone of a document."""
    if isinstance(document, Certification):
        return document.validity.timezone
    return document.timezone if isinstance(document, PartnerTiers) else "UTC"


class RuleStore:
    """Reads and writes `rule_versions`; compiles the whole set when its counter has moved."""

    def __init__(self, db: Database[Document]) -> None:
        self.db = db

    def publish(  # one keyword per fact of a publication
        self,
        document: AnyDocument,
        *,
        source: str,
        now: dt.datetime,
        by: str | None,
        plan: str | None = None,
        planned_by: str | None = None,
        session: ClientSession | None = None,
    ) -> Document:
        """Record a version; the same content again is answered with the first record.

        Raises VersionTaken. Effective from the day of apply where the document does not say (2.2).
        """
        name, digest = f"{type(document).__name__}/{document.id}/{document.version}", document_hash(document)
        known = self.db.rule_versions.find_one({"_id": name}, session=session)
        if known is not None:
            return self._republish(known, document, digest, now, by, session)
        day, instant = effective_instant(document, now)
        row: Document = {
            "_id": name,
            "org": VENDOR,
            "action": "publish",
            "kind": type(document).__name__,
            "id": document.id,
            "version": document.version,
            "hash": digest,
            "mode": document.mode,
            "source": source,
            "resolved": dump(document),
            "effective_from": day.isoformat(),
            "effective_at": instant,
            "decided_at": now,
            "plan": plan,
            "by": by,
            "planned_by": planned_by,
            "seq": self._next(session),
        }
        try:
            self.db.rule_versions.insert_one(row, session=session)
        except DuplicateKeyError as error:
            raise VersionTaken(row["kind"], document.id, document.version) from error
        return row

    def _republish(
        self,
        known: Document,
        document: AnyDocument,
        digest: str,
        now: dt.datetime,
        by: str | None,
        session: ClientSession | None,
    ) -> Document:
        """Answer a publication of known content; another mode is a later record, other content is refused."""
        if known["hash"] != digest:
            raise VersionTaken(known["kind"], known["id"], known["version"])
        newest = self.db.rule_versions.find_one(
            {
                "org": VENDOR,
                "kind": known["kind"],
                "id": known["id"],
                "version": known["version"],
                "mode": {"$ne": None},
            },
            sort=[("seq", -1)],
            session=session,
        )
        if newest is not None and newest["mode"] != document.mode:
            self.add(
                known["kind"],
                known["id"],
                "mode",
                now,
                by,
                mode=document.mode,
                version=known["version"],
                session=session,
            )
        return known

    def add(  # one keyword per fact of a record
        self,
        kind: str,
        rule_id: str,
        action: Action,
        now: dt.datetime,
        by: str | None,
        *,
        mode: str | None = None,
        version: str | None = None,
        reason: str | None = None,
        session: ClientSession | None = None,
    ) -> Document:
        """Record that a document was retired or withdrawn, or that the mode of a version changed.

        Raises UnknownRule.
        """
        if (
            self.db.rule_versions.find_one({"org": VENDOR, "kind": kind, "id": rule_id}, session=session)
            is None
        ):
            raise UnknownRule(kind, rule_id)
        seq = self._next(session)
        row: Document = {
            "_id": f"{kind}/{rule_id}#{seq}",
            "org": VENDOR,
            "action": action,
            "kind": kind,
            "id": rule_id,
            "version": version,
            "mode": mode,
            "reason": reason,
            "effective_at": now,
            "decided_at": now,
            "by": by,
            "seq": seq,
        }
        self.db.rule_versions.insert_one(row, session=session)
        return row

    def _next(self, session: ClientSession | None) -> int:
        counter: Document | None = self.db.counters.find_one_and_update(
            {"_id": "rules"},
            {"$inc": {"value": 1}, "$set": {"stamp": secrets.token_hex(8)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        assert counter is not None  # noqa: S101 -- an upsert that returns the document after it
        return int(counter["value"])

    def stamp(self) -> str:
        """Return what changes with every record; empty while nothing was published."""
        counter = self.db.counters.find_one({"_id": "rules"})
        return str(counter["stamp"]) if counter else ""

    def rows(self, kind: str | None = None, rule_id: str | None = None) -> list[Document]:
        """Return the records, oldest first."""
        wanted: Document = {"org": VENDOR}
        wanted |= {} if kind is None else {"kind": kind}
        wanted |= {} if rule_id is None else {"id": rule_id}
        return list(self.db.rule_versions.find(wanted).sort("seq", ASCENDING))

    def rule_set(self, known_at: dt.datetime | None = None) -> RuleSet:
        """Compile everything that was published (until `known_at`)."""
        stamp = self.stamp()
        rows = [row for row in self.rows() if known_at is None or row["decided_at"] <= known_at]
        return compile_rows(rows, stamp)

    # Failures of a rule: recorded on the rule, retried with growing pauses

    def record_failure(self, certification: str, person: str, error: str, now: dt.datetime) -> dt.datetime:
        """Record that a certification could not be decided for a person; returns when to try again."""
        known = self.db.rule_failures.find_one({"_id": certification})
        fresh = known is None or known["retry_at"] <= now
        tries = (known["tries"] if known else 0) + (1 if fresh else 0)
        pause = min(RETRY_FIRST * 2 ** min(tries - 1, 20), RETRY_LAST)
        retry_at = now + pause if fresh or known is None else known["retry_at"]
        self.db.rule_failures.update_one(
            {"_id": certification},
            {
                "$set": {
                    "org": VENDOR,
                    "error": error,
                    "person": person,
                    "at": now,
                    "retry_at": retry_at,
                    "tries": tries,
                },
                "$inc": {"count": 1},
            },
            upsert=True,
        )
        return cast("dt.datetime", retry_at)

    def clear_failure(self, certification: str) -> None:
        """Forget the failure of a certification that could be decided again."""
        self.db.rule_failures.delete_one({"_id": certification})

    def failures(self) -> dict[str, Document]:
        """Return the failures on record by certification."""
        return {row["_id"]: row for row in self.db.rule_failures.find({"org": VENDOR})}


def compile_rows(rows: list[Document], stamp: str = "") -> RuleSet:
    """Return the set that these records, oldest first, make."""
    records: dict[tuple[str, str], list[Record]] = defaultdict(list)
    modes = {
        (row["kind"], row["id"], row["version"]): row["mode"] for row in rows if row.get("mode") is not None
    }
    changes: dict[tuple[str, str], list[LifecycleChange]] = defaultdict(list)
    for row in rows:
        name = (row["kind"], row["id"])
        if row["action"] == "publish":
            records[name].append(_record(row, modes[*name, row["version"]]))
        changes[name] += _lifecycle(row)
    documents = {
        name: tuple(sorted(each, key=lambda one: (one.effective_at, one.seq)))
        for name, each in records.items()
    }
    certifications = {
        rule_id: _certification(rule_id, each, tuple(changes["Certification", rule_id]))
        for (kind, rule_id), each in documents.items()
        if kind == "Certification"
    }
    holds = {name: _needed(each) for name, each in certifications.items()}
    return RuleSet(
        stamp=stamp,
        certifications=MappingProxyType(certifications),
        documents=MappingProxyType(documents),
        releases=tuple(
            _release(each[-1]) for (kind, _), each in sorted(documents.items()) if kind == "Release"
        ),
        order=sort_by_prerequisite(holds),
        holds=MappingProxyType(holds),
        modes=MappingProxyType(modes),
    )


def _record(row: Document, mode: Any) -> Record:
    document = parse_resolved(row["resolved"])
    return Record(
        seq=row["seq"],
        action=row["action"],
        kind=row["kind"],
        id=row["id"],
        version=row["version"],
        mode=mode,
        hash=row["hash"],
        effective_at=row["effective_at"],
        decided_at=row["decided_at"],
        by=row.get("by"),
        plan=row.get("plan"),
        document=document if document.mode == mode else replace(document, mode=mode),
    )


@lru_cache(maxsize=1024)
def parse_resolved(text: str) -> AnyDocument:
    """Return the document of a stored resolved text; it was checked when it was published."""
    return build(json.loads(text, parse_float=Decimal))


def _lifecycle(row: Document) -> list[LifecycleChange]:
    """Return what a record changes in the lifecycle of its document (1, 2.2 `mode`)."""
    at, known = row["effective_at"], row["decided_at"]
    match row["action"]:
        case "retire":
            return [LifecycleChange("retired", at, known)]
        case "withdraw":
            return [LifecycleChange("withdrawn", at, known)]
        case _:
            if row.get("mode") == "disabled":
                return [LifecycleChange("disabled", at, known)]
            return [LifecycleChange("published", at, known)]


def _certification(
    rule_id: str, records: tuple[Record, ...], changes: tuple[LifecycleChange, ...]
) -> PublishedCertification:
    versions = tuple(
        PublishedVersion(
            document=cast("Certification", one.document),
            effective_at=one.effective_at,
            decided_at=one.decided_at,
        )
        for one in records
    )
    only_published = all(change.to == "published" for change in changes)
    return PublishedCertification(id=rule_id, versions=versions, lifecycle=() if only_published else changes)


def _release(record: Record) -> PublishedRelease:
    document = cast("Release", record.document)
    return PublishedRelease(
        document.product, document.release, document.level, document.published, record.decided_at
    )


def _needed(certification: PublishedCertification) -> frozenset[str]:
    """Return the certifications that any version asks for through `holds`."""
    found: set[str] = set()
    for version in certification.versions:
        document = version.document
        roots = [document.award.when, *(rule.unless for rule in document.release_rules)]
        roots += [document.renewal.when] if document.renewal else []
        for root in roots:
            found |= {node.certification for node in walk(root) if isinstance(node, Holds)}
    return frozenset(found)


def walk(requirement: Requirement) -> list[Requirement]:
    """Return a requirement and everything below it."""
    return [requirement, *(node for part in getattr(requirement, "parts", ()) for node in walk(part))]


def sort_by_prerequisite(holds: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the certifications, each after those it needs; a cycle (refused at check) is cut at its last link."""
    done: dict[str, None] = {}
    path: set[str] = set()

    def visit(name: str) -> None:
        if name in done or name in path or name not in holds:
            return
        path.add(name)
        for needed in sorted(holds[name]):
            visit(needed)
        path.discard(name)
        done[name] = None

    for name in sorted(holds):
        visit(name)
    return tuple(done)


class RuleCache:
    """The compiled set of this process; looks at the counter when its answer is older than `life` seconds."""

    def __init__(
        self, db: Database[Document], life: float = 1.0, tick: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = RuleStore(db)
        self.life = life
        self.tick = tick
        self._lock = threading.Lock()
        self._set: RuleSet | None = None
        self._looked = 0.0

    def get(self, *, fresh: bool = False) -> RuleSet:
        """Return the set, at most `life` seconds old; with `fresh` as it is now."""
        known = self._set
        if known is not None and not fresh and self.tick() - self._looked < self.life:
            return known
        with self._lock:
            known = self._set
            looked = self.tick()
            if known is None or known.stamp != self.store.stamp():
                known = self.store.rule_set()
            self._set, self._looked = known, looked
            return known


_CACHES: dict[tuple[MongoClient[Document], str], RuleCache] = {}


def cache_of(db: Database[Document]) -> RuleCache:
    """Return the cache that this process keeps for a database."""
    return _CACHES.setdefault((db.client, db.name), RuleCache(db))
