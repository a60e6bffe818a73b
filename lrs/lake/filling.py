"""The tables are built from the store and follow it: every statement that stands is one row.

Statements are read once, in order of `_id`, up to WALKED. What the table holds below it is the store as it
stood at FOLLOWED or later; what happened since comes from the stream of changes, and above it is no row. So
a round reads the changes below WALKED up to its own beat, makes those rows what the statements are now, then
reads on, as the store stands at the beat or later. What comes below the new WALKED afterwards is a change
of the next round. Building is the same walk from the beginning. One process writes at a time (`state`).
"""

from __future__ import annotations

import datetime as dt
import gc
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid4

import bson
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from bson import Binary
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from lrs.lake import feed, state
from lrs.lake.dictionary import Dictionary, distinct
from lrs.lake.reading import positions_in
from lrs.lake.records import Records
from lrs.lake.rows import PLAIN, READ, position_of, table_of
from lrs.lake.storage import LakeTable
from lrs.lake.tables import (
    ACTIVITIES,
    ACTIVITY_COLUMNS,
    ACTIVITY_LISTS,
    ACTOR_COLUMNS,
    ACTORS,
    SCHEMAS,
    STATEMENTS,
)
from statements.query.mongo_filter import STANDING
from statements.storage.transaction import SETTLED

Document = dict[str, Any]
One = TypeVar("One")
BATCH: Final = 2_000  # statements that MongoDB gives at once: with their texts, memory that is used again
COMMIT: Final = 100_000  # statements of one commit while they are read in order
ROUND: Final = 5_000  # changes of one commit
FOLLOWED, WALKED, BUILT = "followed", "walked", "built"  # the positions in the table's commits


@dataclass(slots=True)
class Filled:
    """What a round did: rows that are new, rows that are gone or were replaced."""

    added: int = 0
    removed: int = 0


