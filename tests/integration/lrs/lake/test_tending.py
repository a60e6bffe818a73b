"""What is erased leaves no byte behind; what is sorted stays the same; what differs is found."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from factories import make_statement, make_store, send

from lrs.foundation.context import utc_now
from lrs.lake import state, tending
from lrs.lake.errors import LakeTaken
from lrs.lake.filling import Filler
from lrs.lake.storage import LakeTable

NAME = "anastasia.erased@private.example"


def fill(db: Any, count: int = 4) -> None:
    for i in range(count):
        send(make_store(db, "north"), make_statement(actor={"mbox": f"mailto:p{i}@x.example"}))
    mine = make_statement(actor={"mbox": f"mailto:{NAME}"})
    send(make_store(db, "north"), mine)


def naming(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file() and NAME in whole_text(one)]


def whole_text(path: Path) -> str:
    """Return the bytes of a file as text, and what is compressed in it."""
    body = path.read_bytes()
    inner = pq.read_table(io.BytesIO(body)).to_pylist() if body.startswith(b"PAR1") else ""
    return f"{body.decode('latin-1')}{inner}"


def url(filler: Filler) -> str:
    return filler.statements.uri.removesuffix("/statements")


def built(db: Any, filler: Filler) -> None:
    filler.create()
    assert filler.build(lambda _count: True)
    tending.keep(db, url(filler), utc_now)


def test_who_is_erased_stands_in_no_byte_of_the_folder(db: Any, filler: Filler) -> None:
    fill(db)
    built(db, filler)
    folder = Path(url(filler))
    assert naming(folder)
    (folder / "actors" / "part-0.parquet#1").write_bytes(NAME.encode())  # a writer that was killed
    (folder / "statements" / "part-1.parquet").write_bytes(NAME.encode())
    db.statements.delete_many({"actor": f"mbox::mailto:{NAME}"})
    done = tending.keep(db, url(filler), utc_now)
    assert done is not None
    assert done.removed == 1
    assert naming(folder) == []
    assert tending.verify(db, Filler(db, url(filler), lambda: True)) == []


def test_an_erasure_that_was_cut_short_is_finished_by_the_next_round(
    db: Any, filler: Filler, monkeypatch: Any
) -> None:
    fill(db)
    built(db, filler)
    db.statements.delete_many({"actor": f"mbox::mailto:{NAME}"})
    with monkeypatch.context() as patch:
        patch.setattr(tending, "forget", lambda _filler: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tending.keep(db, url(filler), utc_now)
    assert naming(Path(url(filler)))
    tending.keep(db, url(filler), utc_now)
    assert naming(Path(url(filler))) == []


def test_sorting_changes_no_row(db: Any, filler: Filler) -> None:
    fill(db, 2)
    built(db, filler)
    fill(db, 2)
    tending.keep(db, url(filler), utc_now)
    again = Filler(db, url(filler), lambda: True)
    assert tending.compact(again) > 1
    assert len(again.statements.paths()) == 1
    assert tending.verify(db, again) == []


def test_a_row_that_differs_is_told_by_organization_and_month(db: Any, filler: Filler) -> None:
    fill(db, 2)
    built(db, filler)
    changed = db.statements.find_one_and_update({}, {"$set": {"success": True}})  # no change that is followed
    month = f"{changed['timestamp']:%Y-%m}"
    (found,) = tending.verify(db, Filler(db, url(filler), lambda: True))
    assert (found.org, found.month, found.store, found.lake) == ("north", month, 3, 3)


def test_one_process_writes_at_a_time(db: Any, filler: Filler, follow: Callable[[], Any]) -> None:
    built(db, filler)
    assert state.take(db, utc_now()) is not None
    assert tending.keep(db, url(filler), utc_now) is None


def picture(db: Any, folder: Path) -> Any:
    """Return all bytes of the lake, and what MongoDB was told of it."""
    told = db.lake.find_one({}, {"through": 1, "version": 1, "position": 1})
    return {one: one.read_bytes() for one in folder.rglob("*") if one.is_file()}, told


def with_work_to_do(db: Any, filler: Filler) -> Path:
    """Return the folder of a lake that has something to follow, sort and forget."""
    fill(db, 2)
    built(db, filler)
    fill(db, 1)
    db.statements.delete_many({"actor": f"mbox::mailto:{NAME}"})
    folder = Path(url(filler))
    (folder / "actors" / "part-0.parquet#1").write_bytes(b"of a writer that was killed")
    return folder


STEPS: dict[str, Callable[[Filler], Any]] = {
    "create": lambda filler: filler.create(),
    "follow": lambda filler: filler.follow(utc_now),
    "compact": tending.compact,
    "forget": tending.forget,
}


@pytest.mark.parametrize("step", STEPS)
def test_whenever_the_lease_is_lost_nothing_further_is_written_or_deleted(
    db: Any, filler: Filler, step: str
) -> None:
    """Who has the lease then may have written files that no version knows yet."""
    folder = with_work_to_do(db, filler)
    pictures: list[Any] = []
    last = 0

    def may_write() -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            pictures.append(picture(db, folder))
        return left >= 0

    while True:
        left = last
        pictures.clear()
        try:
            STEPS[step](Filler(db, url(filler), may_write))
            break
        except LakeTaken:
            assert pictures == [picture(db, folder)]
        last += 1
    assert last >= 2
    assert pictures == []


def test_the_lease_is_renewed_before_each_thing_that_writes_or_deletes(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_work_to_do(db, filler)
    events: list[str] = []

    def told(name: str, done: Callable[..., Any]) -> Callable[..., Any]:
        def telling(*args: Any, **options: Any) -> Any:
            events.append(name)
            return done(*args, **options)

        return telling

    class Files:
        def __init__(self, files: Any) -> None:
            self.files = files

        def __getattr__(self, name: str) -> Any:
            done = getattr(self.files, name)
            return told(name, done) if name in changing else done

    methods = ("create_write_transaction", "create_checkpoint", "cleanup_metadata")
    changing = {*methods, "create", "delete_file", "open_output_stream"}
    for name in methods:
        monkeypatch.setattr(DeltaTable, name, told(name, getattr(DeltaTable, name)))
    monkeypatch.setattr(DeltaTable, "create", staticmethod(told("create", DeltaTable.create)))
    found: Any = vars(LakeTable)["files"].fget
    monkeypatch.setattr(LakeTable, "files", property(lambda table: Files(found(table))))
    asked = told("asked", lambda: True)
    with_lease = Filler(db, str(folder), asked)
    with_lease.follow(utc_now)
    tending.compact(with_lease)
    tending.forget(with_lease)
    with_lease.create()
    assert set(events) == {"asked", *changing}
    assert {before for before, event in pairwise(events) if event != "asked"} == {"asked"}


def test_who_only_reads_cannot_write(db: Any, filler: Filler) -> None:
    with_work_to_do(db, filler)
    reader = Filler(db, url(filler), lambda: False)
    assert reader.is_built
    for step in STEPS.values():
        with pytest.raises(LakeTaken):
            step(reader)


def test_keeping_stops_where_another_process_took_over(
    db: Any, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever look at the clock it was at which the lease ran out and was taken."""
    folder = with_work_to_do(db, filler)
    monkeypatch.setattr(tending, "MANY_FILES", 0)
    looks, taken_at, others, seen = 0, 0, [], []

    def now() -> dt.datetime:
        nonlocal looks
        looks += 1
        if looks == taken_at:
            others.append(state.take(db, utc_now() + 2 * state.LEASE))
            seen.append(picture(db, folder))
        return utc_now()

    while True:
        looks, taken_at = 0, taken_at + 1
        done = tending.keep(db, url(filler), now)
        if looks < taken_at:
            break
        assert done is None
        assert seen.pop() == picture(db, folder)
        assert state.renew(db, others.pop(), utc_now())  # still theirs
        db.lake.update_one({}, {"$unset": {"leased_until": ""}})
    assert done is not None
    assert taken_at > 10
    assert naming(folder) == []
    assert tending.verify(db, Filler(db, url(filler), lambda: True)) == []


def test_while_store_and_lake_are_compared_the_lease_is_kept(db: Any, filler: Filler) -> None:
    built(db, filler)
    fill(db, 2)
    with pytest.raises(LakeTaken):
        tending.verify(db, Filler(db, url(filler), lambda: False))
