"""Changes of an attempt: each is one transaction with the statements that tell of it.

The attempt is the lock: every transaction that changes something changes it, so of two at once one is tried
again. A row of the outbox is there exactly when the record that it tells of is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pymongo.client_session import ClientSession
from pymongo.database import Database

from lrs.content.attempts.deciding import check_open
from lrs.content.attempts.events import Event, difference
from lrs.content.attempts.merging import Standing
from lrs.content.attempts.outline import Outline, Part
from lrs.content.attempts.policy import Policy
from lrs.content.attempts.receiving import (
    Commit,
    Received,
    Rules,
    Sco,
    UnknownRun,
    end_silent,
    open_run,
    receive,
)
from lrs.content.attempts.records import dump, standing_of, told_of
from lrs.content.attempts.results.rollup import Claim, believe, roll_up
from lrs.content.attempts.results.values import Reading, Refusal
from lrs.content.attempts.statements import CLOCK, Place, statement_of
from lrs.content.attempts.store import CLOSED_FOR, SILENCE, get_attempt, is_newest, record_of
from lrs.foundation.errors import UnknownThing
from statements.storage.transaction import in_transaction

Document = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that has begun: what the player loads."""

    number: int
    sco: Sco


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is answered to a commit that is durable now."""

    refusals: tuple[Refusal, ...]
    is_stale: bool
    course: Standing


@dataclass(frozen=True, slots=True)
class Changes:
    """What can happen to attempts at one version of a course."""

    db: Database[Document]
    outline: Outline

    def open(self, attempt: str, part: str, now: dt.datetime, after: int = 0) -> Opened:
        """Begin a run of a part, which makes commits of all earlier runs of the attempt stale.

        `after` is the run that the same page ran before, 0 for none. Raises AttemptOver.
        """

        def act(change: _Change) -> Opened:
            check_open(
                change.attempt,
                Policy.of(change.attempt["policy"]),
                is_newest=is_newest(self.db, change.attempt, change.session),
                is_going_on=self.outline.is_sequenced and 0 < after == change.attempt["run"],
            )
            number = change.attempt["run"] + 1
            change.attempt["run"] = number
            received = open_run(change.sco, number, now)
            change.write(received)
            return Opened(number, received.sco)

        return self._transact(attempt, part, now, act)

    def commit(
        self, attempt: str, part: str, given: Commit, now: dt.datetime, claim: Claim | None = None
    ) -> Receipt:
        """Take in a commit; it is durable when this returns. Raises UnknownThing, UnknownRun."""

        def act(change: _Change) -> Receipt:
            if given.run > change.attempt["run"]:
                raise UnknownRun(given.run)
            bars = change.part.bars
            rules = Rules(self.outline.edition, bars, Policy.of(change.attempt["policy"]))
            received = receive(change.sco, given, rules, now)
            if received.sco != change.sco or claim is not None:
                change.write(received, claim)
            is_stale = received.is_stale or given.run < change.attempt["run"]
            return Receipt(received.refusals, is_stale, standing_of(change.attempt["course"]["standing"]))

        return self._transact(attempt, part, now, act)

    def keep_sequencing(
        self, attempt: str, run: int, state: str, claim: Claim | None, now: dt.datetime
    ) -> bool:
        """Keep what the sequencing engine knows of an attempt; false where a newer run has begun."""

        def work(session: ClientSession) -> bool:
            found = get_attempt(self.db, attempt, session)
            if run != found["run"]:
                return False
            change = _Change(self.db, session, found, self.outline.parts[0], Sco(), self.outline, now)
            self.db.attempts.update_one({"_id": attempt}, {"$set": {"sequencing": state}}, session=session)
            change.roll_up(claim)
            return True

        return in_transaction(self.db.client, work)

    def end_quiet(self, attempt: str, part: str, now: dt.datetime) -> None:
        """End the run of a part that fell silent, unless it spoke meanwhile."""

        def act(change: _Change) -> None:
            since = _quiet_since(change.sco)
            if since is not None and now - since >= SILENCE:
                change.write(end_silent(change.sco))

        self._transact(attempt, part, now, act)

    def _transact(self, attempt: str, part: str, now: dt.datetime, act: Callable[[_Change], T]) -> T:
        """Run `act` on an attempt and a part of it in one transaction."""
        known = self.outline.by_id.get(part)
        if known is None:
            raise UnknownThing("part", part)

        def work(session: ClientSession) -> T:
            found = get_attempt(self.db, attempt, session)
            sco = record_of(self.db, attempt, part, session)
            return act(_Change(self.db, session, found, known, sco, self.outline, now))

        return in_transaction(self.db.client, work)


@dataclass(slots=True)
class _Change:
    """One transaction: the attempt and the record of one part as they are, and how they are written."""

    db: Database[Document]
    session: ClientSession
    attempt: Document
    part: Part
    sco: Sco
    outline: Outline
    now: dt.datetime

    def write(self, received: Received, claim: Claim | None = None) -> None:
        """Write the record, the attempt, and the statements of its events and of the course's."""
        self._write_record(received.sco)
        self._note_part(received.sco)
        self.roll_up(claim, received.events)

    def roll_up(self, claim: Claim | None, events: Iterable[Event] = ()) -> None:
        """Write the attempt, with the course's standing and what is told of part and course."""
        told = [(self._place(self.part), event) for event in events]
        told += [(self._place(None), event) for event in self._course(claim)]
        self._tell(told)
        names = ("run", "parts", "course", "told", "told_at", "over_at")
        fields = {name: self.attempt[name] for name in names} | {"last_at": self.now}
        self.db.attempts.update_one({"_id": self.attempt["_id"]}, {"$set": fields}, session=self.session)

    def _write_record(self, sco: Sco) -> None:
        fields = {
            "org": self.attempt["org"],
            "attempt": self.attempt["_id"],
            "part": self.part.id,
            "record": dump(sco),
            "quiet_since": _quiet_since(sco),
        }
        self.db.attempt_scos.update_one(
            {"_id": f"{self.attempt['_id']}/{self.part.id}"},
            {"$set": fields},
            upsert=True,
            session=self.session,
        )

    def _note_part(self, sco: Sco) -> None:
        row = {
            "id": self.part.id,
            "iri": self.part.iri,
            "standing": asdict(sco.standing),
            "seconds": sco.total,
            "is_over": sco.run is None or sco.run.is_over,
            "exit": sco.exit,
        }
        rows = self.attempt["parts"]
        place = next((n for n, one in enumerate(rows) if one["id"] == self.part.id), None)
        if place is None:
            rows.append(row)
        else:
            rows[place] = row

    def _course(self, claim: Claim | None) -> Sequence[Event]:
        """Set the course's standing and return its events; a course that is its own SCO tells no more."""
        course = self.attempt["course"]
        standings = {one["id"]: standing_of(one["standing"]) for one in self.attempt["parts"]}
        moment = (self.attempt["run"], 0)
        before = standing_of(course["standing"])
        if not self.outline.is_sequenced:
            found = roll_up([part.id for part in self.outline.parts], standings, moment)
        else:
            found = believe(claim, standings, moment) if claim else before
        if before.completion == "completed":
            found = replace(found, completion="completed")
        course["standing"] = asdict(found)
        if found.completion == "completed" and self.attempt["over_at"] is None:
            self.attempt["over_at"] = self.now
        if self.part.iri == self.outline.course:
            return []
        run = self.attempt["run"]
        quietly = replace(told_of(course["told"]), begun=run, ended=run)
        told, events = difference(quietly, run, replace(found, progress=None), Reading())
        course["told"] = asdict(told)
        return events

    def _tell(self, events: Iterable[tuple[Place, Event]]) -> None:
        """Put the statements of events into the outbox, a millisecond apart and never before those told."""
        rows = []
        at: dt.datetime = max(self.now, self.attempt["told_at"] + CLOCK)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        number = self.attempt["told"]
        for place, event in events:
            statement = statement_of(place, event, at)
            number += 1
            rows.append(
                {
                    "_id": statement["id"],
                    "org": place.org,
                    "attempt": self.attempt["_id"],
                    "number": number,
                    "body": orjson.dumps(statement),
                    "refused": None,
                }
            )
            self.attempt["told_at"] = at
            at += CLOCK
        if rows:
            self.attempt["told"] = number
            self.db.attempt_outbox.insert_many(rows, session=self.session)

    def _place(self, part: Part | None) -> Place:
        """Return the place of a part's statements, or of the course's."""
        outline, attempt = self.outline, self.attempt
        return Place(
            org=attempt["org"],
            attempt=UUID(attempt["_id"]),
            actor=attempt["actor"],
            registration=UUID(attempt["registration"]),
            course=outline.course,
            course_name=outline.name,
            sco=part.iri if part else outline.course,
            sco_name=part.name if part else outline.name,
            version=outline.version,
        )


def _quiet_since(sco: Sco) -> dt.datetime | None:
    """Return since when an open run says nothing; a closed page is taken to have been silent for long."""
    run = sco.run
    if run is None or run.is_over:
        return None
    return run.last_at - SILENCE + CLOSED_FOR if run.is_closed else run.last_at
