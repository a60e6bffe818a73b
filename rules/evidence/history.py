"""What the engine knows about one person: the input of a decision (cert#4).

Everything is bitemporal: `at` is when a thing takes effect, `known_at` (or `decided_at`) when the store
learnt of it. A decision at knowledge instant `d` sees what has `known_at` <= d and asks about any instant
t. All instants are aware UTC datetimes with microseconds.
"""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

BEGINNING = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
"""Earlier than any statement: from when a version applies that has always applied."""
END_OF_TIME = dt.datetime(9999, 12, 30, tzinfo=dt.UTC)
"""Later than any statement: the knowledge instant of inline tests (cert#10-20)."""

Number = Decimal | Fraction
"""An exact number; a fraction only where a division gives no finite decimal (cert#4.3-3)."""

FactKind = Literal[
    "hold",
    "lift",
    "revocation",
    "withdrawal",
    "extension",
    "approval",
    "acceptance",
    "resolution",
    "grant",
    "readmission",
]
Resolution = Literal["keep", "recompute", "suspend", "revoke"]


class Evidence(NamedTuple):
    """One statement as the engine sees it; made by `from_statement.evidence` from a stored document.

    A tuple, because there are so many of them: it is made in a tenth of the time of a frozen dataclass.

    `at` is the effective time min(timestamp, stored) (cert#4.1-1). `known_at` is `stored`, or later when the
    statement came to the person by a merge. `voided_at` is the instant at which the earliest voiding
    statement was stored, or at which a split took the statement away; None while it stands. `score` is the
    value of cert#4.3-2. `signer` is the person who signed it, resolved by the caller. `practice` marks Browse
    and Review mode and attempts without credit, `beyond_launch` what launched content said of something else;
    neither ever matches (cert#2.4). `activity` is empty where the object is no Activity.
    """

    id: str
    at: dt.datetime
    stored: dt.datetime
    verb: str
    activity: str
    timestamp: dt.datetime | None = None
    known_at: dt.datetime | None = None
    voided_at: dt.datetime | None = None
    registration: str | None = None
    score: Number | None = None
    scaled: Decimal | None = None
    raw: Decimal | None = None
    success: bool | None = None
    completion: bool | None = None
    platform: str | None = None
    language: str | None = None
    parent: tuple[str, ...] = ()
    grouping: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    result_extensions: Mapping[str, Any] = MappingProxyType({})
    context_extensions: Mapping[str, Any] = MappingProxyType({})
    signer: str | None = None
    client_label: str | None = None
    controlled_by: Literal["vendor", "partner"] = "vendor"
    practice: bool = False
    beyond_launch: bool = False

    @property
    def known(self) -> dt.datetime:
        """Instant from which the engine knows this statement as this person's."""
        return self.known_at or self.stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact recorded by a person (cert#4.10).

    `at` is the effective instant (the `from` of a hold). `until` is the exclusive end of a hold;
    `until_day` the new last day of an extension. `of` is the id of the hold that a `lift` ends, of
    the revocation after which a `readmission` allows a new award, or the name of the selector for which a
    `grant` allows a further attempt. `statement`
    is the subject of an `acceptance` (`allowed` False = rejected) or of a `resolution` of a voiding under
    review (`choice`). A fact without `certification` concerns every certification of the person.
    """

    kind: FactKind
    at: dt.datetime
    decided_at: dt.datetime
    id: str = ""
    certification: str | None = None
    until: dt.datetime | None = None
    until_day: dt.date | None = None
    revoke_at: dt.datetime | None = None
    allowed: bool = True
    statement: str | None = None
    choice: Resolution | None = None
    of: str | None = None
    reason: str | None = None
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An interval [from_at, until_at) in which the person held another certification in one state.

    `state` is `active` (which includes `renewal_open`) or `grace`; `until_at` None means without end.
    """

    from_at: dt.datetime
    until_at: dt.datetime | None
    version: str
    state: Literal["active", "grace"] = "active"


@dataclass(frozen=True, slots=True)
class Membership:
    """An interval [from_at, until_at) in which a person was in a group (cert#1)."""

    person: str
    from_at: dt.datetime = BEGINNING
    until_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class PublishedRelease:
    """A release of a product (cert#2.7) with the instant at which the store learnt of it."""

    product: str
    release: str
    level: Literal["major", "minor", "patch"]
    published: dt.date
    decided_at: dt.datetime = BEGINNING


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonHistory:
    """Everything a decision about one person reads; the order of no tuple matters.

    `evidence` are the statements that belong (or belonged, see `Evidence.voided_at`) to the person: identity
    intervals are already applied. `holds` maps the id of another certification to the intervals in which
    the person held it. `version_order` maps the id of another certification to its versions by
    `effective_from`, where known: `version_at_least` compares by it, else by equality (cert#10).
    `groups` maps a group name to its members.
    """

    person: str
    evidence: tuple[Evidence, ...] = ()
    facts: tuple[Fact, ...] = ()
    holds: Mapping[str, tuple[Held, ...]] = field(default_factory=dict)
    version_order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Membership, ...]] = field(default_factory=dict)
    releases: tuple[PublishedRelease, ...] = ()
