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
from conformance_support import BOTH, V1, V2, Lrs
from conftest import basic, empty, worker_database
from flask import Flask
from flask.testing import FlaskClient
from pymongo import MongoClient
from pymongo.database import Database

from lrs import tenancy
from lrs.app import create_app
from lrs.settings import Settings

SECRET = "conformance"
hashed = lru_cache(tenancy.hash_secret)


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
    name = f"t-{uuid.uuid4()}"
    tenancy.create_org(db, name, name=name, now=dt.datetime.now(dt.UTC))
    return name


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
    db.clients.insert_one(document)
    return basic(key, SECRET)


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
            tenancy.create_org(db, org, name=org, now=dt.datetime.now(dt.UTC))
        return Lrs(client, new_client(db, org, *(scopes or ("all",)), **more), version)

    return make


@pytest.fixture
def foreign(other_client: Callable[..., Lrs]) -> Lrs:
    """A client of another organization with every right there."""
    return other_client(org=f"f-{uuid.uuid4()}")
