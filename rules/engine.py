"""The engine: marked statements and due people -> decisions -> facts, events, view -> marks cleared, last.

Every step may be repeated: what a crash leaves behind is still marked or due, and deciding again changes
nothing that was already recorded.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from rules import facts, marks, outbox, people, standings, tier_work, work
from rules.course import Course
from rules.decisions import Decided, decide_person, next_due
from rules.errors import RuleError
from rules.histories import Dossier, load_dossiers
from rules.marks import Mark
from rules.model import Certification
from rules.outbox import Event
from rules.people import Admit, Sighting, no_affiliation
from rules.record_changes import changes_of
from rules.relevance import relevance_of
from rules.rule_set import RuleSet
from rules.store import RuleCache, RuleStore
from rules.ulid import award_id

Document = dict[str, Any]
Scopes = Mapping[str, frozenset[str]]

log = logging.getLogger("laurel.engine")

BATCH: Final = 500
POISON_PAUSE: Final = dt.timedelta(minutes=1)  # a person who cannot even be read is tried again after this


class LeaseLost(RuleError):
    """Another worker took the people over while this one was deciding; nothing was written."""


def nothing_happens(step: str) -> None:
    """Do nothing at a step; tests pass a function that kills the worker there."""


@dataclass(slots=True)
class Report:
    """What one round did."""

    marks: int = 0
    people: int = 0
    facts: int = 0
    events: int = 0
    failures: int = 0
    lag: dt.timedelta = dt.timedelta()  # how long the oldest mark had waited
    changed: list[Document] = field(default_factory=list)  # what the view said otherwise, by person

    def add(self, other: Report) -> None:
        """Add the numbers of another round."""
        self.marks += other.marks
        self.people += other.people
        self.facts += other.facts
        self.events += other.events
        self.failures += other.failures
        self.lag = max(self.lag, other.lag)
        self.changed += other.changed


@dataclass(slots=True)
class Writes:
    """All that the decisions of a batch change; written in one transaction."""

    facts: list[Document] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    standings: list[Document] = field(default_factory=list)
    awards: list[Document] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)  # ids of standings and awards that the view has
    moved: set[str] = field(default_factory=set)  # persons whose standing changed: their organizations' tiers

    dropped: list[str] = field(default_factory=list)  # ids of standings that nothing supports any more

    def __bool__(self) -> bool:
        return bool(self.facts or self.events or self.standings or self.awards or self.gone or self.dropped)

    def changed(self) -> list[Document]:
        """Return what differs from the view, for a report."""
        found = [
            {"person": row["person"], "certification": row["certification"], "what": what}
            for what, rows in (("standing", self.standings), ("award", self.awards))
            for row in rows
        ]
        for one in self.dropped:
            person, _, certification = one.partition("/")
            found.append({"person": person, "certification": certification, "what": "standing dropped"})
        return found


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine over one database; one for each worker process."""

    db: Database[Document]
    cache: RuleCache
    admit: Admit = no_affiliation
    at_step: Callable[[str], None] = nothing_happens

    def run_marked(self, now: dt.datetime, limit: int = BATCH, after: Any = None) -> tuple[Report, Any]:
        """Decide the people of up to `limit` marked statements; return what was done and where to go on.

        People whom another worker holds are left to it, with their marks. The second value is the key of the
        last mark that was looked at, None when there were no more.
        """
        found = marks.marked(self.db, limit, after)
        if not found:
            return Report(), None
        self.at_step("marks read")
        rules = self.cache.get(fresh=True)
        owners = self._owners(found, now)
        taken = work.lease(self.db, list(owners), now)
        self.at_step("leased")
        relevant = relevance_of(rules).certifications
        scopes = {
            person: frozenset[str]().union(*(relevant(mark.document) for mark in own))
            for person, own in owners.items()
            if person in taken.rows
        }
        report, read, left = self._decide_safely(rules, taken, scopes, now)
        undecided = (owners.keys() - taken.rows.keys()) | left
        waiting = {mark.key for person in undecided for mark in owners[person]}
        done = {mark.key: mark.document for mark in found if mark.key not in waiting}
        done |= {row["_id"]: row for row in read if row.get("pending") and row["_id"] not in waiting}
        self.at_step("decided")
        marks.clear(self.db, done.values())
        report.marks = len(done)
        report.lag = now - found[0].document["stored"]
        return report, found[-1].key if len(found) == limit else None

    def run_due(
        self, now: dt.datetime, limit: int = BATCH, priorities: Collection[int] = work.SOON
    ) -> Report:
        """Decide up to `limit` people whose time has come or who were marked."""
        taken = work.lease(self.db, work.due(self.db, now, limit, priorities), now)
        if not taken.rows:
            return Report()
        report, _, _ = self._decide_safely(self.cache.get(fresh=True), taken, {}, now)
        return report

    def decide_people(self, persons: Iterable[str], now: dt.datetime) -> Report:
        """Decide these people wholly, those that nobody else holds."""
        report, _, _ = self._decide_safely(
            self.cache.get(fresh=True), work.lease(self.db, list(persons), now), {}, now
        )
        return report

    def recompute(self, persons: Collection[str], now: dt.datetime) -> tuple[list[Document], frozenset[str]]:
        """Decide these people wholly; return what the view said otherwise and was put right, and who is left.

        Left are people whom a worker holds: it is deciding them, or it was killed while it did.
        """
        taken = work.lease(self.db, persons, now)
        report, _, undecided = self._decide_safely(self.cache.get(fresh=True), taken, {}, now)
        return report.changed, (frozenset(persons) - taken.rows.keys()) | undecided

    def _owners(self, found: list[Mark], now: dt.datetime) -> dict[str, list[Mark]]:
        """Return the persons concerned by marks, each with its marks; their stores are on record then."""
        owners = people.persons_for(
            self.db, (Sighting(mark.actor, mark.org) for mark in found if mark.actor), now, self.admit
        )
        concerned: dict[str, list[Mark]] = defaultdict(list)
        for mark in found:
            for owner in owners.get(mark.actor or "", ()):
                concerned[owner.of].append(mark)
        known = work.rows_of(self.db, concerned)
        fresh = {}
        for person, own in concerned.items():
            stores = {mark.org for mark in own}
            if person not in known or not stores <= set(known[person].stores):
                fresh[person] = stores
        work.mark_stores(self.db, fresh, now)
        return concerned

    def _decide_safely(
        self, rules: RuleSet, taken: work.Lease, scopes: Scopes, now: dt.datetime
    ) -> tuple[Report, list[Document], frozenset[str]]:
        """Decide a batch; where it fails as a whole, decide its people one by one: one stops no other.

        Returns also the statements read, and whom nothing was decided about because the lease was lost.
        """
        try:
            return *self._decide(rules, taken, scopes, now), frozenset()
        except LeaseLost:
            # Those that are still ours are free again; all of them are looked at again at once.
            work.give_back(self.db, taken)
            return Report(), [], frozenset(taken.rows)
        except (PyMongoError, KeyboardInterrupt, SystemExit):
            work.give_back(self.db, taken)
            raise
        except Exception:
            log.exception("a batch of %d people failed; they are decided one by one", len(taken.rows))
        report, read, left = Report(), [], set()
        for person, row in taken.rows.items():
            single = work.Lease(taken.token, {person: row})
            try:
                one, documents = self._decide(rules, single, scopes, now)
            except LeaseLost:
                work.give_back(self.db, single)
                left.add(person)
                continue
            except Exception as error:
                log.exception("person %s could not be decided", person)
                RuleStore(self.db).record_failure(f"person:{person}", person, repr(error), now)
                work.release(self.db, single, {person: now + POISON_PAUSE}, now)
                report.failures += 1
                continue
            report.add(one)
            read += documents
        return report, read, frozenset(left)

    def _decide(
        self, rules: RuleSet, taken: work.Lease, scopes: Scopes, now: dt.datetime
    ) -> tuple[Report, list[Document]]:
        """Decide the people of a lease, write, give the rows back; return also the statements read."""
        if not taken.rows:
            return Report(), []
        dossiers, shared = load_dossiers(
            self.db, rules, {person: row.stores for person, row in taken.rows.items()}
        )
        self.at_step("evidence read")
        decided = {
            person: decide_person(
                rules,
                dossiers[person],
                shared,
                dossiers[person].known_at(now),
                _scope(row, scopes.get(person), dossiers[person], now),
            )
            for person, row in taken.rows.items()
        }
        writes = self._writes(rules, dossiers, decided, now)
        if writes:
            self._commit(rules, taken, writes, now)
        self.at_step("committed")
        retry = self._record_failures(decided, now)
        due = {}
        for person, row in taken.rows.items():
            instants = [next_due(rules.certifications, dossiers[person], decided[person].courses, now)]
            instants += [retry.get(person), row.due_at if row.due_at > now else None]
            due[person] = min((at for at in instants if at is not None), default=None)
        work.release(self.db, taken, due, now, {person: one.signers() for person, one in dossiers.items()})
        report = Report(
            people=len(decided),
            facts=len(writes.facts),
            events=len(writes.events),
            failures=sum(len(one.failures) for one in decided.values()),
            changed=writes.changed(),
        )
        return report, [piece.document for one in dossiers.values() for piece in one.pieces]

    def _writes(
        self,
        rules: RuleSet,
        dossiers: Mapping[str, Dossier],
        decided: Mapping[str, Decided],
        now: dt.datetime,
    ) -> Writes:
        """Collect what the decisions change against the record and the view."""
        known = standings.digests(self.db, list(decided))
        affiliations = people.affiliations_of(self.db, list(decided))
        writes = Writes(known={one for rows in known.values() for one in rows})
        for person, one in decided.items():
            organization = people.organization_at(affiliations, person, now)
            touched = dossiers[person].certifications()
            viewed = standings.by_certification(known[person])
            for name, course in one.courses.items():
                if name not in touched and standings.is_empty(course) and name not in viewed:
                    continue
                changes = changes_of(rules, dossiers[person], course, now, organization)
                writes.facts += changes.facts
                writes.events += changes.events
                self._view(
                    writes,
                    rules,
                    person,
                    course,
                    touched=changes.awards,
                    known=viewed.get(name, {}),
                    now=now,
                )
            if one.whole:
                writes.dropped += [
                    name
                    for name, (of, _) in known[person].items()
                    if "/" in name and of not in one.courses and of not in one.failures
                ]
        return writes

    def _view(
        self,
        writes: Writes,
        rules: RuleSet,
        person: str,
        course: Course,
        *,
        touched: frozenset[str],
        known: Mapping[str, str],
        now: dt.datetime,
    ) -> None:
        """Collect the standing and the awards of one course that are not as the view has them."""
        name = course.certification
        digest = standings.digest_of(rules, course)
        if known.get(f"{person}/{name}") != digest:
            writes.standings.append(standings.standing_of(rules, person, course, now, digest))
            writes.moved.add(person)
        ids = {award_id(person, name, record.ordinal) for record in course.awards}
        if touched or any(known.get(one) != digest for one in ids):
            for award in standings.awards_of(rules, person, course, digest, now):
                if known.get(award["_id"]) != digest or award["_id"] in touched:
                    if issues(rules, name, award["version"]) and not award["evaluated"]:
                        award["credential_due"] = now
                    writes.awards.append(award | {"annulled": False})
        writes.gone += [one for one, says in known.items() if "/" not in one and one not in ids and says]

    def _commit(self, rules: RuleSet, taken: work.Lease, writes: Writes, now: dt.datetime) -> None:
        """Write a batch's changes in one transaction, if the lease still holds; raises LeaseLost."""
        concerned = {row["person"] for row in (*writes.facts, *writes.standings, *writes.awards)} or set(
            taken.rows
        )

        def change(session: ClientSession) -> None:
            if not work.is_held(self.db, taken, concerned, session):
                raise LeaseLost
            facts.append(self.db, writes.facts, session)
            outbox.append(self.db, writes.events, now, session)
            standings.write(
                self.db, writes.standings, writes.awards, writes.gone, session, known=writes.known, now=now
            )
            standings.drop(self.db, writes.dropped, session)
            if writes.moved and any(kind == "PartnerTiers" for kind, _ in rules.documents):
                tier_work.mark_people(self.db, writes.moved, now, session)
            self.at_step("written")

        with self.db.client.start_session() as session:
            session.with_transaction(change)

    def _record_failures(self, decided: Mapping[str, Decided], now: dt.datetime) -> dict[str, dt.datetime]:
        """Record failures on their rules; return when each person concerned is to be tried again."""
        store = RuleStore(self.db)
        retry: dict[str, dt.datetime] = {}
        failed: set[str] = set()
        for person, one in decided.items():
            for name, reason in one.failures.items():
                failed.add(name)
                log.error("%s could not be decided for %s: %s", name, person, reason)
                at = store.record_failure(name, person, reason, now)
                retry[person] = min(at, retry.get(person, at))
        decided_now = {name for one in decided.values() for name in one.courses} - failed
        for name in decided_now & set(store.failures() if decided_now else ()):
            store.clear_failure(name)
        return retry


def _scope(
    row: work.Row, touched: frozenset[str] | None, dossier: Dossier, now: dt.datetime
) -> frozenset[str] | None:
    """Return the certifications to decide: those that the marks touch, or all if the person is due.

    The marks of statements that were read beside (newer ones, or ones past the end of the batch) are cleared
    too: what they touch belongs to it.
    """
    if touched is None or row.due_at <= now:
        return None
    return touched.union(*(one.touched for one in dossier.pieces if one.document.get("pending")))


def issues(rules: RuleSet, name: str, version: str | None) -> bool:
    """Tell whether awards under a version of a certification get a credential (2.3 `badge.issue`)."""
    for one in rules.certifications[name].versions:
        document: Certification = one.document
        if document.version == version:
            return document.badge.issue
    return False
