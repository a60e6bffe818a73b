"""A logistic regression over past moments, tried on newer ones that it had not seen, and told in words. Pure.

The newest quarter of the moments is held out. What is trained on for the trial ended before the first of
them: no outcome reaches into the time that is judged. The model that predicts is then trained on all.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from lrs.analysis.figures.confidence_intervals import wilson

Row = Mapping[str, Any]
Numbers = np.ndarray[Any, np.dtype[np.float64]]
LEAST: Final = 50  # examples to train on, and
LEAST_OF_EACH: Final = 10  # of each outcome,
LEAST_SUBJECTS: Final = 20  # of different people or partners
LEAST_HELD_OUT: Final = 20  # and of each outcome one
BINS: Final = 10
IN_A_BIN: Final = 5  # examples at least
HELD_OUT: Final = 4  # one in so many moments, the newest


class TooLittle(Exception):
    """There is too little history to train on, or to try the model on; says how much there is."""


@dataclass(frozen=True, slots=True)
class Factor:
    """What the model weighs: a column, what it is in words, and the number that it is reckoned with."""

    column: str
    words: str
    reckoned: Callable[[Any], float] = float

    def of(self, row: Row) -> float:
        """Return the number of a row."""
        return self.reckoned(row[self.column])


def log(value: float) -> float:
    """Return a count such that each further one counts less."""
    return math.log1p(max(0.0, float(value)))


def score(value: float | None) -> float:
    """Return a score from 0 to 1; one in the middle where there is none."""
    return 0.5 if value is None else min(1.0, max(0.0, float(value)))


@dataclass(frozen=True, slots=True)
class Bin:
    """Examples of which about the same was predicted: how many, what, and what came of them (95 %)."""

    examples: int
    predicted: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trial:
    """How the model did on moments that it had not seen; `base` is what always saying one share would do."""

    trained_on: int
    examples: int
    first: dt.datetime
    last: dt.datetime
    brier: float
    base: float
    auc: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """What a factor does: how much higher the odds are at a high value (90 %) than at a low one (10 %)."""

    factor: Factor
    low: float
    high: float
    odds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A model of a row's outcome."""

    factors: Sequence[Factor]
    pipeline: Pipeline
    examples: int
    share: float
    trial: Trial
    weights: tuple[Weight, ...]

    def probabilities(self, rows: Sequence[Row]) -> list[float]:
        """Return the probability of each row's outcome."""
        return [] if not rows else _probabilities(self.pipeline, numbers(rows, self.factors)).tolist()

    def reasons(self, row: Row) -> str:
        """Return the two factors that move this row furthest from the middle, with their direction."""
        scaler, regression = self.pipeline[0], self.pipeline[-1]
        moved = scaler.transform(numbers([row], self.factors))[0] * regression.coef_[0]
        first = sorted(zip(moved, self.factors, strict=True), key=lambda one: -abs(one[0]))[:2]
        return ", ".join(f"{'+' if by > 0 else '-'} {factor.words}" for by, factor in first if abs(by) > 0.05)


def train(rows: Sequence[Row], factors: Sequence[Factor], within: dt.timedelta) -> Trained:
    """Return a model of `outcome` from rows at moments whose outcomes are known; raises TooLittle."""
    moments = sorted({row["moment"] for row in rows})
    held_out = moments[-math.ceil(len(moments) / HELD_OUT) :]
    newer = [row for row in rows if held_out and row["moment"] >= held_out[0]]
    older = [row for row in rows if held_out and row["moment"] + within <= held_out[0]]
    _check(older, newer)
    trial = _trial(_fitted(older, factors), older, newer, factors)
    pipeline = _fitted(rows, factors)
    share = sum(row["outcome"] for row in rows) / len(rows)
    return Trained(factors, pipeline, len(rows), share, trial, _weights(pipeline, rows, factors))


def numbers(rows: Sequence[Row], factors: Sequence[Factor]) -> Numbers:
    """Return what the model reckons with, a line for each row."""
    return np.array([[factor.of(row) for factor in factors] for row in rows], np.float64)


def _check(older: Sequence[Row], newer: Sequence[Row]) -> None:
    came = sum(row["outcome"] for row in older)
    came_later = sum(row["outcome"] for row in newer)
    subjects = len({row.get("person", row["org"]) for row in older})
    is_thin = len(older) < LEAST or subjects < LEAST_SUBJECTS
    if is_thin or min(came, len(older) - came) < LEAST_OF_EACH:
        raise TooLittle(
            f"There is too little history to learn from: {len(older)} examples of {subjects} people or "
            f"partners, {came} of which got there; {LEAST} of {LEAST_SUBJECTS} are needed, {LEAST_OF_EACH} "
            "of each kind."
        )
    if len(newer) < LEAST_HELD_OUT or came_later in {0, len(newer)}:
        raise TooLittle(
            f"There is too little recent history to try a prediction on: {len(newer)} examples, {came_later} "
            f"of which got there; {LEAST_HELD_OUT} are needed, and one of each kind."
        )


def _fitted(rows: Sequence[Row], factors: Sequence[Factor]) -> Pipeline:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return pipeline.fit(numbers(rows, factors), [bool(row["outcome"]) for row in rows])


def _probabilities(pipeline: Pipeline, of: Numbers) -> Numbers:
    found: Numbers = pipeline.predict_proba(of)[:, 1]
    return found


def _trial(
    pipeline: Pipeline, older: Sequence[Row], newer: Sequence[Row], factors: Sequence[Factor]
) -> Trial:
    outcomes = np.array([bool(row["outcome"]) for row in newer])
    predicted = _probabilities(pipeline, numbers(newer, factors))
    share = sum(row["outcome"] for row in older) / len(older)
    return Trial(
        trained_on=len(older),
        examples=len(newer),
        first=min(row["moment"] for row in newer),
        last=max(row["moment"] for row in newer),
        brier=float(brier_score_loss(outcomes, predicted)),
        base=float(brier_score_loss(outcomes, np.full(len(newer), share))),
        auc=float(roc_auc_score(outcomes, predicted)),
        bins=_bins(outcomes, predicted),
    )


def _bins(outcomes: np.ndarray[Any, np.dtype[np.bool_]], predicted: Numbers) -> tuple[Bin, ...]:
    """Return up to ten bins of as many examples each, by what was predicted."""
    order = np.argsort(predicted, kind="stable")
    made = []
    for part in np.array_split(order, max(1, min(BINS, len(order) // IN_A_BIN))):
        observed = wilson(int(outcomes[part].sum()), len(part))
        estimate = (float(one or 0.0) for one in (observed.value, observed.low, observed.high))
        made.append(Bin(len(part), float(predicted[part].mean()), *estimate))
    return tuple(made)


def _weights(pipeline: Pipeline, rows: Sequence[Row], factors: Sequence[Factor]) -> tuple[Weight, ...]:
    given = numbers(rows, factors)
    places = [int(share * (len(rows) - 1)) for share in (0.1, 0.9)]
    found = []
    for i, (factor, each, scale) in enumerate(
        zip(factors, pipeline[-1].coef_[0], pipeline[0].scale_, strict=True)
    ):
        ordered = sorted(range(len(rows)), key=lambda n: given[n, i])
        low, high = (ordered[place] for place in places)
        odds = math.exp(float(each) * float(given[high, i] - given[low, i]) / float(scale))
        at_low, at_high = (float(rows[n][factor.column] or 0) for n in (low, high))
        found.append(Weight(factor, at_low, at_high, odds))
    return tuple(sorted(found, key=lambda one: -abs(math.log(one.odds))))
