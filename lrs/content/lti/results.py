"""What stands of a learner in an item, as a score for a platform (grade services 2.0); pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from lrs.content.attempts.merging import Standing
from lrs.content.attempts.policy import Keep

ADL: Final = "http://adlnet.gov/expapi/verbs/"
SATISFIED: Final = "https://w3id.org/xapi/adl/verbs/satisfied"
PASSED, FAILED, COMPLETED = f"{ADL}passed", f"{ADL}failed", f"{ADL}completed"
ENDING: Final = frozenset({PASSED, FAILED, COMPLETED, f"{ADL}mastered"})
TOLD: Final = (PASSED, FAILED, COMPLETED, f"{ADL}mastered", f"{ADL}answered", SATISFIED)


@dataclass(frozen=True, slots=True)
class Result:
    """A score, 0 to 1, where there is one, and whether the work is done."""

    progress: Literal["InProgress", "Completed"]
    scaled: float | None = None

    @property
    def grading(self) -> str:
        """Return how final the score is, in the words of AGS."""
        if self.scaled is None:
            return "NotReady"
        return "FullyGraded" if self.progress == "Completed" else "Pending"


def conclude(*, is_done: bool, success: bool | None, scaled: float | None) -> Result | None:
    """Return the result of what stands; None where nothing does.

    Work that is done without a score counts whole, or not at all where it failed.
    """
    is_over = is_done or success is not None
    if not is_over and scaled is None:
        return None
    if is_over and scaled is None:
        scaled = 0.0 if success is False else 1.0
    bounded = None if scaled is None else min(max(scaled, 0.0), 1.0)
    return Result("Completed" if is_over else "InProgress", bounded)


def of_attempts(standings: Sequence[Standing], keep: Keep) -> Result | None:
    """Return the result of attempts at SCORM content, the first one first, by the item's policy."""
    found = [one for one in map(_of_standing, standings) if one is not None]
    if not found:
        return None
    if keep == "best":
        return max(found, key=lambda one: (one.progress == "Completed", one.scaled or 0.0))
    return found[0 if keep == "first" else -1]


def _of_standing(one: Standing) -> Result | None:
    verdict = None if one.success == "unknown" else one.success == "passed"
    scaled = one.score.scaled if one.score else None
    return conclude(is_done=one.completion == "completed", success=verdict, scaled=scaled)


def of_statements(
    statements: Iterable[Mapping[str, Any]], course: str, units: Sequence[str]
) -> Result | None:
    """Return the result of what content said, the oldest first; `units` are those of a cmi5 course.

    A course of units is done when it is satisfied; its score is the mean of those of its units.
    """
    scores: dict[str, float] = {}
    verdicts: dict[str, bool] = {}
    is_done = False
    wanted = set(units) or {course}
    for one in statements:
        verb, target = one["verb"]["id"], one["object"].get("id")
        result = one.get("result") or {}
        is_done |= verb == SATISFIED and target == course
        if target not in wanted or verb == SATISFIED:
            continue
        is_done |= not units and (verb in ENDING or result.get("completion") is True)
        if verb in {PASSED, FAILED} or (not units and isinstance(result.get("success"), bool)):
            verdicts[target] = result.get("success", verb != FAILED)
        scaled = (result.get("score") or {}).get("scaled")
        if isinstance(scaled, int | float):
            scores[target] = max(float(scaled), scores.get(target, -1.0))
    scaled = sum(scores.values()) / len(scores) if scores else None
    if units and not is_done:
        return None if scaled is None else Result("InProgress", min(max(scaled, 0.0), 1.0))
    verdict = all(verdicts.values()) if verdicts else None
    return conclude(is_done=is_done, success=verdict, scaled=scaled)
