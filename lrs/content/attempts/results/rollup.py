"""The course's standing, from those of its SCOs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lrs.content.attempts.merging import Moment, Standing
from lrs.content.attempts.results.values import Completion, Score, Success


@dataclass(frozen=True, slots=True)
class Claim:
    """What the sequencing engine in the browser says of the whole course."""

    completion: Completion = "unknown"
    success: Success = "unknown"
    scaled: float | None = None


def roll_up(scos: Sequence[str], standings: Mapping[str, Standing], moment: Moment) -> Standing:
    """Return the standing of a course without sequencing; `scos` are all that count, begun or not.

    One SCO is the course. Several are completed when all are; then they are failed when one is, and passed
    when one is and none failed; the score is the mean of those that have one.
    """
    known = [standings.get(sco, Standing()) for sco in scos]
    if len(known) == 1:
        return known[0]
    is_complete = bool(known) and all(one.completion == "completed" for one in known)
    is_begun = any(one.completion != "unknown" for one in known)
    return Standing(
        completion="completed" if is_complete else "incomplete" if is_begun else "unknown",
        success=_success(known, is_complete=is_complete),
        score=_mean(known),
        success_at=moment,
        score_at=moment,
    )


def _success(known: Sequence[Standing], *, is_complete: bool) -> Success:
    said = [one.success for one in known if one.success != "unknown"]
    if "failed" in said:
        return "failed" if is_complete else "unknown"
    return "passed" if said and is_complete else "unknown"


def _mean(known: Sequence[Standing]) -> Score | None:
    scaled = [one.score.scaled for one in known if one.score and one.score.scaled is not None]
    return Score(scaled=round(sum(scaled) / len(scaled), 6)) if scaled else None


def believe(claim: Claim, standings: Mapping[str, Standing], moment: Moment) -> Standing:
    """Return the standing that sequencing claims, as far as the SCOs' own standings bear it out.

    What no SCO was completed for is not complete, what no SCO passed or completed for is not passed.
    """
    known = list(standings.values())
    any_complete = any(one.completion == "completed" for one in known)
    any_verdict = any_complete or any(one.success != "unknown" for one in known)
    completion: Completion = "completed" if claim.completion == "completed" and any_complete else "incomplete"
    return Standing(
        completion=completion if known else "unknown",
        success=claim.success if any_verdict else "unknown",
        score=Score(scaled=claim.scaled) if claim.scaled is not None and any_verdict else None,
        success_at=moment,
        score_at=moment,
    )
