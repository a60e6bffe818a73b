"""How somebody stands in an assignment: a pure function of facts and time (cert#2.11, cert#5-9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from rules import calendar
from rules.evaluation.evaluate import decide
from rules.evaluation.timeline import HELD_STATES
from rules.evidence.history import BEGINNING, PersonHistory
from rules.evidence.published import PublishedCertification, PublishedVersion, published
from rules.language.model import Assignment, Exemption, Target
from rules.language.requirements import missing_keys_of
from rules.programmes.targets import (
    Asked,
    Circumstances,
    Learner,
    Offer,
    Orders,
    asked_by,
    is_overdue,
    matched_since,
)

State = Literal["upcoming", "not_started", "in_progress", "overdue", "met", "missed", "exempt"]
OPEN: Final[frozenset[State]] = frozenset({"not_started", "in_progress", "overdue"})
"""The states in which there is something to do now."""
LATE: Final[frozenset[State]] = frozenset({"overdue", "missed"})
UNMET: Final[frozenset[State]] = OPEN | {"upcoming", "missed"}


@dataclass(frozen=True, slots=True)
class PublishedAssignment:
    """One version of an assignment, and from when on it applies."""

    document: Assignment
    effective_at: dt.datetime = BEGINNING
    mode: str = "active"
    path: PublishedCertification = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        version = PublishedVersion(document=self.document.as_certification())
        object.__setattr__(self, "path", published(version))


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands in an assignment that is asked of them.

    `met_at` is when the path was first met whole, `missing` are the keys of the steps that are not; `reason`
    is that of an exemption, which holds up to `until`. `evaluated` is of `mode: evaluate`: nobody is told.
    """

    assignment: str
    version: str
    state: State
    asked: Asked
    met: int
    of: int
    missing: tuple[str, ...] = ()
    met_at: dt.datetime | None = None
    reason: str | None = None
    until: dt.date | None = None
    evaluated: bool = False


def in_force(versions: Sequence[PublishedAssignment], at: dt.datetime) -> PublishedAssignment | None:
    """Return the version (of these, oldest first) that asks something at an instant, if any does."""
    begun = [one for one in versions if one.effective_at <= at]
    return begun[-1] if begun and begun[-1].mode != "disabled" else None


def assigned(
    versions: Sequence[PublishedAssignment], learner: Learner, orders: Orders, at: dt.datetime
) -> tuple[PublishedAssignment, Asked] | None:
    """Return the version that asks something of a person at an instant, with since when and by when.

    An exemption that is over sets a relative day back: it counts from the day after. Nothing is asked of
    whoever a target begins to match when the window has closed.
    """
    version = in_force(versions, at)
    if version is None:
        return None
    document = version.document
    offers = [Offer(one.effective_at, one.document.targets) for one in versions if one.effective_at <= at]
    today = calendar.local_date(at, document.timezone)
    ended = [
        one.until + calendar.DAY
        for one in _exemptions(document, learner, orders, at)
        if one.until is not None and one.until < today
    ]
    first = max([day for day in (document.opens, *ended) if day is not None], default=None)
    asked = asked_by(offers, learner, Circumstances(at, document.timezone, orders), first)
    if asked is None or (document.closes is not None and asked.since > document.closes):
        return None
    due = min((day for day in (asked.due, document.closes) if day is not None), default=None)
    return version, Asked(asked.since, due)


def standing(
    versions: Sequence[PublishedAssignment],
    learner: Learner,
    orders: Orders,
    history: PersonHistory,
    *,
    known_at: dt.datetime,
    at: dt.datetime,
) -> Standing | None:
    """Return how somebody stands in an assignment at an instant, as then known; None where it is not asked.

    `history` is what the person did and holds.
    """
    found = assigned(versions, learner, orders, at)
    if found is None:
        return None
    version, asked = found
    document = version.document
    until = at
    if document.closes is not None:
        until = min(at, calendar.end_of(document.closes, document.timezone) - dt.timedelta(microseconds=1))
    timeline = decide(version.path, history, known_at)
    status = timeline.status_at(until)
    is_met = status.state in HELD_STATES
    unmet = 0 if is_met else _unmet_steps(document, status.missing)
    exemption = None if is_met else exemption_of(document, learner, orders, at)
    state: State = "met" if is_met else "exempt" if exemption else _open_state(document, asked, unmet, at)
    period = None if status.period is None or not is_met else timeline.periods[status.period]
    return Standing(
        assignment=document.id,
        version=document.version,
        state=state,
        asked=asked,
        met=len(document.path) - unmet,
        of=len(document.path),
        missing=() if is_met else status.missing,
        met_at=period.awarded_at if period else None,
        reason=exemption.reason if exemption else None,
        until=exemption.until if exemption else None,
        evaluated=version.mode == "evaluate",
    )


def exemption_of(document: Assignment, learner: Learner, orders: Orders, at: dt.datetime) -> Exemption | None:
    """Return the exemption that holds for a person at an instant, of several the one that lasts longest."""
    today = calendar.local_date(at, document.timezone)
    known = _exemptions(document, learner, orders, at)
    found = [one for one in known if one.until is None or today <= one.until]
    return max(found, key=lambda one: one.until or dt.date.max, default=None)


def _exemptions(
    document: Assignment, learner: Learner, orders: Orders, at: dt.datetime
) -> Iterator[Exemption]:
    """Yield what exempts a person, whatever its last day: of the document, or by a manager whom it lets."""
    around = Circumstances(at, document.timezone, orders)
    yield from (one for one in document.exempt if matched_since(one.whom, learner, around) is not None)
    if document.managers_may_exempt is not None:
        given = (one for one in learner.excuses if one.assignment == document.id and one.holds(at))
        yield from (Exemption(Target(), one.reason, one.until) for one in given)


def _unmet_steps(document: Assignment, missing: Sequence[str]) -> int:
    """Return how many steps of a path lack something, by the keys of what is missing; at least one does."""
    lacking = [step for step in document.path if not set(missing).isdisjoint(missing_keys_of(step))]
    return max(len(lacking), 1)


def _open_state(document: Assignment, asked: Asked, unmet: int, at: dt.datetime) -> State:
    today = calendar.local_date(at, document.timezone)
    if today < asked.since:
        return "upcoming"
    if document.closes is not None and document.closes < today:
        return "missed"
    if is_overdue(asked, today):
        return "overdue"
    return "not_started" if unmet == len(document.path) else "in_progress"
