"""Published rules: immutable versions and later records about them, and the compiled set of each process.

rule_versions {_id: "<Kind>/<id>/<version>" or "<Kind>/<id>#<n>", org: "vendor", action, kind, id, version,
               hash, mode, source, resolved, effective_from, effective_at, decided_at, plan, by,
               planned_by, seq}
rule_failures {_id: "<certification>", error, at, retry_at, tries, count, person}

`action` is publish; or retire, withdraw, mode: a later record about what was published. `seq` is the value of
the counter `rules`, raised in the transaction of each record: caches compare it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final, cast

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from rules.catalogue.rule_set import Action, RuleSet, compile_rows, effective_instant
from rules.errors import RuleError, UnknownRule
from rules.language.dump import document_hash, dump
from rules.language.model import AnyDocument
from rules.stored import VENDOR, Document

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

        Raises VersionTaken. Effective from the day of apply where the document does not say (cert#2.2).
        """
        name, digest = f"{type(document).__name__}/{document.id}/{document.version}", document_hash(document)
        known = self.db.rule_versions.find_one({"_id": name}, session=session)
        if known is not None:
            return self._republish(known, document, digest=digest, now=now, by=by, session=session)
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
        *,
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
        plan: str | None = None,
        planned_by: str | None = None,
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
            "plan": plan,
            "by": by,
            "planned_by": planned_by,
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


class RuleCache:
    """The compiled set of this process; asks for the counter after `max_age` seconds."""

    def __init__(
        self, db: Database[Document], max_age: float = 1.0, tick: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = RuleStore(db)
        self.max_age = max_age
        self.tick = tick
        self._lock = threading.Lock()
        self._set: RuleSet | None = None
        self._looked = 0.0

    def get(self, *, fresh: bool = False) -> RuleSet:
        """Return the set, at most `max_age` seconds old; with `fresh` as it is now."""
        known = self._set
        if known is not None and not fresh and self.tick() - self._looked < self.max_age:
            return known
        with self._lock:
            known = self._set
            looked = self.tick()
            if known is None or known.stamp != self.store.stamp():
                known = self.store.rule_set()
            self._set, self._looked = known, looked
            return known


# By identity: clients of the same server are equal, also one that was closed.
_CACHES: dict[tuple[int, str], RuleCache] = {}


def cache_of(db: Database[Document]) -> RuleCache:
    """Return the cache that this process keeps for a database."""
    found = _CACHES.get((id(db.client), db.name))
    return found or _CACHES.setdefault((id(db.client), db.name), RuleCache(db))
