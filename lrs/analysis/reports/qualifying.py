"""Reports over the years on what people hold: how long it is kept, how soon reached, what it goes with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from lrs.analysis.audience import ReportRequest
from lrs.analysis.deals import CAVEAT
from lrs.analysis.figures.interval import Interval
from lrs.analysis.reports.from_lake import FEW, ask, needing_lake, period_name, unit_of, zone
from lrs.analysis.reports.people import certifications
from lrs.analysis.reports.report import Chart, Report, Row

Sample = tuple[int, float | None, float | None]  # size, mean, variance
COUNTED: Final = ("people", "deals", "decided", "won")
WEIGHTS: Final[Mapping[str, int]] = {
    "certified": 30, "active": 20, "kept": 20, "safe": 10, "passing": 10, "learning": 10,
}  # fmt: skip
PARTS: Final = (
    "certified: people who hold a certification. active: people with a statement within 60 days. "
    "kept: of what the people held a year ago, what they hold now. safe: of what is held, what does not end "
    "within 90 days. passing: of the scored attempts of a year, those passed. learning: people who were "
    "awarded one for the first time within a year. A part of which nothing tells (-) counts for nothing: the "
    "weights of the others are scaled up to 100."
)


@needing_lake
def retention(asked: ReportRequest) -> Report:
    """Follow those who were first awarded in one quarter: the share that still holds it so many months later.

    Who left the organizations in reach is followed no further; months that are not over for somebody do not
    count them.
    """
    from lrs.lake.reports import qualifying  # noqa: PLC0415 -- as above

    wanted, unit = asked.wanted, unit_of(asked)
    make = partial(
        qualifying.retention, unit=unit, zone=zone(asked), since=wanted.since, until=wanted.until,
        now=asked.now,
    )  # fmt: skip
    found, fresh = ask(asked, make)
    rows = [{**row, "cohort": period_name(row["cohort"], unit)} for row in found]
    return Report(
        "retention", "Kept after so many months",
        f"Of the certifications first awarded in a {unit}, the share still held so many months later.",
        ("cohort", "awards", "months", "observed", "held", "share"), rows,
        Chart("heat", "months", "share", by="cohort", unit="%"), notes=(FEW, fresh),
    )  # fmt: skip


@needing_lake
def time_to_competency(asked: ReportRequest) -> Report:
    """Measure for each partner the days to a first award, from joining it and from the first statement."""
    from lrs.lake.reports import qualifying  # noqa: PLC0415 -- as above

    wanted = asked.wanted
    make = partial(qualifying.time_to_competency, since=wanted.since, until=wanted.until, now=asked.now)
    found, fresh = ask(asked, make)
    rows = [
        {
            "organization": row["org"], "name": asked.whom.orgs[row["org"]]["name"], "people": row["people"],
            "q1_days": row["q1"], "median_days": row["median"], "q3_days": row["q3"],
            "learners": row["learners"], "learning_q1_days": row["learning_q1"],
            "learning_median_days": row["learning_median"], "learning_q3_days": row["learning_q3"],
            "waiting": row["waiting"],
        }
        for row in found
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["median_days"] is None, row["median_days"] or 0, row["name"]))
    return Report(
        "time-to-competency", "Time to competency by partner",
        "Days from joining the partner to the first award (learning: from the first statement).",
        (
            "organization", "name", "people", "q1_days", "median_days", "q3_days", "learners",
            "learning_q1_days", "learning_median_days", "learning_q3_days", "waiting",
        ),
        rows, Chart("range", "name", ("q1_days", "median_days", "q3_days"), unit="days"),
        notes=("Who never was awarded (waiting) has no time yet and counts in none.", FEW, fresh),
        drawn=[row for row in rows if row["median_days"] is not None],
    )  # fmt: skip


@needing_lake
def training_and_deals(asked: ReportRequest) -> Report:
    """Put deals of people who held a certification when the deal was created beside those of the others."""
    from lrs.lake.reports import partners  # noqa: PLC0415 -- as above

    found, fresh = ask(asked, partial(partners.deals, since=asked.wanted.since, until=asked.wanted.until))
    names = certifications(asked.db, asked.wanted)
    by_name: dict[str, dict[bool, Row]] = {}
    for row in found:
        by_name.setdefault(row["certification"], {})[row["certified"]] = row
    rows = [row for name, cohorts in sorted(by_name.items()) for row in _compared(name, names[name], cohorts)]
    compared = {
        row["certification"] for row in rows if row["people"] is None and row["won_share"] is not None
    }
    rows.sort(key=lambda row: row["certification"] not in compared)
    return Report(
        "training-and-deals", "Training and deals",
        "Deals of people certified when the deal was created, and of the others; intervals at 95 %.",
        (
            "certification", "title", "group", "people", "deals", "decided", "won", "won_share", "won_low",
            "won_high", "mean_amount", "amount_low", "amount_high",
        ),
        rows, Chart("range", "group", ("won_low", "won_share", "won_high"), unit="%", most=1.0),
        notes=(CAVEAT, FEW, fresh),
        drawn=[row for row in rows if row["certification"] in compared and row["people"] is not None],
    )  # fmt: skip


def _compared(name: str, title: str, cohorts: Mapping[bool, Row]) -> list[dict[str, Any]]:
    """Return a row of the certified, of the others and of their difference."""
    from lrs.analysis.figures import confidence_intervals as statistics  # noqa: PLC0415 -- scipy
    from lrs.lake.reports.opened import SMALLEST  # noqa: PLC0415 -- as above

    rows: list[dict[str, Any]] = []
    about = {"certification": name, "title": title}
    told: list[tuple[Interval, Sample]] = []
    for certified, word in ((True, "certified"), (False, "not certified")):
        deals = cohorts.get(certified, dict.fromkeys(COUNTED, 0))
        counts = {key: deals[key] for key in COUNTED}
        share = mean = Interval(None)
        if deals["people"] < SMALLEST:
            counts |= {"decided": None, "won": None}
        else:
            sample = (deals["priced"], deals["mean"], deals["variance"])
            share, mean = statistics.wilson(deals["won"], deals["decided"]), statistics.mean_from(*sample)
            told.append((share, sample))
        rows.append({**about, "group": f"{title}: {word}", **counts, **_intervals(share, mean)})
    share = mean = Interval(None)
    if len(told) == 2:
        (first, some), (second, others) = told
        share, mean = (
            statistics.rate_difference(first, second),
            statistics.mean_difference_from(some, others),
        )
    none = dict.fromkeys(COUNTED)
    return [*rows, {**about, "group": f"{title}: difference", **none, **_intervals(share, mean)}]


def _intervals(share: Interval, mean: Interval) -> dict[str, float | None]:
    def at(value: float | None, digits: int) -> float | None:
        return None if value is None else round(value, digits)

    return {
        "won_share": at(share.value, 3), "won_low": at(share.low, 3), "won_high": at(share.high, 3),
        "mean_amount": at(mean.value, 2), "amount_low": at(mean.low, 2), "amount_high": at(mean.high, 2),
    }  # fmt: skip


@needing_lake
def health_score(asked: ReportRequest) -> Report:
    """Score each partner from 0 to 100 by six parts with stated weights, and show every part."""
    from lrs.lake.reports import partners  # noqa: PLC0415 -- as above

    found, fresh = ask(asked, partial(partners.health, now=asked.now))
    rows = []
    for row in found:
        known = {part: float(row[part]) for part in WEIGHTS if row[part] is not None}
        whole = sum(WEIGHTS[part] for part in known)
        points = {part: 100 * WEIGHTS[part] * share / whole for part, share in known.items()}
        shares = {part: None if part not in known else round(known[part], 3) for part in WEIGHTS}
        rows.append({
            "organization": row["org"], "name": asked.whom.orgs[row["org"]]["name"], "people": row["people"],
            "score": round(sum(points.values()), 1), **shares, "_points": points,
        })  # fmt: skip
    rows.sort(key=lambda row: (row["score"], row["organization"]))
    drawn = [
        {"name": row["name"], "part": part, "points": round(points, 1)}
        for row in rows
        for part, points in row.pop("_points").items()
    ]
    weights = ", ".join(f"{part} {weight}" for part, weight in WEIGHTS.items())
    return Report(
        "health-score", "Health of partners, part by part", f"Of 100 points: {weights}.",
        ("organization", "name", "people", "score", *WEIGHTS), rows,
        Chart("stacked", "name", "points", by="part"), notes=(PARTS, fresh), drawn=drawn,
    )  # fmt: skip
