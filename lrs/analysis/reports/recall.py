"""What is remembered: the share of questions answered right, by weeks since the pass (cert#2.12)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any, Final

from lrs.analysis.audience import ReportRequest
from lrs.analysis.reports.people import certifications
from lrs.analysis.reports.report import Chart, Report
from rules.catalogue.store import cache_of
from rules.engagement.spacing import weeks_since
from rules.language.engagement import Recall
from rules.stored import VENDOR

FEWEST: Final = 5  # people behind a share
FEW: Final = 500  # people who are looked up one by one


def recall(asked: ReportRequest) -> Report:
    """Share of questions answered right by whole weeks since the pass, for each certification.

    A share of fewer than five people is left out: it would tell of them.
    """
    names, people = certifications(asked.db, asked.wanted), asked.whom.people()
    of = {
        one.id: one.certification
        for one in cache_of(asked.db).get().of_kind(Recall)
        if one.certification in names
    }
    passes = _passes(asked, sorted(set(of.values())), people)
    counts: dict[tuple[str, int], list[tuple[str, bool]]] = defaultdict(list)
    for row in asked.db.recall_cards.find({"org": VENDOR, "recall": {"$in": sorted(of)}, **_only(people)}):
        for one in row["answers"] if row["person"] in people else ():
            weeks = weeks_since(passes.get((row["person"], of[row["recall"]]), ()), one["at"])
            if weeks is not None and _within(asked, one["at"]):
                counts[of[row["recall"]], weeks].append((row["person"], one["right"]))
    rows = [
        {
            "certification": name, "title": names[name], "weeks": weeks, "since": f"{names[name]}: {weeks}",
            "people": len({person for person, _ in each}), "answers": len(each),
            "right": round(sum(right for _, right in each) / len(each), 3),
        }
        for (name, weeks), each in sorted(counts.items())
        if len({person for person, _ in each}) >= FEWEST
    ]  # fmt: skip
    return Report(
        "recall", "What is remembered", "Questions answered right, by weeks since the pass.",
        ("certification", "title", "weeks", "since", "people", "answers", "right"), rows,
        Chart("bars", "since", "right", unit="%", most=1),
    )  # fmt: skip


def _only(people: set[str]) -> dict[str, Any]:
    """Return the filter of a few people; of many everybody is read."""
    return {"person": {"$in": sorted(people)}} if len(people) <= FEW else {}


def _passes(
    asked: ReportRequest, names: list[str], people: set[str]
) -> dict[tuple[str, str], list[dt.datetime]]:
    """Return when people passed: the beginnings of all periods, by person and certification."""
    wanted = {"org": VENDOR, "certification": {"$in": names}, **_only(people)}
    found: dict[tuple[str, str], list[dt.datetime]] = defaultdict(list)
    fields = {"person": 1, "certification": 1, "periods.awarded_at": 1}
    for row in asked.db.awards.find(wanted, fields) if names else ():
        begun = (period["awarded_at"] for period in row.get("periods", ()))
        found[row["person"], row["certification"]].extend(begun)
    return found


def _within(asked: ReportRequest, at: dt.datetime) -> bool:
    since, until = asked.wanted.since, asked.wanted.until
    return (since is None or since <= at) and (until is None or at < until)
