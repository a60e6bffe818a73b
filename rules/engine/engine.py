"""The engine: marked statements and due people -> decisions -> facts, events, view -> marks cleared, last.

Every step may be repeated: what a crash leaves behind is still marked or due, and deciding again changes
nothing that was already recorded.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from rules.catalogue.relevance import relevance_of
from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import RuleCache, RuleStore
from rules.engine import facts, merges, standings
from rules.engine import identity as people
from rules.engine.decisions import Decided, decide_person, next_due
from rules.engine.histories import StoredHistory, load_histories
from rules.engine.identity import Admit, Sighting, no_affiliation
from rules.engine.queues import evaluation_queue, marks, outbox, tier_queue
from rules.engine.queues.marks import Mark
from rules.engine.record_changes import changes_of
from rules.engine.round import RoundResult, Writes
from rules.errors import RuleError
from rules.evaluation.award_ids import award_id
from rules.evaluation.timeline import AwardTimeline
from rules.language.model import Certification
from rules.stored import Document

Scopes = Mapping[str, frozenset[str]]

log = logging.getLogger("laurel.engine")

BATCH: Final = 500
POISON_PAUSE: Final = dt.timedelta(minutes=1)  # a person who cannot even be read is tried again after this


class LeaseLost(RuleError):
    """Another worker took the people over while this one was deciding; nothing was written."""


def nothing_happens(step: str) -> None:
    """Do nothing at a step; tests pass a function that kills the worker there."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What deciding some people gave; `due` is when the clock next changes something, None for never."""

    histories: Mapping[str, StoredHistory]
    decided: Mapping[str, Decided]
    writes: Writes
    due: dict[str, dt.datetime | None]


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine over one database; one for each worker process."""

    db: Database[Document]
    cache: RuleCache
    admit: Admit = no_affiliation
    at_step: Callable[[str], None] = nothing_happens

    def run_marked(self, now: dt.datetime, limit: int = BATCH, after: Any = None) -> tuple[RoundResult, Any]:
        """Decide the people of up to `limit` marked statements; return what was done and where to go on.

        People whom another worker holds are left to it, with their marks. The second value is the key of the
        last mark that was looked at, None when there were no more.
        """
        found = marks.marked(self.db, limit, after)
        if not found:
            return RoundResult(), None
        self.at_step("marks read")
        rules = self.cache.get(fresh=True)
        owners = self._owners(found, now)
        taken = self._lease({one: {mark.org for mark in own} for one, own in owners.items()}, now)
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
        self, now: dt.datetime, limit: int = BATCH, priorities: Collection[int] = evaluation_queue.SOON
    ) -> RoundResult:
        """Decide up to `limit` people whose time has come or who were marked."""
        taken = evaluation_queue.lease(self.db, evaluation_queue.due(self.db, now, limit, priorities), now)
        if not taken.rows:
            return RoundResult()
        report, _, _ = self._decide_safely(self.cache.get(fresh=True), taken, {}, now)
        return report

    def recompute(self, persons: Collection[str], now: dt.datetime) -> tuple[list[Document], frozenset[str]]:
        """Decide these people wholly; return what the view said otherwise and was put right, and who is left.

        Left are people whom a worker holds: it is deciding them, or it was killed while it did.
        """
        taken = evaluation_queue.lease(self.db, persons, now)
        report, _, undecided = self._decide_safely(self.cache.get(fresh=True), taken, {}, now)
        return report.changed, (frozenset(persons) - taken.rows.keys()) | undecided

    def _owners(self, found: list[Mark], now: dt.datetime) -> dict[str, list[Mark]]:
        """Return the persons concerned by marks, each with its marks."""
        owners = people.persons_for(
            self.db, (Sighting(mark.actor, mark.org) for mark in found if mark.actor), now, self.admit
        )
        concerned: dict[str, list[Mark]] = defaultdict(list)
        for mark in found:
            for owner in owners.get(mark.actor or "", ()):
                concerned[owner.of].append(mark)
        return concerned

    def _lease(self, seen: Mapping[str, Collection[str]], now: dt.datetime) -> evaluation_queue.Lease:
        """Take the free ones of persons, who were seen in these stores: those are on record afterwards."""
        taken = evaluation_queue.lease(self.db, list(seen), now)
        others = [person for person in seen if person not in taken.rows]  # new ones, and whom others hold
        known = {**taken.rows, **(evaluation_queue.entries_of(self.db, others) if others else {})}
        fresh = {
            person: stores
            for person, stores in seen.items()
            if person not in known or not set(stores) <= set(known[person].stores)
        }
        if not fresh:
            return taken
        evaluation_queue.enqueue_stores(self.db, fresh, now)
        more = evaluation_queue.lease(self.db, list(fresh), now, token=taken.token)
        return evaluation_queue.Lease(taken.token, {**taken.rows, **more.rows})

    def _decide_safely(
        self, rules: RuleSet, taken: evaluation_queue.Lease, scopes: Scopes, now: dt.datetime
    ) -> tuple[RoundResult, list[Document], frozenset[str]]:
        """Decide a batch; where it fails as a whole, decide its people one by one: one stops no other.

        Returns also the statements read, and whom nothing was decided about because the lease was lost.
        """
        try:
            return *self._decide(rules, taken, scopes, now), frozenset()
        except LeaseLost:
            # Those that are still ours are free again; all of them are looked at again at once.
            evaluation_queue.give_back(self.db, taken)
            return RoundResult(), [], frozenset(taken.rows)
        except (PyMongoError, KeyboardInterrupt, SystemExit):
            evaluation_queue.give_back(self.db, taken)
            raise
        except Exception:
            log.exception("a batch of %d people failed; they are decided one by one", len(taken.rows))
        report, read, left = RoundResult(), [], set()
        for person, row in taken.rows.items():
            single = evaluation_queue.Lease(taken.token, {person: row})
            try:
                one, documents = self._decide(rules, single, scopes, now)
            except LeaseLost:
                evaluation_queue.give_back(self.db, single)
                left.add(person)
                continue
            except Exception as error:
                log.exception("person %s could not be decided", person)
                RuleStore(self.db).record_failure(f"person:{person}", person, repr(error), now)
                evaluation_queue.release(self.db, single, {person: now + POISON_PAUSE}, now)
                report.failures += 1
                continue
            report.add(one)
            read += documents
        return report, read, frozenset(left)

    def _decide(
        self, rules: RuleSet, taken: evaluation_queue.Lease, scopes: Scopes, now: dt.datetime
    ) -> tuple[RoundResult, list[Document]]:
        """Decide the people of a lease, write, give the rows back; return also the statements read."""
        if not taken.rows:
            return RoundResult(), []
        outcome = self._outcome(rules, taken.rows, scopes, now)
        decided, writes, histories = outcome.decided, outcome.writes, outcome.histories
        retry = self._record_failures(decided, now)
        due = outcome.due | {one: min(at, outcome.due[one] or at) for one, at in retry.items()}
        signers = {person: one.signers() for person, one in histories.items()}

        def release(session: ClientSession | None = None) -> bool:
            return evaluation_queue.release(self.db, taken, due, now, signers, session=session)

        if writes:
            self._commit(rules, writes, release, now)
        elif not release():  # what was read may be of whoever took over, and not yet durable
            raise LeaseLost
        self.at_step("committed")
        report = RoundResult(
            people=len(decided),
            facts=len(writes.facts),
            events=len(writes.events),
            failures=sum(len(one.failures) for one in decided.values()),
            changed=writes.changed(),
        )
        return report, [row.document for one in histories.values() for row in one.statements]

    def _outcome(
        self,
        rules: RuleSet,
        rows: Mapping[str, evaluation_queue.QueueEntry],
        scopes: Scopes,
        now: dt.datetime,
    ) -> _Outcome:
        """Decide people; return what was read, what was decided, and what that changes."""
        histories, shared = load_histories(self.db, rules, {one: row.stores for one, row in rows.items()})
        self.at_step("evidence read")
        decided, due, as_of = {}, {}, {}
        for person, row in rows.items():
            history = histories[person]
            scope = _scope(row, scopes.get(person), history, now)
            as_of[person], known = history.as_of(now)
            decided[person] = decide_person(rules, history, shared, known, scope)
            at = next_due(rules.certifications, history, decided[person].timelines, now)
            due[person] = min(at or row.due_at, row.due_at) if row.due_at > now else at
        return _Outcome(histories, decided, self._writes(rules, histories, decided, as_of, now), due)

    def _writes(
        self,
        rules: RuleSet,
        stored_histories: Mapping[str, StoredHistory],
        decided: Mapping[str, Decided],
        as_of: Mapping[str, dt.datetime],
        now: dt.datetime,
    ) -> Writes:
        """Collect what the decisions, each as of its instant, change against the record and the view."""
        known = standings.digests(self.db, list(decided))
        successors = merges.successors_of(self.db, list(decided))
        affiliations = people.affiliations_of(self.db, [*decided, *successors.values()])
        writes = Writes(known={one for rows in known.values() for one in rows})
        for person, one in decided.items():
            organization = people.organization_at(affiliations, person, now)
            if person in successors:
                if one.whole:
                    home = people.organization_at(affiliations, successors[person], now)
                    kept = merges.Successor(successors[person], home, decided.get(successors[person]))
                    self._merge(
                        writes, rules, stored_histories[person], one, kept, known=known[person], now=now
                    )
                continue
            touched, at = stored_histories[person].certifications(), as_of[person]
            viewed = standings.by_certification(known[person])
            for name, timeline in one.timelines.items():
                if name not in touched and standings.is_empty(timeline) and name not in viewed:
                    continue
                changes = changes_of(rules, stored_histories[person], timeline, at, organization)
                writes.facts += changes.facts
                writes.events += changes.events
                self._view(
                    writes,
                    rules,
                    person,
                    timeline,
                    touched=changes.awards,
                    known=viewed.get(name, {}),
                    now=now,
                    at=at,
                )
            if one.whole:
                writes.dropped += [
                    name
                    for name, (of, _) in known[person].items()
                    if "/" in name and of not in one.timelines and of not in one.failures
                ]
        return writes

    def _merge(
        self,
        writes: Writes,
        rules: RuleSet,
        stored_history: StoredHistory,
        decided: Decided,
        kept: merges.Successor,
        *,
        known: Mapping[str, tuple[str, str]],
        now: dt.datetime,
    ) -> None:
        """Let all that a merged person held be part of what the other one holds; nothing of it stays."""
        found, events, into = merges.merged_changes(self.db, kept, rules, stored_history, decided, now=now)
        writes.facts += found
        writes.events += events
        gone = [one for one, (_, says) in known.items() if "/" not in one and says]
        writes.merged |= {one: into.get(one, {"person": kept.person}) for one in gone}
        writes.gone += gone
        writes.dropped += [one for one in known if "/" in one]
        writes.moved.add(stored_history.person)

    def _view(
        self,
        writes: Writes,
        rules: RuleSet,
        person: str,
        timeline: AwardTimeline,
        *,
        touched: frozenset[str],
        known: Mapping[str, str],
        now: dt.datetime,
        at: dt.datetime,
    ) -> None:
        """Collect the standing and the awards of one timeline that are not as the view has them.

        They were decided at `at`; credentials are due by the clock of this worker.
        """
        name = timeline.certification
        digest = standings.digest_of(rules, timeline)
        if known.get(f"{person}/{name}") != digest:
            writes.standings.append(standings.standing_of(rules, person, timeline, at, digest))
            writes.moved.add(person)
        ids = {award_id(person, name, record.ordinal) for record in timeline.awards}
        if touched or any(known.get(one) != digest for one in ids):
            for award in standings.awards_of(rules, person, timeline, digest, at):
                if known.get(award["_id"]) != digest or award["_id"] in touched:
                    if issues(rules, name, award["version"]) and not award["evaluated"]:
                        award["credential_due"] = now
                    writes.awards.append(award | {"annulled": False})
        writes.gone += [one for one, says in known.items() if "/" not in one and one not in ids and says]

    def _commit(
        self,
        rules: RuleSet,
        writes: Writes,
        release: Callable[[ClientSession], bool],
        now: dt.datetime,
    ) -> None:
        """Write a batch's changes and give its rows back in one transaction, if the lease still holds.

        Raises LeaseLost.
        """

        def change(session: ClientSession) -> None:
            if not release(session):
                raise LeaseLost
            facts.append(self.db, writes.facts, session)
            outbox.append(self.db, writes.events, now, session)
            standings.write(
                self.db,
                writes.standings,
                writes.awards,
                {one: writes.merged.get(one) for one in writes.gone},
                session,
                known=writes.known,
                now=now,
            )
            standings.drop(self.db, writes.dropped, session)
            if writes.moved and any(kind == "PartnerTiers" for kind, _ in rules.documents):
                tier_queue.enqueue_people(self.db, writes.moved, now, session)
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
        decided_now = {name for one in decided.values() for name in one.timelines} - failed
        for name in decided_now & set(store.failures() if decided_now else ()):
            store.clear_failure(name)
        return retry


def _scope(
    row: evaluation_queue.QueueEntry,
    touched: frozenset[str] | None,
    stored_history: StoredHistory,
    now: dt.datetime,
) -> frozenset[str] | None:
    """Return the certifications to decide: those that the marks touch, or all if the person is due.

    The marks of statements that were read beside (newer ones, or ones past the end of the batch) are cleared
    too: what they touch belongs to it.
    """
    if touched is None or row.due_at <= now:
        return None
    return touched.union(*(one.touched for one in stored_history.statements if one.document.get("pending")))


def issues(rules: RuleSet, name: str, version: str | None) -> bool:
    """Tell whether awards under a version of a certification get a credential (2.3 `badge.issue`)."""
    for one in rules.certifications[name].versions:
        document: Certification = one.document
        if document.version == version:
            return document.badge.issue
    return False
