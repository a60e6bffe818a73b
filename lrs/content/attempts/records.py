"""A SCO's record as bytes, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import orjson

from lrs.content.attempts.events import Told
from lrs.content.attempts.merging import Standing
from lrs.content.attempts.receiving import Run, Sco
from lrs.content.attempts.results.values import Score

Document = dict[str, Any]


def dump(sco: Sco) -> bytes:
    """Return a record as JSON."""
    return orjson.dumps(sco)


def load(stored: bytes) -> Sco:
    """Return the record that `dump` made bytes of."""
    given = orjson.loads(stored)
    return Sco(
        standing=standing_of(given["standing"]),
        told=told_of(given["told"]),
        run=run_of(given["run"]) if given["run"] else None,
        seconds=given["seconds"],
        exit=given["exit"],
        cmi=given["cmi"],
    )


def standing_of(stored: Mapping[str, Any]) -> Standing:
    """Return a standing from its members."""
    return Standing(
        **{
            **stored,
            "score": score_of(stored["score"]),
            "success_at": tuple(stored["success_at"]),
            "score_at": tuple(stored["score_at"]),
        }
    )


def told_of(stored: Mapping[str, Any]) -> Told:
    """Return what was told from its members."""
    return Told(**{**stored, "score": score_of(stored["score"])})


def score_of(stored: Mapping[str, Any] | None) -> Score | None:
    """Return a score from its members."""
    return Score(**stored) if stored else None


def run_of(stored: Mapping[str, Any]) -> Run:
    """Return a run from its members."""
    moments = {name: dt.datetime.fromisoformat(stored[name]) for name in ("opened_at", "last_at")}
    return Run(**{**stored, **moments})
