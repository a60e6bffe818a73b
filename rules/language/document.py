"""What documents of all kinds share (cert#2.2)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["active", "evaluate", "disabled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What all kinds share (cert#2.2). `effective_from` None means the day of apply.

    `translations` has by language what titles, labels and names of the document are called in it.
    """

    id: str
    version: str
    title: str
    effective_from: dt.date | None = None
    mode: Mode = "active"
    tests: tuple[Mapping[str, Any], ...] = ()
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
