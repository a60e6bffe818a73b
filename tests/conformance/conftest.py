"""One application for all conformance tests of a process; each test has an organization, and so a store, of its own.

That is much cheaper than a fresh database for each of a thousand tests, and proves on the way that stores are
sealed against each other.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pytest
from argon2 import PasswordHasher
from conformance_support import BOTH, V1, V2, Lrs
from conftest import FAST_PATH, basic, empty, worker_database
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from lrs.access import organizations
from lrs.app import create_app
from lrs.foundation.settings import Settings

SECRET = "conformance"
# a thousand clients: their hash costs next to nothing to verify, and they need not survive a power cut
hashed = lru_cache(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash)


@pytest.fixture(scope="session")
def shared_app(
    mongod: str, mongo_client: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Flask:
    database = mongo_client[worker_database("_conformance")]
    empty(database)
    settings = Settings(
        mongodb_uri=mongod,
        database=database.name,
        public_url="http://lrs.example",
        data_folder=tmp_path_factory.mktemp("conformance"),
        max_body_mb=8,
        fast_path=FAST_PATH,
        bootstrap_key="conformance",
        bootstrap_secret=SECRET,
    )
    return create_app(settings, database)


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    """The shared application; what it remembers of secrets is forgotten now and then by itself."""
    yield shared_app
    shared_app.config["PROPAGATE_EXCEPTIONS"] = None


@pytest.fixture
def db(app: Flask) -> Database[dict[str, Any]]:
    """The database of the shared application, which other tests have written to."""
    database: Database[dict[str, Any]] = app.extensions["laurel"].db
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def org(db: Database[dict[str, Any]]) -> str:
    """A new organization with an empty store."""
    return new_org(db, f"t-{uuid.uuid4()}")


def new_org(db: Database[dict[str, Any]], name: str) -> str:
    """Make an organization; return its id."""
    organizations.create_org(quickly(db), name, name=name, now=dt.datetime.now(dt.UTC))
    return name


def quickly(db: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """Return the database with writes that do not wait for the disk."""
    return db.client.get_database(db.name, write_concern=WriteConcern(1))


def new_client(db: Database[dict[str, Any]], org: str, *scopes: str, **more: Any) -> dict[str, str]:
    """Insert a client with a secret that is hashed once for all; return its headers."""
    now = dt.datetime.now(dt.UTC)
    key = f"key-{uuid.uuid4()}"
    document = {
        "_id": key, "org": org, "label": None, "controlled_by": "partner", "scopes": list(scopes),
        "vendor_wide": False, "secrets": [{"hash": hashed(SECRET), "from": now, "until": None}],
        "expires_at": None, "revoked_at": None, "last_used_at": now, "created_at": now, "updated_at": now,
        "version": 1, **more,
    }  # fmt: skip
    quickly(db).clients.insert_one(document)
    return basic(key, SECRET)


@pytest.fixture(scope="session")
def common(shared_app: Flask) -> dict[str, str]:
    """Headers of one client for tests that need no store of their own."""
    db = shared_app.extensions["laurel"].db
    return new_client(db, new_org(db, "common"), "all")


@pytest.fixture(params=BOTH)
def lrs(request: pytest.FixtureRequest, client: FlaskClient, db: Database[dict[str, Any]], org: str) -> Lrs:
    """The LRS in each version, one after the other."""
    return Lrs(client, new_client(db, org, "all"), request.param)


@pytest.fixture
def lrs1(client: FlaskClient, db: Database[dict[str, Any]], org: str) -> Lrs:
    """The LRS in version 1.0.3."""
    return Lrs(client, new_client(db, org, "all"), V1)


@pytest.fixture
def lrs2(client: FlaskClient, db: Database[dict[str, Any]], org: str) -> Lrs:
    """The LRS in version 2.0."""
    return Lrs(client, new_client(db, org, "all"), V2)


@pytest.fixture
def other_client(client: FlaskClient, db: Database[dict[str, Any]], org: str) -> Callable[..., Lrs]:
    """Make a further client of the same organization: `other_client(*scopes)`, or of another one."""

    def make(*scopes: str, org: str = org, version: str = V1, **more: Any) -> Lrs:
        if db.orgs.find_one({"_id": org}) is None:
            new_org(db, org)
        return Lrs(client, new_client(db, org, *(scopes or ("all",)), **more), version)

    return make


@pytest.fixture
def foreign(other_client: Callable[..., Lrs]) -> Lrs:
    """A client of another organization with every right there."""
    return other_client(org=f"f-{uuid.uuid4()}")
