"""From MongoDB to `PersonHistory`: what many people's decisions read, in a handful of round trips.

One query each for identities, evidence (by evidence key, across the stores where a person was seen), signers,
groups and facts, whatever the number of people.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from rules import marks, people
from rules.evidence import evidence
from rules.facts import find_facts, to_fact
from rules.history import Evidence, Fact, Membership, PersonHistory
from rules.model import Certification
from rules.people import Interval, Owners
from rules.relevance import relevance_of
from rules.store import RuleSet

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all people of a batch share: groups that rules name, and who owns the signers' identifiers."""

    groups: Mapping[str, tuple[Membership, ...]]
    signers: Owners


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is stored about one person: statements with their certifications, facts, decisions on record."""

    person: str
    statements: tuple[tuple[Evidence, frozenset[str]], ...]
    facts: tuple[Fact, ...]
    recorded: tuple[Document, ...] = ()
    documents: tuple[Document, ...] = field(default=(), repr=False)
    signers: frozenset[str] = frozenset()

    def known_at(self, now: dt.datetime) -> dt.datetime:
        """Return the instant up to which to decide: now, or later where another machine's clock is ahead.

        What was read was marked, and the mark is cleared; nothing of it may be left out.
        """
        instants = [one.known for one, _ in self.statements] + [fact.decided_at for fact in self.facts]
        return max([now, *instants])

    def certifications(self) -> frozenset[str]:
        """Return the certifications that this person's evidence, facts or recorded decisions concern."""
        found: set[str] = set()
        for _, touched in self.statements:
            found |= touched
        found |= {fact.certification for fact in self.facts if fact.certification}
        return frozenset(found | {row["certification"] for row in self.recorded})

    def history(
        self, certification: str, rules: RuleSet, shared: Shared, known_at: dt.datetime
    ) -> PersonHistory:
        """Return the input of the decision about one certification, without `holds`, as known at an instant."""
        return PersonHistory(
            person=self.person,
            evidence=tuple(
                one for one, touched in self.statements if certification in touched and one.known <= known_at
            ),
            facts=tuple(
                fact
                for fact in self.facts
                if fact.certification in {None, certification} and fact.decided_at <= known_at
            ),
            version_order=rules.version_order(),
            groups=shared.groups,
            releases=tuple(one for one in rules.releases if one.decided_at <= known_at),
        )


def load_dossiers(
    db: Database[Document], rules: RuleSet, stores: Mapping[str, Collection[str]]
) -> tuple[dict[str, Dossier], Shared]:
    """Read everything about these people; `stores` maps each to the stores where they were seen."""
    identities = people.ifis_of(db, stores)
    seen: dict[str, set[str]] = defaultdict(set)
    for person, owned in identities.items():
        for one in owned:
            seen[one.of].update(stores[person])
    documents = marks.evidence_documents(db, seen)
    shared = load_shared(db, rules, (row for rows in documents.values() for row in rows))
    facts = find_facts(db, stores)
    relevant = relevance_of(rules).certifications
    dossiers = {}
    for person in stores:
        own = own_documents(identities.get(person, ()), documents)
        asserted, recorded = facts.get(person, ((), ()))
        dossiers[person] = Dossier(
            person=person,
            statements=tuple(
                (evidence(row, lambda ifi, at: people.owner_at(shared.signers, ifi, at)), touched)
                for row in own
                if (touched := relevant(row))
            ),
            facts=tuple(map(to_fact, asserted)),
            recorded=recorded,
            documents=tuple(own),
            signers=frozenset(row["instructor"] for row in own if row.get("instructor")),
        )
    return dossiers, shared


def own_documents(owned: Iterable[Interval], documents: Mapping[str, list[Document]]) -> list[Document]:
    """Return the statements of identifiers whose effective time lies in the interval of ownership (1, person)."""
    return [
        row
        for one in owned
        for row in documents.get(one.of, ())
        if one.holds_at(min(row["timestamp"], row["stored"]))
    ]


def load_shared(db: Database[Document], rules: RuleSet, documents: Iterable[Document]) -> Shared:
    """Read the groups that published rules name and the owners of the signers' identifiers."""
    named = groups_named(rules)
    if not named:
        return Shared({}, {})
    known = people.groups(db)
    ifis = {
        ifi
        for row in documents
        for ifi in (row.get("instructor"), row.get("authority"))
        if isinstance(ifi, str)
    }
    return Shared({name: known.get(name, ()) for name in named}, people.owners_of(db, ifis))


def groups_named(rules: RuleSet) -> frozenset[str]:
    """Return the groups that published certifications name, in `signed_by` or `award.approval`."""
    known = rules.memo.get("groups")
    if known is None:
        every = [version.document for one in rules.certifications.values() for version in one.versions]
        known = rules.memo["groups"] = frozenset(name for document in every for name in _groups(document))
    return frozenset(known)


def _groups(document: Certification) -> set[str]:
    found = {one.signed_by.group for one in document.evidence.values() if one.signed_by}
    return found | ({document.award.approval_group} if document.award.approval_group else set())
