"""The lake is kept: followed, sorted into large files, rid of what was erased; compared with the store."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from pymongo.database import Database

from lrs.lake import feed, reading, state
from lrs.lake.errors import LakeTaken
from lrs.lake.filling import Filled, Filler, walked
from lrs.lake.records import SOURCES
from lrs.lake.rows import checksum, table_of
from lrs.lake.storage import FILE_ROWS, LakeTable
from lrs.lake.tables import ACTIVITIES, ACTIVITY_LISTS, ACTOR_COLUMNS, ACTORS, SCHEMAS, STATEMENTS

Document = dict[str, Any]
Months = dict[tuple[str, str], tuple[int, int]]
LINGER: Final = 0.3  # seconds for which writes that have begun are waited for
HELD_ROWS: Final = 10_000  # rows that are compared before the lease is renewed
MANY_FILES: Final = 64  # small files after which they are sorted into large ones
SORTED: Final = "sorted"  # the position that says how many rows there were when all were sorted
COMPARED: Final = (
    "id", "actor", "timestamp", "verb", "object_activity", "object_actor", "object_statement", "registration",
    "success", "completion", "score_scaled", "score_raw", "duration_s", "number_kinds", "parent", "category",
    "interaction_type", "response",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """What store and lake say differently: a month of an organization, or a table beside the statements."""

    org: str
    month: str
    store: int
    lake: int
    table: str = STATEMENTS


def keep(
    db: Database[Document],
    url: str,
    now: Callable[[], dt.datetime],
    stopped: Callable[[], bool] = lambda: False,
) -> Filled | None:
    """Follow the store, and tidy where it is due; None while another process does, or nothing is built.

    Erasure is complete when this returns what was done: rows, texts, old files and logs. Where the lease is
    lost on the way, or work is `stopped`, nothing further is written or deleted; who has it next goes on.
    """
    taken = state.take(db, now())
    if taken is None:
        return None
    try:
        filler = Filler(db, url, lambda: not stopped() and state.renew(db, taken, now()))
        if not filler.is_built:
            return None
        done = filler.follow(now, LINGER)
        if paths := untidy(filler.statements):
            state.owe(db)
            compact(filler, paths)
        if (state.read(db) or {}).get("owes"):
            forget(filler)
            filler.hold()
            state.paid(db, filler.statements.delta.version())
    except LakeTaken:
        return None
    else:
        return done
    finally:
        state.give_back(db, taken)


def untidy(table: LakeTable) -> list[str]:
    """Return the files that are to be sorted into large ones now: the small ones when they are many, or all.

    All where a quarter of the rows came since all were sorted: so a row is sorted some times, however large
    the table grows, and one person's rows lie in a few places.
    """
    rows = table.rows()
    since = sum(rows.values()) - (table.position(SORTED) or 0)
    small = sorted(path for path, count in rows.items() if count < FILE_ROWS // 2)
    if len(small) <= MANY_FILES:
        return []
    return sorted(rows) if since > max(FILE_ROWS, sum(rows.values()) // 4) else small


def compact(filler: Filler, paths: Sequence[str] | None = None) -> int:
    """Sort rows by organization, person and time into large files, of some or all; return of how many.

    Raises LakeTaken; files that were written by then are in no version, and go when somebody forgets.
    """
    table = filler.statements
    every = table.paths()
    before = every if paths is None else paths
    if not before:
        return 0
    with reading.connection() as db, reading.while_held(db, table.hold):
        sql = f"SELECT * FROM {reading.relation(db, table, before)} ORDER BY org, actor, timestamp"  # noqa: S608 -- paths of ours
        added = table.write(_batches(db.sql(sql).to_arrow_reader(50_000)))
    table.commit(added, before, {SORTED: table.count()} if set(before) == set(every) else None)
    return len(before)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    for batch in reader:
        yield pa.Table.from_batches([batch]).cast(SCHEMAS[STATEMENTS])


def forget(filler: Filler) -> int:
    """Take away texts that no row names, then every file, partial file and log that is not needed.

    Return how many texts went; raises LakeTaken.
    """
    gone = 0
    with reading.connection() as db, reading.while_held(db, filler.hold):
        rows = reading.relation(db, filler.statements)
        for name, columns in ((ACTORS, ACTOR_COLUMNS), (ACTIVITIES, ("object_activity",))):
            parts = [f"SELECT {column} AS key FROM {rows}" for column in columns]  # noqa: S608 -- names of ours
            if name == ACTIVITIES:
                parts += [f"SELECT unnest({column}) AS key FROM {rows}" for column in ACTIVITY_LISTS]  # noqa: S608 -- names of ours
            sql = f"SELECT DISTINCT key FROM ({' UNION ALL '.join(parts)}) WHERE key IS NOT NULL"  # noqa: S608 -- names of ours
            found = db.execute(sql)
            gone += filler.words(name).keep({row[0] for row in found.fetchall()})
    for table in (filler.statements, *filler.tables.values(), *filler.records.tables.values()):
        table.forget()
    return gone


def verify(db: Database[Document], filler: Filler) -> list[Difference]:
    """Compare counts and checksums of store and lake; bring it up to now first. Raises LakeTaken.

    Statements by organization and month, the other tables each as a whole.
    """
    store, lake = _of_store(db, filler), _of_lake(filler)
    found = [
        Difference(org, month, store.get((org, month), (0, 0))[0], lake.get((org, month), (0, 0))[0])
        for org, month in sorted(store.keys() | lake.keys())
        if store.get((org, month)) != lake.get((org, month))
    ]
    for name in SOURCES:
        filler.hold()
        told, kept = (
            _sum(name, filler.records.all_of(name)),
            _sum(name, _everything(filler.records.tables[name])),
        )
        if told != kept:
            found.append(Difference("", "", told[0], kept[0], name))
    return found


def _sum(name: str, tables: Iterable[pa.Table]) -> tuple[int, int]:
    """Return how many rows there are, and what tells them from others."""
    count = total = 0
    for row in (row for table in tables for row in table.to_pylist()):
        count += 1
        total = (total + checksum(row, SCHEMAS[name].names)) % 2**64
    return count, total


def _everything(table: LakeTable) -> Iterator[pa.Table]:
    for path in table.paths():
        yield from table.kept(path, lambda batch: pa.array([True] * batch.num_rows))


def _of_store(db: Database[Document], filler: Filler) -> Months:
    at = feed.present(db)
    rows = (row for some in walked(db, 0, filler.walked, at) for row in table_of(some).to_pylist())
    return _added(_held(filler, rows))


def _of_lake(filler: Filler) -> Months:
    texts = {
        name: {key: text for text, key in filler.words(name).known.items()} for name in (ACTORS, ACTIVITIES)
    }

    def rows() -> Iterator[Document]:
        for row in (row for table in _everything(filler.statements) for row in table.to_pylist()):
            for name in ("actor", "object_actor"):
                row[name] = texts[ACTORS].get(row[name])
            row["object_activity"] = texts[ACTIVITIES].get(row["object_activity"])
            for name in ACTIVITY_LISTS:
                row[name] = row[name] and [texts[ACTIVITIES].get(one) for one in row[name]]
            yield row

    return _added(_held(filler, rows()))


def _held(filler: Filler, rows: Iterator[Document]) -> Iterator[Document]:
    """Keep the lease while rows are read: what is compared must not move."""
    for i, row in enumerate(rows):
        if i % HELD_ROWS == 0:
            filler.hold()
        yield row


def _added(rows: Iterator[Document]) -> Months:
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        at = row["timestamp"].astimezone(dt.UTC)
        total = found[row["org"], f"{at.year:04d}-{at.month:02d}"]
        total[0] += 1
        total[1] = (total[1] + checksum(row, COMPARED)) % 2**64
    return {place: (count, total) for place, (count, total) in found.items()}
