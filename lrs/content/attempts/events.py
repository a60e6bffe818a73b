"""What became of a SCO between two moments: the difference as an ordered list of events, each told once.

A commit is a whole snapshot and comes again every few seconds, so events come from what was told before,
never from a snapshot alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lrs.content.attempts.merging import Standing
from lrs.content.attempts.results.values import Completion, Interaction, Objective, Reading, Score, Success

EventKind = Literal[
    "initialized", "resumed", "responded", "objective", "progressed", "scored", "completed", "passed",
    "failed", "suspended", "terminated",
]  # fmt: skip
Ending = Literal["exit", "suspend", "timeout"]

STEP: Final = 0.05  # of progress that is worth a statement
DIGEST: Final = 8  # bytes by which an answer is known again


@dataclass(frozen=True, slots=True)
class Told:
    """What statements say already of one SCO in one attempt."""

    count: int = 0  # events so far; the number of an event is part of its statement's id
    begun: int = 0  # newest session whose beginning is told
    ended: int = 0  # newest session whose end is told
    completion: Completion = "unknown"
    success: Success = "unknown"
    score: Score | None = None
    progress: float = 0.0
    answers: Mapping[str, str] = field(default_factory=dict)  # interaction id and place -> digest
    objectives: Mapping[str, str] = field(default_factory=dict)  # objective id -> digest


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell; `number` counts the events of the SCO in the attempt."""

    number: int
    kind: EventKind
    session: int
    standing: Standing
    interaction: Interaction | None = None
    objective: Objective | None = None
    seconds: float | None = None  # length of the session, at its end
    ending: Ending | None = None


@dataclass(slots=True)
class Teller:
    """Gathers the events of one change and remembers what they told."""

    told: Told
    session: int
    standing: Standing
    events: list[Event] = field(default_factory=list)

    def tell(self, kind: EventKind, **facts: object) -> None:
        """Add an event."""
        self.told = replace(self.told, count=self.told.count + 1)
        event = Event(self.told.count, kind, self.session, self.standing, **facts)  # type: ignore[arg-type]
        self.events.append(event)


def difference(
    told: Told,
    session: int,
    standing: Standing,
    reading: Reading,
    *,
    ending: Ending | None = None,
    seconds: float | None = None,
) -> tuple[Told, list[Event]]:
    """Return what is told after a change, and the events that tell it, in the order of their happening.

    `ending` says that the session is over: left for good, suspended, or fallen silent.
    """
    teller = Teller(told, session, standing)
    _beginning(teller)
    _answers(teller, reading)
    _objectives(teller, reading)
    _changes(teller)
    if ending is not None and session > teller.told.ended:
        kind: EventKind = "terminated" if ending == "exit" else "suspended"
        teller.tell(kind, seconds=seconds, ending=ending)
        teller.told = replace(teller.told, ended=session)
    return teller.told, teller.events


def _beginning(teller: Teller) -> None:
    if teller.session > teller.told.begun:
        teller.tell("resumed" if teller.told.begun else "initialized")
        teller.told = replace(teller.told, begun=teller.session)


def _answers(teller: Teller, reading: Reading) -> None:
    """Tell each answer once; one that was changed in its place is told again."""
    known = dict(teller.told.answers)
    for place, one in _placed(reading.interactions):
        digest = _digest(one.type, one.response, str(one.success), *one.correct)
        if known.get(place) != digest:
            known[place] = digest
            teller.tell("responded", interaction=one)
    teller.told = replace(teller.told, answers=known)


def _placed(interactions: tuple[Interaction, ...]) -> Iterator[tuple[str, Interaction]]:
    """Yield interactions with what each is known by: its id, and which of those with this id it is.

    Journalling content adds a row for each answer, so the same id may stand there several times.
    """
    counts: dict[str, int] = {}
    for one in interactions:
        counts[one.id] = counts.get(one.id, 0) + 1
        yield _digest(one.id, str(counts[one.id])), one


def _objectives(teller: Teller, reading: Reading) -> None:
    known = dict(teller.told.objectives)
    for one in reading.objectives:
        if one.success == "unknown" and one.score is None and one.completion != "completed":
            continue
        key, digest = _digest(one.id), _digest(one.completion, one.success, str(one.score))
        if known.get(key) != digest:
            known[key] = digest
            teller.tell("objective", objective=one)
    teller.told = replace(teller.told, objectives=known)


def _changes(teller: Teller) -> None:
    """Tell progress, score, completion and verdict where they are other than told."""
    standing, told = teller.standing, teller.told
    progress = standing.progress or 0.0
    if progress >= told.progress + STEP or (progress >= 1 > told.progress):
        teller.tell("progressed")
        teller.told = replace(teller.told, progress=progress)
    if standing.score is not None and standing.score != told.score:
        teller.tell("scored")
        teller.told = replace(teller.told, score=standing.score)
    if standing.completion == "completed" != told.completion:
        teller.tell("completed")
        teller.told = replace(teller.told, completion="completed")
    if standing.success not in {"unknown", told.success}:
        teller.tell("passed" if standing.success == "passed" else "failed")
        teller.told = replace(teller.told, success=standing.success)


def _digest(*parts: str) -> str:
    text = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=DIGEST).hexdigest()
