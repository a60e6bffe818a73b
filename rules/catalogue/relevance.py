"""Which certifications may look at a statement: a superset of what their selectors match, by table look-up.

Asked for every statement that comes in, so it costs one dictionary look-up for most. Sources, results,
signers and context do not matter here: `explain` names statements that nearly matched (cert#6-4).
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.database import Database

from rules.catalogue.rule_set import RuleSet
from rules.catalogue.store import cache_of
from rules.evidence.selectors import verbs_looked_at
from rules.language.model import Certification, Selector

Document = Mapping[str, Any]

NONE: Final[frozenset[str]] = frozenset()
RELEASE: Final = "{release}"
ANY_VERB: Final = "*"
REMEMBERED: Final = 4096  # activities of one verb
CMI5_CATEGORY: Final = "https://w3id.org/xapi/cmi5/context/categories/cmi5"


@dataclass(frozen=True, slots=True)
class SelectedActivities:
    """What is selected under one verb: activities by IRI, and by prefix, to the ids of certifications."""

    exact: Mapping[str, frozenset[str]] = field(default_factory=dict)
    prefixes: tuple[tuple[str, frozenset[str]], ...] = ()
    memo: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def of(self, activity: str) -> frozenset[str]:
        """Return the certifications that select an activity."""
        found = self.memo.get(activity)
        if found is None:
            found = self.exact.get(activity, NONE).union(
                *(certifications for prefix, certifications in self.prefixes if activity.startswith(prefix))
            )
            if len(self.memo) >= REMEMBERED:
                self.memo.clear()
            self.memo[activity] = found
        return found


@dataclass(frozen=True, slots=True)
class Relevance:
    """The selectors of many certifications as tables."""

    verbs: Mapping[str, SelectedActivities]
    units: Mapping[str, frozenset[str]]  # publisher ids of cmi5 assignable units (cert#2.6)
    activities: SelectedActivities  # under any verb: a launch tells whether it is for credit (cert#2.4)

    def certifications(self, document: Document) -> frozenset[str]:
        """Return the ids of the certifications that may look at a statement document (cert#2.4)."""
        if document.get("actor") is None or document.get("actor_type", "Agent") != "Agent":
            return NONE
        verb = self.verbs.get(document["verb"])
        found = NONE if verb is None else verb.of(_activity(document))
        if CMI5_CATEGORY in (document.get("category") or ()):
            found |= self.activities.of(_activity(document))
            for unit in (*(document.get("grouping") or ()), _activity(document)):
                found |= self.units.get(unit, NONE)
        return found

    def is_relevant(self, document: Document) -> bool:
        """Tell whether any certification may look at a statement document."""
        return bool(self.certifications(document))


def _activity(document: Document) -> str:
    target = document.get("object") or {}
    return str(target.get("id", "")) if target.get("type", "Activity") == "Activity" else ""


def compile_relevance(certifications: Iterable[Certification]) -> Relevance:
    """Compile the selectors of certifications, of all their versions, into tables."""
    tables: dict[str, _Tables] = defaultdict(_Tables)
    units: dict[str, set[str]] = defaultdict(set)
    for document in certifications:
        for selector in document.evidence.values():
            if selector.cmi5 is not None:
                units[selector.cmi5.au].add(document.id)
            for activity in selector.activities:
                for verb in (*verbs_looked_at(selector), ANY_VERB):
                    tables[verb].add(activity, document.id)
    anything = tables.pop(ANY_VERB, _Tables()).frozen()
    verbs = {verb: table.frozen() for verb, table in tables.items()}
    return Relevance(verbs, {unit: frozenset(ids) for unit, ids in units.items()}, anything)


class _Tables:
    """A `SelectedActivities` under construction."""

    def __init__(self) -> None:
        self.exact: dict[str, set[str]] = defaultdict(set)
        self.prefixes: dict[str, set[str]] = defaultdict(set)

    def add(self, activity: str, certification: str) -> None:
        prefix = activity_prefix(activity)
        table = self.exact if prefix is None else self.prefixes
        table[activity if prefix is None else prefix].add(certification)

    def frozen(self) -> SelectedActivities:
        return SelectedActivities(
            {activity: frozenset(ids) for activity, ids in self.exact.items()},
            tuple((prefix, frozenset(ids)) for prefix, ids in sorted(self.prefixes.items())),
        )


def activity_prefix(activity: str) -> str | None:
    """Return the text that matching activities begin with, None where the IRI is exact (cert#2.4)."""
    if RELEASE in activity:
        return activity.partition(RELEASE)[0]
    return activity[:-1] if activity.endswith("*") else None


def selectors_of(certification: Certification) -> tuple[Selector, ...]:
    """Return the selectors of a certification."""
    return tuple(certification.evidence.values())


def relevance_of(rules: RuleSet) -> Relevance:
    """Return the tables of all that is published; made once per set."""
    known = rules.memo.get("relevance")
    if known is None:
        every = (version.document for one in rules.certifications.values() for version in one.versions)
        known = rules.memo["relevance"] = compile_relevance(every)
    assert isinstance(known, Relevance)  # noqa: S101 -- the memo is untyped
    return known


def path_relevance_of(rules: RuleSet) -> Relevance:
    """Return the tables of the paths of assignments; the ids are theirs."""
    known = rules.memo.get("path_relevance")
    if known is None:
        known = rules.memo["path_relevance"] = compile_relevance(rules.assigned_paths())
    assert isinstance(known, Relevance)  # noqa: S101 -- the memo is untyped
    return known


def is_observed(rules: RuleSet, document: Document) -> bool:
    """Tell whether anything that is published may look at a statement document."""
    return relevance_of(rules).is_relevant(document) or path_relevance_of(rules).is_relevant(document)


def relevance(db: Database[dict[str, Any]]) -> Callable[[Document], bool]:
    """Return the test that ingest asks for each statement, over the rules this process knows of a database.

    It follows publications within the life of the cache; what is stored in that second is found by the
    publication's backfill (`rules.publication.backfill`).
    """
    cache = cache_of(db)

    def is_relevant(document: Document) -> bool:
        return is_observed(cache.get(), document)

    return is_relevant
