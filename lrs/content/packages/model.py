"""What a content package holds, whatever its kind: one tree of items, and every issue that was found.

A `Package` is made once, at intake, and kept with its version; everything after it (listing, launching,
playing) reads this value and never the package's own manifest again.

Ids. `Item.id` is the package's own: a SCORM item identifier, a cmi5 publisher id, an xAPI activity id. What
statements are about is `item_iri(course_iri, item)`; it stays the same over versions and registrations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

LanguageMap = Mapping[str, str]  # RFC 5646 tag -> text; "und" where the package names no language
Json = dict[str, Any]


class Kind(StrEnum):
    """How the content of a package talks to its launching system."""

    SCORM12 = "scorm12"
    SCORM2004 = "scorm2004"
    CMI5 = "cmi5"
    TINCAN = "tincan"
    H5P = "h5p"
    HTML = "html"


# our player runs these, so we see to it that nothing of a review counts
PLAYED: Final = frozenset({Kind.SCORM12, Kind.SCORM2004, Kind.H5P})


class ItemType(StrEnum):
    """What one item of the tree is."""

    CLUSTER = "cluster"  # SCORM: an item with items below it, or the organization itself
    SCO = "sco"  # SCORM: speaks the run-time API
    ASSET = "asset"  # SCORM: a page that does not; delivered counts as completed
    BLOCK = "block"  # cmi5: a block, or the course itself
    AU = "au"  # cmi5: an assignable unit
    ACTIVITY = "activity"  # Tin Can, H5P, HTML: what is launched; or a definition without a launch


class Severity(StrEnum):
    """How much an issue matters: an `error` refuses the package, the others are shown before publishing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing found in a package: a stable code, where it is, and what it means in plain words."""

    code: str  # kebab-case, stable: "item-without-resource"
    severity: Severity
    place: str  # "imsmanifest.xml:12", "index.html", "" for the package as a whole
    text: str


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective that a package names: cmi5 course objectives and the objectives of an item."""

    id: str
    title: LanguageMap
    description: LanguageMap


@dataclass(frozen=True, slots=True)
class ScormItem:
    """What SCORM says of one item, in its own words and units."""

    launch_data: str = ""  # adlcp:datafromlms / dataFromLMS -> cmi.launch_data
    prerequisites: str = ""  # 1.2 only: adlcp:prerequisites, AICC script as written
    mastery_score: float | None = None  # 1.2 only: adlcp:masteryscore, 0 to 100
    scaled_passing_score: float | None = None  # 2004: minNormalizedMeasure where satisfiedByMeasure, -1 to 1
    completion_threshold: float | None = None  # 2004: 0 to 1, where completedByMeasure
    max_time_allowed: str = ""  # as written: 1.2 HHHH:MM:SS.SS, 2004 an ISO 8601 duration
    time_limit_action: str = ""  # "exit,message" and so on
    hide_lms_ui: tuple[str, ...] = ()  # 2004: continue, previous, exit, exitAll, abandon, abandonAll, ...


@dataclass(frozen=True, slots=True)
class Cmi5Item:
    """What cmi5 says of one AU (course structure, 13.1.4)."""

    move_on: str = "NotApplicable"  # Passed, Completed, CompletedAndPassed, CompletedOrPassed, NotApplicable
    mastery_score: float | None = None  # 0 to 1
    launch_method: str = "AnyWindow"  # OwnWindow, AnyWindow
    launch_parameters: str | None = None
    entitlement_key: str | None = None
    activity_type: str | None = None  # IRI
    objectives: tuple[str, ...] = ()  # ids of Package.objectives


@dataclass(frozen=True, slots=True)
class Item:
    """One node of the content tree; launchable where `launch` is given."""

    id: str  # unique in the package
    type: ItemType
    title: LanguageMap
    description: LanguageMap
    launch: str | None = (
        None  # path of a file of the package ("a/b.html", decoded), or an absolute http(s) URL
    )
    query: str = ""  # to be put behind `launch` as it is, with its own "?" or "#"; percent-encoded
    visible: bool = True
    scorm: ScormItem | None = None
    cmi5: Cmi5Item | None = None
    children: tuple[Item, ...] = ()

    def walk(self) -> Iterator[Item]:
        """Yield this item and all below it, in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An LRS address, or a key for one, that the authors left in a file of the package."""

    url: str
    place: str  # path of the file
    has_key: bool  # an authorization value or a password stands beside it


@dataclass(frozen=True, slots=True)
class Package:
    """A whole package as it was read.

    `root` is the course: a SCORM organization, a cmi5 course, or the one activity that is launched itself.
    `sequencing` (SCORM 2004) is scorm-again's `SequencingSettings`, {"activityTree": ActivitySettings}: one
    activity for each item, ids as in `root`, sequencing collections already taken in.
    """

    kind: Kind
    edition: str  # "1.2", "2nd", "3rd", "4th"; cmi5 and the others: the version written, or ""
    identifier: str  # manifest identifier, cmi5 course id, activity id, H5P main library
    title: LanguageMap
    description: LanguageMap
    languages: tuple[str, ...]
    root: Item
    tool: str = ""  # guess: "Articulate Storyline", "Articulate Rise", "Adobe Captivate", ...; "" unknown
    objectives: tuple[Objective, ...] = ()
    sequencing: Json | None = None
    global_objectives: bool = True  # 2004: objectivesGlobalToSystem of the organization
    endpoints: tuple[Endpoint, ...] = ()
    also: tuple[Kind, ...] = ()  # further kinds whose manifest lies in the same package
    prefix: str = ""  # folder that holds the manifest, "" or ending in "/"; `Item.launch` includes it
    issues: tuple[Issue, ...] = ()

    def launchable(self) -> Iterator[Item]:
        """Yield the items that can be opened, in document order; the first is where a learner begins."""
        return (item for item in self.root.walk() if item.launch is not None)

    def item(self, item_id: str) -> Item | None:
        """Return the item of an id."""
        return next((item for item in self.root.walk() if item.id == item_id), None)

    @property
    def errors(self) -> tuple[Issue, ...]:
        """Return the issues that refuse the package."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.ERROR)


OWN_IDS: Final = frozenset({Kind.TINCAN, Kind.HTML})  # their content writes about its own activity ids


def item_iri(package: Package, course_iri: str, item: Item) -> str:
    """Return the activity IRI of an item: what the launching system's statements are about.

    `course_iri` is the content item's own IRI, the same for all its versions. Tin Can and HTML content
    speaks of its own ids. The root is the course; below it, the item's id follows as one path segment, so
    that each IRI lies below the course's. cmi5 wants ids that differ from the publisher's (cmi5 8.1.5).
    """
    if package.kind in OWN_IDS:
        return item.id
    return course_iri if item is package.root else f"{course_iri}/{quote(item.id, safe='')}"
