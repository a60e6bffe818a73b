"""What is erased leaves no byte behind; what is sorted stays the same; what differs is found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from factories import make_statement, make_store, send

from lrs.foundation.context import utc_now
from lrs.lake import state, tending
from lrs.lake.filling import Filler

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
    assert tending.verify(db, Filler(db, url(filler))) == []


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
    again = Filler(db, url(filler))
    assert tending.compact(again) > 1
    assert len(again.statements.paths()) == 1
    assert tending.verify(db, again) == []


def test_a_row_that_differs_is_told_by_organization_and_month(db: Any, filler: Filler) -> None:
    fill(db, 2)
    built(db, filler)
    changed = db.statements.find_one_and_update({}, {"$set": {"success": True}})  # no change that is followed
    month = f"{changed['timestamp']:%Y-%m}"
    (found,) = tending.verify(db, Filler(db, url(filler)))
    assert (found.org, found.month, found.store, found.lake) == ("north", month, 3, 3)


def test_one_process_writes_at_a_time(db: Any, filler: Filler, follow: Callable[[], Any]) -> None:
    built(db, filler)
    assert state.take(db, utc_now()) is not None
    assert tending.keep(db, url(filler), utc_now) is None
