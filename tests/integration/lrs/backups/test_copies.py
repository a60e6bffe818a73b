"""Copies of backups elsewhere: nothing without the keys, nothing half, never mixed with those of others.

The place is a folder, by its address; the same against a store of S3: LAUREL_COPIES=s3://bucket/test?... pytest ...
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pymongo import MongoClient

from lrs.backups.backup import back_up
from lrs.backups.copies import Copies
from lrs.backups.repository import NoBackup, Repository
from lrs.backups.restore import restore
from lrs.backups.sealed_files import Damaged
from lrs.cli import cli
from lrs.foundation.settings import Settings
from lrs.indexes import ensure_indexes

PASSPHRASE = "a passphrase of the tests"
NOW = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Where the copies go: a place of its own for each test."""
    given = os.environ.get("LAUREL_COPIES")
    if given is None:
        return f"file://{tmp_path}/place"
    place, _, options = given.partition("?")
    return f"{place}/{uuid.uuid4().hex}?{options}"


@pytest.fixture
def saved(db: Any, tmp_path: Path) -> Repository:
    """A repository with a whole backup and the changes since."""
    db.people.insert_one({"_id": "p", "org": "vendor", "name": "Ana"})
    made = Repository(tmp_path / "saved", PASSPHRASE, make=True)
    back_up(db, made, NOW, quiet)
    db.people.insert_one({"_id": "q", "org": "vendor", "name": "Bo"})
    back_up(db, made, NOW + dt.timedelta(minutes=1), quiet)
    return made


def test_what_is_copied_comes_back_with_the_keys_and_not_without(
    db: Any, mongo_client: MongoClient[Any], saved: Repository, address: str, tmp_path: Path
) -> None:
    assert Copies(address).send(saved.folder, quiet) > 3
    assert "keys.json" not in Copies(address).sizes()
    assert Copies(address).send(saved.folder, quiet) == 0, "what is there is not sent again"
    again = tmp_path / "again"
    Copies(address).bring(again, quiet)
    with pytest.raises(Damaged, match="its key was destroyed"):
        Repository(again, PASSPHRASE).check(Repository(again, PASSPHRASE).backups()[0])
    shutil.copy(saved.folder / "keys.json", again)
    name = f"{db.name}_copies"
    try:
        target = mongo_client[name]
        ensure_indexes(target)
        restore(target, Repository(again, PASSPHRASE), quiet)
        assert sorted(row["_id"] for row in target.people.find()) == ["p", "q"]
    finally:
        mongo_client.drop_database(name)


def test_a_copy_that_was_cut_short_does_not_count_and_goes_on(
    saved: Repository, address: str, tmp_path: Path
) -> None:
    class Cut(Exception):
        """The connection is gone."""

    def until_the_manifests(text: str) -> None:
        if "000.bson" in text:
            raise Cut

    with pytest.raises(Cut):
        Copies(address).send(saved.folder, until_the_manifests)
    assert not any(name.endswith("manifest.json") for name in Copies(address).sizes())
    Copies(address).send(saved.folder, quiet)
    Copies(address).bring(tmp_path / "again", quiet)
    shutil.copy(saved.folder / "keys.json", tmp_path / "again")
    again = Repository(tmp_path / "again", PASSPHRASE)
    assert len(again.chain()) == 2
    for one in again.backups():
        again.check(one)


def test_what_is_forgotten_goes_there_too_and_only_then(db: Any, saved: Repository, address: str) -> None:
    Copies(address).send(saved.folder, quiet)
    back_up(db, saved, NOW + dt.timedelta(minutes=2), quiet, whole=True)
    gone = saved.forget()
    before = Copies(address).sizes()
    Copies(address).send(saved.folder, quiet)
    assert before.keys() <= Copies(address).sizes().keys()
    Copies(address).send(saved.folder, quiet, forget=True)
    assert not [name for name in Copies(address).sizes() if name.partition("/")[0] in gone]


def test_copies_of_other_backups_are_left_alone(saved: Repository, address: str, tmp_path: Path) -> None:
    Copies(address).send(saved.folder, quiet)
    before = Copies(address).sizes()
    other = Repository(tmp_path / "other", PASSPHRASE, make=True)
    for act in (Copies(address).send, Copies(address).bring):
        with pytest.raises(NoBackup, match="holds copies of other backups"):
            act(other.folder, quiet)
    assert Copies(address).sizes() == before


def test_an_address_that_is_none_and_an_empty_place_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(NoBackup, match="no address of copies"):
        Copies("gopher://x/y")
    with pytest.raises(NoBackup, match="holds no copies"):
        Copies(address).bring(tmp_path / "again", quiet)
    assert not (tmp_path / "again").exists()


def test_the_commands_copy_and_bring_back(
    db: Any, mongo_client: MongoClient[Any], settings: Settings, address: str, tmp_path: Path
) -> None:
    db.people.insert_one({"_id": "p", "org": "vendor", "name": "Ana"})
    environ = {
        "LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": db.name, "LRS_BACKUP_PASSPHRASE": PASSPHRASE,
    }  # fmt: skip
    folder, again, name = tmp_path / "saved", tmp_path / "again", f"{db.name}_copies"
    done = CliRunner().invoke(cli, ["backup", str(folder), "--copy", address], env=environ)
    assert done.exit_code == 0, done.output
    again.mkdir()
    shutil.copy(folder / "keys.json", again)
    try:
        back = CliRunner().invoke(
            cli, ["restore", str(again), "--copy", address], env=environ | {"LRS_DATABASE": name}
        )
        assert back.exit_code == 0, back.output
        assert mongo_client[name].people.find_one({"_id": "p"}) == db.people.find_one({"_id": "p"})
    finally:
        mongo_client.drop_database(name)
    refused = CliRunner().invoke(cli, ["backup", str(folder), "--copy", "gopher://x/y"], env=environ)
    assert refused.exit_code == 1
    assert "no address of copies" in refused.output
