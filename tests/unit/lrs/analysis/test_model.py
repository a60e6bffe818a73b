"""The model of predictions: it learns what there is, is judged on what it has not seen, and says so in words."""

from __future__ import annotations

import datetime as dt
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from lrs.analysis.prediction import model
from lrs.analysis.prediction.model import Factor, TooLittle, log, score, train

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
MONTH = dt.timedelta(days=30)
WITHIN = dt.timedelta(days=90)
FACTORS = [
    Factor("helps", "what helps", log),
    Factor("noise", "what does nothing"),
    Factor("score", "score", score),
]


def history(seed: int, moments: int = 16, each: int = 30) -> list[dict[str, Any]]:
    """People whose chance grows with `helps` alone."""
    chance = random.Random(seed)
    rows = []
    for n in range(moments):
        for _ in range(each):
            helps = chance.randrange(0, 40)
            odds = math.exp(-3 + 1.5 * math.log1p(helps))
            rows.append({
                "org": f"o{chance.randrange(60)}", "moment": START + n * MONTH, "helps": helps, "noise": chance.random(),
                "score": chance.choice([None, 0.2, 0.9]), "outcome": chance.random() < odds / (1 + odds),
            })  # fmt: skip
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_matters_and_says_it_in_odds(seed: int) -> None:
    trained = train(history(seed), FACTORS, WITHIN)
    first = trained.weights[0]
    assert first.factor.column == "helps"
    assert first.odds > 5
    assert trained.trial.auc > 0.7
    assert trained.trial.brier < trained.trial.base
    few, many = ({"helps": n, "noise": 0.5, "score": None} for n in (0, 39))
    low, high = trained.probabilities([few, many])
    assert 0 < low < 0.3 < 0.7 < high < 1
    assert trained.reasons(few).startswith("- what helps")
    assert trained.reasons(many).startswith("+ what helps")


def test_the_trial_is_on_newer_time_into_which_no_outcome_of_training_reaches() -> None:
    rows = history(1)
    trial = train(rows, FACTORS, WITHIN).trial
    moments = sorted({row["moment"] for row in rows})
    assert (trial.first, trial.last) == (moments[12], moments[15])
    assert trial.examples == sum(row["moment"] >= trial.first for row in rows)
    assert trial.trained_on == sum(row["moment"] + WITHIN <= trial.first for row in rows)


def test_the_figures_of_the_trial_are_those_of_the_textbook() -> None:
    rows = history(2)
    trial = train(rows, FACTORS, WITHIN).trial
    older = [row for row in rows if row["moment"] + WITHIN <= trial.first]
    newer = [row for row in rows if row["moment"] >= trial.first]
    probabilities = model._probabilities(model._fitted(older, FACTORS), model.numbers(newer, FACTORS))
    pairs = [(float(p), row["outcome"]) for p, row in zip(probabilities, newer, strict=True)]
    assert trial.brier == pytest.approx(sum((p - came) ** 2 for p, came in pairs) / len(pairs))
    share = sum(row["outcome"] for row in older) / len(older)
    assert trial.base == pytest.approx(sum((share - came) ** 2 for _, came in pairs) / len(pairs))
    wins = [(p > q) + (p == q) / 2 for p, came in pairs if came for q, other in pairs if not other]
    assert trial.auc == pytest.approx(sum(wins) / len(wins))


def test_the_tenths_hold_every_example_in_order_of_what_was_predicted() -> None:
    trial = train(history(3), FACTORS, WITHIN).trial
    assert len(trial.bins) == 10
    assert sum(one.examples for one in trial.bins) == trial.examples
    assert [one.predicted for one in trial.bins] == sorted(one.predicted for one in trial.bins)
    assert all(one.low <= one.observed <= one.high for one in trial.bins)
    assert trial.bins[0].observed < trial.bins[-1].observed


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "0 examples"),
        (history(1, moments=3), "too little history"),
        ([{**row, "org": "one"} for row in history(1)], "of 1 people or partners"),
        ([{**row, "outcome": True} for row in history(1)], "of each kind"),
        (
            [{**row, "outcome": row["outcome"] and row["moment"] < START + 11 * MONTH} for row in history(1)],
            "recent",
        ),
    ],
    ids=["nothing", "short", "of one", "one kind", "one kind lately"],
)
def test_too_little_history_is_said_and_nothing_predicted(rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(TooLittle, match=says):
        train(rows, FACTORS, WITHIN)


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.none(), st.floats(-1, 1e9), st.integers(-5, 10**9)))
def test_whatever_a_column_holds_is_reckoned_with_as_a_finite_number(value: Any) -> None:
    assert 0 <= score(value) <= 1
    assert math.isfinite(log(value or 0))


def test_factors_that_never_vary_make_no_difference() -> None:
    rows = [{**row, "noise": 1.0} for row in history(4)]
    weights = {one.factor.column: one.odds for one in train(rows, FACTORS, WITHIN).weights}
    assert weights["noise"] == 1.0
