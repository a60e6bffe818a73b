"""Reports over the years on what people learn: how questions were answered, which content comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lrs.analysis.audience import ReportRequest
from lrs.analysis.figures.interval import Interval
from lrs.analysis.reports.content import activity_names
from lrs.analysis.reports.from_lake import FEW, ask, days_of, needing_lake, period_name, unit_of, zone
from lrs.analysis.reports.report import Chart, Report, Row

if TYPE_CHECKING:
    from lrs.lake.reports.opened import Tables

DAYS: Final = 30  # within which somebody goes on to other content, unless asked otherwise
MOST_HEAT: Final = 30  # questions in the picture
MOST_FLOWS: Final = 20
NOTHING: Final = "(nothing)"
OTHER: Final = "(other content)"


@needing_lake
def item_history(asked: ReportRequest) -> Report:
    """Follow each question over the years: difficulty, discrimination, wrong answers, drift."""
    from lrs.lake.reports import learning  # noqa: PLC0415 -- as above

    wanted, unit = asked.wanted, unit_of(asked)

    def make(tables: Tables) -> tuple[list[dict[str, Any]], dict[int, str]]:
        found = learning.items(tables, unit=unit, zone=zone(asked), since=wanted.since, until=wanted.until)
        return found, tables.activities(row["question"] for row in found)

    (found, ids), fresh = ask(asked, make)
    labels = _labels(asked, ids)
    drifted = _drifts(found)
    rows = [
        {
            "question": ids[row["question"]], "title": labels[row["question"]],
            unit: period_name(row["period"], unit), "answers": row["answers"], "people": row["people"],
            "difficulty": row["difficulty"], "drift": drift.value, "drift_low": drift.low,
            "drift_high": drift.high, "discrimination": row["discrimination"],
            "distractors": _distractors(row),
        }
        for row, drift in zip(found, drifted, strict=True)
    ]  # fmt: skip
    most = Counter[str]()
    for row in rows:
        most[row["title"]] = max(most[row["title"]], abs(row["drift"] or 0))
    rows.sort(key=lambda row: (-most[row["title"]], row["title"], row[unit]))
    drawn = {title: None for row in rows if row["difficulty"] is not None for title in (row["title"],)}
    shown = set(list(drawn)[:MOST_HEAT])
    return Report(
        "item-history", "Questions over the years",
        f"Share of right answers in each {unit}; drift: against all before it (95 %), the largest first.",
        (
            "question", "title", unit, "answers", "people", "difficulty", "drift", "drift_low", "drift_high",
            "discrimination", "distractors",
        ),
        rows, Chart("heat", unit, "difficulty", by="title", unit="%"), notes=(FEW, fresh),
        drawn=[row for row in rows if row["title"] in shown],
    )  # fmt: skip


def _drifts(found: Sequence[Row]) -> list[Interval]:
    """Return how far each period of a question lies from all periods before it, with Newcombe's interval."""
    from lrs.analysis.figures.confidence_intervals import rate_difference, wilson  # noqa: PLC0415 -- scipy

    before: Counter[tuple[int, str]] = Counter()
    drifts = []
    for row in found:
        question, right = row["question"], row["right"]
        earlier = before[question, "answers"]
        if right is None or not earlier:
            drifts.append(Interval(None))
        else:
            drift = rate_difference(
                wilson(right, row["answers"]), wilson(before[question, "right"], earlier)
            )  # fmt: skip
            drifts.append(
                Interval(
                    *(None if one is None else round(one, 3) for one in (drift.value, drift.low, drift.high))
                )
            )
        if right is not None:
            before[question, "answers"] += row["answers"]
            before[question, "right"] += right
    return drifts


def _distractors(row: Row) -> str | None:
    if row["distractors"] is None:
        return None
    told = [f"{response or NOTHING}: {share:.0%}" for response, share in row["distractors"]]
    return "; ".join([*told, *([f"others: {row['other_wrong']:.0%}"] if row["other_wrong"] else [])])


@needing_lake
def paths(asked: ReportRequest) -> Report:
    """Show where people go on to from each content, or from one (`activity`), within some days (`days`)."""
    from lrs.lake.reports import learning  # noqa: PLC0415 -- as above

    wanted, days = asked.wanted, days_of(asked, DAYS)
    end = min(asked.now, wanted.until or asked.now)

    def make(tables: Tables) -> tuple[list[dict[str, Any]], dict[int, str]]:
        found = learning.paths(
            tables, activity=wanted.activity, days=days, since=wanted.since, until=wanted.until, now=end
        )  # fmt: skip
        named = (row[which] for row in found for which in ("content", "next") if row[which] is not None)
        return found, tables.activities(named)

    (found, ids), fresh = ask(asked, make)
    labels = {**_labels(asked, ids), None: NOTHING, learning.OTHER: OTHER}
    rows = [
        {
            "content": labels[row["content"]], "next": labels[row["next"]], "people": row["people"],
            "times": row["times"], "share": row["share"], "median_hours": row["hours"],
            "activity": ids[row["content"]], "next_activity": ids.get(row["next"]),
        }
        for row in found
    ]  # fmt: skip
    return Report(
        "paths", "Which content comes next",
        f"Where people went on to within {days} days of a visit; share: of all visits to the content.",
        ("content", "next", "people", "times", "share", "median_hours", "activity", "next_activity"), rows,
        Chart("flows", "content", "people", by="next", unit="people"),
        notes=(f"{OTHER}: what fewer than 5 people went on to.", fresh),
        drawn=[row for row in rows if row["next_activity"]][:MOST_FLOWS],
    )  # fmt: skip


def _labels(asked: ReportRequest, ids: Mapping[int, str]) -> dict[int | None, str]:
    """Return a text for each activity that no other has: its name, else its id."""
    names = activity_names(asked.db, asked.whom, set(ids.values()))
    common = Counter(names.values())
    return {key: names[one] if one in names and common[names[one]] == 1 else one for key, one in ids.items()}
