"""What is asked of an organization's people now: read once, used by the pages that say who is late."""

from __future__ import annotations

import datetime as dt

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