class Filler:
    """Writes the lake of one database, while `may_write` keeps the lease of `state`.

    It is asked before all that is written or deleted: LakeTaken, and no more is done, where it is false.
    """

    def __init__(self, db: Database[Document], url: str, may_write: Callable[[], bool]) -> None:
        self.db = db
        one_at_a_time = threading.Lock()

        def held() -> bool:
            with one_at_a_time:  # while DuckDB is at work another thread keeps the lease
                return may_write()

        self.statements = LakeTable(url, STATEMENTS, held)
        self.tables = {name: LakeTable(url, name, held) for name in (ACTORS, ACTIVITIES)}
        self.records = Records(db, url, held)
        self._words: dict[str, Dictionary] = {}

    def hold(self) -> None:
        """Keep the right to write the lake for longer; LakeTaken where it was lost."""
        self.statements.hold()

    def create(self) -> None:
        """Begin with empty tables; what is there is left to be forgotten."""
        self.hold()
        state.empty(self.db)  # first: nobody may ask what is not whole
        at = feed.present(self.db)
        self._words.clear()
        for table in (*self.tables.values(), *self.records.tables.values(), self.statements):
            table.create()
        self.statements.commit([], positions={FOLLOWED: at, WALKED: 0, BUILT: 0})

    @property
    def is_built(self) -> bool:
        """Tell whether the lake was copied to its end."""
        return self.statements.exists() and bool(self.statements.position(BUILT))

    @property
    def walked(self) -> int:
        """Return the microsecond of `stored` below which every statement was read."""
        return self.statements.position(WALKED) or 0

    def build(self, told: Callable[[int], bool]) -> bool:
        """Copy the store from where the last commit stood; `told` hears of rows and says whether to go on.

        Returns whether it came to the end; what happened meanwhile is for `follow`.
        """
        at = self.statements.position(FOLLOWED) or 0
        for count in self._walk(at, newest(self.db, self.walked)):
            if not told(count):
                return False
        self.records.copy()
        self.statements.commit([], positions={BUILT: 1})
        return True

    def _walk(self, at: int, end: int) -> Iterator[int]:
        """Read on in order of storing, up to a microsecond; yield how many rows each commit added.

        `at` is the position up to which all that is below was followed.
        """
        waiting: list[pa.Table] = []
        with uncollected():
            for documents in walked(self.db, self.walked, end, at):
                waiting.append(self._encoded(documents))
                if sum(one.num_rows for one in waiting) >= COMMIT:
                    rows = pa.concat_tables(waiting)
                    last = rows["position_at"][-1].as_py()  # more of this microsecond may follow
                    if whole := pc.sum(pc.less(rows["position_at"], last)).as_py():
                        yield self._append(rows.slice(0, whole), last, at)
                        waiting = [rows.slice(whole)]
            yield self._append(pa.concat_tables([SCHEMAS[STATEMENTS].empty_table(), *waiting]), end, at)

    def _append(self, rows: pa.Table, end: int, at: int) -> int:
        """Commit rows that are new, with how far all was read; return how many there are."""
        self._commit(self.statements.write([rows]), positions={WALKED: end, FOLLOWED: at})
        return int(rows.num_rows)

    def _commit(self, added: Sequence[Any], removed: Sequence[str] = (), positions: Any = None) -> None:
        """Commit a change of the statements, after the texts that its rows name."""
        for words in self._words.values():
            words.settle()
        self.statements.commit(added, removed, positions)

    def follow(self, now: Callable[[], dt.datetime], linger: float = 0.0) -> Filled:
        """Bring the tables up to now, and tell MongoDB how far they are; raises FeedLost, and LakeTaken.

        `linger`: seconds for which writes that have begun may end before it reads on. Those that take longer
        are changes of the next round, which cost more.
        """
        self.hold()
        began, done, beat = now(), Filled(), uuid4().hex
        position, begin = self._position(), self.walked
        if (end := newest(self.db, begin)) > begin:
            time.sleep(linger)
        state.beat(self.db, beat)
        touched: dict[feed.Change, None] = {}
        for at, change in feed.changes(self.db, position, beat, _first_of(begin), self.records.collections):
            if change is not None:
                touched[change] = None
            if touched and (change is None or len(touched) >= ROUND):
                with uncollected():
                    self._apply(list(touched), at, done)
                touched.clear()
            position = at
        if end > begin:
            done.added += sum(self._walk(position, end))
        self.hold()
        told = {"position": position, "version": self.statements.delta.version(), "through": began}
        self.db.lake.update_one({"_id": state.ONE}, {"$set": told})
        return done

    def _position(self) -> int:
        """Return where to go on: the table's position, or a later one that was told of the same version."""
        told = state.read(self.db) or {}
        position = self.statements.position(FOLLOWED) or 0
        if told.get("version") == self.statements.delta.version():
            return max(position, int(told.get("position", 0)))
        return position

    def _apply(self, changed: Sequence[feed.Change], at: int, done: Filled) -> None:
        """Make the rows of these documents what the documents are now.

        Statements come last: the position stands in their commit, so a crash before it does all again.
        """
        ids: defaultdict[str, list[Any]] = defaultdict(list)
        for collection, one in changed:
            ids[collection].append(one)
        orders = ids.pop("statements", [])
        for collection, some in ids.items():
            done.removed += self.records.apply(collection, some)
        if orders:
            self._apply_statements(orders, at, done)

    def _apply_statements(self, orders: Sequence[bytes], at: int, done: Filled) -> None:
        """Make the rows of these statements what the statements are now, in one commit."""
        wanted = {"_id": {"$in": [Binary(order) for order in orders]}, **STANDING}
        with settled(self.db, at) as (statements, session):
            documents = list(statements.find(wanted, READ, session=session))
        known = self._known([position_of(order) for order in orders])
        if known:
            state.owe(self.db)  # before files hold what is gone, so that no crash forgets it
        encoded = self._encoded(documents)
        added, removed = self._without(known)
        added += self.statements.write([encoded])
        self._commit(added, removed, {FOLLOWED: at})
        done.added += len(documents)
        done.removed += len(known)

    def _known(self, positions: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Return which of these statements have a row, and in which file."""
        return positions_in(self.statements, positions)

    def _without(self, known: Mapping[tuple[int, int], str]) -> tuple[list[Any], list[str]]:
        """Write the files in which rows stand anew without them; return what is added and removed."""
        added, removed = [], sorted(set(known.values()))
        for path in removed:
            gone = {place for place, where in known.items() if where == path}
            added += self.statements.write(ahead(self.statements.kept(path, partial(_others, gone=gone))))
        return added, removed

    def _encoded(self, documents: Sequence[Document]) -> pa.Table:
        """Return statements as a table whose texts are numbers."""
        texts = table_of(documents)
        columns = {name: texts[name].combine_chunks() for name in texts.column_names}
        for table, names in (
            (ACTORS, ACTOR_COLUMNS), (ACTIVITIES, (*ACTIVITY_COLUMNS, *ACTIVITY_LISTS)),
        ):  # fmt: skip
            words = self.words(table)
            words.learn(text for name in names for text in distinct(columns[name]))
            columns |= {name: words.encoded(columns[name]) for name in names}
        return pa.table(columns, SCHEMAS[STATEMENTS])

    def words(self, name: str) -> Dictionary:
        """Return the numbers of actors or activities, read once."""
        if name not in self._words:
            self._words[name] = Dictionary(self.tables[name])
        return self._words[name]


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave cycles alone: documents have none, and looking for them takes a third of the time of copying."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def settled(db: Database[Document], at: int) -> Iterator[tuple[Collection[Document], ClientSession]]:
    """Give the statements as the majority has them at a position or later, and the session to read with."""
    with db.client.start_session(causal_consistency=True) as session:
        session.advance_operation_time(feed.timestamp_of(at))
        yield db.get_collection("statements", PLAIN, read_concern=SETTLED), session


def newest(db: Database[Document], begin: int) -> int:
    """Return the microsecond after the last statement in order; `begin` where none is later than that."""
    later = {"_id": {"$gte": _first_of(begin)}}
    last = db.statements.find_one(later, {"_id": 1}, sort=[("_id", -1)])
    return begin if last is None else position_of(last["_id"])[0] + 1


def walked(db: Database[Document], begin: int, end: int, at: int) -> Iterator[list[Document]]:
    """Yield the statements that stand in a range of microseconds, in order of storing.

    As `PLAIN` decodes them, as they stand at the position `at` or later. MongoDB makes the next batch ready
    while one is worked on.
    """
    span = {"$gte": _first_of(begin), "$lt": _first_of(end)}
    with settled(db, at) as (statements, session):
        found = statements.find_raw_batches(
            {"_id": span, **STANDING}, READ, sort=[("_id", 1)], batch_size=BATCH, session=session
        )
        for batch in ahead(iter(found)):
            if documents := bson.decode_all(batch, PLAIN):
                yield documents


def ahead(some: Iterator[One]) -> Iterator[One]:
    """Yield what comes, while the next is got ready in a thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as reader:
        waiting = reader.submit(next, some, None)
        while (one := waiting.result()) is not None:
            waiting = reader.submit(next, some, None)
            yield one


def _first_of(microsecond: int) -> Binary:
    return Binary(microsecond.to_bytes(8, "big") + bytes(8))


def _others(batch: pa.RecordBatch, gone: set[tuple[int, int]]) -> pa.Array:
    """Return the mask of the rows that are none of these statements."""
    found = batch.column("position_at")
    mask = np.ones(batch.num_rows, bool)
    for i in np.flatnonzero(pc.is_in(found, pa.array([at for at, _ in gone]))):
        mask[i] = (found[i].as_py(), batch.column("serial")[i].as_py()) not in gone
    return pa.array(mask)
