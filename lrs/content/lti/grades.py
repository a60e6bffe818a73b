"""Results of learners on their way to platforms (AGS 2.0).

lti_grades {_id: hash of platform, deployment, line item, subject and item, org (the item's), platform,
            deployment, subject, ifi, item, registration, service {scope, lineitem?, lineitems?},
            sent {progress, scaled} or null, sent_at, launched_at, changed_at, look_at, tries, error}

A row is made by a launch. The worker looks what stands, often at first and ever more seldom while nothing
changes, and sends what is other than sent last. Nothing depends on one process: rows are leased by `look_at`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import orjson
import requests
from pylti1p3.assignments_grades import AssignmentsGradesService
from pylti1p3.exception import LtiException
from pylti1p3.grade import Grade
from pylti1p3.lineitem import LineItem
from pylti1p3.service_connector import ServiceConnector
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.database import Database

from lrs.content.attempts.records import standing_of
from lrs.content.library.items import get_item
from lrs.content.lti import keys
from lrs.content.lti.connecting import session
from lrs.content.lti.messages import Message, registration_of
from lrs.content.lti.platforms import get_platform
from lrs.content.lti.results import TOLD, Result, of_attempts, of_statements
from lrs.content.packages.model import Kind, item_iri
from lrs.content.player.launches import Wanted
from lrs.content.player.shelf import Shelf, Shelved, text_of
from lrs.foundation.audit import Editor
from lrs.foundation.errors import AccessError
from lrs.foundation.settings import Settings
from statements.parsing.actor import ifi
from statements.query.parameters import StatementQuery
from statements.storage.store import StatementStore

Document = dict[str, Any]

POINTS: Final = 100
SOONEST: Final = dt.timedelta(seconds=15)
LATEST: Final = dt.timedelta(hours=6)
LEASE: Final = dt.timedelta(minutes=2)
FOLLOWED: Final = dt.timedelta(days=90)  # after the last launch or change
TRIES: Final = 12
BATCH: Final = 25
MOST_STATEMENTS: Final = "500"
LONGEST_REASON: Final = 300

INDEXES: dict[str, list[IndexModel]] = {
    "lti_grades": [
        IndexModel([("look_at", ASCENDING)]),
        IndexModel([("ifi", ASCENDING)]),  # erasure
        IndexModel([("platform", ASCENDING), ("launched_at", ASCENDING)]),
    ]
}


class _Connector(ServiceConnector):
    """Asks for a token each time: results are rare, and a kept token would be one more secret."""

    def _get_cached_access_token(self, scope_key: str) -> str | None:  # noqa: ARG002 -- pylti1p3's signature
        return None

    def _cache_access_token(self, scope_key: str, access_token: str, expires_in: float) -> None:
        """Keep nothing."""


def follow(editor: Editor, message: Message, wanted: Wanted, registration: UUID) -> None:
    """Have a learner's result sent to the line item of the link that was opened."""
    service = message.grading or {}
    line = str(service.get("lineitem") or service.get("lineitems"))
    named = json.dumps([message.platform.id, message.deployment, line, message.subject, wanted.item])
    look = {
        "service": dict(service),
        "registration": str(registration),
        "launched_at": editor.now,
        "changed_at": editor.now,
        "look_at": editor.now + SOONEST,
        "tries": 0,
        "error": None,
    }
    fresh = {
        "org": wanted.org,
        "platform": message.platform.id,
        "deployment": message.deployment,
        "subject": message.subject,
        "ifi": ifi(wanted.actor),
        "item": wanted.item,
        "sent": None,
        "sent_at": None,
    }
    key = {"_id": hashlib.sha256(named.encode()).hexdigest()}
    editor.db.lti_grades.update_one(key, {"$set": look, "$setOnInsert": fresh}, upsert=True)


