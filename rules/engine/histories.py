"""From MongoDB to `PersonHistory`: what many people's decisions read, in a handful of round trips.

One query each for identities, evidence (by evidence key, across the stores where a person was seen), signers,
groups and facts, whatever the number of people.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pymongo.database import Database

from rules.catalogue.relevance import relevance_of
from rules.catalogue.rule_set import RuleSet
from rules.engine import identity as people
from rules.engine.facts import find_facts, to_fact
from rules.engine.identity import NOBODY, Identity, Owners
from rules.engine.queues import marks
from rules.evidence.from_statement import evidence, known_since, stored_at
from rules.evidence.history import BEGINNING, Evidence, Fact, Membership, PersonHistory
from rules.language.model import Certification
from rules.stored import Document

SECOND: Final = dt.timedelta(seconds=1)  # longer than the microseconds of any batch
AHEAD: Final = dt.timedelta(hours=1)  # by which clocks of machines may differ


def not_behind(now: dt.datetime, known: Iterable[dt.datetime]) -> dt.datetime:
    """Return now, or the newest of these instants that is at most AHEAD of it.

    What lies further in the future comes from a wrong clock, and is put right.
    """
    return max((at for at in known if now < at <= now + AHEAD), default=now)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all people of a batch share: groups that rules name, and who owns the signers' identifiers."""

    groups: Mapping[str, tuple[Membership, ...]]
    signers: Owners

    def person_of(self, ifi: str, at: dt.datetime) -> str | None:
        """Return who owned a signer's identifier at an instant."""
        return people.owner_at(self.signers, ifi, at)


