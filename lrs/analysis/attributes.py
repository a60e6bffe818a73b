"""What was true of a person at an instant: organization, region, role, tier, awards; as dated spans.

Queries turn a condition on such an attribute into one on actors and times (`people_resolver`), and groups by
it are merged in Python (`Attributes.value_at`), so that the statement itself never has to be rewritten when
somebody moves.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from lrs.analysis.award_states import award_spans, tier_spans
from lrs.analysis.ownership import Ownership, ownership_of
from lrs.analysis.readable_stores import Scope
from lrs.analysis.tiers import read_programme
from lrs.foundation.errors import InvalidField
from lrs.people.directory import Directory
from rules.catalogue.store import cache_of
from rules.engine.affiliations import span_of
from statements.errors import InvalidQuery
from statements.query.analyst_query import PeopleResolver
from statements.query.predicate import All, AnyOf, Compare, Predicate

Document = dict[str, Any]
MAX_ACTORS = 50_000


@dataclass(frozen=True, slots=True)
class Span:
    """A value from `start` (inclusive) until `end` (exclusive); None is open."""

    value: str
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def holds(self, at: dt.datetime) -> bool:
        """Tell whether the instant lies inside."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


class Attributes:
    """The dated attributes of everybody inside a scope; loaded when first asked for."""

    def __init__(self, db: Database[Document], scope: Scope, now: dt.datetime) -> None:
        self.db, self.scope, self.now = db, scope, now
        self._ownership: Ownership | None = None
        self._spans: dict[tuple[str, str | None], dict[str, list[Span]]] = {}

    def person(self, actor: str) -> str:
        """Return the person who owns an identifier, or the identifier itself where nobody does."""
        return self.ownership().person_of.get(actor, actor)

    def ownership(self) -> Ownership:
        """Return who owns which identifier, the same to the end of a question."""
        if self._ownership is None:
            self._ownership = ownership_of(self.db)
        return self._ownership

    def spans(self, attribute: str, of: str | None = None) -> dict[str, list[Span]]:
        """Return the spans of an attribute per actor identifier."""
        wanted = (attribute, of)
        if wanted not in self._spans:
            self._spans[wanted] = self._by_actor(self._load(attribute, of))
        return self._spans[wanted]

    def steady(self, attribute: str, of: str | None, actor: str | None) -> bool:
        """Tell whether the attribute of this actor never changes."""
        found = self.spans(attribute, of).get(actor or "", [])
        return not found or (len(found) == 1 and found[0].start is None and found[0].end is None)

    def value_at(
        self, attribute: str, of: str | None, actor: str | None, at: dt.datetime | None
    ) -> str | None:
        """Return the value at an instant; without one, that of an actor who is steady."""
        found = self.spans(attribute, of).get(actor or "", [])
        if at is None:
            return found[0].value if found else None
        return next((span.value for span in found if span.holds(at)), None)

    def resolver(self) -> PeopleResolver:
        """Return the function that turns a condition on an attribute into one on actors and times."""
        return self._resolve

    def _resolve(self, attribute: str, of: str | None, values: Sequence[str]) -> Predicate:
        always: list[str] = []
        sometimes: list[Predicate] = []
        found = self._named(values) if attribute == "person" else self.spans(attribute, of)
        for actor, spans in found.items():
            for span in spans:
                if span.value not in values:
                    continue
                if span.start is None and span.end is None:
                    always.append(actor)
                else:
                    sometimes.append(_during(actor, span))
        if len(always) + len(sometimes) > MAX_ACTORS:
            raise InvalidQuery(attribute, f"selects more than {MAX_ACTORS} identifiers; narrow it")
        return (
            AnyOf((Compare("actor", "in", sorted(always)), *sometimes)) if always else AnyOf(tuple(sometimes))
        )

    def _named(self, persons: Sequence[str]) -> dict[str, list[Span]]:
        """Return these people per identifier, as `spans` does of everybody, and read nobody else."""
        wanted = {"org": "vendor", "merged_into": None, "_id": {"$in": list(persons)}}
        found: dict[str, list[Span]] = defaultdict(list)
        for person in self.db.people.find(wanted, {"ifis": 1}):
            for owned in person.get("ifis", []):
                found[owned["ifi"]].append(Span(person["_id"]))
        return dict(found)

    def _by_actor(self, spans: Iterable[tuple[str, Span]]) -> dict[str, list[Span]]:
        """Turn spans of people into spans of each of their identifiers."""
        identifiers = self.ownership().identifiers
        found: dict[str, list[Span]] = defaultdict(list)
        for person, span in spans:
            for ifi in identifiers.get(person, ()):
                found[ifi].append(span)
        return dict(found)

    def _load(self, attribute: str, of: str | None) -> Iterable[tuple[str, Span]]:
        if attribute == "person":
            return ((person, Span(person)) for person in self.ownership().identifiers)
        if attribute == "person.award":
            return self._awarded(of or "")
        if attribute == "person.tier":
            return self._of_tiers(of)
        return self._affiliated(attribute)

    def _awarded(self, certification: str) -> Iterable[tuple[str, Span]]:
        """Yield award states; to an organization those of its people, of former ones while they belonged."""
        everything = self.scope.whole or self.scope.wide
        known = None if everything else Directory(self.db, self.now, self.scope.orgs).known_until()
        for person, state, start, end in award_spans(self.db, certification, self.now):
            if known is None:
                yield person, Span(state, start, end)
            elif person in known and (piece := _overlap(state, (start, end), (None, known[person]))):
                yield person, piece

    def _affiliated(self, attribute: str) -> Iterable[tuple[str, Span]]:
        orgs = {org["_id"]: org for org in self.db.orgs.find({"_id": {"$in": list(self.scope.orgs)}})}
        for membership, start, end in self._memberships(orgs):
            told = _MEMBERSHIP[attribute](membership, orgs[membership["org"]])
            if told is not None:
                yield membership["person"], Span(told, start, end)

    def _of_tiers(self, programme: str | None) -> Iterable[tuple[str, Span]]:
        """Yield the tiers of a programme that people's organizations had while they belonged."""
        try:
            name = read_programme(cache_of(self.db).get(), programme)
        except InvalidField as error:
            raise InvalidQuery("person.tier", error.reason) from error
        tiers = tier_spans(self.db, self.scope.orgs)
        for membership, start, end in self._memberships(self.scope.orgs):
            for value, since, until in tiers.get(membership["org"], {}).get(name, []):
                if piece := _overlap(value, (start, end), (since, until)):
                    yield membership["person"], piece

    def _memberships(self, orgs: Iterable[str]) -> Iterator[tuple[Document, dt.datetime, dt.datetime | None]]:
        """Yield confirmed primary affiliations with the instants between which they count."""
        wanted = {"org": {"$in": list(orgs)}, "primary": True, "confirmed_at": {"$ne": None}}
        for membership in sorted(self.db.affiliations.find(wanted), key=_since):
            span = span_of(membership)
            if span is not None:
                yield membership, *span


def _since(membership: Document) -> tuple[bool, Any]:
    since = membership.get("from")
    return since is not None, since


_MEMBERSHIP: dict[str, Callable[[Document, Document], str | None]] = {
    "person.organization": lambda membership, _: membership["org"],
    "person.region": lambda _, org: org.get("region"),
    "person.role": lambda membership, _: membership.get("role"),
}

Ends = tuple[dt.datetime | None, dt.datetime | None]


def _overlap(value: str, one: Ends, other: Ends) -> Span | None:
    start = max((s for s in (one[0], other[0]) if s), default=None)
    end = min((e for e in (one[1], other[1]) if e), default=None)
    return None if start and end and start >= end else Span(value, start, end)


def _during(actor: str, span: Span) -> Predicate:
    parts: list[Predicate] = [Compare("actor", "eq", actor)]
    if span.start is not None:
        parts.append(Compare("timestamp", "gte", span.start))
    if span.end is not None:
        parts.append(Compare("timestamp", "lt", span.end))
    return All(tuple(parts))
