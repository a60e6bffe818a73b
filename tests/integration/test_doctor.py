"""`lrs doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pymongo import MongoClient
from pymongo.database import Database

from lrs.cli import cli
from lrs.context import Laurel
from lrs.doctor import Finding, check_data_folder, disk, examine
from lrs.keys import key_store
from lrs.mongod import free_port
from lrs.settings import Settings


def findings(here: Laurel) -> dict[str, Finding]:
    return {finding.about: finding for finding in examine(here)}


@pytest.fixture
def here(settings: Settings, app: Any, db: Database[dict[str, Any]]) -> Laurel:
    return Laurel(settings, db)


def test_a_new_installation_has_nothing_bad(here: Laurel) -> None:
    found = findings(here)
    assert not [one for one in found.values() if one.level == "bad"]
    assert {
        "address",
        "data folder",
        "MongoDB",
        "write concern",
        "indexes",
        "clock",
        "clients",
    } <= found.keys()


def test_a_missing_index_is_named(here: Laurel) -> None:
    here.db.statements.drop_index("keys")
    assert "statements.keys" in findings(here)["indexes"].fact
    assert findings(here)["indexes"].level == "bad"


def test_statements_that_wait_too_long_point_to_the_worker(here: Laurel) -> None:
    stored = here.now() - dt.timedelta(hours=1)
    here.db.statements.insert_one({"org": "vendor", "id": 1, "pending": True, "stored": stored})
    found = findings(here)["evaluation"]
    assert found.level == "bad"
    assert "lrs worker" in found.advice


def test_a_clock_that_is_off_is_bad(here: Laurel) -> None:
    late = dataclasses.replace(here, now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2))
    assert findings(late)["clock"].level == "bad"


def test_keys_locked_with_another_passphrase_are_bad(here: Laurel) -> None:
    key_store(here.settings, here.db).current()
    assert findings(here)["signing key"].level == "good"
    other = dataclasses.replace(here.settings, key_passphrase="another passphrase")
    assert findings(dataclasses.replace(here, settings=other))["signing key"].level == "bad"


def test_without_mongodb_the_other_checks_still_answer(settings: Settings) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(port=free_port(), serverSelectionTimeoutMS=200)
    with client:
        found = findings(Laurel(settings, client["x"]))
    assert found["MongoDB"].level == "bad"
    assert "address" in found


def test_disks_that_fill_up_are_said_in_time() -> None:
    assert disk("disk", "x", 2**29).level == "bad"
    assert disk("disk", "x", 2 * 2**30).level == "doubtful"
    assert disk("disk", "x", 2**40).level == "good"


def test_a_data_folder_that_is_not_there_yet_is_no_fault(here: Laurel, tmp_path: Path) -> None:
    settings = dataclasses.replace(here.settings, data_folder=tmp_path / "none")
    (finding,) = check_data_folder(dataclasses.replace(here, settings=settings))
    assert finding.level == "doubtful"


def test_command_answers_lines_or_json_and_its_status(here: Laurel) -> None:
    environ = {
        "LRS_MONGODB_URI": here.settings.mongodb_uri, "LRS_DATABASE": here.settings.database,
        "LRS_DATA_FOLDER": str(here.settings.data_folder),
    }  # fmt: skip
    plain = CliRunner().invoke(cli, ["doctor"], env=environ)
    assert plain.exit_code == 0, plain.output
    assert "ok    indexes" in plain.output
    rows = CliRunner().invoke(cli, ["doctor", "--json"], env=environ).output.splitlines()
    assert json.loads(rows[0])["about"] == "address"
    here.db.clients.delete_many({})
    assert CliRunner().invoke(cli, ["doctor"], env=environ).exit_code == 1
