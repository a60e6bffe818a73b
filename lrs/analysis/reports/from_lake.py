"""How reports are answered by DuckDB on the lake's tables, of the stores and people that the asker sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Final, TypeVar

from lrs.analysis.audience import ReportRequest
from lrs.analysis.figures.zones import zone_of
from lrs.analysis.reports.people import certifications
from lrs.analysis.reports.report import Report
from lrs.foundation.errors import Collision, InvalidField
from lrs.lake.errors import LakeError, LakeUnreadable
from rules.catalogue.store import cache_of

if TYPE_CHECKING:
    from lrs.lake.reports.opened import Tables

T = TypeVar("T")
Maker = Callable[[ReportRequest], Report]
UNITS: Final = ("month", "quarter", "year")
MOST_DAYS: Final = 3650
FEW: Final = "Figures of fewer than 5 people are left out: they would tell of single people."


def needing_lake(report: Maker) -> Maker:
    """Return a report that says by Collision why there is no lake, or no library, that answers it."""

    @wraps(report)
    def made(asked: ReportRequest) -> Report:
        try:
            return report(asked)
        except ImportError as error:
            extra = "lake,prediction" if str(error.name).startswith("sklearn") else "analysis,lake"
            raise Collision(
                f"{error.name} is not installed here: pip install 'laurel-lrs[{extra}]'"
            ) from error
        except LakeError as error:
            raise Collision(str(error)) from error

    return made


def ask(asked: ReportRequest, make: Callable[[Tables], T]) -> tuple[T, str]:
    """Return what `make` makes of the lake's tables, and a sentence on how fresh they are.

    Asks once more where files went while they were read. Raises LakeError, QueryTimeout, TooLarge.
    """
    from lrs.lake.reports import opened  # noqa: PLC0415 -- the libraries are optional, and cost 100 MB

    whom = asked.whom
    sight = opened.Sight(
        whom.scope.orgs, sorted(whom.orgs), certifications(asked.db, asked.wanted), asked.wanted.role,
        whom.everybody,
    )  # fmt: skip

    def once() -> tuple[T, str]:
        with opened.opened(asked.db, asked.lake_url, sight) as tables:
            return make(tables), f"The lake knows everything before {tables.through:%Y-%m-%d %H:%M:%S} UTC."

    try:
        return once()
    except LakeUnreadable:
        return once()


def zone(asked: ReportRequest) -> str:
    """Return the zone of a report's months, quarters and years."""
    return zone_of(cache_of(asked.db).get(), asked.wanted.certification, asked.wanted.timezone)


def unit_of(asked: ReportRequest) -> str:
    """Return in what something is followed over time; raises InvalidField."""
    unit = asked.wanted.unit or "quarter"
    if unit not in UNITS:
        raise InvalidField("unit", f"is one of {', '.join(UNITS)}")
    return unit


def days_of(asked: ReportRequest, otherwise: int) -> int:
    """Return within how many days something is to happen; raises InvalidField."""
    days = otherwise if asked.wanted.days is None else asked.wanted.days
    if not 1 <= days <= MOST_DAYS:
        raise InvalidField("days", f"is a number from 1 to {MOST_DAYS}")
    return days


def period_name(first: dt.date, unit: str) -> str:
    """Return the name of a month, quarter or year that begins on a day."""
    names = {"month": f"{first:%Y-%m}", "quarter": f"{first.year} Q{(first.month + 2) // 3}"}
    return names.get(unit, str(first.year))