def send_due(settings: Settings, db: Database[Document], now: Callable[[], dt.datetime]) -> int:
    """Look at the rows that are due, and send what changed; return how many were sent. Workers share them."""
    sent = 0
    for _ in range(BATCH):
        row = db.lti_grades.find_one_and_update(
            {"look_at": {"$lte": now()}},
            {"$set": {"look_at": now() + LEASE}},
            sort=[("look_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        if row is None:
            break
        sent += _look(settings, db, row, now())
    return sent


def _look(settings: Settings, db: Database[Document], row: Document, now: dt.datetime) -> bool:
    change: Document
    try:
        found = result_of(db, row)
        kept = None if found is None else {"progress": found.progress, "scaled": found.scaled}
        if found is None or kept == row["sent"]:
            change = {"look_at": _next(row, now), "tries": 0}
        else:
            send(settings, db, row, found, now)
            change = {"sent": kept, "sent_at": now, "changed_at": now, "tries": 0, "error": None}
            change["look_at"] = now + SOONEST
    except (AccessError, LtiException, requests.RequestException, KeyError, TypeError, ValueError) as error:
        tries = row["tries"] + 1
        wait = min(SOONEST * 2**tries, LATEST)
        reason = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
        change = {"tries": tries, "error": reason, "look_at": now + wait if tries < TRIES else None}
    # A launch meanwhile made the row new: then its own time stands.
    seen = {"_id": row["_id"], "look_at": row["look_at"]}
    db.lti_grades.update_one(seen, {"$set": change})
    return "sent" in change


def _next(row: Document, now: dt.datetime) -> dt.datetime | None:
    """Return when to look again: the longer nothing changed the later, at last never."""
    quiet = now - row["changed_at"]
    return None if quiet > FOLLOWED else now + min(max(SOONEST, quiet / 10), LATEST)


def result_of(db: Database[Document], row: Document) -> Result | None:
    """Return what stands of the learner; raises UnknownThing, Collision."""
    version = _version(db, row)
    if version.outline is not None:
        attempts = db.attempts.find({"registration": row["registration"]}).sort("number", ASCENDING)
        standings = [standing_of(one["course"]["standing"]) for one in attempts]
        return of_attempts(standings, version.policy.keep)
    package = version.package
    units = [item_iri(package, version.course, one) for one in package.launchable() if one.cmi5]
    course = version.course
    if package.kind is Kind.TINCAN:
        course = next(package.launchable()).id
    return of_statements(_told(db, row), course, units if package.kind is Kind.CMI5 else ())


def _version(db: Database[Document], row: Document) -> Shelved:
    """Return the version that the learner is on, which has the names that were said; else the newest."""
    key = {"_id": row["registration"]}
    begun = db.cmi5_registrations.find_one(key, {"version": 1})
    begun = begun or db.content_enrolments.find_one(key, {"version": 1}) or {}
    shelf = Shelf(db)
    return shelf.version(begun["version"]) if begun.get("version") else shelf.newest(row["item"])


def _told(db: Database[Document], row: Document) -> list[Document]:
    """Return the statements of a registration that can say a result, the oldest first."""
    store, found = StatementStore(db, row["org"]), []
    for verb in TOLD:
        asked = {
            "registration": [row["registration"]], "verb": [verb], "ascending": ["true"],
            "limit": [MOST_STATEMENTS],
        }  # fmt: skip
        found += [orjson.loads(one) for one in store.find(StatementQuery.parse(asked, "1.0.3")).statements]
    return sorted(found, key=lambda one: str(one["stored"]))


def send(settings: Settings, db: Database[Document], row: Document, result: Result, now: dt.datetime) -> None:
    """Post a score; raises LtiException, requests.RequestException, UnknownThing."""
    registration = registration_of(get_platform(db, row["platform"]), keys.tool_key(settings, db, now))
    with session(allow_private=settings.allow_private_addresses) as asking:
        service: Any = row["service"]
        ags = AssignmentsGradesService(_Connector(registration, asking), service)
        grade = Grade().set_user_id(row["subject"])
        grade.set_activity_progress(result.progress).set_grading_progress(result.grading)
        grade.set_timestamp(now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        if result.scaled is not None:
            grade.set_score_given(round(result.scaled * POINTS, 2)).set_score_maximum(POINTS)
        ags.put_grade(grade, None if service.get("lineitem") else _line_item(db, row))


def _line_item(db: Database[Document], row: Document) -> LineItem:
    """Return the line item of an item for a platform that made none with the link."""
    title = text_of(get_item(db, row["item"])["title"])
    made = LineItem().set_tag(row["item"]).set_score_maximum(POINTS)  # found again by its tag
    return made.set_label(title or row["item"]).set_resource_id(row["item"])
