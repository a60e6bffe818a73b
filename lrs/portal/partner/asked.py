"""What is asked of an organization's people now: read once, used by the pages that say who is late."""

from __future__ import annotations

import datetime as dt
from typing import Any

from lrs.analysis.assignments import assigned, row_of, titles_of, urgency
from lrs.analysis.audience import ReportFilter, audience, only
from lrs.analysis.readable_stores import Scope
from lrs.analysis.targets import AskedPerson, asked_people
from lrs.foundation.context import current_services
from rules.catalogue.store import cache_of


def asked_now(org: str, now: dt.datetime, person: str | None = None) -> list[AskedPerson]:
    """Return of whom of an organization (or of that one person) which certification is asked now."""
    db, scope = current_services().db, Scope((org,))
    whom = audience(db, scope, ReportFilter(), now) if person is None else only(db, scope, person)
    return list(asked_people(db, whom, cache_of(db).get().certifications, now))


def assigned_to(person: str, now: dt.datetime) -> list[tuple[str, dict[str, Any]]]:
    """Return the assignments of somebody, each with its title, the most urgent first."""
    db = current_services().db
    known = titles_of(cache_of(db).get())
    rows = sorted((row_of(*one) for one in assigned(db, now, [person])), key=urgency)
    return [(known[row["assignment"]], row) for row in rows]
