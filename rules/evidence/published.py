"""A certification as it is published: its versions and its lifecycle, selectors compiled once."""

# Compiled by mypyc, see setup.py.

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from rules.evidence.history import BEGINNING
from rules.evidence.selectors import CompiledSelector, compile_selector, has_release, tries
from rules.language.forms import CERTIFICATION, walk
from rules.language.model import Certification


@dataclass(frozen=True, slots=True)
class CompiledVersion:
    """The selectors of one version, ready for lookup by activity."""

    by_name: dict[str, CompiledSelector]
    by_activity: dict[str, tuple[CompiledSelector, ...]]
    by_prefix: tuple[tuple[str, CompiledSelector], ...]
    cmi5: tuple[CompiledSelector, ...]
    of_release: frozenset[str]
    of_award: frozenset[str]
    prerequisites: tuple[str, ...]
    disqualifiers: frozenset[str]
    limited: dict[str, CompiledSelector]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """One version with the instant from which it applies and the instant of its publication (cert#4.12).

    `effective_at` is the first instant of the local date `effective_from`; BEGINNING where it always applied.
    """

    document: Certification
    effective_at: dt.datetime = BEGINNING
    decided_at: dt.datetime = BEGINNING
    compiled: CompiledVersion = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", compile_version(self.document))

    @property
    def timezone(self) -> str:
        """The programme zone."""
        return self.document.validity.timezone


@dataclass(frozen=True, slots=True)
class LifecycleChange:
    """The certification was retired, withdrawn, disabled or published again (cert#1, cert#2.2)."""

    to: Literal["published", "retired", "withdrawn", "disabled"]
    at: dt.datetime
    decided_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCertification:
    """All versions of one certification, in any order, and its lifecycle."""

    id: str
    versions: tuple[PublishedVersion, ...]
    lifecycle: tuple[LifecycleChange, ...] = ()
    in_order: tuple[PublishedVersion, ...] = field(init=False, compare=False, repr=False)
    known_from: dt.datetime = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.versions, key=lambda v: (v.effective_at, v.decided_at, v.document.version))
        object.__setattr__(self, "in_order", tuple(ordered))
        object.__setattr__(self, "known_from", max((v.decided_at for v in ordered), default=BEGINNING))

    def versions_at(self, known_at: dt.datetime) -> tuple[PublishedVersion, ...]:
        """Return the versions known at an instant by the instant from which they apply."""
        if known_at >= self.known_from:
            return self.in_order
        return tuple(v for v in self.in_order if v.decided_at <= known_at)


def published(
    *versions: PublishedVersion, lifecycle: tuple[LifecycleChange, ...] = ()
) -> PublishedCertification:
    """Put the versions of one certification together."""
    return PublishedCertification(id=versions[0].document.id, versions=versions, lifecycle=lifecycle)


def compile_version(document: Certification) -> CompiledVersion:
    """Compile the selectors of a certification for lookup by activity."""
    by_name = {name: compile_selector(selector) for name, selector in document.evidence.items()}
    of_release = frozenset(name for name, selector in document.evidence.items() if has_release(selector))
    ordinary = [c for name, c in by_name.items() if name not in of_release and c.selector.cmi5 is None]
    by_activity: dict[str, tuple[CompiledSelector, ...]] = {}
    for compiled in ordinary:
        for activity in compiled.activities:
            by_activity[activity] = (*by_activity.get(activity, ()), compiled)
    nodes = [node for _, requirement in document.requirements() for node in walk(requirement)]
    return CompiledVersion(
        by_name=by_name,
        by_activity=by_activity,
        by_prefix=tuple((prefix, c) for c in ordinary for prefix in c.prefixes),
        cmi5=tuple(c for c in by_name.values() if c.selector.cmi5 is not None),
        of_release=of_release,
        of_award=frozenset(name for node in walk(document.award.when) for name in node.evidence_selectors()),
        prerequisites=tuple(dict.fromkeys(name for node in nodes for name in node.named(CERTIFICATION))),
        disqualifiers=frozenset(name for node in nodes for name in node.disqualified_by),
        limited={
            name: compile_selector(tries(one))
            for name, one in document.evidence.items()
            if one.attempts is not None
        },
    )
