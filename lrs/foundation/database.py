"""The connection to MongoDB."""

from __future__ import annotations

from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from lrs.foundation.settings import Settings, StartFailure
from lrs.foundation.watching import logs
from lrs.foundation.watching.slow_queries import SlowQueries

Document = dict[str, Any]
DURABLE = WriteConcern(w="majority", j=True)
ANSWER_SECONDS = 5.0


def connect(settings: Settings) -> Database[Document]:
    """Open a client for this process; acknowledged writes are durable (design invariant 1)."""
    heard: Document = (
        {"event_listeners": [SlowQueries(settings.slow_query_ms)]} if settings.slow_query_ms else {}
    )
    client: MongoClient[Document] = MongoClient(
        settings.mongodb_uri,
        tz_aware=True,
        uuidRepresentation="standard",
        w="majority",
        journal=True,
        **heard,
    )
    return client[settings.database]


def check_mongodb(settings: Settings) -> None:
    """Refuse a MongoDB that does not answer or has no transactions; raises StartFailure."""
    place = logs.without_secrets(settings.mongodb_uri)
    try:
        db = connect(settings)
    except (PyMongoError, ValueError) as error:
        raise StartFailure(f"LRS_MONGODB_URI cannot be used: {error}", "correct the URI") from error
    with db.client as client:
        try:
            with pymongo.timeout(ANSWER_SECONDS):
                hello = client.admin.command("hello")
        except OperationFailure as error:
            reason = error.details.get("errmsg", "refused") if error.details else "refused"
            raise StartFailure(f"MongoDB at {place} refused: {reason}", "check user and password") from error
        except (PyMongoError, ConfigurationError) as error:
            raise StartFailure(
                f"MongoDB at {place} did not answer within {ANSWER_SECONDS:g} seconds",
                "start it or correct LRS_MONGODB_URI",
            ) from error
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise StartFailure(
            f"MongoDB at {place} is a standalone server, which has no transactions",
            "make it a replica set of one: start mongod with --replSet rs0, then run "
            "`mongosh --eval 'rs.initiate()'`; data stays as it is",
        )
