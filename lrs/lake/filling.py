"""The tables are built from the store and follow it: every statement that stands is one row.

Building walks the store in order of `_id`; each commit says how far it came. Following reads the stream of
changes from where the newest commit stood and puts each statement that came, changed or went right, whatever
the table says of it: done twice it is done once. One process writes at a time (`state`).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
from bson import Binary
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from pymongo.database import Database

from lrs.lake import feed, state
from lrs.lake.dictionary import Dictionary
from lrs.lake.reading import positions_in
from lrs.lake.records import Records
from lrs.lake.rows import READ, Row, position_of, row_of
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

Document = dict[str, Any]
BATCH: Final = 20_000  # statements of one commit while the lake is built
ROUND: Final = 5_000  # changes of one commit while it follows
FOLLOWED, COPIED, BUILT = "followed", "copied", "built"  # the positions in the table's commits
PLAIN: Final[CodecOptions[Document]] = CodecOptions(
    tz_aware=False, uuid_representation=UuidRepresentation.STANDARD
)


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
        self.statements.commit([], positions={FOLLOWED: at, COPIED: 0, BUILT: 0})

    @property
    def is_built(self) -> bool:
        """Tell whether the lake was copied to its end."""
        return self.statements.exists() and bool(self.statements.position(BUILT))

    def build(self, told: Callable[[int], bool]) -> bool:
        """Copy the store from where the last commit stood; `told` hears of rows and says whether to go on.

        Returns whether it came to the end; what happened meanwhile is for `follow`.
        """
        after = self.statements.position(COPIED) or 0
        for documents in self._walk(after):
            rows = [row_of(one) for one in documents]
            last = rows[-1]["position_at"]
            if rows[0]["position_at"] == after:  # committed in part before a break
                known = self._known([position_of(bytes(one["_id"])) for one in documents])
                rows = [row for row in rows if (row["position_at"], row["serial"]) not in known]
            self.statements.commit(self.statements.write([self._encoded(rows)]), positions={COPIED: last})
            after = last
            if not told(len(documents)):
                return False
        self.records.copy()
        self.statements.commit([], positions={BUILT: 1})
        return True

    def _walk(self, after: int) -> Iterator[list[Document]]:
        """Yield the statements that stand from a microsecond on, in order of storing."""
        begin = Binary(after.to_bytes(8, "big") + bytes(8))
        statements = self.db.get_collection("statements", codec_options=PLAIN)
        found = statements.find({"_id": {"$gte": begin}, **STANDING}, READ).sort("_id", 1)
        documents = iter(found.batch_size(BATCH))
        while batch := list(islice(documents, BATCH)):
            yield batch

    def follow(self, now: Callable[[], dt.datetime]) -> Filled:
        """Bring the tables up to now, and tell MongoDB how far they are; raises FeedLost, and LakeTaken."""
        self.hold()
        began, done, beat = now(), Filled(), uuid4().hex
        position = self._position()
        state.beat(self.db, beat)
        touched: dict[feed.Change, None] = {}
        for at, change in feed.changes(self.db, position, beat, self.records.collections):
            if change is not None:
                touched[change] = None
            if touched and (change is None or len(touched) >= ROUND):
                self._apply(list(touched), at, done)
                touched.clear()
            position = at
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
        statements = self.db.get_collection("statements", codec_options=PLAIN)
        rows = [row_of(one) for one in statements.find(wanted, READ)]
        known = self._known([position_of(order) for order in orders])
        if known:
            state.owe(self.db)  # before files hold what is gone, so that no crash forgets it
        encoded = self._encoded(rows)  # its texts are committed first
        added, removed = self._without(known)
        added += self.statements.write([encoded])
        self.statements.commit(added, removed, {FOLLOWED: at})
        done.added += len(rows)
        done.removed += len(known)

    def _known(self, positions: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Return which of these statements have a row, and in which file."""
        return positions_in(self.statements, positions)

    def _without(self, known: Mapping[tuple[int, int], str]) -> tuple[list[Any], list[str]]:
        """Write the files in which rows stand anew without them; return what is added and removed."""
        added, removed = [], sorted(set(known.values()))
        for path in removed:
            gone = {place for place, where in known.items() if where == path}
            added += self.statements.write(self.statements.kept(path, partial(_others, gone=gone)))
        return added, removed

    def _encoded(self, rows: Sequence[Row]) -> pa.Table:
        """Return rows as a table whose texts are numbers."""
        actors, activities = self.words(ACTORS), self.words(ACTIVITIES)
        actors.learn(row[name] for row in rows for name in ACTOR_COLUMNS if row[name] is not None)
        activities.learn(_activities(rows))
        columns: dict[str, Any] = {}
        for name in SCHEMAS[STATEMENTS].names:
            values: Iterable[Any] = (row[name] for row in rows)
            if name in ACTOR_COLUMNS:
                values = actors.keys(values)
            elif name in ACTIVITY_COLUMNS:
                values = activities.keys(values)
            elif name in ACTIVITY_LISTS:
                values = [None if one is None else activities.keys(one) for one in values]
            columns[name] = list(values)
        return pa.table(columns, SCHEMAS[STATEMENTS])

    def words(self, name: str) -> Dictionary:
        """Return the numbers of actors or activities, read once."""
        if name not in self._words:
            self._words[name] = Dictionary(self.tables[name])
        return self._words[name]


def _activities(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        if row["object_activity"] is not None:
            yield row["object_activity"]
        for name in ACTIVITY_LISTS:
            yield from row[name] or ()


def _others(batch: pa.RecordBatch, gone: set[tuple[int, int]]) -> pa.Array:
    """Return the mask of the rows that are none of these statements."""
    found = batch.column("position_at")
    mask = np.ones(batch.num_rows, bool)
    for i in np.flatnonzero(np.isin(found.to_numpy(), [at for at, _ in gone])):
        mask[i] = (found[i].as_py(), batch.column("serial")[i].as_py()) not in gone
    return pa.array(mask)
