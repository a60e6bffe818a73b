"""Who may see a content item: a pure rule over facts of the learner.

By default whoever belongs to the owner's organization or to one below it. Each criterion that an item sets
narrows that; all of them must be met, each by one of its values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Visibility:
    """What an item asks of a learner; an empty criterion asks nothing."""

    orgs: tuple[str, ...] = ()  # these organizations and those below them
    tiers: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # programme -> tiers of the organization
    roles: tuple[str, ...] = ()  # of the affiliation
    certifications: tuple[str, ...] = ()  # one of them held now
    regions: tuple[str, ...] = ()  # of the organization
    languages: tuple[str, ...] = ()  # RFC 5646; "de" is met by "de-AT" too
    start: dt.datetime | None = None
    until: dt.datetime | None = None  # exclusive

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Visibility:
        """Return what an item keeps."""
        lists = {name: tuple(stored.get(name) or ()) for name in LISTS}
        tiers = {programme: tuple(tiers) for programme, tiers in (stored.get("tiers") or {}).items()}
        return cls(tiers=tiers, start=stored.get("start"), until=stored.get("until"), **lists)

    def to_document(self) -> Document:
        """Return the criteria that are set, as an item keeps them."""
        kept: Document = {name: list(getattr(self, name)) for name in LISTS}
        kept |= {"tiers": {programme: list(tiers) for programme, tiers in self.tiers.items()}}
        kept |= {"start": self.start, "until": self.until}
        return {name: value for name, value in kept.items() if value}


LISTS = ("orgs", "roles", "certifications", "regions", "languages")


@dataclass(frozen=True, slots=True)
class Belonging:
    """One affiliation of a learner that holds now, and facts of its organization."""

    org: str
    ancestors: tuple[str, ...] = ()
    role: str | None = None
    region: str | None = None
    tiers: Mapping[str, str] = field(default_factory=dict)  # programme -> tier

    def is_in(self, org: str) -> bool:
        """Tell whether the organization is this one or one above it."""
        return org == self.org or org in self.ancestors


@dataclass(frozen=True, slots=True)
class Learner:
    """What visibility asks of a person."""

    belongings: tuple[Belonging, ...] = ()
    certifications: frozenset[str] = frozenset()  # held now
    languages: tuple[str, ...] = ()  # empty: unknown, which shuts nobody out


def may_see(owner: str, visibility: Visibility, learner: Learner, now: dt.datetime) -> bool:
    """Tell whether a learner may see an item of an organization at an instant.

    Organization, tier, role and region must be met by one and the same affiliation.
    """
    if visibility.start is not None and now < visibility.start:
        return False
    if visibility.until is not None and now >= visibility.until:
        return False
    if visibility.certifications and not learner.certifications.intersection(visibility.certifications):
        return False
    if not _speaks(visibility.languages, learner.languages):
        return False
    return any(_fits(owner, visibility, each) for each in learner.belongings)


def _fits(owner: str, wanted: Visibility, one: Belonging) -> bool:
    return (
        one.is_in(owner)
        and (not wanted.orgs or any(one.is_in(org) for org in wanted.orgs))
        and (not wanted.roles or one.role in wanted.roles)
        and (not wanted.regions or one.region in wanted.regions)
        and all(one.tiers.get(programme) in tiers for programme, tiers in wanted.tiers.items())
    )


def _speaks(wanted: tuple[str, ...], spoken: tuple[str, ...]) -> bool:
    if not wanted or not spoken:
        return True
    ranges = [tag.lower() for tag in wanted]
    return any(f"{tag.lower()}-".startswith(f"{one}-") for tag in spoken for one in ranges)
