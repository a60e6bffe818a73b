"""Awards that began, by month and region."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from dateutil.relativedelta import relativedelta

from lrs.analysis.audience import ReportRequest
from lrs.analysis.award_states import holding_spans
from lrs.analysis.figures.zones import months_before, zone_of
from lrs.analysis.reports.people import MOST_MONTHS, TREND_MONTHS, certifications, standings
from lrs.analysis.reports.report import Chart, Report
from rules import calendar
from rules.catalogue.store import cache_of

NOWHERE = "(no region)"


def awards(asked: ReportRequest) -> Report:
    """Count the awards that began in each month, by region of the organization at that time.

    A renewal without a gap begins none; who lapsed and comes back begins one more.
    """
    zone = zone_of(cache_of(asked.db).get(), asked.wanted.certification, asked.wanted.timezone)
    first, last = _span(asked)
    counts: Counter[tuple[dt.date, str]] = Counter()
    for standing in standings(asked.db, certifications(asked.db, asked.wanted), asked.whom.people()):
        for start, _ in holding_spans(standing["states"]):
            region = _region(asked, standing["person"], start)
            if region is not None and first <= start < last:
                counts[_month(start, zone), region] += 1
    months, regions = [_month(first, zone)], sorted({region for _, region in counts})
    while months[-1] < _month(last, zone):
        months.append(months[-1] + relativedelta(months=1))
    rows = [
        {"month": month, "region": region, "awards": counts[month, region]}
        for month in months
        for region in regions
    ]
    return Report(
        "awards", "Awards by month and region", "Awards that began in the month.",
        ("month", "region", "awards"), rows, Chart("lines", "month", "awards", by="region"),
    )  # fmt: skip


def _span(asked: ReportRequest) -> tuple[dt.datetime, dt.datetime]:
    """Return the first instant that counts and the first that counts no more."""
    end = asked.now if asked.wanted.until is None else min(asked.wanted.until, asked.now)
    start = asked.wanted.since or months_before(end, TREND_MONTHS)
    return max(start, months_before(end, MOST_MONTHS)), end


def _month(at: dt.datetime, zone: str) -> dt.date:
    return calendar.local_date(at, zone).replace(day=1)


def _region(asked: ReportRequest, person: str, at: dt.datetime) -> str | None:
    """Return the region for which a person counted at an instant, None where they counted for nobody."""
    found = next((one for one in asked.whom.memberships if one.person == person and one.holds(at)), None)
    return None if found is None else asked.whom.orgs[found.org].get("region") or NOWHERE
