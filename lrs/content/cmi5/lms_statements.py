"""What the launching system says itself: satisfied, abandoned, waived (cmi5 9.3.6, 9.3.7, 9.3.9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from pymongo.database import Database

from lrs.content.attempts.results.durations import write_iso
from lrs.content.cmi5.registrations import Registrations
from lrs.content.cmi5.rules import CMI5, MOVE_ON, SESSION_ID
from lrs.content.packages.model import Item, Package, item_iri
from lrs.content.telling import tell
from statements.ingest import Writer

Document = dict[str, Any]

NAMESPACE: Final = UUID("c5a7f1de-9d1c-5a52-8f3f-0d5a5c3a2b11")
VERBS: Final = "https://w3id.org/xapi/adl/verbs/"
TYPES: Final = "https://w3id.org/xapi/cmi5/activitytype/"
REASON: Final = "https://w3id.org/xapi/cmi5/result/extensions/reason"


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes what we say of one registration into its document, for `store_told` to store."""

    registration: Document
    now: dt.datetime

    def satisfied(self, package: Package, course: str, item: Item, session: str) -> None:
        """Say, once, that a block or the course is satisfied."""
        is_course = item is package.root
        if is_course:
            self.registration.setdefault("done_at", self.now)
        target = {
            "objectType": "Activity",
            "id": item_iri(package, course, item),
            "definition": {"type": TYPES + ("course" if is_course else "block"), "name": dict(item.title)},
        }
        self._tell("satisfied", item.id, session, {"object": target}, grouping=item.id)

    def abandoned(self, session: Document, activity: str) -> None:
        """Say that a session was left; its length goes to the last that was heard of it."""
        seconds = (session["last_at"] - session["launched_at"]).total_seconds()
        body = {
            "object": {"objectType": "Activity", "id": activity},
            "result": {"duration": write_iso(seconds)},
        }
        self._tell("abandoned", session["id"], session["id"], body, grouping=session["unit"])

    def waived(self, unit: str, activity: str, session: str, reason: str) -> None:
        """Say that a unit is met otherwise."""
        result = {"success": True, "completion": True, "extensions": {REASON: reason}}
        body = {"object": {"objectType": "Activity", "id": activity}, "result": result}
        self._tell("waived", unit, session, body, grouping=unit, categories=(CMI5, MOVE_ON))

    def _tell(
        self,
        verb: str,
        subject: str,
        session: str,
        body: Mapping[str, Any],
        *,
        grouping: str,
        categories: tuple[str, ...] = (CMI5,),
    ) -> None:
        statement_id = str(uuid5(NAMESPACE, f"{self.registration['_id']}|{verb}|{subject}"))
        if any(row["id"] == statement_id for row in self.registration["told"]):
            return
        context = {
            "registration": self.registration["_id"],
            "contextActivities": {
                "grouping": [{"objectType": "Activity", "id": grouping}],
                "category": [{"objectType": "Activity", "id": one} for one in categories],
            },
            "extensions": {SESSION_ID: session},
        }
        statement = {
            "id": statement_id,
            "timestamp": self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "actor": self.registration["actor"],
            "verb": {"id": VERBS + verb, "display": {"en": verb}},
            **body,
            "context": context,
        }
        row = {"id": statement_id, "is_stored": False, "statement": orjson.dumps(statement)}
        self.registration["told"].append(row)


def store_told(db: Database[Document], registration: Document, writer: Writer, now: dt.datetime) -> None:
    """Store what is told and not stored yet, in order; whoever does it again stores nothing twice."""
    waiting = [row for row in registration["told"] if not row["is_stored"]]
    if not waiting:
        return
    body = b"[" + b",".join(row["statement"] for row in waiting) + b"]"
    tell(db, registration["org"], body, writer, now)
    ids = {row["id"] for row in waiting}

    def act(found: Document) -> None:
        for row in found["told"]:
            row["is_stored"] = row["is_stored"] or row["id"] in ids

    Registrations(db).change(registration["_id"], act)
