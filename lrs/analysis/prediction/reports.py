"""Predictions as reports: the probability, why, how the model did on what it had not seen, what it weighs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lrs.analysis.audience import ReportFilter, ReportRequest, audience, names_of
from lrs.analysis.reports.from_lake import MOST_DAYS, ask, days_of, needing_lake
from lrs.analysis.reports.people import certifications
from lrs.analysis.reports.report import Chart, Report
from lrs.foundation.errors import Collision, InvalidField
from rules.catalogue.relevance import activity_prefix
from rules.catalogue.store import cache_of
from rules.evidence.selectors import verbs_looked_at
from rules.language.model import Certification, PartnerTiers

if TYPE_CHECKING:
    from lrs.analysis.prediction.model import Factor, Trained
    from lrs.lake.reports.readiness import Piece

Row = dict[str, Any]
DAYS: Final = 90  # ahead, unless asked otherwise
EVERY: Final = dt.timedelta(days=30)
MOMENTS: Final = 24
DAY: Final = dt.timedelta(days=1)
NEVER: Final = (
    "A prediction decides nothing: no rule, gate or tier reads it. It says who resembles those who got "
    "there, not why. It is learned by logistic regression from what the people of this installation did."
)


@needing_lake
def readiness(asked: ReportRequest) -> Report:
    """Predict for each person who began a certification the probability of an award within `days`."""
    within = _span(asked)
    found, fresh = _learned(asked, "people", within)
    names = certifications(asked.db, asked.wanted)
    members = asked.whom.at(asked.now)
    coming = [row for row in found if row["moment"] == asked.now and row["person"] in members]
    called = names_of(asked.db, {row["person"] for row in coming})
    by = (asked.now + within).date()

    def told(row: Row, probability: float, because: str) -> Row:
        return {
            "name": called.get(row["person"], row["person"]), "organization": row["org"],
            "title": names[row["certification"]], "probability": probability, "by": by, "because": because,
            "certification": row["certification"], "person": row["person"],
        }  # fmt: skip

    return _report(
        Report(
            "readiness", "Who is likely to be certified",
            f"The probability that somebody who began is awarded by {by} ({within.days} days).",
            ("name", "organization", "title", "probability", "by", "because", "certification", "person"),
            [], Chart("bars", "name", "probability", unit="%", most=1.0),
        ),
        found, coming, told, within=within, fresh=fresh,
    )  # fmt: skip


@needing_lake
def tier_readiness(asked: ReportRequest) -> Report:
    """Predict for each partner the probability of a higher tier within `days`."""
    within = _span(asked)
    found, fresh = _learned(asked, "partners", within)
    coming = [row for row in found if row["moment"] == asked.now and row["org"] in asked.whom.orgs]
    order = _order(asked)
    by = (asked.now + within).date()

    def told(row: Row, probability: float, because: str) -> Row:
        return {
            "organization": row["org"], "name": asked.whom.orgs[row["org"]]["name"],
            "programme": row["programme"], "tier": order[row["programme"]][row["rank"]],
            "probability": probability, "by": by, "because": because,
        }  # fmt: skip

    return _report(
        Report(
            "tier-readiness", "Which partners are likely to rise",
            f"The probability that a partner reaches a higher tier by {by} ({within.days} days).",
            ("organization", "name", "programme", "tier", "probability", "by", "because"),
            [], Chart("bars", "name", "probability", unit="%", most=1.0),
        ),
        found, coming, told, within=within, fresh=fresh,
    )  # fmt: skip


def _span(asked: ReportRequest) -> dt.timedelta:
    """Return how far ahead is asked: `days`, or up to `until`; Collision where predictions are off."""
    if not asked.predicts:
        raise Collision("predictions are off here; LRS_PREDICTION=on turns them on")
    until = asked.wanted.until
    if until is None or asked.wanted.days is not None:
        return days_of(asked, DAYS) * DAY
    days = -((asked.now - until) // DAY)
    if not 1 <= days <= MOST_DAYS:
        raise InvalidField("until", f"is a day to come, at most {MOST_DAYS} days ahead")
    return days * DAY


def _learned(asked: ReportRequest, which: str, within: dt.timedelta) -> tuple[list[Row], str]:
    """Return the rows of past moments and of now, of all stores and people that the asker sees."""
    from lrs.lake.reports import readiness as rows  # noqa: PLC0415 -- the libraries are optional

    latest = asked.now - within
    moments = [*(latest - n * EVERY for n in reversed(range(MOMENTS))), asked.now]
    given: dict[str, Any] = {
        "moments": moments, "within": within, "now": asked.now, "evidence": _evidence(asked)
    }  # fmt: skip
    made = partial(rows.people, **given)
    if which == "partners":
        made = partial(rows.partners, **given, order=_order(asked))
    everybody = audience(asked.db, asked.whom.scope, ReportFilter(), asked.now)
    wanted = ReportFilter(certification=asked.wanted.certification, product=asked.wanted.product)
    found, fresh = ask(replace(asked, whom=everybody, wanted=wanted), made)
    return found, fresh


def _evidence(asked: ReportRequest) -> list[Piece]:
    """Return which activities, with which verbs, count for which certification by its newest version."""
    found: list[Piece] = []
    for document in cache_of(asked.db).get().of_kind(Certification):
        for name, selector in document.evidence.items():
            for activity in selector.activities:
                prefix = activity_prefix(activity)
                verbs = sorted(verbs_looked_at(selector))
                found.append((document.id, name, prefix or activity, prefix is not None, verbs))
    return found


def _order(asked: ReportRequest) -> dict[str, Sequence[str]]:
    """Return the tiers of each programme, the lowest first."""
    return {one.id: one.order for one in cache_of(asked.db).get().of_kind(PartnerTiers)}


def _report(
    blank: Report,
    found: Sequence[Row],
    coming: Sequence[Row],
    told: Callable[[Row, float, str], Row],
    *,
    within: dt.timedelta,
    fresh: str,
) -> Report:
    """Fill a report with what a model says, or with why there is none."""
    from lrs.analysis.prediction import model  # noqa: PLC0415 -- scikit-learn is optional, and takes a second

    factors = FACTORS[blank.name](model)
    try:
        trained = model.train([row for row in found if row["outcome"] is not None], factors, within)
    except model.TooLittle as error:
        return replace(blank, notes=(str(error), NEVER, fresh), empty=str(error))
    rows = [
        told(row, round(probability, 3), trained.reasons(row))
        for row, probability in zip(coming, trained.probabilities(coming), strict=True)
    ]
    rows.sort(key=lambda row: (-row["probability"], row["name"]))
    beside = (_calibration(trained), _weighing(trained))
    return replace(blank, rows=rows, notes=(_figures(trained), NEVER, fresh), beside=beside)


def _figures(trained: Trained) -> str:
    trial = trained.trial
    span = f"{trial.first:%Y-%m-%d} to {trial.last:%Y-%m-%d}"
    return (
        f"Held out: {trial.examples:,} examples from {span}, after training on {trial.trained_on:,} older "
        f"ones. Brier score {trial.brier:.3f} (0 is best; always saying the share of the past: "
        f"{trial.base:.3f}), AUC {trial.auc:.2f} (0.5 is chance, 1 is best). What is shown was then trained "
        f"on all {trained.examples:,} examples, of which {trained.share:.0%} got there."
    )


def _calibration(trained: Trained) -> Report:
    rows = [
        {
            "predicted": f"{one.predicted:.0%}", "examples": one.examples, "observed": round(one.observed, 3),
            "low": round(one.low, 3), "high": round(one.high, 3),
        }
        for one in trained.trial.bins
    ]  # fmt: skip
    return Report(
        "calibration", "Does it keep what it says?",
        "What was predicted of the examples held out, in tenths, beside the share that got there (95 %).",
        ("predicted", "examples", "observed", "low", "high"), rows,
        Chart("range", "predicted", ("low", "observed", "high"), unit="%", most=1.0),
    )  # fmt: skip


def _weighing(trained: Trained) -> Report:
    rows = [
        {
            "factor": one.factor.words, "low": round(one.low, 2), "high": round(one.high, 2),
            "odds": round(one.odds, 2), "in_words": _in_words(one.factor, one.low, one.high, one.odds),
        }
        for one in trained.weights
    ]  # fmt: skip
    return Report(
        "factors", "What it weighs",
        "How many times as high the odds are at a high value (nine of ten are lower) as at a low one.",
        ("factor", "low", "high", "odds", "in_words"), rows, Chart("bars", "factor", "odds", unit="times"),
    )  # fmt: skip


def _in_words(factor: Factor, low: float, high: float, odds: float) -> str:
    if low == high or 0.95 < odds < 1.05:
        return f"{factor.words}: makes no difference"
    times = f"{odds:.1f} times as high" if odds > 1 else f"{1 / odds:.1f} times as low"
    return f"{factor.words}: at {high:,.4g} rather than {low:,.4g} the odds are {times}"


def _of_people(model: Any) -> list[Factor]:
    return [
        model.Factor("done", "share of the evidence that is there"),
        model.Factor("days", "days since the first of it", model.log),
        model.Factor("best_score", "best score so far", model.score),
        model.Factor("failed", "failed attempts", model.log),
        model.Factor("recent", "statements within 30 days", model.log),
        model.Factor("quiet_days", "days since the last statement", model.log),
        model.Factor("others", "other certifications held", model.log),
        model.Factor("peers", "share of colleagues who hold it"),
    ]


def _of_partners(model: Any) -> list[Factor]:
    return [
        model.Factor("people", "people", model.log),
        model.Factor("certified", "share of people certified"),
        model.Factor("held", "certifications held", model.log),
        model.Factor("awarded", "first awards within 90 days", model.log),
        model.Factor("lively", "share of people active within 60 days"),
        model.Factor("under_way", "people with new evidence within 90 days", model.log),
        model.Factor("height", "how high the present tier is"),
    ]


FACTORS: Final[dict[str, Callable[[Any], list[Factor]]]] = {
    "readiness": _of_people,
    "tier-readiness": _of_partners,
}
PREDICTIONS: Final = {
    "readiness": readiness,
    "tier-readiness": tier_readiness,
}
