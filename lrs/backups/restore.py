"""The way back: a whole backup into an empty database, then changes up to an instant; one organization."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

import bson
from bson import Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from lrs.backups.repository import Backup, NoBackup, Repository
from lrs.migrations import schema_version
from lrs.migrations.steps import SCHEMA

Document = dict[str, Any]
RAW: Final[CodecOptions[Any]] = CodecOptions(document_class=RawBSONDocument)
BATCH: Final = 1000
KEPT: Final = ("op", "ns", "o", "o2")  # of an entry of the oplog
Say = Callable[[str], None]


def restore(
    db: Database[Document], repository: Repository, say: Say, *, at: dt.datetime | None = None
) -> Timestamp:
    """Bring an empty database to the last moment of the backups, or to `at`; return the moment it shows.

    Raises NoBackup where the backups do not go there, or the database is not empty; Damaged.
    """
    until = None if at is None else Timestamp(int(at.timestamp()), 2**32 - 1)
    chain = repository.chain(until)
    _refuse(db, chain, at)
    _load(db, repository, chain[0], say)
    shown, waiting = chain[0].until, _Transactions()
    for one in chain[1:]:
        count = 0
        for batch in _batches(waiting.whole(_entries(repository, one, until))):
            _apply(db, one.manifest["database"], batch)
            count += len(batch)
        shown = one.until if until is None else min(one.until, until)
        say(f"{count:,} changes up to {shown.as_datetime():%Y-%m-%d %H:%M:%S} UTC")
    return shown


def restore_organization(
    db: Database[Document], repository: Repository, org: str, say: Say, *, at: dt.datetime | None = None
) -> int:
    """Put back the documents of one organization, which must have none now; return how many.

    Everything is restored beside first, then what is the organization's is copied, then the rest thrown away.
    """
    names = [name for name in db.list_collection_names() if db[name].find_one(_of(name, org), {"_id": 1})]
    if names:
        raise NoBackup(
            f"{org} has documents in {', '.join(sorted(names))}: they would be mixed with old ones"
        )
    beside: Database[Document] = db.client[f"{db.name}_restored"]
    db.client.drop_database(beside.name)
    try:
        restore(beside, repository, say, at=at)
        copied = 0
        for name in sorted(beside.list_collection_names()):
            raw: Any = beside.get_collection(name, codec_options=RAW)
            copied += _insert(db, name, (document.raw for document in raw.find(_of(name, org))))
    finally:
        db.client.drop_database(beside.name)
    return copied


def _of(collection: str, org: str) -> Document:
    return {"_id": org} if collection == "orgs" else {"org": org}


def _refuse(db: Database[Document], chain: list[Backup], at: dt.datetime | None) -> None:
    last = chain[-1]
    if at is not None and last.until.as_datetime() < at:
        raise NoBackup(f"the backups go up to {last.until.as_datetime():%Y-%m-%dT%H:%M:%SZ}")
    if last.manifest["schema"] > SCHEMA:
        build = last.manifest["build"]
        raise NoBackup(f"the backup was made by Laurel {build}; this is {schema_version.build()}")
    full = [name for name in db.list_collection_names() if db[name].find_one({}, {"_id": 1})]
    if full:
        raise NoBackup(f"the database {db.name} is not empty ({', '.join(sorted(full)[:3])} ...)")


def _load(db: Database[Document], repository: Repository, whole: Backup, say: Say) -> None:
    repository.check(whole)
    there = set(db.list_collection_names())
    for file, told in whole.manifest["files"].items():
        if told["collection"] not in there:
            db.create_collection(told["collection"])
        count = _insert(db, told["collection"], repository.read(whole, file))
        say(f"{told['collection']}: {count:,} documents")


def _insert(db: Database[Document], name: str, documents: Iterable[bytes]) -> int:
    collection: Any = db.get_collection(name, codec_options=RAW)
    count, rest = 0, iter(documents)
    while batch := [RawBSONDocument(raw) for raw in islice(rest, BATCH)]:
        collection.insert_many(batch, ordered=False)
        count += len(batch)
    return count


def _entries(repository: Repository, changes: Backup, until: Timestamp | None) -> Iterator[Document]:
    for raw in repository.read(changes, "oplog.bson"):
        entry: Document = bson.decode(raw, CodecOptions(tz_aware=True))
        if until is not None and entry["ts"] > until:
            return
        yield entry


class _Transactions:
    """Large transactions stand in several entries of the oplog; they take effect with the last of them."""

    def __init__(self) -> None:
        self._begun: dict[bytes, list[Document]] = {}

    def whole(self, entries: Iterable[Document]) -> Iterator[Document]:
        """Yield single changes, those of a transaction when it is complete."""
        for entry in entries:
            if entry["op"] != "c" or "applyOps" not in entry["o"]:
                yield entry
                continue
            name = bson.encode({"s": entry.get("lsid"), "t": entry.get("txnNumber")})
            operations = [*self._begun.pop(name, []), *entry["o"]["applyOps"]]
            if entry["o"].get("partialTxn"):
                self._begun[name] = operations
            else:
                yield from operations


def _batches(entries: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield changes of documents together, and each change of a collection by itself."""
    batch: list[Document] = []
    for entry in entries:
        if entry["op"] in {"i", "u", "d"}:
            batch.append(entry)
        if batch and (entry["op"] == "c" or len(batch) >= BATCH):
            yield batch
            batch = []
        if entry["op"] == "c":
            yield [entry]
    if batch:
        yield batch


def _apply(db: Database[Document], named: str, batch: list[Document]) -> None:
    """Apply changes in order; `named` is the database that they were made in."""
    if batch[0]["op"] == "c":
        command = batch[0]["o"]
        if (made := command.get("create")) is not None and made not in db.list_collection_names():
            db.create_collection(made)
        if (dropped := command.get("drop")) is not None:
            db.drop_collection(dropped)
        return  # indexes are made by the application
    mine = [entry for entry in batch if entry["ns"].startswith(f"{named}.")]
    operations = [
        {name: entry[name] for name in KEPT if name in entry}
        | {"ns": db.name + entry["ns"].removeprefix(named)}
        for entry in mine
    ]
    if operations:
        db.client.admin.command("applyOps", operations, codec_options=CodecOptions(tz_aware=True))