def nobody(_ifi: str, _at: dt.datetime) -> None:
    """Know no signer: no rule asks for one."""


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A stored statement of a person, with the certifications that may look at it.

    `lost_at` is when a split took it from the person, None while it is theirs (cert#4.9-3); `known_at` when a
    merge brought it, where that is later than it was stored.
    """

    document: Document
    touched: frozenset[str]
    lost_at: dt.datetime | None = None
    known_at: dt.datetime = BEGINNING


@dataclass(slots=True)
class StoredHistory:
    """What is stored about one person: statements, facts, decisions on record.

    Statements become `Evidence` when a certification that may look at them is decided, once.
    """

    person: str
    statements: list[StoredStatement]
    facts: tuple[Fact, ...] = ()
    recorded: tuple[Document, ...] = ()
    _made: dict[int, Evidence] = field(default_factory=dict, repr=False)
    _touching: dict[str, list[int]] = field(default_factory=dict, repr=False)

    def known_at(self, now: dt.datetime) -> dt.datetime:
        """Return the instant up to which to decide: now, or later where another machine's clock is ahead.

        What was read was marked, and the mark is cleared; nothing of it may be left out.
        """
        newest = max((row.document["stored"] for row in self.statements), default=now)
        if newest >= now - SECOND:  # a stored instant is cut to milliseconds, and a batch is known whole
            newest = max((_known(row.document) for row in self.statements), default=now)
        merged = (row.known_at for row in self.statements)
        return max([now, newest, *merged, *(fact.decided_at for fact in self.facts)])

    def as_of(self, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
        """Return the instant of a decision, and up to when what is known counts for it.

        It is now, or that of the last decision or of what became known, if later: a machine whose clock is
        ahead decided or stored it, and a worker whose clock is behind would take back what was told.
        """
        known_at = self.known_at(now)
        at = not_behind(now, (known_at, *(row["decided_at"] for row in self.recorded)))
        return at, max(at, known_at)

    def certifications(self) -> frozenset[str]:
        """Return the certifications that this person's evidence, facts or recorded decisions concern."""
        found = {fact.certification for fact in self.facts if fact.certification}
        found |= {row["certification"] for row in self.recorded}
        return frozenset(found).union(self._by_certification())

    def _by_certification(self) -> Mapping[str, list[int]]:
        """Return the indices of the statements that each certification may look at."""
        if not self._touching:
            for index, row in enumerate(self.statements):
                for name in row.touched:
                    self._touching.setdefault(name, []).append(index)
        return self._touching

    def voidings(self) -> Iterator[tuple[dt.datetime, frozenset[str]]]:
        """Yield when statements were voided or lost, with the certifications that may have counted them."""
        for row in self.statements:
            at = row.document.get("voided") or row.lost_at
            if at is not None:
                yield at, row.touched

    def signers(self) -> frozenset[str]:
        """Return the identifiers of those who signed statements of this person."""
        return frozenset(ifi for row in self.statements if (ifi := row.document.get("instructor")))

    def history(
        self, certification: str, rules: RuleSet, shared: Shared, known_at: dt.datetime
    ) -> PersonHistory:
        """Return the input of the decision about one certification, without `holds`, as then known."""
        own = [self._evidence(i, shared) for i in self._by_certification().get(certification, ())]
        return PersonHistory(
            person=self.person,
            evidence=tuple([one for one in own if (one.known_at or one.stored) <= known_at]),
            facts=tuple(
                fact
                for fact in self.facts
                if fact.certification in {None, certification} and fact.decided_at <= known_at
            )
            if self.facts
            else (),
            version_order=rules.version_order(),
            groups=shared.groups,
            releases=tuple(one for one in rules.releases if one.decided_at <= known_at),
        )

    def _evidence(self, index: int, shared: Shared) -> Evidence:
        made = self._made.get(index)
        if made is None:
            row = self.statements[index]
            person_of = shared.person_of if shared.signers else nobody
            made = evidence(row.document, person_of)
            if row.lost_at is not None and (made.voided_at is None or row.lost_at < made.voided_at):
                made = made._replace(voided_at=row.lost_at)
            if row.known_at > made.known:
                made = made._replace(known_at=row.known_at)
            self._made[index] = made
        return made


def _known(document: Document) -> dt.datetime:
    return known_since(document, stored_at(document))


def load_histories(
    db: Database[Document],
    rules: RuleSet,
    stores: Mapping[str, Collection[str]],
    known_at: dt.datetime | None = None,
    relevant: Callable[[Document], frozenset[str]] | None = None,
    *,
    where: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[dict[str, StoredHistory], Shared]:
    """Read everything about these people; `stores` maps each to the stores where they were seen.

    With `known_at`, identities and groups are those on record then. `relevant` tells what may look at a
    statement; by default certifications may. `where` leaves out statements that nobody will ask about.
    """
    identities = people.identities_of(db, stores, known_at)
    seen: dict[str, set[str]] = defaultdict(set)
    for person, identity in identities.items():
        for one in (*identity.owned, *(lost for lost, _ in identity.lost)):
            seen[one.of].update(stores[person])
    documents = marks.evidence_documents(db, seen, further=fields_named(rules), where=where)
    shared = load_shared(db, rules, (row for rows in documents.values() for row in rows), known_at)
    facts = find_facts(db, stores)
    relevant = relevant or relevance_of(rules).certifications
    stored_histories = {}
    for person in stores:
        asserted, recorded = facts.get(person, ((), ()))
        statements = own_statements(identities.get(person, NOBODY), documents, relevant)
        stored_histories[person] = StoredHistory(person, statements, tuple(map(to_fact, asserted)), recorded)
    return stored_histories, shared


def own_statements(
    identity: Identity,
    documents: Mapping[str, list[Document]],
    relevant: Callable[[Document], frozenset[str]],
) -> list[StoredStatement]:
    """Return the statements with an effective time in an interval of ownership (cert#1), present or lost."""
    owned = {
        row["_id"]: StoredStatement(row, touched, known_at=one.known_at)
        for one in identity.owned
        for row in documents.get(one.of, ())
        if (one.is_whole or one.holds_at(min(row["timestamp"], row["stored"]))) and (touched := relevant(row))
    }
    if not identity.lost:
        return list(owned.values())
    lost = {
        row["_id"]: StoredStatement(row, touched, lost_at, one.known_at)
        for one, lost_at in identity.lost
        for row in documents.get(one.of, ())
        if one.holds_at(min(row["timestamp"], row["stored"]))
        and row["_id"] not in owned
        and row["stored"] <= lost_at
        and (touched := relevant(row))
    }
    return [*owned.values(), *lost.values()]


def load_shared(
    db: Database[Document],
    rules: RuleSet,
    documents: Iterable[Document],
    known_at: dt.datetime | None = None,
) -> Shared:
    """Read the groups that published rules name and the owners of the signers' identifiers."""
    named = groups_named(rules)
    if not named:
        return Shared({}, {})
    known = people.groups(db, known_at)
    ifis = {
        ifi
        for row in documents
        for ifi in (row.get("instructor"), row.get("authority"))
        if isinstance(ifi, str)
    }
    owners = people.owners_of(db, ifis, known_at)
    return Shared({name: known.get(name, ()) for name in named}, owners)


def groups_named(rules: RuleSet) -> frozenset[str]:
    """Return the groups that what is published names, in whose word counts."""
    known = rules.memo.get("groups")
    if known is None:
        every = rules.selecting()
        known = rules.memo["groups"] = frozenset(name for document in every for name in groups_of(document))
    return frozenset(known)


def fields_named(rules: RuleSet) -> frozenset[str]:
    """Return the context fields that selectors of what is published name and few others do."""
    known = rules.memo.get("fields")
    if known is None:
        contexts = [
            selector.context
            for document in rules.selecting()
            for selector in document.evidence.values()
            if selector.context is not None
        ]
        names = ("platform", "language", "parent")
        found = frozenset(n for n in names if any(getattr(one, n) is not None for one in contexts))
        known = rules.memo["fields"] = found
    return frozenset(known)


def groups_of(document: Certification) -> set[str]:
    """Return the groups that a certification names."""
    found = {one.signed_by.group for one in document.evidence.values() if one.signed_by}
    limits = (one.attempts for one in document.evidence.values() if one.attempts is not None)
    found |= {one.granted_by for one in limits if one.granted_by is not None}
    readmission = document.award.readmission
    others = (document.award.approval_group, readmission.group if readmission is not None else None)
    return found | {group for group in others if group is not None}
