"""Several processes may start on an empty MongoDB at once: each comes up, and only one makes the first client."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import KEY, ROOT, SECRET, worker_database
from pymongo import MongoClient
from pymongo.monitoring import CommandListener

from lrs.foundation.settings import Settings, to_env
from lrs.indexes import ensure_indexes

STARTERS = 4
# imports take the longest and not equally long, so each says when it is there and waits for the word
START = """
import sys, lrs.app
print("there", flush=True)
sys.stdin.readline()
import wsgi
print(wsgi.app.test_client().get("/readyz").status_code)
"""


@pytest.fixture
def nothing(settings: Settings, mongo_client: MongoClient[dict[str, Any]]) -> Iterator[Settings]:
    """Settings over a database that does not exist yet."""
    name = worker_database("_first")
    mongo_client.drop_database(name)
    yield dataclasses.replace(settings, database=name)
    mongo_client.drop_database(name)


def test_processes_that_start_at_once_all_come_up(
    nothing: Settings, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    environ = {**to_env(nothing, os.environ), "LRS_BOOTSTRAP_KEY": KEY, "LRS_BOOTSTRAP_SECRET": SECRET}
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", START], cwd=ROOT, env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(STARTERS)
    ]  # fmt: skip
    for one in starters:
        assert one.stdout
        assert one.stdout.readline() == "there\n"
    for one in starters:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate(timeout=120) for one in starters]
    assert [out for out, _ in said] == ["200\n"] * STARTERS, said
    database = mongo_client[nothing.database]
    assert database.orgs.count_documents({}) == database.clients.count_documents({}) == 1


class Meddler(CommandListener):
    """Another process that creates the collection just before our command arrives."""

    def __init__(self, other: MongoClient[dict[str, Any]]) -> None:
        self.other = other
        self.created: list[str] = []

    def started(self, event: Any) -> None:
        if event.command_name == "create":
            self.other[event.database_name].create_collection(event.command["create"])
            self.created.append(event.command["create"])

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


def test_a_collection_that_another_process_made_at_the_last_moment_is_taken(
    nothing: Settings, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    meddler = Meddler(mongo_client)
    with MongoClient[dict[str, Any]](nothing.mongodb_uri, event_listeners=[meddler]) as client:
        ensure_indexes(client[nothing.database])
    assert meddler.created == ["statements"]
    assert len(mongo_client[nothing.database].statements.index_information()) > 1


def test_statements_lie_in_compressed_pages_of_64_kb(
    nothing: Settings, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    database = mongo_client[nothing.database]
    ensure_indexes(database)
    creation = database.command("collStats", "statements")["wiredTiger"]["creationString"]
    assert {"block_compressor=zstd", "leaf_page_max=64KB"} <= set(creation.split(","))
