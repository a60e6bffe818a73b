"""The documents of the rule language as frozen values (cert#2).

`checking.load` makes these from YAML, everything else reads them. A value here is already valid: references
to fragments are resolved, defaults are filled in, numbers are decimals. Positions in the source file are
not part of these values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rules.language.demands import Demand
from rules.language.document import Document
from rules.language.durations import NO_TIME, Duration, Unit
from rules.language.engagement import Engagement, Recall
from rules.language.requirements import AllOf, HeldStatus, Requirement

CountedFrom = Literal["completion", "previous_expiry", "fixed_date"]
Level = Literal["major", "minor", "patch"]


# --- selectors, cert#2.4


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who has to have signed a statement (cert#2.4)."""

    group: str
    not_self: bool = False


@dataclass(frozen=True, slots=True)
class Cmi5:
    """One assignable unit met by its moveOn (cert#2.6)."""

    au: str


@dataclass(frozen=True, slots=True)
class ResultMatch:
    """Values a result must equal (cert#2.4)."""

    success: bool | None = None
    completion: bool | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContextMatch:
    """Values a context must equal, or contain for context activities (cert#2.4)."""

    parent: str | None = None
    grouping: str | None = None
    category: str | None = None
    platform: str | None = None
    language: str | None = None
    registration: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often somebody may try (cert#4.3-5): `within` is the span of `at_most`, None for ever.

    `wait` is the time after the first failure running, the second ...; the last stands for all that follow.
    """

    at_most: int | None = None
    within: Duration | None = None
    wait: tuple[Duration, ...] = ()
    granted_by: str | None = None


@dataclass(frozen=True, slots=True)
class Recognises:
    """Whose credentials count: those of an issuer, imported no longer than a span after their award."""

    issuers: tuple[str, ...]
    awarded_within: Duration | None = None


@dataclass(frozen=True, slots=True)
class Selector:
    """A named predicate over statements (cert#2.4).

    `verbs` are full IRIs; `activities` are IRIs or prefixes that end in `*` and may hold `{release}`;
    `sources` is "vendor", "any" or a tuple of client labels. With `recognises`, activities are achievements
    of others, told by Laurel's own statements of what it imported. `use` is `fragment/name` in a document
    whose references are not resolved yet; `fragments.resolve` replaces such a selector.
    """

    name: str
    verbs: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    sources: Literal["vendor", "any"] | tuple[str, ...] = "vendor"
    signed_by: SignedBy | None = None
    result: ResultMatch | None = None
    context: ContextMatch | None = None
    cmi5: Cmi5 | None = None
    attempts: Attempts | None = None
    recognises: Recognises | None = None
    use: str | None = None


# --- certification, cert#2.3


@dataclass(frozen=True, slots=True)
class Readmission:
    """Who has to agree before a new award after a revocation; `after` are its reasons, empty for each."""

    group: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Award:
    """What makes a first or a repeated award."""

    when: Requirement
    within: Duration | None = None
    approval_group: str | None = None
    cooling_off: Duration = NO_TIME
    readmission: Readmission | None = None


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a period lasts; `lasts` is None for `forever`.

    `standing` is what `while` asks for as long as the period runs; `otherwise` says what happens else.
    """

    lasts: Duration | None
    counted_from: CountedFrom = "completion"
    due: dt.date | None = None
    fixed: dt.date | None = None
    minimum: Duration = NO_TIME
    timezone: str = "UTC"
    standing: Requirement | None = None
    otherwise: Literal["suspend", "end"] = "suspend"


@dataclass(frozen=True, slots=True)
class Renewal:
    """When and how a period is renewed."""

    when: Requirement
    opens: Duration = Duration(90, Unit.DAYS)
    grace: Duration = NO_TIME
    counted_from: CountedFrom = "previous_expiry"


@dataclass(frozen=True, slots=True)
class ReleaseRule:
    """What a release of a product does to running periods (cert#4.8)."""

    product: str
    levels: tuple[Level, ...]
    unless: Requirement
    ends_after: Duration
    affects: Literal["awarded_before_release", "all"] = "awarded_before_release"
    reinstates_within: Duration = NO_TIME


@dataclass(frozen=True, slots=True)
class OnVoided:
    """What voided evidence does to an award (cert#4.9)."""

    action: Literal["recompute", "suspend", "review", "revoke"] = "recompute"
    settle: Duration = Duration(1, Unit.HOURS)
    chain: bool = False
    revoke_after: Duration | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """What a new version does to awards and people of older ones (cert#4.12)."""

    existing: Literal["keep", "re_evaluate", "must_upgrade_by"] = "keep"
    must_upgrade_by: dt.date | None = None
    finish_old_until: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Messages before expiry, about a due day, or with events (cert#8-5); exactly one tuple is filled.

    What happened, or was due, longer ago than `max_age` is not told any more; None is the default of 31 days.
    """

    to: tuple[Literal["holder", "partner_admin", "programme_owner"], ...]
    before_expiry: tuple[Duration, ...] = ()
    before_due: tuple[Duration, ...] = ()
    after_due: tuple[Duration, ...] = ()
    events: tuple[str, ...] = ()
    max_age: Duration | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a certification or an assignment is asked of (cert#5-8); all that is given must match.

    `role` is that of the primary affiliation, `hired_since` and `hired_until` bound its first day, `partners`
    are ids of organizations, `regions` theirs, `tier` and the higher ones are those of `programme`. `groups`
    and `persons` match whoever belongs to no organization too. `due_within` excludes `due_on`.
    """

    role: str | None = None
    partners: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tier: str | None = None
    programme: str | None = None
    hired_since: dt.date | None = None
    hired_until: dt.date | None = None
    groups: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    due_within: Duration | None = None
    due_on: dt.date | None = None

    @property
    def by_name(self) -> bool:
        """Tell whether nothing is asked of where a person belongs: groups or persons alone are named."""
        places = (self.role, self.partners, self.regions, self.tier, self.hired_since, self.hired_until)
        return not any(places)


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill of a framework such as ESCO or one published by CASE; `url` is what it is known by."""

    name: str
    url: str
    framework: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Badge:
    """Achievement data of the credential; `criteria` is an IRI or text, `image` a path."""

    issue: bool = True
    description: str | None = None
    criteria: str | None = None
    image: str | None = None
    skills: tuple[Skill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification(Document):
    """A certification (cert#2.3)."""

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
    targets: tuple[Target, ...] = ()
    badge: Badge = Badge()

    def requirements(self) -> Iterator[tuple[tuple[str | int, ...], Requirement]]:
        """Yield the requirements of award, validity, renewals and release rules, each with its path."""
        yield ("award", "when"), self.award.when
        if self.validity.standing is not None:
            yield ("validity", "while"), self.validity.standing
        if self.renewal is not None:
            yield ("renewal", "when"), self.renewal.when
        for i, rule in enumerate(self.release_rules):
            yield ("release_rules", i, "unless"), rule.unless


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Document):
    """A published version of a product (cert#2.7)."""

    product: str
    release: str
    level: Level
    published: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment(Document):
    """Selectors and requirements that other documents use (cert#2.7)."""

    evidence: Mapping[str, Selector]
    requirements: Mapping[str, Requirement]


# --- partner tiers and gates, cert#2.8 and cert#2.9


@dataclass(frozen=True, slots=True)
class TierChanges:
    """When a tier rises and falls (cert#5-4); `reviews` are (month, day) pairs."""

    promote: Literal["at_once", "at_review"] = "at_once"
    reviews: tuple[tuple[int, int], ...] = ()
    demote_after: Duration = Duration(60, Unit.DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTiers(Document):
    """A partner programme (cert#2.8); `order` from lowest to highest, `tiers` has each but the first."""

    order: tuple[str, ...]
    tiers: Mapping[str, Demand]
    timezone: str = "UTC"
    status: tuple[HeldStatus, ...] = ("active",)
    one_person_fills: Literal["one_requirement", "many"] = "one_requirement"
    organizations: Literal["own", "subtree"] = "own"
    changes: TierChanges = TierChanges()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Document):
    """A yes/no question another system asks (cert#2.9)."""

    subject: str
    allow_when: Demand
    refusal: str
    tiers: str | None = None


# --- assignments, cert#2.11


@dataclass(frozen=True, slots=True)
class Exemption:
    """Whom an assignment is not asked of, why, and up to which day; None is without end."""

    whom: Target
    reason: str
    until: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment(Document):
    """A path that is asked of people, by a day and within a window (cert#2.11)."""

    path: tuple[Requirement, ...]
    targets: tuple[Target, ...]
    evidence: Mapping[str, Selector] = field(default_factory=dict)
    timezone: str = "UTC"
    opens: dt.date | None = None
    closes: dt.date | None = None
    exempt: tuple[Exemption, ...] = ()
    managers_may_exempt: Duration | None = None
    notices: tuple[Notice, ...] = ()

    def requirements(self) -> Iterator[tuple[tuple[str | int, ...], Requirement]]:
        """Yield the steps of the path, each with where it stands."""
        for i, step in enumerate(self.path):
            yield ("path", i), step

    def as_certification(self) -> Certification:
        """Return the path as what is decided like a certification: met for good, however late it is told.

        Nothing is awarded by it: it is never published as such.
        """
        return Certification(
            id=self.id,
            version=self.version,
            title=self.title,
            evidence=self.evidence,
            award=Award(when=AllOf(parts=self.path)),
            validity=Validity(lasts=None, timezone=self.timezone),
            max_lateness=Duration(100, Unit.YEARS),
            on_voided=OnVoided(settle=NO_TIME),
            badge=Badge(issue=False),
        )


AnyDocument = Certification | Release | Fragment | PartnerTiers | Gate | Assignment | Recall | Engagement
