"""What the store knows beside statements, as tables: people, organizations, what they hold, gates, deals.

A table follows one collection. The rows of a document are replaced as a whole by what the document says now,
so doing it again changes nothing, and where the rows say so already nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bson.codec_options import CodecOptions
from pymongo.database import Database

from lrs.lake import state
from lrs.lake.storage import LakeTable
from lrs.lake.tables import (
    AFFILIATIONS,
    AWARDS,
    DEALS,
    GATES,
    ORGANIZATIONS,
    PEOPLE,
    PERIODS,
    SCHEMAS,
    STANDINGS,
    TIERS,
)
from rules.engine.affiliations import span_of
from rules.programmes.gates import AFFILIATED

Document = dict[str, Any]
Row = dict[str, Any]
AT_ONCE: Final = 5_000  # documents
MANY_FILES: Final = 32  # files after which a table is written anew
CODEC: Final[CodecOptions[Document]] = CodecOptions(tz_aware=True, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Source:
    """The collection that a table follows, and the rows of a document, without their `key`."""

    collection: str
    rows: Callable[[Mapping[str, Any]], Iterator[Row]]


def _person(document: Mapping[str, Any]) -> Iterator[Row]:
    yield {**document, "identifiers": [one["ifi"] for one in document.get("ifis", ())]}


def _itself(document: Mapping[str, Any]) -> Iterator[Row]:
    yield dict(document)


def _affiliation(document: Mapping[str, Any]) -> Iterator[Row]:
    since, until = span_of(document) or (None, None)
    yield {**document, "since": since, "until": until}


def _award(document: Mapping[str, Any]) -> Iterator[Row]:
    yield {"annulled": False, **document}


def _periods(document: Mapping[str, Any]) -> Iterator[Row]:
    for one in document.get("periods", ()):
        days = {name: _day(one.get(name)) for name in ("awarded", "valid_until")}
        yield {"person": document["person"], "certification": document["certification"], **one, **days}


def _states(document: Mapping[str, Any]) -> Iterator[Row]:
    about = {"person": document["person"], "certification": document["certification"]}
    for one, until in _spans(document.get("states", ())):
        yield {"evaluated": False, **about, **one, "since": one["at"], "until": until}


def _steps(document: Mapping[str, Any]) -> Iterator[Row]:
    about = {"org": document["organization"], "programme": document["programme"]}
    for one, until in _spans(document.get("steps", ())):
        yield {**about, "tier": one.get("tier"), "since": one["at"], "until": until}


def _gate(document: Mapping[str, Any]) -> Iterator[Row]:
    known = AFFILIATED not in document.get("failed", ())  # a stranger's id is not for the asking organization
    person = document.get("person") if known else None
    yield {**document, "org": document.get("organization"), "person": person}


def _spans(line: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], dt.datetime | None]]:
    for i, one in enumerate(line):
        yield one, line[i + 1]["at"] if i + 1 < len(line) else None


def _day(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


SOURCES: Final[Mapping[str, Source]] = {
    PEOPLE: Source("people", _person),
    ORGANIZATIONS: Source("orgs", _itself),
    AFFILIATIONS: Source("affiliations", _affiliation),
    AWARDS: Source("awards", _award),
    PERIODS: Source("awards", _periods),
    STANDINGS: Source("standings", _states),
    TIERS: Source("tiers", _steps),
    GATES: Source("gate_answers", _gate),
    DEALS: Source("deals", _itself),
}


class Records:
    """Writes the tables that follow collections; `may_write` as of `Filler`."""

    def __init__(self, db: Database[Document], url: str, may_write: Callable[[], bool]) -> None:
        self.db = db
        self.tables = {name: LakeTable(url, name, may_write) for name in SOURCES}
        self.collections = sorted({source.collection for source in SOURCES.values()})

    def copy(self) -> None:
        """Write every table anew from all documents, each in one commit."""
        for name, table in self.tables.items():
            table.commit(table.write(self.all_of(name)), table.paths())

    def all_of(self, name: str) -> Iterator[pa.Table]:
        """Yield the rows of all documents, as they stand now."""
        source = SOURCES[name]
        documents = iter(self.db.get_collection(source.collection, CODEC).find(batch_size=AT_ONCE))
        while some := list(islice(documents, AT_ONCE)):
            yield rows_of(name, some)

    def apply(self, collection: str, ids: Sequence[Any]) -> int:
        """Make the rows of these documents what the documents are now; return how many of those are gone."""
        documents = list(self.db.get_collection(collection, CODEC).find({"_id": {"$in": list(ids)}}))
        gone = len(ids) - len(documents)
        for name, source in SOURCES.items():
            if source.collection == collection:
                self._replace(name, documents, ids, erases=gone > 0)
        return gone

    def _replace(self, name: str, documents: Iterable[Document], ids: Sequence[Any], *, erases: bool) -> None:
        table, keys = self.tables[name], pa.array(ids, pa.string())
        new = rows_of(name, documents)
        every = table.paths()
        removed = [path for path in every if _holds(table, path, keys)]
        old = pa.concat_tables([*_rows(table, removed, keys), new.slice(0, 0)])
        if _ordered(old) == _ordered(new):
            return
        many = len(every) > MANY_FILES
        removed = every if many else removed
        erases = erases or (name == PEOPLE and bool(_names(old) - _names(new)))
        if (erases and old.num_rows) or many:
            state.owe(self.db)  # before the commit, so that no crash forgets what old files hold
        kept = _rows(table, removed, keys, others=True)
        table.commit(table.write(chain(kept, [new])), removed)


def _names(people: pa.Table) -> set[tuple[str, str]]:
    """Return what names people in these rows: what is no longer there must not stay in old files."""
    return {
        (row["key"], text)
        for row in people.to_pylist()
        for text in (row["name"], row["email"], *(row["identifiers"] or ()))
        if text
    }


def rows_of(name: str, documents: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the rows of documents in a table."""
    schema = SCHEMAS[name]
    rows = [
        {**{column: row.get(column) for column in schema.names}, "key": document["_id"]}
        for document in documents
        for row in SOURCES[name].rows(document)
    ]
    return pa.Table.from_pylist(rows, schema)


def _holds(table: LakeTable, path: str, keys: pa.Array) -> bool:
    """Tell whether a file has rows of these documents."""
    with table.files.open_input_file(path) as source:
        found = pq.read_table(source, columns=["key"])["key"]
    return bool(pc.any(pc.is_in(found, value_set=keys)).as_py())


def _rows(
    table: LakeTable, paths: Iterable[str], keys: pa.Array, *, others: bool = False
) -> Iterator[pa.Table]:
    """Yield the rows of these documents in some files, or those of all others."""

    def mask(batch: pa.RecordBatch) -> pa.Array:
        found = pc.is_in(batch.column("key"), value_set=keys)
        return pc.invert(found) if others else found

    for path in paths:
        yield from table.kept(path, mask)


def _ordered(table: pa.Table) -> list[str]:
    return sorted(map(repr, table.to_pylist()))
