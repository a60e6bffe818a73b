"""How people stand in assignments, from what is stored (cert#2.11): nothing of it is kept anywhere.

A path is decided like a certification, over the statements of the person and what the view says they hold.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, cast

from pymongo.database import Database

from rules.catalogue.relevance import path_relevance_of
from rules.catalogue.rule_set import RuleSet
from rules.engine.histories import Shared, StoredHistory, load_histories
from rules.engine.queues import evaluation_queue
from rules.errors import UnknownRule
from rules.evaluation.timeline import HELD_STATES
from rules.evidence.history import Held, PersonHistory
from rules.language.forms import CERTIFICATION, walk
from rules.language.model import Assignment, Target
from rules.programmes import assignments
from rules.programmes.assignments import PublishedAssignment, Standing, in_force
from rules.programmes.learners import TiersOf, learners_of, needs_of, orders_of
from rules.programmes.targets import Asked, Learner
from rules.stored import VENDOR, Document

CHUNK: Final = 500
READ: Final = 5000


def versions_of(rules: RuleSet, assignment: str) -> tuple[PublishedAssignment, ...]:
    """Return the versions of an assignment, oldest first; raises UnknownRule."""
    known: dict[str, tuple[PublishedAssignment, ...]] = rules.memo.setdefault("assignments", {})
    if assignment not in known:
        records = rules.documents.get(("Assignment", assignment), ())
        if not records:
            raise rules.unknown("Assignment", assignment)
        known[assignment] = tuple(
            PublishedAssignment(cast("Assignment", one.document), one.effective_at, one.mode)
            for one in records
        )
    return known[assignment]


def assignment_ids(rules: RuleSet) -> list[str]:
    """Return the ids of the published assignments."""
    return sorted(rule_id for kind, rule_id in rules.documents if kind == "Assignment")


def targets_of(rules: RuleSet, assignment: str) -> list[Target]:
    """Return whom the versions of an assignment name, those who are exempt included."""
    documents = [one.document for one in versions_of(rules, assignment)]
    return [
        target
        for one in documents
        for target in (*one.targets, *(exemption.whom for exemption in one.exempt))
    ]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked about: which assignments, of whom (None is everybody), at which instant.

    `tiers_of` tells the tiers of organizations; by default they are computed.
    """

    assignments: Collection[str]
    persons: Collection[str] | None
    at: dt.datetime
    tiers_of: TiersOf | None = None


def standings_of(
    db: Database[Document], rules: RuleSet, asking: Asking, now: dt.datetime
) -> Iterator[tuple[str, Standing]]:
    """Yield how people stand in assignments that are asked of them: person and standing, by person."""
    wanted = [name for name in sorted(asking.assignments) if in_force(versions_of(rules, name), asking.at)]
    if not wanted:
        return
    needs = needs_of(target for name in wanted for target in targets_of(rules, name))
    learners = learners_of(db, rules, needs, asking.persons, asking.tiers_of)
    orders = orders_of(rules)
    asked = {
        person: [
            name
            for name in wanted
            if assignments.assigned(versions_of(rules, name), learner, orders, asking.at) is not None
        ]
        for person, learner in learners.items()
    }
    concerned = iter([learner for person, learner in learners.items() if asked[person]])
    while chunk := list(islice(concerned, CHUNK)):
        histories = _histories(db, rules, wanted, chunk, now)
        for learner in chunk:
            for name in asked[learner.person]:
                history, known_at = histories.of(learner.person, name)
                found = assignments.standing(
                    versions_of(rules, name), learner, orders, history, known_at=known_at, at=asking.at
                )
                if found is not None:
                    yield learner.person, found


def asked_of_everybody_assigned(
    db: Database[Document], rules: RuleSet, assignment: str, at: dt.datetime
) -> dict[str, Asked]:
    """Return of whom an assignment is asked at an instant and by when; whoever is exempt then is left out."""
    versions, orders = versions_of(rules, assignment), orders_of(rules)
    found = {}
    for person, learner in learners_of(db, rules, needs_of(targets_of(rules, assignment))).items():
        asked = assignments.assigned(versions, learner, orders, at)
        if asked and assignments.exemption_of(asked[0].document, learner, orders, at) is None:
            found[person] = asked[1]
    return found


