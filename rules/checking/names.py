"""What a check knows of names outside one document: the store's, and those of other files (cert#3-4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rules.checking.load import Loaded
from rules.language.model import Fragment
from rules.language.suggestions import Suggestions, nearest


class Activities(Protocol):
    """Activities the store has seen, asked one by one because there may be very many."""

    def has(self, activity: str) -> bool:
        """Tell whether an activity IRI, or any below a prefix that ends in `*`, was seen."""
        ...

    def near(self, activity: str) -> str | None:
        """Return the seen activity that is most like `activity`."""
        ...


class SeenActivities:
    """Seen activities of a store that has not very many: all in memory."""

    def __init__(self, activities: Iterable[str]) -> None:
        self._activities = frozenset(activities)

    def has(self, activity: str) -> bool:
        """Tell whether the activity, or any below its prefix, was seen."""
        if activity.endswith("*"):
            return any(each.startswith(activity[:-1]) for each in self._activities)
        return activity in self._activities

    def near(self, activity: str) -> str | None:
        """Return the seen activity that is most like `activity`."""
        return nearest(activity, self._activities)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNames:
    """Names the store knows, gathered once for a check.

    `versions` maps (kind, id) to {version: document hash}; `holds` a certification to those that its newest
    version refers to; `tiers` a programme to its order; `releases` (product, release) to the id of its
    document; `fragments` are those now in force; `organizations` and `regions` None are not judged; `today`
    is the day of apply in UTC.
    """

    versions: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    holds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    organizations: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    fragments: Mapping[str, Fragment] = field(default_factory=dict)
    releases: Mapping[tuple[str, str], str] = field(default_factory=dict)
    activities: Activities | None = None
    today: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """Names known to one check: what is loaded together, and what is published.

    `published` None means that no store was asked: then a name that is not loaded may well exist.
    """

    loaded: tuple[Loaded, ...]
    published: PublishedNames | None
    suggestions: Suggestions = field(default_factory=Suggestions)

    def nearest(self, word: str, names: Collection[str]) -> str | None:
        """Return the name that was probably meant."""
        return self.suggestions.nearest(word, names)

    @property
    def store(self) -> PublishedNames:
        """Return the published names, empty where no store was asked."""
        return self.published or PublishedNames()

    def ids(self, kind: str) -> set[str]:
        """Return the ids of a kind, loaded or published."""
        names = {rule_id for (other, rule_id) in self.store.versions if other == kind}
        return names | {each.data["id"] for each in self.of(kind)}

    def of(self, kind: str) -> list[Loaded]:
        """Return the loaded files of a kind that have an id."""
        return [
            each for each in self.loaded if kind_of(each) == kind and isinstance(each.data.get("id"), str)
        ]

    def programmes(self) -> dict[str, tuple[str, ...]]:
        """Return the tier names of each programme."""
        orders = dict(self.store.tiers)
        for each in self.of("PartnerTiers"):
            orders[each.data["id"]] = tuple(strings(each.data.get("order")))
        return orders

    def fragments(self) -> dict[str, Fragment | None]:
        """Return the fragments by id; None for a loaded one that has problems itself."""
        found: dict[str, Fragment | None] = dict(self.store.fragments)
        for each in self.of("Fragment"):
            found[each.data["id"]] = each.document if isinstance(each.document, Fragment) else None
        return found

    def sound_fragments(self) -> dict[str, Fragment]:
        """Return the fragments that can be resolved."""
        return {name: each for name, each in self.fragments().items() if each is not None}


def kind_of(loaded: Loaded) -> str | None:
    """Return the kind a file says it is, or None."""
    kind = loaded.data.get("kind") if isinstance(loaded.data, dict) else None
    return kind if isinstance(kind, str) else None


def strings(value: Any) -> Sequence[str]:
    """Return the strings of one name or a list of names, whatever else is there."""
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
