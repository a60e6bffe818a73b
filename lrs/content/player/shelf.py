"""What the player has to know of the packages that are kept: one version at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pymongo.database import Database

from lrs.content.attempts.outline import Outline, Part
from lrs.content.attempts.policy import Bars, Policy
from lrs.content.attempts.results.values import Edition
from lrs.content.library.items import current_version, get_item, get_version, package_of
from lrs.content.packages.model import Item, ItemType, Kind, LanguageMap, Package, item_iri
from lrs.foundation.errors import UnknownThing

Document = dict[str, Any]

REMEMBERED: Final = 200  # packages
EDITIONS: Final[Mapping[Kind, Edition]] = {Kind.SCORM12: "1.2", Kind.SCORM2004: "2004"}


@dataclass(frozen=True)
class Shelved:
    """One version of a content item, ready to be run."""

    id: str  # of the version
    org: str
    item: str
    number: str  # "1", "2": as people see it
    package: Package
    course: str  # IRI, the same for all versions of the item
    policy: Policy

    @cached_property
    def outline(self) -> Outline | None:
        """Return what attempts at SCORM content are measured by; None for other kinds."""
        edition = EDITIONS.get(self.package.kind)
        if edition is None:
            return None
        return Outline(
            edition=edition,
            course=self.course,
            name=self.package.title,
            version=self.number,
            parts=tuple(_part(self.package, self.course, item) for item in self.package.launchable()),
            sequencing=self.package.sequencing,
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """Versions as they are kept; a package is read once in a process, for it never changes."""

    db: Database[Document]
    packages: dict[str, Package] = field(default_factory=dict)

    def version(self, version: str) -> Shelved:
        """Return a version by its id, also one that a newer one replaced; raises UnknownThing, Collision."""
        found = self.db.content_versions.find_one({"_id": version}, {"package": 0})
        if found is None or found["item"] is None:
            raise UnknownThing("content version", version)
        return self._shelved(found, get_item(self.db, found["item"]))

    def newest(self, item: str) -> Shelved:
        """Return the version of an item that new learners get; raises UnknownThing, Collision."""
        kept = get_item(self.db, item)
        return self._shelved(current_version(self.db, kept), kept)

    def _shelved(self, version: Document, item: Document) -> Shelved:
        return Shelved(
            id=version["_id"],
            org=version["org"],
            item=item["_id"],
            number=str(version["number"]),
            package=self._package(version["_id"]),
            course=item["activity"],
            policy=Policy.of(item.get("policy")),
        )

    def _package(self, version: str) -> Package:
        known = self.packages.get(version)
        if known is None:
            known = package_of(get_version(self.db, version))
            if len(self.packages) >= REMEMBERED:
                self.packages.clear()
            self.packages[version] = known
        return known


def _part(package: Package, course: str, item: Item) -> Part:
    said = item.scorm
    bars = Bars(said.mastery_score, said.scaled_passing_score, said.completion_threshold) if said else Bars()
    return Part(
        id=item.id,
        iri=item_iri(package, course, item),
        name=item.title,
        bars=bars,
        is_asset=item.type is ItemType.ASSET,
        launch_data=said.launch_data if said else "",
        max_time=said.max_time_allowed if said else "",
        time_limit_action=said.time_limit_action if said else "",
    )


def text_of(names: LanguageMap, languages: tuple[str, ...] = ()) -> str:
    """Return the text in the first language that there is one in."""
    found: Any = next((names[one] for one in (*languages, "en", "und") if one in names), None)
    return found or next(iter(names.values()), "")
