"""While decisions are behind, what follows from them waits, though not for ever."""

from __future__ import annotations

import datetime as dt

import pytest

from lrs.running import backpressure
from lrs.running.backpressure import Backpressure


def test_credentials_and_mails_give_way_while_marks_wait_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = Backpressure()
    assert not known.consequences_wait()
    known.note_lag(backpressure.BEHIND)
    assert not known.consequences_wait()
    known.note_lag(2 * backpressure.BEHIND)
    assert known.consequences_wait()
    monkeypatch.setattr(backpressure, "PATIENCE", 0.0)
    assert not known.consequences_wait()
    monkeypatch.setattr(backpressure, "PATIENCE", 3600.0)
    assert known.consequences_wait()
    known.note_lag(dt.timedelta())
    assert not known.consequences_wait()


def test_tiers_rest_after_each_organization_while_marks_come_in() -> None:
    known = Backpressure()
    known.note_tiers(3600.0)
    assert not known.tiers_wait()  # nobody is waiting for the interpreter
    known.note_lag(dt.timedelta(), marks=1)
    assert known.tiers_wait()
    known.note_tiers(0.0)
    assert not known.tiers_wait()
    known.note_lag(2 * backpressure.BEHIND, marks=1)
    assert known.tiers_wait()
    known.note_lag(dt.timedelta(), marks=0)
    assert not known.tiers_wait()
