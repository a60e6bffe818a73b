"""The body of a commit: read without trust, its answer in the words that a SCORM API passes on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

import orjson

from lrs.content.attempts.changing import Receipt
from lrs.content.attempts.receiving import Commit, End
from lrs.content.attempts.results.rollup import Claim
from lrs.content.attempts.results.values import COMPLETIONS, SUCCESSES, Edition

Json = dict[str, Any]

LARGEST: Final = 8 << 20  # bytes of a commit: 5,000 long answers
DEEPEST: Final = 12
LONGEST_STATE: Final = 500_000  # characters of the sequencing engine's state
GENERAL: Final[Mapping[Edition, int]] = {"1.2": 101, "2004": 391}
MOST: Final = 2**31


class BadCommit(Exception):
    """A body that is no commit; `reason` says what it lacks."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Sent:
    """A commit as it was sent: whole, or as a change of an earlier one of the same run."""

    part: str
    commit: Commit
    base: int | None  # sequence that `commit.cmi` is a change of
    claim: Claim | None


def read_commit(body: bytes) -> Sent:
    """Return the commit that a body holds; raises BadCommit."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadCommit("the body is not JSON") from error
    if not isinstance(given, dict) or not is_shallow(given):
        raise BadCommit("the body is not a commit")
    is_change = "change" in given
    cmi = given.get("change" if is_change else "cmi")
    if not isinstance(cmi, dict):
        raise BadCommit("cmi must be an object")
    end, part = given.get("end"), given.get("part")
    if end is not None and end not in get_args(End):
        raise BadCommit("end must be terminate or closed")
    if not isinstance(part, str):
        raise BadCommit("part must be a text")
    commit = Commit(_number(given, "run"), _number(given, "sequence"), cmi, end)
    return Sent(part, commit, _number(given, "base") if is_change else None, _claim(given.get("claim")))


def read_sequencing(body: bytes) -> tuple[int, str, Claim | None]:
    """Return run, engine state and claim that a body holds; raises BadCommit."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadCommit("the body is not JSON") from error
    state = given.get("state") if isinstance(given, dict) else None
    if not isinstance(state, str) or len(state) > LONGEST_STATE:
        raise BadCommit(f"state must be a text of up to {LONGEST_STATE:,} characters")
    return _number(given, "run"), state, _claim(given.get("claim"))


def _number(given: Json, name: str) -> int:
    found = given.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < MOST:
        raise BadCommit(f"{name} must be a whole number")
    return found


def _claim(given: Any) -> Claim | None:
    """Return what sequencing says of the course; what is no claim is none."""
    if not isinstance(given, dict):
        return None
    completion, success, scaled = (given.get(name) for name in ("completion", "success", "scaled"))
    is_number = isinstance(scaled, int | float) and not isinstance(scaled, bool) and -1 <= scaled <= 1
    return Claim(
        completion if completion in COMPLETIONS else "unknown",
        success if success in SUCCESSES else "unknown",
        float(scaled) if is_number else None,  # type: ignore[arg-type]  # a number, as was just asked
    )


def is_shallow(value: Any, depth: int = DEEPEST) -> bool:
    """Tell whether lists and objects lie within one another no deeper than that."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(is_shallow(one, depth - 1) for one in inner)


def merged(stored: Mapping[str, Any], change: Mapping[str, Any]) -> Json:
    """Return stored data with a change in it: its members win, at every depth."""
    made = dict(stored)
    for name, value in change.items():
        older = made.get(name)
        is_inner = isinstance(value, Mapping) and isinstance(older, Mapping)
        made[name] = merged(older, value) if is_inner else value  # type: ignore[arg-type]  # both mappings
    return made


def answer(edition: Edition, receipt: Receipt, now: dt.datetime) -> Json:
    """Return the answer to a commit that is durable.

    A refused element is told by its code; what else the commit said is saved all the same.
    """
    if receipt.is_stale:
        return refusal(edition, "opened elsewhere") | {"errorCode": 391, "stale": True}
    saved = now.isoformat(timespec="milliseconds")
    if receipt.refusals:
        first = receipt.refusals[0]
        reason = f"{first.element} {first.reason}"
        return {
            "result": "false",
            "errorCode": first.code,
            "element": first.element,
            "reason": reason,
            "saved": saved,
        }
    return {"result": "true", "errorCode": 0, "saved": saved}


def refusal(edition: Edition, reason: str) -> Json:
    """Return the answer to a commit of which nothing was taken."""
    return {"result": "false", "errorCode": GENERAL[edition], "reason": reason}
