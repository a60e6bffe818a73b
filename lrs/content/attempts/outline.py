"""What an attempt has to know of the package it is made at: its parts, and what they are measured by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lrs.content.attempts.policy import Bars
from lrs.content.attempts.results.values import Edition


@dataclass(frozen=True, slots=True)
class Part:
    """One item that can be delivered: a SCO, or a page that speaks to nobody."""

    id: str  # of the package
    iri: str
    name: Mapping[str, str]
    bars: Bars = field(default_factory=Bars)
    is_asset: bool = False
    launch_data: str = ""
    max_time: str = ""
    time_limit_action: str = ""


@dataclass(frozen=True)
class Outline:
    """One version of a course."""

    edition: Edition
    course: str  # IRI
    name: Mapping[str, str]
    version: str
    parts: tuple[Part, ...]
    sequencing: Mapping[str, Any] | None = None

    @cached_property
    def by_id(self) -> Mapping[str, Part]:
        """Return the parts by their ids."""
        return {part.id: part for part in self.parts}

    @property
    def is_sequenced(self) -> bool:
        """Tell whether an engine decides what is delivered: where there is something to decide."""
        return self.sequencing is not None and len(self.parts) > 1
