"""The documents of the rule language as frozen values (certification.md, section 2).

`rules.load` makes these from YAML, everything else reads them. A value here is already valid: references
to fragments are resolved, defaults are filled in, numbers are decimals. Positions in the source file are
not part of these values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal


class Unit(StrEnum):
    """Units of a duration (2.1)."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Duration:
    """A calendar duration such as `12 months`; arithmetic on dates is in `rules.calendar` (4.6)."""

    n: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.n} {self.unit.value[:-1] if self.n == 1 else self.unit.value}"


NO_TIME = Duration(0, Unit.DAYS)

Mode = Literal["active", "evaluate", "disabled"]
CountedFrom = Literal["completion", "previous_expiry", "fixed_date"]
Attempt = Literal["best", "latest", "first", "any"]
Distinct = Literal["statement", "activity", "registration"]
Level = Literal["major", "minor", "patch"]


# --- selectors, section 2.4


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who has to have signed a statement (2.4)."""

    group: str
    not_self: bool = False


@dataclass(frozen=True, slots=True)
class Cmi5:
    """One assignable unit met by its moveOn (2.6)."""

    au: str


@dataclass(frozen=True, slots=True)
class ResultMatch:
    """Values a result must equal (2.4)."""

    success: bool | None = None
    completion: bool | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContextMatch:
    """Values a context must equal, or contain for context activities (2.4)."""

    parent: str | None = None
    grouping: str | None = None
    category: str | None = None
    platform: str | None = None
    language: str | None = None
    registration: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selector:
    """A named predicate over statements (2.4).

    `verbs` are full IRIs; `activities` are IRIs or prefixes that end in `*` and may hold `{release}`;
    `sources` is "vendor", "any" or a tuple of client labels. `use` is `fragment/name` in a document whose
    references are not resolved yet; `rules.fragments.resolve` replaces such a selector.
    """

    name: str
    verbs: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    sources: Literal["vendor", "any"] | tuple[str, ...] = "vendor"
    signed_by: SignedBy | None = None
    result: ResultMatch | None = None
    context: ContextMatch | None = None
    cmi5: Cmi5 | None = None
    use: str | None = None


# --- requirements, section 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What every form of requirement may carry: words, a missing key, disqualifiers (2.5)."""

    label: str | None = None
    key: str | None = None
    disqualified_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf(Requirement):
    """Every part is satisfied."""

    parts: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf(Requirement):
    """At least one part is satisfied."""

    parts: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLeast(Requirement):
    """At least n of the listed parts are satisfied."""

    n: int
    parts: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Requirement):
    """A matching statement exists."""

    selector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score(Requirement):
    """The chosen attempt reaches a value between 0 and 1 (4.3)."""

    selector: str
    at_least: Decimal
    attempt: Attempt = "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds(Requirement):
    """The person's status in another certification is listed."""

    certification: str
    status: tuple[Literal["active", "grace"], ...] = ("active",)
    version_at_least: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Requirement):
    """That many distinct statements, activities or registrations."""

    selector: str
    at_least: int
    distinct: Distinct = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Requirement):
    """The sum of a field over distinct values reaches a number."""

    selector: str
    field: str
    at_least: Decimal
    distinct: Distinct = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class InOrder(Requirement):
    """Statements exist with non-decreasing effective times."""

    selectors: tuple[str, ...]
    within: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use(Requirement):
    """A fragment's requirement, `fragment/name`; `rules.fragments.resolve` replaces it before publication."""

    reference: str


# --- certification, section 2.3


