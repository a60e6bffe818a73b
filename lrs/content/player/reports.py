"""Statements of content that has no launch of its own (H5P): completed, checked, and stored for the learner.

Such content says what happened, and makes up who, where and when. Of what it sends only verb and result are
taken, and which part of the content it is about; the rest is the launch's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid5

import orjson
from pymongo.database import Database

from lrs.content.attempts.results.scores import scored
from lrs.content.attempts.statements import score_of
from lrs.content.player.commits import BadCommit, is_shallow
from lrs.content.telling import tell, writer_of
from statements.errors import StatementError

Document = dict[str, Any]

NAMESPACE: Final = UUID("6e1a2a8e-7d0e-5f43-9a55-1f4f7c1f5a10")
LARGEST: Final = 256 * 1024
ADL: Final = "http://adlnet.gov/expapi/verbs/"
VERBS: Final = frozenset(
    f"{ADL}{name}"
    for name in (
        "answered",
        "completed",
        "attempted",
        "interacted",
        "progressed",
        "passed",
        "failed",
        "mastered",
    )
)
DEFINED: Final = (
    "name", "description", "interactionType", "correctResponsesPattern", "choices", "source", "target",
    "scale", "steps",
)  # fmt: skip
SUB_CONTENT: Final = "subContentId="
CATEGORY: Final = "https://w3id.org/xapi/h5p"


@dataclass(frozen=True, slots=True)
class Report:
    """What a page reports: a serial number of its own, and the statement as the content made it."""

    serial: str
    statement: Mapping[str, Any]


def read_report(body: bytes) -> Report:
    """Return the report that a body holds; raises BadCommit."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadCommit("the body is not JSON") from error
    serial = given.get("serial") if isinstance(given, dict) else None
    statement = given.get("statement") if isinstance(given, dict) else None
    if not isinstance(serial, str) or not 1 <= len(serial) <= 100 or not isinstance(statement, dict):
        raise BadCommit("the body is not a report")
    if not is_shallow(statement):
        raise BadCommit("the statement is nested too deeply")
    return Report(serial, statement)


def complete(report: Report, launch: Mapping[str, Any], course: str, now: dt.datetime) -> Document:
    """Return the statement of a report; raises BadCommit where its verb is none of VERBS."""
    verb = _part(report.statement, "verb")
    if not isinstance(verb.get("id"), str) or verb["id"] not in VERBS:
        raise BadCommit("the verb is not one that this content may say")
    target = _part(report.statement, "object")
    result = _result(_part(report.statement, "result"))
    return {
        "id": str(uuid5(NAMESPACE, f"{launch['_id']}|{report.serial}")),
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "actor": launch["actor"],
        "verb": {"id": verb["id"], "display": {"en": str(verb["id"]).rsplit("/", 1)[1]}},
        "object": _target(target, course),
        **({"result": result} if result else {}),
        "context": {
            "registration": launch["registration"],
            "contextActivities": {
                "grouping": [{"objectType": "Activity", "id": course}],
                "category": [{"objectType": "Activity", "id": CATEGORY}],
            },
        },
    }


def _target(given: Mapping[str, Any], course: str) -> Document:
    """Return the activity: the course itself, or the part of it whose id H5P puts behind its own."""
    _, found, part = str(given.get("id", "")).rpartition(SUB_CONTENT)
    iri = f"{course}/parts/{quote(part[:200], safe='')}" if found and part else course
    definition = _part(given, "definition")
    kept = {name: definition[name] for name in DEFINED if name in definition}
    if "interactionType" in kept:
        kept["type"] = f"{ADL.replace('verbs/', 'activities/')}cmi.interaction"
    return {"objectType": "Activity", "id": iri, **({"definition": kept} if kept else {})}


def _result(given: Mapping[str, Any]) -> Document:
    score = _part(given, "score")
    numbers = (_number(score.get(name)) for name in ("raw", "min", "max", "scaled"))
    found = scored(*numbers)
    made = {name: given[name] for name in ("completion", "success", "duration", "response") if name in given}
    return made | ({"score": score_of(found)} if found else {})


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = given.get(name)
    return found if isinstance(found, Mapping) else {}


def keep(db: Database[Document], statement: Document, org: str, public_url: str, now: dt.datetime) -> None:
    """Store the statement of a report, once; raises BadCommit where it is no statement."""
    try:
        tell(db, org, orjson.dumps(statement), writer_of(org, public_url), now)
    except StatementError as error:
        raise BadCommit(str(error)) from error
