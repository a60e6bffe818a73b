"""The living example, loaded and decided once for all tests of the console's pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import KEY, SECRET, empty, worker_database
from console_world import World
from factories_access import Browser, log_in, make_org, make_user, utc_now
from flask import Flask
from pymongo import MongoClient
from pymongo.database import Database
from worker_rounds import until_quiet

from lrs.app import create_app
from lrs.demo.load import load
from lrs.foundation.settings import Settings
from lrs.running import worker


@pytest.fixture(scope="session")
def world(mongod: str, mongo_client: MongoClient[Any], tmp_path_factory: Any) -> Iterator[World]:
    db = mongo_client[worker_database("_console")]
    empty(db)
    settings = Settings(
        mongodb_uri=mongod, database=db.name, public_url="http://lrs.example", bootstrap_key=KEY,
        bootstrap_secret=SECRET, data_folder=tmp_path_factory.mktemp("console"),
    )  # fmt: skip
    app = create_app(settings, db)
    load(db, settings, utc_now(), lambda _: None)
    until_quiet(worker.worker_services(settings, db))
    yield World(
        app, db,
        log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example")),
        log_in(app, make_user(db, "aurora", "partner_admin", "pat@aurora.example")),
        log_in(app, make_user(db, "vendor", "analyst", "ann@vendor.example")),
    )  # fmt: skip
    mongo_client.drop_database(db.name)


@pytest.fixture(scope="module")
def nothing_saved(world: World) -> None:
    """No question, answer or dashboard, neither of the demo nor of the files before."""
    for name in ("saved_queries", "query_results", "dashboards"):
        world.db[name].delete_many({})


@pytest.fixture
def ada(app: Flask, db: Database[Any]) -> Browser:
    """The vendor's administrator of an empty installation with one partner."""
    make_org(db, "north")
    return log_in(app, make_user(db, "vendor", "vendor_admin", "ada@vendor.example"))
