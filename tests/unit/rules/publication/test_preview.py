"""What a plan calls a gain, a loss or a change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from lrs.commands.programme.rules import _becomes
from rules.evaluation.timeline import AwardTimeline, Segment
from rules.publication.preview import difference, state_of

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)


@dataclass
class Always:
    """A timeline that stands the same at every instant."""

    segment: Segment

    def segment_at(self, _at: dt.datetime) -> Segment:
        return self.segment


def standing(state: Any, version: str = "1", expires: dt.date | None = dt.date(2027, 1, 1)) -> Any:
    awarded = dt.date(2026, 1, 1)
    return Always(Segment(at=NOW, reason="", state=state, awarded=awarded, expires=expires, version=version))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("active", "in_progress", "lose"),
        ("active", "grace", "lose"),
        ("grace", "expired", "lose"),
        ("grace", "in_progress", "lose"),
        ("expired", "grace", "gain"),
        ("grace", "active", "gain"),
        ("expired", "revoked", "change"),
        ("active", "renewal_open", "change"),
        ("grace", "grace", "same"),
    ],
)
def test_a_loss_of_grace_is_a_loss(before: str, after: str, change: str) -> None:
    """Who may no longer renew lost something that they would ask about."""
    assert difference(standing(before), standing(after), NOW).change == change


def test_a_row_says_what_changes_where_the_state_stays() -> None:
    old: AwardTimeline = standing("active")
    new: AwardTimeline = standing("active", "2", dt.date(2026, 12, 1))
    found = difference(old, new, NOW)
    assert found.change == "change"
    text = _becomes(state_of(found.before), state_of(found.after))
    assert text == "active: version 1 -> 2, until 2027-01-01 -> 2026-12-01"
    assert _becomes({"state": "active"}, {"state": "grace", "expires": "2027-01-01"}) == (
        "active -> grace until 2027-01-01"
    )