def standing_of_person(
    db: Database[Document], rules: RuleSet, person: str, assignment: str, at: dt.datetime
) -> Standing | None:
    """Return how a person stands in an assignment at an instant, as then known; None where it is not asked.

    Raises UnknownRule.
    """
    found = standings_of(db, rules, Asking([assignment], [person], at), at)
    return next((standing for _, standing in found), None)


def history_of(
    db: Database[Document], rules: RuleSet, person: str, assignment: str, now: dt.datetime
) -> tuple[PersonHistory, dt.datetime]:
    """Return what a path reads of a person, and up to when it is known."""
    return _histories(db, rules, [assignment], [Learner(person)], now).of(person, assignment)


def path_at(rules: RuleSet, assignment: str, at: dt.datetime) -> PublishedAssignment:
    """Return the version that applies at an instant; raises UnknownRule where none does."""
    found = in_force(versions_of(rules, assignment), at)
    if found is None:
        raise UnknownRule("Assignment", assignment, "it asks nothing then")
    return found


@dataclass(frozen=True, slots=True)
class _Histories:
    """What some people did and hold, read once for several assignments."""

    rules: RuleSet
    now: dt.datetime
    held: Mapping[str, Mapping[str, tuple[Held, ...]]]
    stored: Mapping[str, StoredHistory]
    shared: Shared

    def of(self, person: str, assignment: str) -> tuple[PersonHistory, dt.datetime]:
        """Return the input of the decision about a path, and up to when it is known."""
        held, stored = self.held.get(person, {}), self.stored.get(person)
        if stored is None:
            return PersonHistory(
                person=person, holds=held, version_order=self.rules.version_order()
            ), self.now
        known_at = stored.known_at(self.now)
        read = stored.history(assignment, self.rules, self.shared, known_at)
        history = PersonHistory(
            person=person,
            evidence=read.evidence,
            holds=held,
            version_order=read.version_order,
            groups=read.groups,
        )
        return history, known_at


def _histories(
    db: Database[Document],
    rules: RuleSet,
    wanted: Collection[str],
    learners: Sequence[Learner],
    now: dt.datetime,
) -> _Histories:
    """Read what the paths of these assignments ask about some people, and nothing that none asks."""
    documents = [one.document for name in wanted for one in versions_of(rules, name)]
    persons = [one.person for one in learners]
    held = _held(db, persons, {name for one in documents for name in certifications_named(one)})
    if not any(one.evidence for one in documents):
        return _Histories(rules, now, held, {}, Shared({}, {}))
    rows = evaluation_queue.entries_of(db, persons)
    stores = {person: rows[person].stores if person in rows else () for person in persons}
    relevant = path_relevance_of(rules).certifications
    stored, shared = load_histories(db, rules, stores, relevant=relevant)
    return _Histories(rules, now, held, stored, shared)


def certifications_named(document: Assignment) -> frozenset[str]:
    """Return the certifications that a path asks for."""
    steps = (node for _, step in document.requirements() for node in walk(step))
    return frozenset(name for node in steps for name in node.named(CERTIFICATION))


def _held(
    db: Database[Document], persons: Collection[str], certifications: Collection[str]
) -> dict[str, dict[str, tuple[Held, ...]]]:
    """Return when people held certifications, as the view says: person -> certification -> intervals."""
    found: dict[str, dict[str, tuple[Held, ...]]] = defaultdict(dict)
    if not certifications:
        return found
    wanted = {
        "org": VENDOR, "person": {"$in": sorted(persons)}, "certification": {"$in": sorted(certifications)},
    }  # fmt: skip
    fields = {"person": 1, "certification": 1, "states": 1}
    for row in db.standings.find(wanted, fields, batch_size=READ):
        found[row["person"]][row["certification"]] = tuple(_intervals(row["states"]))
    return found


def _intervals(states: Sequence[Document]) -> Iterator[Held]:
    """Yield when a certification was held; what is only evaluated does not count (cert#2.2)."""
    for i, one in enumerate(states):
        if one["state"] in HELD_STATES and not one.get("evaluated"):
            end = states[i + 1]["at"] if i + 1 < len(states) else None
            state: Literal["active", "grace"] = "grace" if one["state"] == "grace" else "active"
            yield Held(one["at"], end, one.get("version") or "", state)
