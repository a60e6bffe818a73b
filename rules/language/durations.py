"""Calendar durations such as `12 months`: read from text and written again (cert#2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """Units of a duration (cert#2.1)."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Duration:
    """A calendar duration such as `12 months`; arithmetic on dates is in `rules.calendar` (cert#4.6)."""

    n: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.n} {self.unit.value[:-1] if self.n == 1 else self.unit.value}"


NO_TIME = Duration(0, Unit.DAYS)


def duration(text: str) -> Duration:
    """Read a duration such as `12 months` or `1 day`."""
    number, unit = text.split(" ")
    return Duration(int(number), Unit(unit.rstrip("s") + "s"))
