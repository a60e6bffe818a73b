"""Reports of problems, as the player sends them: read without trust."""

from __future__ import annotations

from typing import Any, Final

import orjson

from lrs.content.origin.problems import KINDS, Problem
from lrs.content.player.commits import BadCommit

LARGEST: Final = 32 * 1024  # bytes of a report
MOST_AT_ONCE: Final = 20


def read_problems(body: bytes) -> list[Problem]:
    """Return the problems of a report {"problems": [{kind, what, place}]}; raises BadCommit."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadCommit("the body is not JSON") from error
    rows = given.get("problems") if isinstance(given, dict) else None
    if not isinstance(rows, list) or len(rows) > MOST_AT_ONCE:
        raise BadCommit(f"problems must be a list of at most {MOST_AT_ONCE}")
    return [_problem(row) for row in rows]


def _problem(row: Any) -> Problem:
    found = row if isinstance(row, dict) else {}
    kind, what, place = (found.get(name, "") for name in ("kind", "what", "place"))
    if not all(isinstance(text, str) for text in (kind, what, place)) or kind not in KINDS:
        raise BadCommit(f"a problem has a kind of {', '.join(sorted(KINDS))}, and texts what and place")
    return Problem(kind, what, place)
