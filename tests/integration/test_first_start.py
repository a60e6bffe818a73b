"""Several processes may start on an empty MongoDB at once: each comes up, and only one makes the first client."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from conftest import worker_database
from pymongo import MongoClient

from lrs.app import create_app
from lrs.database import connect
from lrs.settings import Settings

STARTERS = 6


@pytest.fixture
def nothing(settings: Settings, mongo_client: MongoClient[dict[str, Any]]) -> Iterator[Settings]:
    """Settings over a database that does not exist yet."""
    name = worker_database("_first")
    mongo_client.drop_database(name)
    yield dataclasses.replace(settings, database=name)
    mongo_client.drop_database(name)


def test_applications_that_start_at_once_all_come_up(
    nothing: Settings, mongo_client: MongoClient[dict[str, Any]]
) -> None:
    begin = Barrier(STARTERS)

    def start() -> int:
        database = connect(nothing)
        with database.client:
            database.client.admin.command("ping")
            begin.wait(60)
            return create_app(nothing, database).test_client().get("/readyz").status_code

    with ThreadPoolExecutor(STARTERS) as pool:
        statuses = [one.result() for one in [pool.submit(start) for _ in range(STARTERS)]]
    assert statuses == [200] * STARTERS
    database = mongo_client[nothing.database]
    assert database.orgs.count_documents({}) == database.clients.count_documents({}) == 1
