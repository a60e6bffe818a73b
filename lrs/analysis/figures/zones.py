"""In whose days a report counts: the asked zone, else the programme's."""

from __future__ import annotations

import datetime as dt
from typing import Final

from dateutil.relativedelta import relativedelta

from rules.catalogue.rule_set import RuleSet, timezone_of
from rules.language.model import Certification

EARLIEST: Final = dt.datetime(1, 1, 3, tzinfo=dt.UTC)  # a day of every zone


def months_before(at: dt.datetime, months: int) -> dt.datetime:
    """Return the instant so many months earlier; the earliest where the calendar does not go back so far."""
    try:
        return at - relativedelta(months=months)
    except (ValueError, OverflowError):
        return EARLIEST


def zone_of(rules: RuleSet, certification: str | None, asked: str | None) -> str:
    """Return the zone of a report's days: asked for, of its certification, or of all if they share one."""
    if asked is not None:
        return asked
    documents = [d for d in rules.of_kind(Certification) if certification in {None, d.id}]
    zones = {timezone_of(document) for document in documents}
    return zones.pop() if len(zones) == 1 else "UTC"
