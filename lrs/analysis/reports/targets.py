"""Reports on what is asked of people: who has not begun, and what is due when (cert#5-8)."""

from __future__ import annotations

from collections import Counter, defaultdict

from lrs.analysis.audience import ReportRequest, names_of
from lrs.analysis.reports.people import certifications
from lrs.analysis.reports.report import Chart, Report
from lrs.analysis.targets import NOT_STARTED, AskedPerson, asked_people

UNDER_WAY = frozenset({"in_progress", "pending_review"})


def due(asked: ReportRequest) -> Report:
    """List the people who are asked for a certification and do not hold it, the soonest due first."""
    names = certifications(asked.db, asked.wanted)
    found = [one for one in asked_people(asked.db, asked.whom, names, asked.now) if not one.held]
    called = names_of(asked.db, {one.membership.person for one in found})
    rows = [
        {
            "due": one.asked.due and one.asked.due.isoformat(), "overdue": one.overdue, "state": one.state,
            "person": one.membership.person, "name": called.get(one.membership.person, ""),
            "organization": one.membership.org, "certification": one.certification,
            "title": names[one.certification], "since": one.asked.since.isoformat(),
        }
        for one in found
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["due"] or "9999", row["name"], row["certification"]))
    return Report(
        "due", "Certifications asked for and not held", "People who are asked for it, by the day it is due.",
        ("due", "overdue", "state", "name", "organization", "certification", "title", "since", "person"),
        rows, Chart("stacked", "title", "count", by="state", unit="people"),
    )  # fmt: skip


def targets(asked: ReportRequest) -> Report:
    """Count for each organization how far the people are who are asked for a certification."""
    names = certifications(asked.db, asked.wanted)
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in asked_people(asked.db, asked.whom, names, asked.now):
        counts[one.membership.org, one.certification].update(_counted(one))
    columns = ("asked", "not_started", "in_progress", "held", "lapsed", "overdue")
    rows = [
        {
            "organization": org, "name": asked.whom.orgs.get(org, {}).get("name", org),
            "certification": name, "title": names[name], **{column: count[column] for column in columns},
        }
        for (org, name), count in sorted(counts.items())
    ]  # fmt: skip
    return Report(
        "targets", "How far those are who are asked", "People of whom a certification is asked, by state.",
        ("organization", "name", "certification", "title", *columns), rows,
        Chart("bars", "name", "asked", unit="people"),
    )  # fmt: skip


def _counted(one: AskedPerson) -> list[str]:
    state = "held" if one.held else "in_progress" if one.state in UNDER_WAY else one.state
    state = state if state in {"held", "in_progress", NOT_STARTED} else "lapsed"
    return ["asked", state, *(["overdue"] if one.overdue else [])]
