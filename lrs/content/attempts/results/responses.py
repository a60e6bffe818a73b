"""Answers of learners: SCORM's spelling of responses, patterns and results as xAPI's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lrs.content.attempts.results.values import Edition

TYPES: Final = frozenset(
    {
        "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance", "sequencing", "likert",
        "numeric", "other",
    }
)  # fmt: skip
LONGEST: Final = 4000
RESULTS: Final = {"correct": True, "wrong": False, "incorrect": False}  # others, and numbers: no verdict
TRUTHS: Final = {"t": "true", "1": "true", "true": "true", "f": "false", "0": "false", "false": "false"}
BRACES: Final = re.compile(r"^\{(.*)\}$", re.DOTALL)


def response_of(edition: Edition, kind: str, text: str) -> str:
    """Return a response or a pattern in xAPI's spelling, cut to what xAPI stores ask for."""
    return _SPELLINGS.get(kind, _as_is)(edition, text)[:LONGEST]


def _as_is(_: Edition, text: str) -> str:
    return text


def _truth(_: Edition, text: str) -> str:
    return TRUTHS.get(text.strip().lower(), text)


def _listed(edition: Edition, text: str) -> str:
    """Spell `a,b` and `{a,b}` as `a[,]b`; plain commas arrive in 2004 too."""
    if "[,]" in text:
        return text
    inner = BRACES.sub(r"\1", text) if edition == "1.2" else text
    return "[,]".join(part.strip() for part in inner.split(","))


def _paired(edition: Edition, text: str) -> str:
    """Spell `{a.1,b.2}` as `a[.]1[,]b[.]2`."""
    if "[.]" in text:
        return text
    pairs = _listed(edition, text).split("[,]")
    return "[,]".join("[.]".join(pair.split(".", 1)) for pair in pairs)


_SPELLINGS: Final[dict[str, Callable[[Edition, str], str]]] = {
    "true-false": _truth,
    "choice": _listed,
    "sequencing": _listed,
    "matching": _paired,
}
