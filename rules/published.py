"""A certification as it is published: its versions and its lifecycle, selectors compiled once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from rules.history import BEGINNING
from rules.model import Certification


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """One version with the instant from which it applies and the instant of its publication (4.12).

    `effective_at` is the first instant of the local date `effective_from`; BEGINNING where it always applied.
    """

    document: Certification
    effective_at: dt.datetime = BEGINNING
    decided_at: dt.datetime = BEGINNING


@dataclass(frozen=True, slots=True)
class LifecycleChange:
    """The certification was retired, withdrawn, disabled, or published again, at an instant (1, 2.2)."""

    to: Literal["published", "retired", "withdrawn", "disabled"]
    at: dt.datetime
    decided_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCertification:
    """All versions of one certification, in any order, and its lifecycle."""

    id: str
    versions: tuple[PublishedVersion, ...]
    lifecycle: tuple[LifecycleChange, ...] = ()


def published(
    *versions: PublishedVersion, lifecycle: tuple[LifecycleChange, ...] = ()
) -> PublishedCertification:
    """Put the versions of one certification together."""
    return PublishedCertification(id=versions[0].document.id, versions=versions, lifecycle=lifecycle)
