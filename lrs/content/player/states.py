"""Where a learner left H5P content: what it says of itself, kept as a State document of the registration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from pymongo.database import Database

from lrs.content.player.commits import BadCommit
from statements.parsing.actor import ifi
from statements.storage.documents import DocumentStore, Key, Preconditions

Document = dict[str, Any]

LARGEST: Final = 512 * 1024
STATE: Final = "h5p"


def keep_state(
    db: Database[Document], launch: Mapping[str, Any], course: str, body: bytes, now: dt.datetime
) -> None:
    """Keep a state, whatever was kept before; raises BadCommit where it is no JSON."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadCommit("the body is not JSON") from error
    DocumentStore(db, launch["org"]).put(
        _key(launch, course),
        body,
        "application/json",
        preconditions=Preconditions(),
        version="1.0.3",
        now=now,
    )


def state_of(db: Database[Document], launch: Mapping[str, Any], course: str) -> str | None:
    """Return the state that was kept last, as JSON text."""
    found = DocumentStore(db, launch["org"]).get(_key(launch, course))
    return found.content.decode() if found else None


def _key(launch: Mapping[str, Any], course: str) -> Key:
    who, registration = ifi(launch["actor"]), UUID(launch["registration"])
    return Key("state", activity=course, ifi=who, registration=registration, id=STATE)
