"""Which attempt an opened course continues, and whether one may be opened again: pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lrs.content.attempts.policy import Policy

Choice = Literal["begin", "continue", "review"]


class AttemptOver(Exception):
    """A part was to be opened in an attempt that counts no more; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this attempt is over: {reason}")


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens when a learner opens the course, and why it is no new attempt."""

    choice: Choice
    reason: str = ""


def decide(
    newest: Mapping[str, Any] | None, policy: Policy, now: dt.datetime, *, wants_new: bool = False
) -> Decision:
    """Return whether an attempt is begun, continued, or only looked at.

    A failed attempt that the learner left in order is followed by a new one, as far as the policy allows; all
    else begins anew only on the learner's wish.
    """
    if newest is None:
        return Decision("begin")
    has_failed = _is_failed(newest)
    if not has_failed and not wants_new:
        return Decision("continue")
    if policy.attempts is not None and newest["number"] >= policy.attempts:
        return Decision("review" if has_failed else "continue", "no attempt is left")
    wait = dt.timedelta(hours=policy.cool_down_hours)
    if has_failed and now - newest["last_at"] < wait:
        until = newest["last_at"] + wait
        return Decision("review", f"the next attempt can begin at {until:%Y-%m-%d %H:%M} UTC")
    return Decision("begin")


def check_open(
    attempt: Mapping[str, Any], policy: Policy, *, is_newest: bool, is_going_on: bool = False
) -> None:
    """Refuse a page that was left open what its launch would be refused now; raises AttemptOver.

    Where the policy counts attempts or spaces them, a failed one that was left stays as it is; `is_going_on`
    says that sequencing leads on from what failed, which is still the same try.
    """
    if not is_newest:
        raise AttemptOver("a newer one has begun")
    if policy.is_limited and _is_failed(attempt) and not is_going_on:
        raise AttemptOver("it was failed and left")


def _is_failed(attempt: Mapping[str, Any]) -> bool:
    parts = attempt["parts"]
    is_left = bool(parts) and all(one["is_over"] and one["exit"] != "suspend" for one in parts)
    return is_left and attempt["course"]["standing"]["success"] == "failed"
