"""The tables beside the statements say what their collections say, also after changes, crashes and erasure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrs.foundation.context import utc_now
from lrs.lake import records, tending
from lrs.lake.filling import Filler

DAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
NAME = "anastasia.erased"
DOCUMENTS: dict[str, dict[str, Any]] = {
    "people": {"org": "vendor", "name": NAME, "email": None, "ifis": [{"ifi": f"mbox::mailto:{NAME}@x.example"}]},
    "orgs": {"name": "North", "kind": "partner", "parent": "vendor", "region": "emea", "status": "active"},
    "affiliations": {"org": "north", "person": "ana", "from": None, "until": None, "primary": True, "role": "sales", "confirmed_at": DAY},
    "awards": {
        "org": "vendor", "person": "ana", "certification": "pro", "ordinal": 1, "version": "3", "awarded_at": DAY, "final": None,
        "periods": [
            {"n": n, "kind": "award", "version": "3", "awarded_at": DAY, "valid_from": DAY, "awarded": f"2026-03-0{n}", "valid_until": None}
            for n in (1, 2)
        ],
    },
    "standings": {
        "org": "vendor", "person": "ana", "certification": "pro",
        "states": [{"at": DAY, "state": "active", "award": "a1", "version": "3"}, {"at": DAY + dt.timedelta(days=365), "state": "expired"}],
    },
    "tiers": {"org": "vendor", "programme": "partners", "organization": "north", "steps": [{"at": DAY, "tier": "silver"}]},
    "gate_answers": {"org": "vendor", "gate": "deals", "version": "1", "organization": "north", "person": "ana", "answer": "allow", "enforced": True, "at": DAY},
    "deals": {"org": "north", "id": "d1", "person": "ana", "product": None, "created": DAY, "won": True, "amount": 10.5},
}  # fmt: skip


def fill(db: Any, key: str = "ana") -> None:
    for collection, document in DOCUMENTS.items():
        db[collection].insert_one({"_id": key, **document} | ({"id": key} if "id" in document else {}))


def rows(filler: Filler, name: str) -> list[dict[str, Any]]:
    return filler.records.tables[name].read().to_pylist()


def again(db: Any, filler: Filler) -> Filler:
    return Filler(db, filler.statements.uri.removesuffix("/statements"), lambda: True)


@pytest.mark.parametrize("copied", [True, False], ids=["built", "followed"])
def test_every_table_says_what_its_collection_says(
    db: Any, filler: Filler, follow: Callable[[], Any], copied: bool
) -> None:
    if copied:
        fill(db)
        filler.create()
    assert filler.build(lambda _count: True)
    if not copied:
        fill(db)
    follow()
    assert tending.verify(db, filler) == []
    counts = {name: len(rows(filler, name)) for name in records.SOURCES}
    assert counts == dict.fromkeys(records.SOURCES, 1) | {"periods": 2, "standings": 2}
    (person,), (first, second) = rows(filler, "people"), rows(filler, "standings")
    assert (person["key"], person["name"], person["identifiers"]) == (
        "ana",
        NAME,
        [f"mbox::mailto:{NAME}@x.example"],
    )
    assert (first["state"], first["since"], first["until"]) == ("active", DAY, second["since"])
    assert {one["awarded"] for one in rows(filler, "periods")} == {dt.date(2026, 3, 1), dt.date(2026, 3, 2)}


def test_a_document_that_changes_or_goes_changes_its_rows_alone(
    db: Any, filler: Filler, follow: Callable[[], Any]
) -> None:
    fill(db)
    fill(db, "ben")
    follow()
    db.awards.update_one({"_id": "ana"}, {"$set": {"periods": [], "final": "revoked"}})
    db.deals.delete_one({"_id": "ben"})
    follow()
    assert [one["key"] for one in rows(filler, "periods")] == ["ben", "ben"]
    assert {one["key"]: one["final"] for one in rows(filler, "awards")} == {"ana": "revoked", "ben": None}
    assert [one["key"] for one in rows(filler, "deals")] == ["ana"]
    assert tending.verify(db, filler) == []


def test_what_stands_in_no_column_makes_no_commit(db: Any, filler: Filler, follow: Callable[[], Any]) -> None:
    fill(db)
    follow()
    version = filler.records.tables["awards"].delta.version()
    db.awards.update_one({"_id": "ana"}, {"$set": {"credential_due": DAY}})
    follow()
    filler.records.apply("awards", ["ana"])  # as after a crash
    assert filler.records.tables["awards"].delta.version() == version


def test_a_crash_between_tables_and_statements_is_made_good(
    db: Any, filler: Filler, follow: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    follow()
    fill(db)
    with monkeypatch.context() as patch:
        patch.setattr(filler.records.tables["standings"], "commit", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            follow()
    other = again(db, filler)
    other.follow(utc_now)
    assert tending.verify(db, other) == []


def test_who_is_erased_stands_in_no_table(db: Any, filler: Filler) -> None:
    filler.build(lambda _count: True)
    fill(db)
    url = filler.statements.uri.removesuffix("/statements")
    tending.keep(db, url, utc_now)
    db.people.delete_one({"_id": "ana"})
    done = tending.keep(db, url, utc_now)
    assert done is not None
    assert done.removed == 1
    assert rows(again(db, filler), "people") == []
    files = [one for one in (Path(url) / "people").rglob("*.parquet") if "_delta_log" not in str(one)]
    assert not any(NAME in str(pq_rows(one)) for one in files)


def pq_rows(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def test_a_table_that_differs_is_named(db: Any, filler: Filler, follow: Callable[[], Any]) -> None:
    fill(db)
    follow()
    db.deals.insert_one({"_id": "late", **DOCUMENTS["deals"], "id": "late"})  # nobody followed yet
    (found,) = tending.verify(db, filler)
    assert (found.table, found.store, found.lake) == ("deals", 2, 1)


def test_many_small_files_become_one_again(
    db: Any, filler: Filler, follow: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MANY_FILES", 2)
    for n in range(5):
        db.deals.insert_one({"_id": f"d{n}", **DOCUMENTS["deals"], "id": f"d{n}"})
        follow()
    assert len(filler.records.tables["deals"].paths()) <= 3
    assert tending.verify(db, filler) == []
