"""What pages of console and portal take of `lrs.words`: words, dates and numbers for the reader."""

from __future__ import annotations

from lrs.words.catalogues import CATALOGUES, LANGUAGES, ROOMS, catalogue
from lrs.words.reader import (
    COOKIE,
    FILTERS,
    GLOBALS,
    day,
    hour,
    isoday,
    language,
    local,
    mark,
    month,
    n,
    number,
    spoken_day,
    t,
    when,
    zone,
)

__all__ = [
    "CATALOGUES", "COOKIE", "FILTERS", "GLOBALS", "LANGUAGES", "ROOMS", "catalogue", "day", "hour", "isoday",
    "language", "local", "mark", "month", "n", "number", "spoken_day", "t", "when", "zone",
]  # fmt: skip
