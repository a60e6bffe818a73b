"""What stands of a SCO after each snapshot: pure, and the same whatever order snapshots arrive in.

Completion only rises. Of verdicts and of scores the one with the highest rank stands; the policy ranks by
value (`best`), by newest or by first session. A maximum is the same for every order and every repetition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lrs.content.attempts.policy import Bars, Keep, Policy
from lrs.content.attempts.results.values import (
    COMPLETIONS,
    SUCCESSES,
    Completion,
    Edition,
    Reading,
    Score,
    Success,
)

Moment = tuple[int, int]  # session number, sequence in it: when something was said
NEVER: Final[Moment] = (0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of one SCO in one attempt, and when its verdict and its score were said."""

    completion: Completion = "unknown"
    success: Success = "unknown"
    score: Score | None = None
    progress: float | None = None
    success_at: Moment = NEVER
    score_at: Moment = NEVER


def judge(reading: Reading, edition: Edition, bars: Bars, policy: Policy, *, is_end: bool) -> Reading:
    """Return the snapshot with the words of the manifest and of the policy in it.

    2004: a passing score and a completion threshold decide wherever what they ask for was reported (RTE
    4.2.4, 4.2.22). 1.2: a mastery score by policy. At an orderly end a SCO that never spoke of completion is
    complete (1.2 RTE 3.4.4; 2004 SN 4.6).
    """
    success, completion = reading.success, reading.completion
    scaled = reading.score.scaled if reading.score else None
    raw = reading.score.raw if reading.score else None
    if edition == "2004":
        if bars.passing is not None and scaled is not None and policy.override != "never":
            success = "passed" if scaled >= bars.passing else "failed"
        if bars.completion is not None and reading.progress is not None:
            completion = "completed" if reading.progress >= bars.completion else "incomplete"
    elif bars.mastery is not None and raw is not None and _overrides(policy, success, completion):
        success = "passed" if raw >= bars.mastery else "failed"
    return replace(
        reading,
        success=success,
        completion=_completion(reading, edition, policy, completion, success, is_end=is_end),
    )


def _overrides(policy: Policy, success: Success, completion: Completion) -> bool:
    if policy.override == "unset":
        return success == "unknown" and completion != "completed"
    return policy.override == "always"


def _completion(
    reading: Reading,
    edition: Edition,
    policy: Policy,
    completion: Completion,
    success: Success,
    *,
    is_end: bool,
) -> Completion:
    if policy.completes == "passed":
        return "completed" if success == "passed" else "incomplete"
    if edition == "1.2" and (success == "passed" or (success == "failed" and policy.failed_completes)):
        return "completed"
    is_over = is_end and reading.exit != "suspend" and not reading.is_browsed
    if is_over and (completion == "unknown" or policy.completes == "visited"):
        return "completed"
    return completion


def merge(standing: Standing, reading: Reading, moment: Moment, keep: Keep) -> Standing:
    """Return what stands after a judged snapshot, which may also be an older one that arrives late."""
    success, success_at = standing.success, standing.success_at
    if reading.success != "unknown" and (
        success == "unknown"
        or _rank(keep, moment, (SUCCESSES.index(reading.success),))
        > _rank(keep, success_at, (SUCCESSES.index(success),))
    ):
        success, success_at = reading.success, moment
    score, score_at = standing.score, standing.score_at
    if reading.score is not None and (
        score is None or _rank(keep, moment, _worth(reading.score)) > _rank(keep, score_at, _worth(score))
    ):
        score, score_at = reading.score, moment
    return Standing(
        completion=max(standing.completion, reading.completion, key=COMPLETIONS.index),
        success=success,
        score=score,
        progress=max((p for p in (standing.progress, reading.progress) if p is not None), default=None),
        success_at=success_at,
        score_at=score_at,
    )


def _rank(keep: Keep, moment: Moment, worth: tuple[float, ...]) -> tuple[float, ...]:
    """Return what of two the higher one stands; equal worth goes to the newer: any order ends alike."""
    session, sequence = moment
    if keep == "best":
        return (*worth, session, sequence)
    return (session, sequence) if keep == "last" else (-session, sequence)


def _worth(score: Score) -> tuple[float, float]:
    if score.scaled is not None:
        return (1, score.scaled)
    return (0, score.raw or 0.0)