@dataclass(frozen=True, slots=True)
class Award:
    """What makes a first or a repeated award."""

    when: Requirement
    within: Duration | None = None
    approval_group: str | None = None
    cooling_off: Duration = NO_TIME


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a period lasts; `lasts` is None for `forever`."""

    lasts: Duration | None
    counted_from: CountedFrom = "completion"
    due: dt.date | None = None
    fixed: dt.date | None = None
    minimum: Duration = NO_TIME
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Renewal:
    """When and how a period is renewed."""

    when: Requirement
    opens: Duration = Duration(90, Unit.DAYS)
    grace: Duration = NO_TIME
    counted_from: CountedFrom = "previous_expiry"


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """What a release of a product does to running periods (4.8)."""

    product: str
    levels: tuple[Level, ...]
    unless: Requirement
    ends_after: Duration
    affects: Literal["awarded_before_release", "all"] = "awarded_before_release"
    reinstates_within: Duration = NO_TIME


@dataclass(frozen=True, slots=True)
class OnVoided:
    """What voided evidence does to an award (4.9)."""

    action: Literal["recompute", "suspend", "review", "revoke"] = "recompute"
    settle: Duration = Duration(1, Unit.HOURS)
    chain: bool = False
    revoke_after: Duration | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What a new version does to awards and people of older ones (4.12)."""

    existing: Literal["keep", "re_evaluate", "must_upgrade_by"] = "keep"
    must_upgrade_by: dt.date | None = None
    finish_old_until: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Messages before expiry or with events (8-5); exactly one of the two tuples is filled."""

    to: tuple[Literal["holder", "partner_admin", "programme_owner"], ...]
    before_expiry: tuple[Duration, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Badge:
    """Achievement data of the credential; `criteria` is an IRI or text, `image` a path."""

    issue: bool = True
    description: str | None = None
    criteria: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What all kinds share (2.2). `effective_from` None means the day of apply."""

    id: str
    version: str
    title: str
    effective_from: dt.date | None = None
    mode: Mode = "active"
    tests: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification(Document):
    """A certification (2.3)."""

    evidence: Mapping[str, Selector]
    award: Award
    validity: Validity
    role: str | None = None
    product: str | None = None
    level: str | None = None
    max_lateness: Duration = Duration(30, Unit.DAYS)
    renewal: Renewal | None = None
    release_rules: tuple[ReleaseRule, ...] = ()
    on_voided: OnVoided = OnVoided()
    transition: Transition = Transition()
    notices: tuple[Notice, ...] = ()
    badge: Badge = Badge()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Document):
    """A published version of a product (2.7)."""

    product: str
    release: str
    level: Level
    published: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment(Document):
    """Selectors and requirements that other documents use (2.7)."""

    evidence: Mapping[str, Selector]
    requirements: Mapping[str, Requirement]


# --- partner tiers and gates, sections 2.8 and 2.9


@dataclass(frozen=True, slots=True)
class Holding:
    """Coordinates of a certification; all that are given must match."""

    certification: str | None = None
    role: str | None = None
    product: str | None = None
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A node of a tier's or gate's conditions."""

    label: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllDemands(Demand):
    """Every part holds."""

    parts: tuple[Demand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyDemand(Demand):
    """At least one part holds."""

    parts: tuple[Demand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleHolding(Demand):
    """At least n people of the organization hold a certification (2.8)."""

    holding: Holding
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TierAtLeast(Demand):
    """The organization has this tier or a higher one (2.9)."""

    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitterHolds(Demand):
    """The person who asks holds a certification (2.9); strings may hold `{subject.field}`."""

    holding: Holding
    status: tuple[Literal["active", "grace"], ...] = ("active",)


@dataclass(frozen=True, slots=True)
class TierChanges:
    """When a tier rises and falls (5-4); `reviews` are (month, day) pairs."""

    promote: Literal["at_once", "at_review"] = "at_once"
    reviews: tuple[tuple[int, int], ...] = ()
    demote_after: Duration = Duration(60, Unit.DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTiers(Document):
    """A partner programme (2.8); `order` from lowest to highest, `tiers` has each but the first."""

    order: tuple[str, ...]
    tiers: Mapping[str, Demand]
    timezone: str = "UTC"
    status: tuple[Literal["active", "grace"], ...] = ("active",)
    one_person_fills: Literal["one_requirement", "many"] = "one_requirement"
    organizations: Literal["own", "subtree"] = "own"
    changes: TierChanges = TierChanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Document):
    """A yes/no question another system asks (2.9)."""

    subject: str
    allow_when: Demand
    refusal: str
    tiers: str | None = None


AnyDocument = Certification | Release | Fragment | PartnerTiers | Gate
