"""While DuckDB works for long the lease is kept, and where it is lost the work ends."""

from __future__ import annotations

import pytest

from lrs.lake import reading
from lrs.lake.errors import LakeTaken

LONG = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3"


def test_the_lease_is_renewed_during_a_long_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RENEWED_S", 0.01)
    renewed = 0

    def hold() -> None:
        nonlocal renewed
        renewed += 1
        if renewed == 3:
            db.interrupt()  # somebody else ends it

    with (
        reading.connection() as db,
        pytest.raises(Exception, match=r"(?i)interrupt"),
        reading.while_held(db, hold),
    ):
        db.execute(LONG).fetchall()
    assert renewed >= 3


def test_a_long_question_ends_where_the_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RENEWED_S", 0.01)

    def hold() -> None:
        raise LakeTaken("another process writes the lake", "try again")

    with reading.connection() as db, pytest.raises(LakeTaken), reading.while_held(db, hold):
        db.execute(LONG).fetchall()
    with reading.connection() as db:
        assert db.execute("SELECT 1").fetchall() == [(1,)]
