"""The credentials of other issuers that were imported, each with its copy, to ask its issuer again.

recognitions {_id, org "vendor", person, issuer, issuer_name, credential, valid_from, valid_until,
              awarded_at, achievement, name, copy, certifications, statement, actor, by, imported_at,
              told, stands?, checked_at, check_at?, problem, taken_back_at, reason}
`stands` is there while it counts, `check_at` while its issuer is asked; `told` once its statement is stored;
`problem` is what the last check could not settle. What was taken back stays, without its copy.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.access.organizations import VENDOR

Document = dict[str, Any]
EVERY: Final = dt.timedelta(days=1)
EVERY_WHEN_OVER: Final = dt.timedelta(days=7)  # its issuer may still revoke what has run out
AGAIN: Final = dt.timedelta(hours=6)  # after an answer that settled nothing
LEASE: Final = dt.timedelta(minutes=10)

SHOWN: Final = (
    "person", "issuer", "issuer_name", "credential", "achievement", "name", "awarded_at", "valid_until",
    "imported_at", "checked_at", "problem", "taken_back_at", "reason", "statement",
)  # fmt: skip

INDEXES: dict[str, list[IndexModel]] = {
    "recognitions": [
        IndexModel(
            [(name, ASCENDING) for name in ("org", "issuer", "credential", "valid_from")],
            name="once",
            unique=True,
            partialFilterExpression={"stands": True},
        ),
        IndexModel([("org", ASCENDING), ("person", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("check_at", ASCENDING)], partialFilterExpression={"check_at": {"$exists": True}}),
    ]
}


@dataclass(frozen=True, slots=True)
class RecognitionStore:
    """Reads and writes imported credentials; all are the vendor's."""

    db: Database[Document]

    def standing(self, issuer: str, credential: str, valid_from: dt.datetime) -> Document | None:
        """Return the import of this very credential that counts, whoever brought it."""
        return self.db.recognitions.find_one(
            {
                "org": VENDOR,
                "issuer": issuer,
                "credential": credential,
                "valid_from": valid_from,
                "stands": True,
            }
        )

    def count(self, person: str) -> int:
        """Return how many imports count for a person."""
        return self.db.recognitions.count_documents({"org": VENDOR, "person": person, "stands": True})

    def add(self, document: Document, session: ClientSession) -> None:
        """Insert an import that counts from now on; raises DuplicateKeyError where it does already."""
        self.db.recognitions.insert_one({**document, "org": VENDOR, "stands": True}, session=session)

    def get(self, name: str) -> Document | None:
        """Return one import."""
        return self.db.recognitions.find_one({"_id": name, "org": VENDOR})

    def of_person(self, person: str) -> Iterator[Document]:
        """Yield the imports of a person, the newest first, without their copies."""
        found = self.db.recognitions.find({"org": VENDOR, "person": person}, {"copy": 0})
        return iter(found.sort("_id", -1))

    def mark_told(self, name: str) -> None:
        """Note that the statement is stored."""
        self.db.recognitions.update_one({"_id": name}, {"$set": {"told": True}})

    def take_due(self, now: dt.datetime) -> Document | None:
        """Return the import that has waited longest for a check, and put off its next turn meanwhile."""
        return self.db.recognitions.find_one_and_update(
            {"check_at": {"$lte": now}},
            {"$set": {"check_at": now + LEASE}},
            sort=[("check_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )

    def checked(self, row: Document, now: dt.datetime, problem: str | None) -> None:
        """Note how a check went that took nothing back, and when to ask again."""
        over = row["valid_until"] is not None and row["valid_until"] < now
        pause = AGAIN if problem else EVERY_WHEN_OVER if over else EVERY
        found: Document = {"problem": problem, "check_at": now + pause * random.uniform(0.9, 1.1)}
        if problem is None:
            found["checked_at"] = now
        self.db.recognitions.update_one({"_id": row["_id"], "stands": True}, {"$set": found})

    def take_back(self, name: str, reason: str, now: dt.datetime, session: ClientSession) -> bool:
        """Let an import count no more and drop its copy; tells whether it did."""
        done = self.db.recognitions.update_one(
            {"_id": name, "stands": True},
            {
                "$set": {"taken_back_at": now, "reason": reason},
                "$unset": {"stands": "", "check_at": "", "copy": ""},
            },
            session=session,
        )
        return done.modified_count == 1


def first_check(now: dt.datetime) -> dt.datetime:
    """Return when an import is looked at first: soon, in case its statement was not stored."""
    return now + LEASE


def shown(row: Document) -> Document:
    """Return an import as it is shown to people."""
    return {"id": row["_id"], "counts": row.get("stands", False), **{name: row[name] for name in SHOWN}}


def listed(rows: Iterable[Document]) -> list[Document]:
    """Return imports as they are shown to people."""
    return [shown(row) for row in rows]
