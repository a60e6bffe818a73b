"""Making backups while everything runs: one moment of all collections, or what changed since the last backup.

A whole backup reads every collection at one cluster time (snapshot reads); changes come from the oplog, from
exactly that time on, so that applying them in order gives exactly what was there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any, Final

from bson import Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from lrs.backups import sealed_files
from lrs.backups.repository import Backup, NoBackup, Repository
from lrs.migrations import schema_version

Document = dict[str, Any]
RAW: Final[CodecOptions[Any]] = CodecOptions(document_class=RawBSONDocument)
BATCH: Final = 1000  # documents
WINDOW: Final = 24 * 3600  # seconds for which MongoDB is asked to keep a moment readable
Say = Callable[[str], None]


def back_up(
    db: Database[Document], repository: Repository, now: dt.datetime, say: Say, *, whole: bool = False
) -> Backup:
    """Save what changed since the last backup; all, when asked for, or where the changes are gone."""
    every = repository.backups()
    if not whole and every and _reaches_back(db, every[-1].until):
        return _changes(db, repository, now, say)
    if every and not whole:
        say("the oplog no longer reaches back to the last backup, so this one is whole")
    return _whole(db, repository, now, say)


def _whole(db: Database[Document], repository: Repository, now: dt.datetime, say: Say) -> Backup:
    _keep_moments(db)
    moment = _moment(db)
    folder = repository.begin(f"{now:%Y-%m-%dT%H-%M-%S.%f}Z-whole")
    files = {}
    for number, name in enumerate(sorted(db.list_collection_names(filter={"type": "collection"}))):
        file = f"{number:03d}.bson"
        found = _read_at(db, name, moment)
        count, size, digest = sealed_files.write(folder / file, found, repository.key_for(folder))
        files[file] = {"collection": name, "documents": count, "bytes": size, "sha256": digest}
        say(f"{name}: {count:,} documents")
    return repository.finish(folder, _manifest(db, ("whole", moment, moment), now, files))


def _changes(db: Database[Document], repository: Repository, now: dt.datetime, say: Say) -> Backup:
    last, until = repository.backups()[-1], _moment(db)
    folder = repository.begin(f"{now:%Y-%m-%dT%H-%M-%S.%f}Z-changes")
    count, size, digest = sealed_files.write(
        folder / "oplog.bson", _oplog(db, last.until, until), repository.key_for(folder)
    )
    files = {"oplog.bson": {"collection": "oplog", "documents": count, "bytes": size, "sha256": digest}}
    say(f"{count:,} changes since {last.until.as_datetime():%Y-%m-%d %H:%M:%S} UTC")
    return repository.finish(folder, _manifest(db, ("changes", last.until, until), now, files))


def _manifest(
    db: Database[Document], span: tuple[str, Timestamp, Timestamp], now: dt.datetime, files: Document
) -> Document:
    kind, since, until = span
    schema = schema_version.read(db)
    return {
        "kind": kind,
        "since": [since.time, since.inc],
        "until": [until.time, until.inc],
        "at": now.isoformat(),
        "build": schema_version.build(),
        "schema": schema.number if schema else 0,
        "database": db.name,
        "files": files,
    }


def _keep_moments(db: Database[Document]) -> None:
    """Ask MongoDB to keep a moment readable for long; its own default is five minutes."""
    try:
        db.client.admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": WINDOW})
    except OperationFailure:  # not allowed on this server: its own window must do
        return


def _moment(db: Database[Document]) -> Timestamp:
    """Return the cluster time of now at which everything acknowledged can be read."""
    reply = db.command({"find": "orgs", "limit": 1, "readConcern": {"level": "snapshot"}})
    found: Timestamp = reply["cursor"]["atClusterTime"]
    return found


def _read_at(db: Database[Document], name: str, moment: Timestamp) -> Iterator[bytes]:
    concern = {"level": "snapshot", "atClusterTime": moment}
    command: Document = {"find": name, "batchSize": BATCH, "readConcern": concern}
    try:
        with db.client.start_session() as session:
            while command:
                reply: Any = db.command(command, session=session, codec_options=RAW)["cursor"]
                for document in reply.get("firstBatch") or reply.get("nextBatch", ()):
                    yield document.raw
                more = {"getMore": reply["id"], "collection": name, "batchSize": BATCH}
                command = more if reply["id"] else {}
    except OperationFailure as error:
        if error.code == 239:  # SnapshotTooOld
            raise NoBackup(f"MongoDB keeps no moment long enough to read {name}") from error
        raise


def _reaches_back(db: Database[Document], instant: Timestamp) -> bool:
    oldest = db.client.local["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    return oldest is not None and oldest["ts"] <= instant


def _oplog(db: Database[Document], since: Timestamp, until: Timestamp) -> Iterator[bytes]:
    """Yield the entries of the oplog that concern this database, in order.

    A large transaction stands in several entries; those of before `since` come with the one that ends it.
    """
    oplog: Any = db.client.local.get_collection("oplog.rs", codec_options=RAW)
    wanted = {
        "ts": {"$gt": since, "$lte": until},
        "$or": [{"ns": {"$regex": f"^{db.name}\\."}}, {"ns": "admin.$cmd", "o.applyOps": {"$exists": True}}],
    }
    for entry in oplog.find(wanted).sort("$natural", 1):
        yield from reversed(list(_begun_before(oplog, entry, since)))
        yield entry.raw


def _begun_before(oplog: Any, entry: Any, since: Timestamp) -> Iterator[bytes]:
    """Yield the earlier entries of a transaction's end that lie before `since`, the newest first."""
    ends = "applyOps" in entry["o"] and "count" in entry["o"]
    before = entry["prevOpTime"]["ts"] if ends else Timestamp(0, 0)
    while before > Timestamp(0, 0):
        one = oplog.find_one({"ts": before})
        if one is None:
            raise NoBackup("the oplog no longer holds the beginning of a transaction; make a whole backup")
        if before <= since:
            yield one.raw
        before = one["prevOpTime"]["ts"]
