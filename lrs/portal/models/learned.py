"""What an attempt came to, in a word: of all its statements the one that tells most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lrs.words.reader import mark

OUTCOMES: Final = (
    ("passed", mark("passed")),
    ("failed", mark("not passed")),
    ("completed", mark("completed")),
    ("attended", mark("attended")),
)
JUDGING: Final = frozenset({"completed", "scored", "mastered"})  # not answers to single questions
BEGUN: Final = mark("begun")


def outcome(statements: Sequence[Mapping[str, Any]]) -> str:
    """Return the word for what came of these statements {verb, success}: that of OUTCOMES that is first."""
    verbs = {one["verb"] for one in statements}
    judged = [one for one in statements if one["verb"] in JUDGING and one.get("success") is not None]
    verbs |= {"passed" if one["success"] else "failed" for one in judged}
    return next((word for verb, word in OUTCOMES if verb in verbs), BEGUN)
