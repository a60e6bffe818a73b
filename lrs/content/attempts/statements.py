"""Events of a SCO as statements of the xAPI SCORM Profile.

The id follows from the attempt and the number of the event, the timestamp is given once and kept, so that a
statement that is sent again is the same, byte for byte.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid5

from lrs.content.attempts.events import Event
from lrs.content.attempts.merging import Standing
from lrs.content.attempts.results.durations import write_iso
from lrs.content.attempts.results.values import Completion, Interaction, Objective, Score, Success

Document = dict[str, Any]

NAMESPACE: Final = UUID("5b3c8c3e-3f0b-5c55-9b53-7a1f0f6a2d94")
PROFILE: Final = "https://w3id.org/xapi/scorm"
VERBS: Final = "http://adlnet.gov/expapi/verbs/"
TYPES: Final = "http://adlnet.gov/expapi/activities/"
PROGRESS: Final = "https://w3id.org/xapi/cmi5/result/extensions/progress"
EXTENSIONS: Final = f"{PROFILE}/extensions/"
WEIGHTING, DESCRIPTION = f"{EXTENSIONS}weighting", "en"
CLOCK: Final = dt.timedelta(milliseconds=1)  # between the events of one change
INTERACTION_TYPES: Final = (
    TYPES + "cmi.interaction"
)  # the profile's table says `interaction`, xAPI wants this
LONGEST_ID: Final = 400  # characters of an id inside an IRI


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt happens: what its statements say of learner, course and SCO."""

    org: str
    attempt: UUID
    actor: Mapping[str, Any]
    registration: UUID
    course: str  # IRI
    course_name: Mapping[str, str]
    sco: str  # IRI; the course's own where the roll-up speaks
    sco_name: Mapping[str, str]
    version: str  # of the package

    @property
    def attempt_iri(self) -> str:
        """Return the activity that stands for the attempt."""
        return f"{self.sco}?attemptId={self.attempt}"


def statement_of(place: Place, event: Event, at: dt.datetime) -> Document:
    """Return the statement of an event."""
    target = _target(place, event)
    result = _result(event)
    return {
        "id": str(statement_id(place, event)),
        "timestamp": _text(_moment(event, at)),
        "actor": dict(place.actor),
        "verb": _verb(event),
        "object": target,
        **({"result": result} if result else {}),
        "context": _context(place, event, is_inside=target["id"] != place.sco),
    }


def statement_id(place: Place, event: Event) -> UUID:
    """Return the id of an event's statement: the same whenever and wherever it is made."""
    return uuid5(NAMESPACE, f"{place.org}|{place.attempt}|{place.sco}|{event.number}|{event.kind}")


def _moment(event: Event, at: dt.datetime) -> dt.datetime:
    """Return when it happened: the time that the content gives an answer, where it is not after `at`."""
    said = event.interaction.at if event.interaction else None
    return said if said is not None and at - dt.timedelta(hours=12) <= said <= at else at


def _verb(event: Event) -> Document:
    name = _objective_verb(event.objective) if event.objective else event.kind
    return {"id": VERBS + name, "display": {"en": name}}


def _objective_verb(objective: Objective) -> str:
    if objective.success != "unknown":
        return objective.success
    return "completed" if objective.completion == "completed" else "scored"


def _target(place: Place, event: Event) -> Document:
    if event.interaction is not None:
        return _interaction(place, event.interaction)
    if event.objective is not None:
        one = event.objective
        text = one.description or one.id
        return _activity(f"{place.sco}/objectives/{_segment(one.id)}", "objective", {"und": text})
    kind = "course" if place.sco == place.course else "lesson"
    return _activity(place.sco, kind, place.sco_name)


def _interaction(place: Place, one: Interaction) -> Document:
    made = _activity(
        f"{place.sco}/interactions/{_segment(one.id)}", "cmi.interaction", {"und": one.description or one.id}
    )
    made["definition"]["interactionType"] = one.type
    if one.correct:
        made["definition"]["correctResponsesPattern"] = list(one.correct)
    return made


def _activity(iri: str, kind: str, name: Mapping[str, str] | None = None) -> Document:
    named = {"name": dict(name)} if name else {}
    return {"objectType": "Activity", "id": iri, "definition": {"type": TYPES + kind, **named}}


def _segment(text: str) -> str:
    return quote(text[:LONGEST_ID].encode("utf-8", "replace"), safe="")


def _result(event: Event) -> Document:
    if event.interaction is not None:
        return _answer(event.interaction)
    if event.objective is not None:
        one = event.objective
        return _outcome(one.completion, one.success, one.score)
    return _RESULTS.get(event.kind, lambda _: {})(event)


def _answer(one: Interaction) -> Document:
    made: Document = {"response": one.response}
    if one.success is not None:
        made["success"] = one.success
    if one.latency is not None:
        made["duration"] = write_iso(one.latency)
    if one.weighting is not None:
        made["extensions"] = {WEIGHTING: one.weighting}
    return made


def _outcome(completion: Completion, success: Success, score: Score | None) -> Document:
    made: Document = {}
    if completion != "unknown":
        made["completion"] = completion == "completed"
    if success != "unknown":
        made["success"] = success == "passed"
    if score is not None:
        made["score"] = score_of(score)
    return made


def score_of(score: Score) -> Document:
    """Return the members of a score that are known."""
    given = {"scaled": score.scaled, "raw": score.raw, "min": score.min, "max": score.max}
    return {name: value for name, value in given.items() if value is not None}


def _scored(standing: Standing) -> Document:
    return {"score": score_of(standing.score)} if standing.score else {}


def _end(event: Event) -> Document:
    standing = event.standing
    made = _outcome(standing.completion, standing.success, standing.score)
    if event.seconds is not None:
        made["duration"] = write_iso(event.seconds)
    return made


_RESULTS: Final = {
    "progressed": lambda event: {"extensions": {PROGRESS: int((event.standing.progress or 0) * 100 + 0.5)}},
    "scored": lambda event: _scored(event.standing),
    "completed": lambda event: {"completion": True, **_scored(event.standing)},
    "passed": lambda event: {"success": True, **_scored(event.standing)},
    "failed": lambda event: {"success": False, **_scored(event.standing)},
    "suspended": _end,
    "terminated": _end,
}


def _context(place: Place, event: Event, *, is_inside: bool) -> Document:
    activities: Document = {
        "category": [{"objectType": "Activity", "id": PROFILE, "definition": {"type": TYPES + "profile"}}],
        "grouping": [
            _activity(place.course, "course", place.course_name),
            _activity(place.attempt_iri, "attempt"),
        ],
    }
    if is_inside:
        activities["parent"] = [_activity(place.sco, "lesson", place.sco_name)]
    extensions: Document = {f"{EXTENSIONS}version": place.version, f"{EXTENSIONS}session": event.session}
    if event.ending == "timeout":
        extensions[f"{EXTENSIONS}ended-by"] = "timeout"
    return {
        "registration": str(place.registration),
        "contextActivities": activities,
        "extensions": extensions,
    }


def _text(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
