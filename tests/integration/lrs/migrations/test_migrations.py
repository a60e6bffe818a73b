"""A newer build on what an older one stored: everything is answered as before, and stored data comes up to date."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from conftest import basic
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.monitoring import CommandListener
from stored_databases import BUILDS, restore
from worker_rounds import until_quiet

from lrs.app import create_app
from lrs.cli import cli
from lrs.foundation.settings import Settings, StartFailure
from lrs.migrations import run, schema_version
from lrs.migrations.direct_keys import PAGE
from lrs.migrations.steps import MIGRATIONS, SCHEMA
from lrs.running.worker import worker_services
from rules import rebuild
from statements.intake.prepare import search_keys
from statements.parsing.search_keys import key

Db = Database[dict[str, Any]]
NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
VENDOR = basic("key-of-the-fixture", "secret-of-the-fixture")
ASKED = [
    {"limit": "500"},
    {"agent": '{"mbox":"mailto:ana.lima@drift.example"}', "related_agents": "true"},
    {"agent": '{"mbox":"mailto:ana.lima@drift.example"}'},
    {"activity": "https://acme.example/xapi/sales/exam", "related_activities": "true"},
    {"activity": "https://acme.example/xapi/sales/exam", "ascending": "true"},
    {"verb": "http://adlnet.gov/expapi/verbs/passed"},
]


@pytest.fixture(params=BUILDS)
def old(request: pytest.FixtureRequest, db: Db) -> Db:
    """A database that an older build wrote."""
    restore(db, request.param)
    db.schema.delete_many({})
    return db


def answers(db: Db, settings: Settings) -> list[bytes]:
    client = create_app(settings, db).test_client()
    found = []
    for org in ("vendor", "aurora", "drift"):
        for asked in ASKED:
            answer = client.get("/xapi/statements", query_string={**asked, "org": org}, headers=VENDOR)
            assert answer.status_code == 200, answer.text
            body = orjson.loads(answer.data)
            found.append(orjson.dumps(body["statements"]))
    return found


def test_what_an_older_build_stored_is_answered_the_same_before_and_after(
    old: Db, settings: Settings
) -> None:
    before = answers(old, settings)
    assert sum(map(len, before)) > 100_000
    assert [step.number for step in run.pending(old)] == [step.number for step in MIGRATIONS]
    assert run.run_pending(old, lambda: NOW)
    assert run.pending(old) == []
    assert answers(old, settings) == before


def test_no_statement_repeats_a_direct_key_after_migration_1(old: Db) -> None:
    """Each statement has the keys that this build would give it; what other steps added stays."""
    run.start(old, NOW)
    run.run_pending(old, lambda: NOW)
    row = old.schema.find_one({"_id": 1})
    assert row is not None
    assert row["looked_at"] == old.statements.count_documents({})
    assert row["changed"] > 1000
    for statement in old.statements.find({"chain": {"$exists": False}}):
        related = {key(letter, value) for letter in "AO" for value in _values(statement)}
        wanted = set(search_keys(orjson.loads(statement["raw"]), ()))
        assert related & set(statement["keys"]) <= wanted


def _values(statement: dict[str, Any]) -> list[str]:
    return [v for v in (statement.get("actor"), (statement.get("object") or {}).get("id")) if v]


def test_a_step_that_was_interrupted_goes_on_where_it_stood(old: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrs.migrations.direct_keys.PAGE", 300)
    assert PAGE != 300
    run.start(old, NOW)
    heard: list[int] = []
    while not run.run_pending(
        old, lambda: NOW, stopped=lambda: True, told=lambda row: heard.append(row["looked_at"])
    ):
        pass
    assert heard == sorted(heard)
    assert heard[-1] == old.statements.count_documents({})
    assert len(heard) > 10


def test_one_process_at_a_time_works_on_a_step_and_a_dead_one_is_followed(old: Db) -> None:
    run.start(old, NOW)
    old.schema.insert_one(
        {"_id": 1, "title": "x", "position": {}, "looked_at": 0, "changed": 0, "total": 1,
         "started_at": NOW, "finished_at": None, "leased_until": NOW + run.LEASE}
    )  # fmt: skip
    assert not run.run_pending(old, lambda: NOW)
    assert run.run_pending(old, lambda: NOW + run.LEASE)


def test_an_older_build_refuses_a_newer_database_by_name(old: Db, settings: Settings) -> None:
    run.start(old, NOW)
    old.schema.update_one({"_id": "version"}, {"$set": {"number": SCHEMA + 1, "written_by": "7.1.0"}})
    with pytest.raises(StartFailure, match=r"written by Laurel 7\.1\.0 \(schema \d+\).*run Laurel 7\.1\.0"):
        create_app(settings, old)
    before = old.schema.find_one({"_id": "version"})
    assert before is not None
    assert (before["number"], before["written_by"]) == (SCHEMA + 1, "7.1.0")  # and nothing was changed


class Reader(CommandListener):
    """Another process that reads the version after each write of ours."""

    def __init__(self, db: Db) -> None:
        self.db = db
        self.read: list[schema_version.SchemaVersion | None] = []

    def succeeded(self, event: Any) -> None:
        if event.command_name == "update":
            self.read.append(schema_version.read(self.db))


def test_no_process_ever_reads_half_a_version(db: Db, settings: Settings) -> None:
    db.schema.delete_many({})
    reader = Reader(db)
    here = schema_version.SchemaVersion(SCHEMA, schema_version.build())
    with MongoClient[dict[str, Any]](settings.mongodb_uri, event_listeners=[reader]) as client:
        schema_version.claim(client[db.name], SCHEMA, NOW)
        first = db.schema.find_one({"_id": "version"})
        schema_version.claim(client[db.name], SCHEMA, NOW + dt.timedelta(days=1))
    assert reader.read == [here, here]
    assert db.schema.find_one({"_id": "version"}) == first  # who claims what is claimed changes nothing


def test_a_new_database_has_nothing_to_migrate(db: Db, settings: Settings) -> None:
    db.schema.delete_many({})
    create_app(settings, db)
    assert run.pending(db) == []
    found = schema_version.read(db)
    assert found is not None
    assert found.number == SCHEMA


def test_awards_of_an_older_database_are_decided_and_rebuilt_without_a_difference(
    old: Db, settings: Settings
) -> None:
    services = worker_services(dataclasses.replace(settings, key_passphrase="of the fixture"), old)
    until_quiet(services)
    assert old.awards.count_documents({}) > 20
    job = rebuild.begin(old, services.now())
    rebuild.run(services.engine, job, services.now)
    assert rebuild.progress(old, job).differences == 0


def test_the_command_says_what_it_would_do_and_does_it(old: Db, settings: Settings) -> None:
    environ = {"LRS_MONGODB_URI": settings.mongodb_uri, "LRS_DATABASE": old.name}
    said = CliRunner().invoke(cli, ["migrate", "--plan"], env=environ)
    assert said.exit_code == 0, said.output
    assert "to do" in said.output
    assert old.schema.find_one({"_id": 1}) is None
    done = CliRunner().invoke(cli, ["migrate", "--json"], env=environ)
    assert done.exit_code == 0, done.output
    row = orjson.loads(done.output.splitlines()[0])
    assert row["state"].startswith("done")
    assert row["looked_at"] == old.statements.count_documents({})
    again = orjson.loads(CliRunner().invoke(cli, ["migrate", "--json"], env=environ).output.splitlines()[0])
    assert again == row
