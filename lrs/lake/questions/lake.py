"""The tables of a lake as one process reads them: what it has learnt of a version is kept."""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from lrs.lake import reading
from lrs.lake.errors import Unanswerable
from lrs.lake.storage import LakeTable
from lrs.lake.tables import ACTIVITIES, ACTORS, KEY, STATEMENTS

SHARED = pa.schema([("actor", KEY), ("person", KEY)])


class Texts(dict[int, str]):
    """The texts of a table by their numbers."""

    def __missing__(self, key: int) -> str:
        """Refuse: the text was erased after the rows were read, and MongoDB knows what is left."""
        raise Unanswerable("what it tells of was erased just now")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rows of a file have in common: their stores, and of each number whether some are inexact."""

    orgs: frozenset[str]
    kinds: int  # all `number_kinds`, bit by bit


class Lake:
    """The tables of one place as this process reads them; safe for threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._tables = {name: LakeTable(url, name) for name in (STATEMENTS, ACTORS, ACTIVITIES)}
        self._texts: dict[str, tuple[frozenset[str], Texts]] = {}
        self._facts: dict[str, Facts] = {}
        self._shared: tuple[Mapping[int, str], Mapping[str, str], pa.Table] | None = None

    def relation(self, db: duckdb.DuckDBPyConnection, name: str) -> str:
        """Return the SQL of a table at its newest version."""
        with self._lock:
            return reading.relation(db, self._tables[name])

    def statements(self, db: duckdb.DuckDBPyConnection) -> dict[str, Facts]:
        """Return the files of the newest version of the statements, each read once for what is told of it."""
        with self._lock:
            table = self._tables[STATEMENTS]
            paths = table.paths()
            if new := [path for path in paths if path not in self._facts]:
                rows = reading.relation(db, table, new, where=True)
                found = reading.rows_of(
                    db,
                    "SELECT filename, list(DISTINCT org), bit_or(number_kinds) "  # noqa: S608 -- paths of ours
                    f"FROM {rows} GROUP BY filename",
                )
                told = {Path(name).name: Facts(frozenset(orgs), kinds or 0) for name, orgs, kinds in found}
                self._facts |= {path: told[path] for path in new}
            self._facts = {path: self._facts[path] for path in paths}
            return dict(self._facts)

    def read(self, db: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> str:
        """Return the SQL of the rows of some files of the statements."""
        with self._lock:
            return reading.relation(db, self._tables[STATEMENTS], paths)

    def bounds(self, column: str) -> tuple[dt.datetime, dt.datetime] | None:
        """Return the least and the greatest instant of a column, whosever rows they are; None without any."""
        with self._lock:
            return self._tables[STATEMENTS].bounds(column)

    def version(self) -> int:
        """Return the newest version of the statements."""
        with self._lock:
            return self._tables[STATEMENTS].delta.version()

    def texts(self, db: duckdb.DuckDBPyConnection, name: str) -> Mapping[int, str]:
        """Return the texts of a table by their numbers; new files are read, all where a file went."""
        with self._lock:
            paths = frozenset(self._tables[name].paths())
            before, known = self._texts.get(name, (frozenset(), Texts()))
            if paths != before:
                kept = known if before <= paths else Texts()
                new = sorted(paths - before if before <= paths else paths)
                relation = reading.relation(db, self._tables[name], new)
                rows = reading.rows_of(db, f"SELECT key, text FROM {relation}")  # noqa: S608 -- paths of ours
                known = Texts({**kept, **dict(rows)})
                self._texts[name] = paths, known
        return known

    def shared(self, db: duckdb.DuckDBPyConnection, person_of: Mapping[str, str]) -> pa.Table:
        """Return `actor` and the number of its `person` for identifiers whose owner has others, too.

        Made anew where there are new texts or owners; of both each version is an object of its own.
        """
        texts, known = self.texts(db, ACTORS), self._shared
        if known is None or known[0] is not texts or known[1] is not person_of:
            owned: defaultdict[str, list[int]] = defaultdict(list)
            for key, text in texts.items():
                if (person := person_of.get(text)) is not None:
                    owned[person].append(key)
            several = [keys for keys in owned.values() if len(keys) > 1]
            rows = [(key, n) for n, keys in enumerate(several) for key in keys]
            columns = {"actor": [key for key, _ in rows], "person": [n for _, n in rows]}
            known = self._shared = (texts, person_of, pa.table(columns, SHARED))
        return known[2]
