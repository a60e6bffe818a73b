"""Figures that are slow to make are kept in the database, so that a process that begins need not make them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pymongo.database import Database

from lrs.console.organizations import holders
from lrs.credentials.public import registry_listing
from lrs.credentials.public.registry_listing import ListedPartner
from lrs.foundation import figures
from lrs.foundation.context import Services
from lrs.foundation.figures import Figures, Kept
from rules.language.model import Skill

AT = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
SKILL = Skill("Selling", "https://skills.example/1", "ESCO", None)
PARTNER = ListedPartner(
    "north", "North", None, (("acme", "gold"),), 2, (("Sales", 2),), frozenset({"sales"}), frozenset(),
    frozenset({SKILL}), "https://north.example",
)  # fmt: skip


class Process:
    """A process with a clock of its own that counts how often it makes figures."""

    def __init__(self, db: Database[Any], at: dt.datetime, found: Any, read: Any = dict) -> None:
        self.at, self.made = at, 0

        def make(_db: Any, _now: dt.datetime) -> Any:
            self.made += 1
            return found

        self.services = Services(None, db, lambda: self.at)  # type: ignore[arg-type]
        self.figures: Figures[Any] = Figures(self.services, make, Kept("tried", read))


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "QUICK", -1.0)
    monkeypatch.setattr(figures, "SHARE", 10**9)


def test_a_process_that_begins_shows_what_another_made_unless_it_is_too_old(db: Database[Any]) -> None:
    first = Process(db, AT, {"sales": {"active": 3}})
    assert first.figures.get() == ({"sales": {"active": 3}}, AT)
    second = Process(db, AT + dt.timedelta(seconds=50), {})
    assert (second.figures.get(), second.made) == (({"sales": {"active": 3}}, AT), 0)
    late = Process(db, AT + figures.OLDEST, {"new": {}})
    assert (late.figures.get()[0], late.made) == ({"new": {}}, 1)
    assert db.figures.count_documents({"_id": "tried", "org": "vendor"}) == 1


def test_what_is_quick_is_never_kept(db: Database[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "QUICK", 10.0)
    Process(db, AT, {}).figures.get()
    assert db.figures.find_one({}) is None


def test_the_worker_makes_them_anew_after_some_minutes_and_not_before(db: Database[Any]) -> None:
    worker = Process(db, AT, {"sales": {}})
    for seconds, made in ((0, 1), (30, 1), (figures.KEPT_ANEW.total_seconds(), 2)):
        worker.at = AT + dt.timedelta(seconds=seconds)
        worker.figures.keep()
        assert worker.made == made
    other = Process(db, worker.at + dt.timedelta(seconds=5), {})
    other.figures.keep()
    assert other.made == 0, "one worker is enough"


def test_figures_come_back_as_they_were(db: Database[Any]) -> None:
    ends = [("2027-01-01", "p_1", "sales", "active"), ("2027-01-01", "p_2", "sales", "grace")]
    for part, found in (
        (holders.counted, {"sales": {"active": 1}}), (holders.ends_of_all, ends),
        (registry_listing.listed_partners, (PARTNER,)),
    ):  # fmt: skip
        read = part(Services(None, db))._kept.read  # type: ignore[arg-type,attr-defined,union-attr]
        db.figures.delete_many({})
        Process(db, AT, found).figures.get()
        assert Process(db, AT, None, read).figures.get() == (found, AT)


def test_figures_too_large_to_be_kept_are_made_by_each(
    db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "LARGEST", 2)
    Process(db, AT, {"sales": {}}).figures.get()
    second = Process(db, AT, {"sales": {}})
    assert (second.figures.get()[0], second.made) == ({"sales": {}}, 1)


def test_what_another_version_kept_is_made_anew(db: Database[Any]) -> None:
    Process(db, AT, {"sales": {}}).figures.get()
    other = Process(db, AT, "made", read=lambda rows: [one for one, _, _ in rows.items()])
    assert (other.figures.get()[0], other.made) == ("made", 1)
