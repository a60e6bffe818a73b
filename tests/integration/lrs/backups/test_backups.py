"""Backups under writes: what comes back is what was there at one moment, byte for byte, or a refusal that says why."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database
from stored_databases import BUILDS
from stored_databases import restore as put_back
from worker_rounds import until_quiet

from lrs.backups import sealed_files
from lrs.backups.backup import back_up
from lrs.backups.repository import NoBackup, Repository
from lrs.backups.restore import restore, restore_organization
from lrs.backups.sealed_files import Damaged
from lrs.cli import cli
from lrs.foundation.settings import Settings
from lrs.indexes import ensure_indexes
from lrs.running.worker import worker_services
from rules import rebuild

Db = Database[dict[str, Any]]
Checksums = dict[str, str]
PASSPHRASE = "a passphrase of the tests"


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def quiet(_text: str) -> None:
    """Say nothing."""


def checksums(db: Db) -> Checksums:
    """Return one sum for each collection that has documents, whatever the order on disk.

    Without `hosts`: machines that serve, and applications of earlier tests, tell of themselves there each second.
    """
    found = {}
    for name in set(db.list_collection_names()) - {"hosts"}:
        raw = db.get_collection(name, codec_options=bson.CodecOptions(document_class=RawBSONDocument))
        sums = sorted(hashlib.sha256(document.raw).hexdigest() for document in raw.find())
        if sums:
            found[name] = hashlib.sha256("".join(sums).encode()).hexdigest()
    return found


@pytest.fixture
def elsewhere(mongo_client: MongoClient[dict[str, Any]], db: Db) -> Iterator[Db]:
    """An empty database of another name."""
    name = f"{db.name}_back"
    mongo_client.drop_database(name)
    yield mongo_client[name]
    mongo_client.drop_database(name)


@pytest.fixture
def stored(db: Db) -> Db:
    put_back(db, BUILDS[-1])
    return db


COUNTER = itertools.count()


class Writers:
    """Threads that insert, change, delete and write transactions, as long as the block lasts."""

    def __init__(self, db: Db, threads: int = 3) -> None:
        self.db, self.stop, self.errors = db, threading.Event(), []
        first = next(COUNTER)
        self.threads = [threading.Thread(target=self._write, args=(f"{first}.{n}",)) for n in range(threads)]

    def __enter__(self) -> Writers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.errors

    def _write(self, seed: str) -> None:
        chance, number = random.Random(seed), 0
        try:
            while not self.stop.is_set():
                number += 1
                name = f"{seed}-{number}"
                with self.db.client.start_session() as session:
                    session.with_transaction(lambda s, n=name: self._both(n, s))
                victim = f"{seed}-{chance.randrange(1, number + 1)}"
                change = {"$set": {"at.x": number}, "$push": {"list": number}, "$unset": {"gone": 1}}
                self.db.documents.update_one({"_id": victim}, change)
                if chance.random() < 0.2:
                    self.db.documents.delete_one({"_id": victim})
        except Exception as error:  # noqa: BLE001 -- shown by the main thread
            self.errors.append(error)

    def _both(self, name: str, session: Any) -> None:
        """Write to two collections: a backup never has one without the other."""
        row = {"_id": name, "org": "aurora", "at": {"x": 0}, "gone": 1, "list": [], "pad": b"x" * 2000}
        self.db.documents.insert_one(row, session=session)
        self.db.deals.insert_one({"_id": name, "org": "aurora", "id": name}, session=session)


def test_a_drill_load_save_under_writes_destroy_bring_back_compare(
    stored: Db, elsewhere: Db, tmp_path: Path
) -> None:
    """Everything is the same byte for byte, and deciding everybody anew finds no difference."""
    settings = Settings(key_passphrase="of the fixture", database=stored.name)
    until_quiet(worker_services(settings, stored))
    repository = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    with Writers(stored):
        time.sleep(0.3)
        assert back_up(stored, repository, utc_now(), quiet).is_whole
        for _ in range(3):
            time.sleep(0.3)
            assert not back_up(stored, repository, utc_now(), quiet).is_whole
    back_up(stored, repository, utc_now(), quiet)
    before = checksums(stored)
    stored.client.drop_database(stored.name)
    ensure_indexes(elsewhere)
    restore(elsewhere, repository, quiet)
    assert checksums(elsewhere) == before
    services = worker_services(settings, elsewhere)
    job = rebuild.begin(elsewhere, services.now())
    rebuild.run(services.engine, job, services.now)
    found = rebuild.progress(elsewhere, job)
    assert (found.differences, found.done) == (0, True)
    assert found.people > 20


def test_a_whole_backup_shows_one_moment_of_all_collections(db: Db, elsewhere: Db, tmp_path: Path) -> None:
    """What one transaction wrote is in it whole or not at all, though collections are read one by one."""
    repository = Repository(tmp_path / "saved", None, make=True)
    with Writers(db):
        time.sleep(0.3)
        back_up(db, repository, utc_now(), quiet)
    restore(elsewhere, repository, quiet)
    deals = {row["_id"] for row in elsewhere.deals.find()}
    assert len(deals) > 5
    documents = {row["_id"] for row in elsewhere.documents.find()}
    assert documents <= deals
    never_deleted = {row["_id"] for row in db.documents.find()} & deals
    assert never_deleted <= documents


def test_it_comes_back_as_it_was_at_an_instant(db: Db, elsewhere: Db, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    db.orgs.insert_one({"_id": "aurora"})
    back_up(db, repository, utc_now(), quiet)
    with Writers(db):
        time.sleep(0.4)
    then = checksums(db)
    time.sleep(1.1)  # instants are whole seconds in the oplog
    at = utc_now()
    time.sleep(1.1)
    with Writers(db, 1):
        time.sleep(0.2)
    db.orgs.delete_one({"_id": "aurora"})
    back_up(db, repository, utc_now(), quiet)
    restore(elsewhere, repository, quiet, at=at)
    assert checksums(elsewhere) == then
    assert elsewhere.orgs.find_one({"_id": "aurora"}) is not None
    with pytest.raises(NoBackup, match="the backups go up to"):
        restore(db, repository, quiet, at=utc_now() + dt.timedelta(hours=1))


def test_one_organization_comes_back_and_no_other_is_touched(stored: Db, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    back_up(stored, repository, utc_now(), quiet)
    before = checksums(stored)
    for name in stored.list_collection_names():
        stored[name].delete_many({"_id": "drift"} if name == "orgs" else {"org": "drift"})
    without = stored.statements.count_documents({})
    with pytest.raises(NoBackup, match="aurora has documents in"):
        restore_organization(stored, repository, "aurora", quiet)
    assert restore_organization(stored, repository, "drift", quiet) > 100
    assert stored.statements.count_documents({}) > without
    assert checksums(stored) == before
    assert f"{stored.name}_restored" not in stored.client.list_database_names()


def test_a_database_that_is_not_empty_is_left_alone(stored: Db, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "saved", None, make=True)
    back_up(stored, repository, utc_now(), quiet)
    before = checksums(stored)
    with pytest.raises(NoBackup, match="is not empty"):
        restore(stored, repository, quiet)
    assert checksums(stored) == before


def test_an_interrupted_backup_leaves_nothing_that_counts(
    stored: Db, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Repository(tmp_path / "saved", None, make=True)
    written = sealed_files.write

    def fails(path: Path, *rest: Any) -> Any:
        if path.name.startswith("005"):
            raise OSError("no space left on device")
        return written(path, *rest)

    monkeypatch.setattr(sealed_files, "write", fails)
    with pytest.raises(OSError, match="no space"):
        back_up(stored, repository, utc_now(), quiet)
    assert repository.backups() == []
    monkeypatch.setattr(sealed_files, "write", written)
    back_up(stored, repository, utc_now(), quiet)
    assert [one.folder.name for one in repository.backups()] == [
        path.name for path in repository.folder.iterdir() if path.is_dir()
    ]


def test_a_changed_byte_a_missing_piece_and_another_passphrase_are_refused(
    stored: Db, elsewhere: Db, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    made = back_up(stored, repository, utc_now(), quiet)
    file = max(made.folder.glob("*.bson"), key=lambda path: path.stat().st_size)
    whole = file.read_bytes()
    for spoilt in (whole[:-1], whole[: len(whole) // 2], b"", whole[:100] + b"\x00" + whole[101:], whole * 2):
        file.write_bytes(spoilt)
        with pytest.raises(Damaged):
            repository.check(made)
        with pytest.raises(Damaged):
            restore(elsewhere, repository, quiet)
        assert elsewhere.list_collection_names() == []
    file.write_bytes(whole)
    repository.check(made)
    with pytest.raises(Damaged, match="the passphrase is another one"):
        Repository(repository.folder, "another").check(made)
    with pytest.raises(NoBackup, match="is sealed"):
        Repository(repository.folder, None)
    names = {file.name: file.read_bytes() for file in made.folder.glob("*.bson")}
    assert not [name for name, body in names.items() if b"acme.example" in body]  # nothing readable


def test_a_backup_of_a_newer_build_and_a_strange_folder_are_refused(
    stored: Db, elsewhere: Db, tmp_path: Path
) -> None:
    repository = Repository(tmp_path / "saved", None, make=True)
    made = back_up(stored, repository, utc_now(), quiet)
    manifest = json.loads((made.folder / "manifest.json").read_text())
    manifest |= {"schema": 99, "build": "9.9.9"}
    (made.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NoBackup, match=r"made by Laurel 9\.9\.9"):
        restore(elsewhere, repository, quiet)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("x")
    with pytest.raises(NoBackup, match="holds other files"):
        Repository(tmp_path / "other", None, make=True)


def test_the_commands_save_list_check_and_bring_back(
    stored: Db, elsewhere: Db, settings: Settings, tmp_path: Path
) -> None:
    environ = {
        "LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": stored.name, "LRS_BACKUP_PASSPHRASE": PASSPHRASE,
    }  # fmt: skip
    folder = str(tmp_path / "saved")
    for expected in ("whole", "changes"):
        done = CliRunner().invoke(cli, ["backup", folder, "--json"], env=environ)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout.splitlines()[-1])["kind"] == expected
    listed = CliRunner().invoke(cli, ["backup", folder, "--check"], env=environ)
    assert listed.exit_code == 0, listed.output
    assert "whole" in listed.output
    refused = CliRunner().invoke(cli, ["restore", folder], env=environ)
    assert refused.exit_code == 1
    assert "is not empty" in refused.output
    back = CliRunner().invoke(cli, ["restore", folder], env=environ | {"LRS_DATABASE": elsewhere.name})
    assert back.exit_code == 0, back.output
    assert checksums(elsewhere) == checksums(stored)


@given(st.lists(st.dictionaries(st.text(max_size=5).filter(lambda k: "\x00" not in k), st.integers(-9, 9))))
def test_files_give_back_the_documents_that_went_in(documents: list[dict[str, int]]) -> None:
    import tempfile

    raws = [bson.encode(document) for document in documents]
    with tempfile.TemporaryDirectory() as folder:
        for key in (None, sealed_files.key_of("x", b"salt" * 4)):
            path = Path(folder) / "a.bson"
            count, size, _ = sealed_files.write(path, raws, key)
            assert (count, size) == (len(raws), sum(map(len, raws)))
            assert list(sealed_files.read(path, key)) == raws


def test_who_was_erased_is_gone_from_backups_when_their_keys_are(db: Any, tmp_path: Path) -> None:
    """Copies of a backup that lie elsewhere stay, and nobody can read them any more."""
    repository = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    db.people.insert_one({"_id": "p", "name": "Ana Example"})
    old = back_up(db, repository, utc_now(), quiet)
    copy = tmp_path / "elsewhere" / old.folder.name
    shutil.copytree(old.folder, copy)
    db.people.update_one({"_id": "p"}, {"$set": {"name": None}})
    new = back_up(db, repository, utc_now() + dt.timedelta(minutes=1), quiet, whole=True)
    keys = (repository.folder / "keys.json").read_bytes()
    assert repository.forget() == [old.folder.name]
    assert [one.folder for one in repository.backups()] == [new.folder]
    shutil.copytree(copy, old.folder)
    again = Repository(repository.folder, PASSPHRASE)
    with pytest.raises(Damaged, match="its key was destroyed"):
        again.check(again.backups()[0])
    again.check(again.backups()[1])
    (repository.folder / "keys.json").write_bytes(keys)
    again = Repository(repository.folder, PASSPHRASE)
    again.check(again.backups()[0])  # the key was all that was missing


def test_a_new_passphrase_opens_all_backups_and_the_former_none(db: Any, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    db.people.insert_one({"_id": "p"})
    made = back_up(db, repository, utc_now(), quiet)
    repository.change_passphrase("another")
    Repository(repository.folder, "another").check(made)
    with pytest.raises(Damaged, match="passphrase"):
        Repository(repository.folder, PASSPHRASE).check(made)
    back_up(db, Repository(repository.folder, "another"), utc_now() + dt.timedelta(minutes=1), quiet)
    assert len(Repository(repository.folder, "another").backups()) == 2
